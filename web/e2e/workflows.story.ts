// A file of n8n from its import to a run that is watched.

import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { Page } from "playwright-core";
import { checkPage, drop, fileText, startVisit, type Visit } from "./browser";

let visit: Visit;

beforeAll(async () => void (visit = await startVisit()));
afterEach(() => expect(visit.window.errors.splice(0)).toEqual([]));
afterAll(() => visit?.end());

/** From the editor to what else is known of a workflow. */
async function details(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Addresses, input, delete" }).click();
  await page.waitForURL("**/details");
  await page.getByRole("heading", { name }).waitFor();
}

/** The card of a node in a run. */
function card(page: Page, node: string) {
  return page.getByRole("region", { name: "Execution" }).getByRole("listitem").filter({ has: page.getByRole("button", { name: node }) });
}

it("a dropped file of n8n is imported, and the report says what cannot run", async () => {
  const { page } = visit.window;
  await page.goto("/workflows");
  await page.getByRole("heading", { name: "There are no workflows yet" }).waitFor();
  await drop(page, [{ name: "greeting-from-n8n.json", text: fileText("greeting-from-n8n.json") }]);
  const report = page.getByRole("region", { name: "Import report" });
  await report.getByRole("heading", { name: "1 of 1 file imported" }).waitFor();
  const worst = report.getByRole("row").nth(1);
  expect(await worst.innerText()).toContain("Tell the team");
  await worst.getByText("Not supported").waitFor();
  expect(await report.getByText("Runs unchanged").count()).toBeGreaterThan(3);
  await checkPage(page, "import-report");
  await report.getByRole("link", { name: "Open the workflow" }).click();
  await page.getByRole("heading", { name: "Greeting from n8n" }).waitFor();
});

it("files that are no workflows are refused one by one, and the others are kept", async () => {
  const { page } = visit.window;
  await page.goto("/workflows");
  await page.getByRole("link", { name: "Greeting from n8n" }).waitFor();
  const plain = JSON.stringify({ name: "Plain", nodes: [{ id: "a", name: "A", kind: "manual_trigger" }], edges: [] });
  await drop(page, [{ name: "broken.json", text: "{" }, { name: "plain.json", text: plain }]);
  const report = page.getByRole("region", { name: "Import report" });
  await report.getByRole("heading", { name: "1 of 2 files imported" }).waitFor();
  await report.getByRole("alert").getByText("not JSON").waitFor();
  await checkPage(page, "import-report-two");
  await report.getByRole("button", { name: "Close" }).click();
  await report.waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Plain", exact: true }).waitFor();
});

it("what cannot run is not published, and the node is named", async () => {
  const { page } = visit.window;
  await page.getByRole("link", { name: "Greeting from n8n" }).click();
  await details(page, "Greeting from n8n");
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByRole("alert").getByText("nodes[Tell the team].kind").waitFor();
  await page.getByRole("button", { name: "Tell the team" }).getByText("Not supported").waitFor();
  await checkPage(page, "workflow-refused");
});

it("a workflow is published, and taken back", async () => {
  const { page } = visit.window;
  await page.goto("/workflows?search=plain");
  await page.getByRole("link", { name: "Plain", exact: true }).click();
  await details(page, "Plain");
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByRole("button", { name: "Unpublish" }).waitFor();
  await page.getByText("Published", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Unpublish" }).click();
  await page.getByText("Draft", { exact: true }).waitFor();
});

it("input that cannot be read is refused where it is typed", async () => {
  const { page } = visit.window;
  await page.goto("/workflows");
  await page.getByRole("link", { name: "Greeting from n8n" }).click();
  await details(page, "Greeting from n8n");
  await page.getByLabel("Input items as JSON").fill('[{"name": "Ada"}, 3]');
  await page.getByText("Item 2 must be an object").waitFor();
  expect(await page.getByRole("button", { name: "Run version 1" }).isDisabled()).toBe(true);
  await checkPage(page, "workflow-bad-input");
});

it("a run is watched node by node, and its items are read", async () => {
  const { page } = visit.window;
  await page.getByRole("banner").getByText("Live").waitFor();
  await page.getByLabel("Input items as JSON").fill('[{"name": "Ada"}, {"name": "Grace"}]');
  await page.getByRole("button", { name: "Run version 1" }).click();
  await card(page, "Ask").getByText("Waiting").waitFor();
  await card(page, "Greet").getByText("Success").waitFor();
  await card(page, "Thank").getByText("Not run").waitFor();
  await checkPage(page, "run-waiting");
  await card(page, "Greet").getByRole("button", { name: "Greet" }).click();
  await page.getByText('"Hello Grace"').waitFor();
  await page.getByRole("button", { name: "Table" }).click();
  await page.getByRole("cell", { name: "Hello Ada" }).waitFor();
  await checkPage(page, "run-items");
  // No address is loaded again from here on: what changes comes over the socket.
  const resume = await page.getByRole("cell", { name: /webhook-waiting/ }).first().innerText();
  expect((await fetch(`${resume}&answer=yes`)).status).toBe(200);
  await card(page, "Thank").getByText("Success").waitFor();
  await card(page, "Tell the team").getByText("Not run").waitFor();
  await page.getByRole("region", { name: "Execution" }).getByRole("status").getByText("Success").waitFor();
});

it("a run stays on the screen when its address is loaded again", async () => {
  const { page } = visit.window;
  expect(page.url()).toContain("run=");
  await page.reload();
  await card(page, "Thank").getByText("Success").waitFor();
  await page.getByRole("button", { name: "Back to the nodes" }).click();
  await page.getByRole("button", { name: /^2\s*Greet/ }).click();
  await page.getByRole("region", { name: "Parameters of Greet" }).waitFor();
  expect(page.url()).toContain("node=");
  await checkPage(page, "workflow-node-open");
  await page.reload();
  await page.getByRole("region", { name: "Parameters of Greet" }).waitFor();
});

it("lost connections are said, and changes come all the same", async () => {
  const { page } = visit.window;
  let isCut = false;
  await page.routeWebSocket("**/ws", (socket) => {
    if (isCut) return void socket.close();
    const real = socket.connectToServer();
    cut = async () => {
      isCut = true;
      await socket.close();
      await real.close();
    };
  });
  let cut = async () => {};
  await page.goto("/workflows");
  await page.getByRole("banner").getByText("Live").waitFor();
  await cut();
  await page.getByRole("banner").getByText("Polling").waitFor();
  await page.getByRole("link", { name: "Greeting from n8n" }).click();
  await details(page, "Greeting from n8n");
  await page.getByLabel("Input items as JSON").fill('{"name": "Ada"}');
  await page.getByRole("button", { name: "Run version 1" }).click();
  await card(page, "Ask").getByText("Waiting").waitFor();
  isCut = false;
  await page.unrouteAll();
});

it("a test address takes a request of a draft", async () => {
  const { page } = visit.window;
  const nodes = [{ id: "h", name: "Hook", kind: "webhook", params: { httpMethod: "POST", path: "hello" } }];
  const { id } = await visit.server.call<{ id: string }>("POST", "/workflows", { name: "Hello hook", nodes, edges: [] });
  await page.goto(`/workflows/${id}/details`);
  await page.getByText("They answer as soon as the workflow is published.").waitFor();
  await page.getByRole("button", { name: "Open test addresses for two minutes" }).click();
  const address = page.getByText("/webhook-test/hello");
  await address.waitFor();
  await checkPage(page, "workflow-webhook");
  expect((await fetch(await address.innerText(), { method: "POST" })).status).toBe(200);
});

it("the keyboard alone imports, publishes, runs and reads", async () => {
  const { page } = visit.window;
  await page.goto("/workflows");
  await page.getByRole("heading", { name: "Workflows" }).waitFor();
  const choosing = page.waitForEvent("filechooser");
  await press(page, "Import files", "Enter");
  const text = fileText("greeting-from-n8n.json").replace('"Greeting from n8n"', '"By keyboard"').replace("base.slack", "base.noOp");
  await (await choosing).setFiles({ name: "by-keyboard.json", mimeType: "application/json", buffer: Buffer.from(text) });
  await page.getByRole("heading", { name: "1 of 1 file imported" }).waitFor();
  await press(page, "Open the workflow", "Enter");
  await page.getByRole("heading", { name: "By keyboard", level: 1 }).waitFor();
  await press(page, "More", "Enter");
  await page.getByRole("menuitem", { name: "Add a note" }).and(page.locator(":focus")).waitFor();
  await page.keyboard.press("A");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/details");
  await page.getByRole("heading", { name: "By keyboard" }).waitFor();
  await press(page, "Publish", "Enter");
  await page.getByRole("button", { name: "Unpublish" }).waitFor();
  await reach(page, "Input items as JSON");
  await page.keyboard.type('{"name": "Grace"}');
  await press(page, "Run version 1", "Space");
  await card(page, "Ask").getByText("Waiting").waitFor();
  await press(page, "Greet", "Enter");
  await page.getByText('"Hello Grace"').waitFor();
  await press(page, "Cancel", "Enter");
  await press(page, "Cancel it", "Enter");
  await page.getByRole("region", { name: "Execution" }).getByRole("status").getByText("Canceled").waitFor();
});

it("a deleted workflow is gone, after one more question", async () => {
  const { page } = visit.window;
  await page.goto("/workflows?search=keyboard");
  await page.getByRole("link", { name: "By keyboard" }).click();
  await details(page, "By keyboard");
  await page.getByRole("button", { name: "Delete" }).click();
  await checkPage(page, "workflow-delete");
  await page.getByRole("button", { name: "Keep" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("group", { name: /Delete/ }).getByRole("button", { name: "Delete" }).click();
  await page.waitForURL("**/workflows");
  await page.getByRole("link", { name: "Greeting from n8n" }).waitFor();
  expect(await page.getByRole("link", { name: "By keyboard" }).count()).toBe(0);
});

/** Goes from control to control with the tab key until one is reached that begins with this name. */
async function reach(page: Page, name: string): Promise<void> {
  const seen: string[] = [];
  for (let n = 0; n < 60; n++) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate(() => {
      const at = document.activeElement as HTMLElement | null;
      const label = (at as HTMLInputElement | null)?.labels?.[0]?.innerText;
      const outline = at === null ? "" : getComputedStyle(at).outlineStyle;
      return { name: (label ?? at?.ariaLabel ?? at?.innerText ?? "").replace(/^\d+\s+/, "").trim(), outline };
    });
    seen.push(found.name);
    if (!found.name.startsWith(name)) continue;
    expect(found.outline, `${name} shows that it is reached`).not.toBe("none");
    return;
  }
  throw new Error(`the tab key did not reach "${name}", only: ${seen.join(" | ")}`);
}

async function press(page: Page, name: string, key: string): Promise<void> {
  await reach(page, name);
  await page.keyboard.press(key);
}
