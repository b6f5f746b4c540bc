// The list of executions and what is done with one: filter, look, retry, cancel.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { checkPage, startVisit, type Visit } from "./browser";

let visit: Visit;
/** A service that the workflow calls; it fails until a story repairs it. */
let status = 500;
const service = createServer((_, response) => response.writeHead(status, { "content-type": "application/json" }).end('{"rate": 3}'));

type Started = { execution_id: string };

beforeAll(async () => {
  await new Promise<void>((done) => service.listen(0, "127.0.0.1", done));
  visit = await startVisit();
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/rate`;
  const rates = await add("Rates", [
    { id: "a", name: "Start", kind: "manual_trigger" },
    { id: "b", name: "Ask the bank", kind: "http_request", params: { url } },
  ]);
  const rest = await add("Rest", [
    { id: "a", name: "Start", kind: "manual_trigger" },
    { id: "b", name: "Until tomorrow", kind: "wait", params: { resume: "timeInterval", amount: 1, unit: "days" } },
  ]);
  await run(rates);
  await run(rest);
});
afterEach(() => expect(visit.window.errors.splice(0)).toEqual([]));
afterAll(async () => {
  await visit?.end();
  service.close();
});

async function add(name: string, nodes: { id: string; name: string; kind: string; params?: object }[]): Promise<string> {
  const edges = nodes.slice(1).map((node, i) => ({ from: { node: nodes[i]?.id }, to: { node: node.id } }));
  return (await visit.server.call<{ id: string }>("POST", "/workflows", { name, nodes, edges })).id;
}

async function run(workflow: string): Promise<string> {
  return (await visit.server.call<Started>("POST", `/workflows/${workflow}/execute`, {})).execution_id;
}

it("a failed execution is found by its state, and says what failed", async () => {
  const { page } = visit.window;
  await page.goto("/executions");
  await page.getByRole("row", { name: /Rates/ }).getByText("Error", { exact: true }).waitFor();
  await page.getByRole("row", { name: /Rest/ }).getByText("Waiting").waitFor();
  await checkPage(page, "executions");
  await page.getByLabel("State").selectOption({ label: "Failed" });
  await page.getByRole("link", { name: "Rest" }).waitFor({ state: "detached" });
  expect(new URL(page.url()).searchParams.get("status")).toBe("error,dead");
  await page.reload();
  await page.getByRole("link", { name: "Rates" }).waitFor();
  expect(await page.getByRole("row").count()).toBe(2);
  await page.goBack();
  await page.getByRole("link", { name: "Rest" }).waitFor();
});

it("the list is narrowed by workflow and by text", async () => {
  const { page } = visit.window;
  await page.goto("/executions");
  await page.getByLabel("Workflow", { exact: true }).selectOption({ label: "Rest" });
  await page.getByRole("link", { name: "Rates" }).waitFor({ state: "detached" });
  await page.getByLabel("Workflow", { exact: true }).selectOption({ label: "Any workflow" });
  await page.getByLabel("Search").fill("bank");
  await page.getByRole("link", { name: "Rest" }).waitFor({ state: "detached" });
  await page.getByLabel("Search").fill("nobody knows this");
  await page.getByText("No execution fits.").waitFor();
  await checkPage(page, "executions-none");
  await page.getByRole("link", { name: "Show all" }).click();
  await page.getByRole("link", { name: "Rest" }).waitFor();
});

it("a failed execution goes on from the failed node once that is repaired", async () => {
  const { page } = visit.window;
  await page.getByRole("link", { name: "Rates" }).click();
  await page.getByRole("heading", { name: "Rates" }).waitFor();
  await page.getByRole("alert").getByText("Ask the bank").waitFor();
  await checkPage(page, "execution-failed");
  const failed = page.url();
  status = 200;
  await page.getByRole("button", { name: "Retry from the failed node" }).click();
  await page.waitForURL((url) => url.href !== failed);
  await page.getByRole("region", { name: "Execution" }).getByRole("status").getByText("Success").waitFor();
  const step = page.getByRole("region", { name: "Ask the bank" });
  await step.getByRole("region", { name: "Output" }).getByRole("button", { name: "JSON" }).click();
  await step.getByText('"rate": 3').waitFor();
  await checkPage(page, "execution-success");
  await page.getByRole("link", { name: "Retry of an earlier one" }).click();
  await page.getByRole("alert").waitFor();
  expect(page.url()).toBe(failed);
  await page.reload();
  await page.getByRole("alert").waitFor();
});

it("a waiting execution is canceled, after one more question", async () => {
  const { page } = visit.window;
  await page.goto("/executions?status=waiting");
  await page.getByRole("link", { name: "Rest" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await checkPage(page, "execution-cancel");
  await page.getByRole("button", { name: "Cancel it" }).click();
  await page.getByRole("region", { name: "Execution" }).getByRole("status").getByText("Canceled").waitFor();
  await page.getByRole("button", { name: "Retry from the start" }).waitFor();
});

it("executions that begin meanwhile are announced, and the list stays still", async () => {
  const { page } = visit.window;
  await page.goto("/executions");
  await page.getByRole("banner").getByText("Live").waitFor();
  await page.getByRole("row", { name: /Rest/ }).waitFor();
  const before = await page.getByRole("row").count();
  const { items } = await visit.server.call<{ items: { id: string; name: string }[] }>("GET", "/workflows?search=Rates");
  await run(items[0]!.id);
  const news = page.getByRole("button", { name: "1 new since – show" });
  await news.waitFor();
  expect(await page.getByRole("row").count()).toBe(before);
  await news.click();
  await page.getByRole("row").nth(before).waitFor();
});
