// API keys, the choice of light or dark, and every address loaded anew.

import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { checkPage, startVisit, type Visit } from "./browser";

let visit: Visit;

beforeAll(async () => void (visit = await startVisit()));
afterEach(() => expect(visit.window.errors.splice(0)).toEqual([]));
afterAll(() => visit?.end());

/** What the API answers to somebody with this key. */
async function answer(key: string): Promise<number> {
  return (await fetch(`${visit.server.url}/api/v1/workflows`, { headers: { authorization: `Bearer ${key}` } })).status;
}

it("a key is made, shown once, used and deleted", async () => {
  const { page } = visit.window;
  await page.goto("/settings/api-keys");
  await page.getByText("There are no keys.", { exact: false }).waitFor();
  await checkPage(page, "api-keys-empty");
  await page.getByLabel("Name").fill("Deployment");
  await page.getByRole("button", { name: "Make the key" }).click();
  const shown = page.getByText(/^lf_/).first();
  const key = await shown.innerText();
  expect(await answer(key)).toBe(200);
  await checkPage(page, "api-keys");
  await page.reload();
  const row = page.getByRole("row", { name: /Deployment/ });
  await row.waitFor();
  expect(await page.getByText(key).count()).toBe(0);
  await row.getByRole("button", { name: "Delete" }).click();
  await checkPage(page, "api-keys-delete");
  await row.getByRole("group").getByRole("button", { name: "Delete" }).click();
  await page.getByText("There are no keys.", { exact: false }).waitFor();
  expect(await answer(key)).toBe(401);
});

it("the choice of light or dark goes before the system's, and stays", async () => {
  const { page } = visit.window;
  const isDark = () => page.evaluate(() => getComputedStyle(document.body).colorScheme === "dark");
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await isDark()).toBe(true);
  await page.getByLabel("Theme").selectOption("light");
  expect(await isDark()).toBe(false);
  await page.reload();
  await page.getByLabel("Theme").waitFor();
  expect(await isDark()).toBe(false);
  await page.emulateMedia({ colorScheme: "light" });
  await page.getByLabel("Theme").selectOption("dark");
  expect(await isDark()).toBe(true);
  await page.getByLabel("Theme").selectOption("system");
  expect(await isDark()).toBe(false);
});

it("every address leads to its page when it is opened directly", async () => {
  const { page } = visit.window;
  const nodes = [{ id: "a", name: "Start", kind: "manual_trigger" }];
  const { id } = await visit.server.call<{ id: string }>("POST", "/workflows", { name: "Alone", nodes, edges: [] });
  const { execution_id } = await visit.server.call<{ execution_id: string }>("POST", `/workflows/${id}/execute`, {});
  const pages = {
    "/": "Workflows",
    "/workflows": "Workflows",
    [`/workflows/${id}`]: "Alone",
    "/executions": "Executions",
    [`/executions/${execution_id}`]: "Alone",
    "/settings": "Settings",
    "/users": "People",
    "/credentials": "Credentials",
    "/variables": "Variables",
    "/tags": "Tags",
    "/schedules": "Schedules",
    "/templates": "Templates",
    "/data-tables": "Data tables",
    "/reference": "Steps",
    "/reference/if": "If",
    "/settings/api-keys": "API keys",
    "/nowhere": "Not found",
  };
  for (const [path, title] of Object.entries(pages)) {
    await page.goto(path);
    await page.getByRole("heading", { level: 1, name: title, exact: true }).waitFor();
    expect(await page.title(), path).not.toBe("Linkflow");
  }
});

it("what the page loads is small", async () => {
  const { page } = visit.window;
  await page.goto("/workflows");
  await page.getByRole("heading", { name: "Workflows" }).waitFor();
  const sources = await page.evaluate(() => [...document.scripts].map((script) => script.src));
  const sizes = await Promise.all(sources.map(async (src) => gzipped(Buffer.from(await (await fetch(src)).arrayBuffer()))));
  expect(sizes.reduce((sum, n) => sum + n, 0)).toBeLessThan(130 * 1024);
});

async function gzipped(bytes: Buffer): Promise<number> {
  const { gzipSync } = await import("node:zlib");
  return gzipSync(bytes).length;
}
