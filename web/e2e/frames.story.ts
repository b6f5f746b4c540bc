// What a frame of the canvas costs with 1,000 and 2,000 steps: processor time of the page's main thread, which says
// the same on a busy machine. Near, where cards are drawn, and far, where the overview is.

import { afterAll, beforeAll, expect, it } from "vitest";
import { startVisit, type Visit } from "./browser";

const FRAMES = 90;

let visit: Visit;

beforeAll(async () => void (visit = await startVisit()));
afterAll(() => visit?.end());

async function make(n: number): Promise<string> {
  const nodes = Array.from({ length: n }, (_, i) => ({ id: `n${i}`, name: `Step ${i}`, kind: i === 0 ? "manual_trigger" : "set", position: [(i % 40) * 220, Math.floor(i / 40) * 120] }));
  const edges = nodes.slice(1).map(({ id }, i) => ({ from: { node: `n${Math.floor(i / 2)}` }, to: { node: id } }));
  return (await visit.server.call<{ id: string }>("POST", "/workflows", { name: `${n} steps`, nodes, edges })).id;
}

/** Milliseconds of the main thread for each frame while the canvas is dragged about. */
async function costOfDragging(): Promise<number> {
  const { page, context } = visit.window;
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0;
  await page.mouse.move(800, 600);
  await page.mouse.down();
  const before = await spent();
  const frames = await page.evaluate(() => {
    const counter = window as unknown as { frames: number };
    counter.frames = 0;
    const count = () => { counter.frames += 1; requestAnimationFrame(count); };
    requestAnimationFrame(count);
    return counter.frames;
  });
  for (let i = 0; i < FRAMES; i++) await page.mouse.move(800 + Math.sin(i / 8) * 180, 600 + Math.cos(i / 8) * 120);
  const n = (await page.evaluate(() => (window as unknown as { frames: number }).frames)) - frames;
  const cost = ((await spent()) - before) * 1_000;
  await page.mouse.up();
  await session.detach();
  // Frames in which nothing moved cost nothing and must not count.
  return cost / Math.max(1, Math.min(n, FRAMES));
}

it.each([
  { n: 1_000, max: 10 },
  { n: 2_000, max: 20 },
])("a frame with $n steps costs at most $max ms of the main thread", async ({ n, max }) => {
  const { page } = visit.window;
  await page.goto(`/workflows/${await make(n)}`);
  await page.locator(".editor-card").first().waitFor();
  const near = await costOfDragging();
  await page.getByRole("button", { name: /^Fit everything/ }).click();
  await page.locator(".editor-overview").waitFor();
  const far = await costOfDragging();
  console.info(`${n} steps: ${near.toFixed(1)} ms a frame near, ${far.toFixed(1)} ms far`);
  expect(near).toBeLessThan(max);
  expect(far).toBeLessThan(max);
});
