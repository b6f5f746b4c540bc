// One execution in depth: live through a cut socket, over time, mended and run again, held against another,
// and with more data than a tab could take at once.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { WebSocketRoute } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { checkPage, startVisit, type Visit } from "./browser";

type Started = { execution_id: string };
type Shown = { id: string; status: string; version: number; runs: Record<string, { outputs: { n_items: number }[] }[]> };

let visit: Visit;
/** A service that the workflows call. It holds answers back until a story lets them go. */
let hold: Promise<void> | null = null;
let status = 200;
const HUGE = "x".repeat(50_000_000);
const service = createServer((request, response) => void answer(request.url ?? "", (code, body) => response.writeHead(code, { "content-type": "application/json" }).end(body)));

async function answer(path: string, send: (code: number, body: string) => void): Promise<void> {
  if (path === "/many") return send(200, JSON.stringify(Array.from({ length: 10_000 }, (_, n) => ({ n, city: n === 9_876 ? "Ulm" : "Bonn", note: "y".repeat(100) }))));
  if (path === "/huge") return send(200, JSON.stringify({ text: HUGE }));
  if (path === "/slow" || path === "/some") await hold;
  if (path === "/some") return send(200, JSON.stringify(Array.from({ length: 400 }, (_, n) => ({ n }))));
  send(path === "/rate" ? status : 200, '{"rate": 3, "day": "Monday"}');
}

const url = (path: string) => `http://127.0.0.1:${(service.address() as AddressInfo).port}${path}`;

beforeAll(async () => {
  await new Promise<void>((done) => service.listen(0, "127.0.0.1", done));
  visit = await startVisit();
});
afterEach(() => expect(visit.window.errors.splice(0)).toEqual([]));
afterAll(async () => {
  await visit?.end();
  service.close();
});

type NodeOf = { name: string; kind: string; params?: object };

function document(name: string, nodes: NodeOf[]): object {
  const ids = nodes.map((_, i) => `n${i}`);
  const edges = ids.slice(1).map((id, i) => ({ from: { node: ids[i] }, to: { node: id } }));
  return { name, nodes: nodes.map((node, i) => ({ id: ids[i], position: [i * 260, 80], ...node })), edges };
}

async function add(name: string, nodes: NodeOf[]): Promise<string> {
  return (await visit.server.call<{ id: string }>("POST", "/workflows", document(name, nodes))).id;
}

async function run(workflow: string): Promise<string> {
  return (await visit.server.call<Started>("POST", `/workflows/${workflow}/execute`, {})).execution_id;
}

async function ended(id: string): Promise<Shown> {
  for (;;) {
    const shown = await visit.server.call<Shown>("GET", `/executions/${id}`);
    if (!["ready", "running", "waiting"].includes(shown.status)) return shown;
    await new Promise((done) => setTimeout(done, 100));
  }
}

const ask = (name: string, path: string): NodeOf => ({ name, kind: "http_request", params: { url: url(path) } });
const START: NodeOf = { name: "Start", kind: "manual_trigger" };

it("a running execution is seen to its end, though the socket is cut in between", async () => {
  const { page } = visit.window;
  const sockets: WebSocketRoute[] = [];
  let isCut = false;
  await page.routeWebSocket(/\/ws$/, (socket) => {
    if (isCut) return void socket.close();
    socket.connectToServer();
    sockets.push(socket);
  });
  let release = () => {};
  hold = new Promise<void>((done) => (release = done));
  const id = await run(await add("Slow", [START, ask("Ask slowly", "/slow"), ask("Ask again", "/slow")]));
  await page.goto(`/executions/${id}`);
  const map = page.getByRole("region", { name: "Map of the workflow" });
  await map.getByRole("button", { name: /Ask slowly/ }).getByText("running").waitFor();
  isCut = true;
  for (const socket of sockets) await socket.close();
  await page.getByText("Live updates are away").waitFor();
  await checkPage(page, "run-cut");
  release();
  // What happened meanwhile is asked for, without the socket.
  await page.getByRole("region", { name: "Execution" }).getByRole("status").getByText("Success").waitFor();
  await map.getByRole("button", { name: /Ask again/ }).getByText("success").waitFor();
  isCut = false;
  hold = null;
  const next = await run((await visit.server.call<{ items: { id: string }[] }>("GET", "/workflows?search=Slow")).items[0]!.id);
  await page.goto(`/executions/${next}`);
  await page.getByRole("region", { name: "Execution" }).getByRole("status").getByText("Success").waitFor();
});

it("a running execution is seen to its end, though the server dies and comes back in between", async () => {
  const { page } = visit.window;
  let release = () => {};
  hold = new Promise<void>((done) => (release = done));
  const id = await run(await add("Outlives", [START, ask("Ask slowly", "/slow"), ask("Ask again", "/day")]));
  await page.goto(`/executions/${id}`);
  const map = page.getByRole("region", { name: "Map of the workflow" });
  await map.getByRole("button", { name: /Ask slowly/ }).getByText("running").waitFor();
  await visit.server.restart();
  release();
  await page.getByRole("region", { name: "Execution" }).getByRole("status").getByText("Success").waitFor({ timeout: 90_000 });
  await map.getByRole("button", { name: /Ask again/ }).getByText("success").waitFor();
  hold = null;
  // While the server was away, the browser noted that it could not be reached.
  visit.window.errors.splice(0);
});

it("a failed execution is found, scrubbed, mended in a new version, and goes on from where it failed", async () => {
  const { page } = visit.window;
  status = 500;
  const workflow = await add("Rates", [START, ask("First", "/day"), ask("Ask the bank", "/rate"), ask("Last", "/day")]);
  const failed = await ended(await run(workflow));
  await page.goto("/executions?status=error,dead");
  await page.getByRole("link", { name: "Rates" }).click();
  await page.getByRole("alert").getByText("Ask the bank").waitFor();
  const map = page.getByRole("region", { name: "Map of the workflow" });
  const scrubber = page.getByRole("slider", { name: "Time shown" });
  await scrubber.focus();
  await page.keyboard.press("Home");
  await map.getByRole("button", { name: /Ask the bank/ }).getByText("not run").waitFor();
  expect(new URL(page.url()).searchParams.get("t")).toBe("0");
  await page.keyboard.press("End");
  await map.getByRole("button", { name: /Ask the bank/ }).getByText("error").waitFor();
  await checkPage(page, "run-failed");
  // Mended: it asks somebody else, in version 2.
  await visit.server.call("PUT", `/workflows/${workflow}`, document("Rates", [START, ask("First", "/day"), ask("Ask the bank", "/day"), ask("Last", "/day")]));
  await page.reload();
  await page.getByRole("button", { name: "More ways to retry" }).click();
  await page.getByRole("menuitem", { name: /Retry from the failed node.*version 2/ }).click();
  await page.waitForURL((at) => !at.href.includes(failed.id));
  await page.getByRole("region", { name: "Execution" }).getByRole("status").getByText("Success").waitFor();
  await page.getByText("Version 2").waitFor();
  await page.getByRole("region", { name: "Timeline" }).getByText("taken over").first().waitFor();
  await checkPage(page, "run-retried");
  await page.getByRole("button", { name: "More ways to retry" }).click();
  await page.getByRole("menuitem", { name: "Compare with the earlier one" }).click();
  await page.getByRole("heading", { name: "Compare executions" }).waitFor();
  await page.getByRole("row", { name: /Ask the bank/ }).getByText("another state").waitFor();
  await page.getByRole("row", { name: /Last/ }).getByText("only in the second").waitFor();
  await page.getByRole("button", { name: "First" }).click();
  await page.getByRole("region", { name: "What First gave" }).getByText("Monday").first().waitFor();
  await checkPage(page, "run-compare");
});

it("many executions are picked and started again", async () => {
  const { page } = visit.window;
  await page.goto("/executions?status=error,dead");
  await page.getByRole("checkbox", { name: /Pick Rates/ }).check();
  await checkPage(page, "executions-picked");
  await page.getByRole("button", { name: "Retry", exact: true }).click();
  await page.getByText("1 started again").waitFor();
});

it("a loop that tells hundreds of events a second loses none of them, and leaves the page free", async () => {
  const { page, context } = visit.window;
  const N = 400;
  const nodes = [START, ask("Fetch", "/some"), { name: "Loop", kind: "loop_over_items", params: { batchSize: 1 } }, { name: "Work", kind: "no_op" }, { name: "After", kind: "no_op" }];
  const made = { ...document("Loop", nodes), settings: { order: "v1" }, edges: [] as object[] };
  const edge = (from: string, port: number, to: string) => ({ from: { node: from, port }, to: { node: to } });
  made.edges = [edge("n0", 0, "n1"), edge("n1", 0, "n2"), edge("n2", 1, "n3"), edge("n3", 0, "n2"), edge("n2", 0, "n4")];
  const workflow = (await visit.server.call<{ id: string }>("POST", "/workflows", made)).id;
  let release = () => {};
  hold = new Promise<void>((done) => (release = done));
  const id = await run(workflow);
  await page.goto(`/executions/${id}`);
  const map = page.getByRole("region", { name: "Map of the workflow" });
  await map.getByRole("button", { name: /Fetch/ }).getByText("running").waitFor();
  const client = await context.newCDPSession(page);
  // CPU time of the page's thread: how long it took says more about the machine.
  await client.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async () => (await client.send("Performance.getMetrics")).metrics.find((metric) => metric.name === "TaskDuration")?.value ?? 0;
  const before = await busy();
  release();
  await map.getByRole("button", { name: /After/ }).getByText("success").waitFor();
  await map.getByRole("button", { name: /Work/ }).getByText(`×${N}`).waitFor();
  const ms = ((await busy()) - before) * 1_000;
  hold = null;
  // Two events for each run of Loop and Work.
  expect(ms / (4 * N), `${Math.round(ms)} ms for ${4 * N} events`).toBeLessThan(5);
  const shown = await ended(id);
  expect(shown.runs["Work"]?.length).toBe(N);
  await page.getByRole("region", { name: "Timeline" }).getByText(`${N} runs`).first().waitFor();
});

it("ten thousand items are paged, searched and drawn in part", async () => {
  const { page } = visit.window;
  const id = await run(await add("Many", [START, ask("Fetch", "/many")]));
  expect((await ended(id)).runs["Fetch"]?.[0]?.outputs[0]?.n_items).toBe(10_000);
  await page.goto(`/executions/${id}?node=Fetch`);
  const output = page.getByRole("region", { name: "Fetch" }).getByRole("region", { name: "Output" });
  await output.getByText("1–100 of 10,000").waitFor();
  await output.getByRole("button", { name: "Later" }).click();
  await output.getByText("101–200 of 10,000").waitFor();
  expect(await output.getByRole("row").count()).toBeLessThan(60);
  await output.getByRole("searchbox").fill("ulm");
  await output.getByRole("rowheader", { name: "9877" }).waitFor();
  await output.getByRole("button", { name: "Fields" }).click();
  await output.getByRole("button", { name: "city" }).waitFor();
  await checkPage(page, "run-fields");
});

it("a value of fifty megabytes is shown in part, and the tab stays small", async () => {
  const { page, context } = visit.window;
  const id = await run(await add("Huge", [START, ask("Fetch", "/huge")]));
  expect((await ended(id)).status).toBe("success");
  await page.goto(`/executions/${id}?node=Fetch`);
  const output = page.getByRole("region", { name: "Fetch" }).getByRole("region", { name: "Output" });
  await output.getByText("One long value is shown in part.").waitFor();
  await output.getByRole("button", { name: "JSON" }).click();
  await output.getByRole("link", { name: "Download item 1 as a whole" }).waitFor();
  await checkPage(page, "run-huge");
  const client = await context.newCDPSession(page);
  await client.send("HeapProfiler.collectGarbage");
  const { usedSize } = await client.send("Runtime.getHeapUsage");
  expect(usedSize).toBeLessThan(300_000_000);
});
