// One step at a time in the editor: run alone, pinned, and what follows run on what is pinned.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { checkPage, startVisit, type Visit } from "./browser";

let visit: Visit;
/** A service that says how often it was called. */
let calls = 0;
const service = createServer((_, response) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ calls: ++calls })));

beforeAll(async () => {
  await new Promise<void>((done) => service.listen(0, "127.0.0.1", done));
  visit = await startVisit();
});
afterEach(() => expect(visit.window.errors.splice(0)).toEqual([]));
afterAll(async () => {
  await visit?.end();
  service.close();
});

const outline = (page: Page, name: string) => page.getByRole("treeitem", { name: new RegExp(`\\d+ ?${name}`) });

it("a step is run alone, its items are pinned, and what follows runs on them until they are unpinned", async () => {
  const { page } = visit.window;
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/`;
  const nodes = [
    { id: "s", name: "Start", kind: "manual_trigger", position: [0, 0] },
    { id: "f", name: "Fetch", kind: "http_request", params: { url }, position: [260, 0] },
    { id: "a", name: "After", kind: "no_op", position: [520, 0] },
  ];
  const edges = [{ from: { node: "s" }, to: { node: "f" } }, { from: { node: "f" }, to: { node: "a" } }];
  const { id } = await visit.server.call<{ id: string }>("POST", "/workflows", { name: "Count", nodes, edges });
  await page.goto(`/workflows/${id}?node=f`);
  const output = page.getByRole("region", { name: "Output" });
  const ran = async (act: () => Promise<void>) => {
    const before = new URL(page.url()).searchParams.get("run");
    await act();
    await page.waitForURL((now) => now.searchParams.get("run") !== before && now.searchParams.get("run") !== null);
  };
  await ran(() => output.getByRole("button", { name: "Run this step" }).click());
  await output.getByRole("cell", { name: "1", exact: true }).waitFor();
  await ran(() => output.getByRole("button", { name: "Run this step" }).click());
  await output.getByRole("cell", { name: "2", exact: true }).waitFor();
  await output.getByRole("button", { name: "Pin", exact: true }).click();
  await output.getByText("Pinned: 1 item").waitFor();
  await checkPage(page, "parts-pinned");
  await outline(page, "After").click();
  await ran(() => output.getByRole("button", { name: "Run this step" }).click());
  await output.getByRole("cell", { name: "2", exact: true }).waitFor();
  expect(calls, "what is pinned does not run").toBe(2);
  await outline(page, "Fetch").click();
  await output.getByRole("button", { name: "Unpin" }).click();
  await outline(page, "After").click();
  await ran(() => output.getByRole("button", { name: "Run to here" }).click());
  await output.getByRole("cell", { name: "3", exact: true }).waitFor();
});

it("a webhook is tried out while the editor listens", async () => {
  const { page } = visit.window;
  const nodes = [{ id: "h", name: "Hook", kind: "webhook", params: { path: "try-me" }, position: [0, 0] }];
  const { id } = await visit.server.call<{ id: string }>("POST", "/workflows", { name: "Hooked", nodes, edges: [] });
  await page.goto(`/workflows/${id}?node=h`);
  const input = page.getByRole("region", { name: "Input" });
  await input.getByRole("button", { name: "Listen for a test call" }).click();
  const address = await input.locator("code").first().innerText();
  const answer = await fetch(new URL(new URL(address).pathname, visit.server.url), { headers: { "x-who": "Ada" } });
  expect(answer.status).toBe(200);
  await page.waitForURL((now) => now.searchParams.get("run") !== null);
  await page.getByRole("region", { name: "Output" }).getByText("headers").first().waitFor();
});
