// The editor: building by keyboard and by mouse, undo, copies, drafts, two people at once, versions.

import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { Page } from "playwright-core";
import { checkPage, fileText, startVisit, type Visit } from "./browser";

let visit: Visit;

beforeAll(async () => {
  visit = await startVisit();
  await visit.window.context.grantPermissions(["clipboard-read", "clipboard-write"]);
});
afterEach(() => expect(visit.window.errors.splice(0)).toEqual([]));
afterAll(() => visit?.end());

type Node = { id: string; name: string; kind: string; position?: [number, number]; params?: object };
type Shown = { version: number; workflow: { name: string; nodes: Node[]; edges: { from: { node: string; port?: number }; to: { node: string } }[] } };

async function make(name: string, nodes: Node[] = [], links: [string, string][] = []): Promise<string> {
  const edges = links.map(([from, to]) => ({ from: { node: from }, to: { node: to } }));
  return (await visit.server.call<{ id: string }>("POST", "/workflows", { name, nodes, edges })).id;
}

const shown = (id: string) => visit.server.call<Shown>("GET", `/workflows/${id}`);

/** The workflow's links as `A>B`, by name. */
function picture({ workflow }: Shown): string {
  const name = (id: string) => workflow.nodes.find((node) => node.id === id)?.name ?? id;
  return workflow.edges.map(({ from, to }) => `${name(from.node)}${from.port ? `[${from.port}]` : ""}>${name(to.node)}`).join(" ");
}

async function open(page: Page, id: string, name: string): Promise<void> {
  await page.goto(`/workflows/${id}`);
  await page.getByRole("heading", { name, exact: true }).waitFor();
  await page.getByRole("tree", { name: "Outline" }).waitFor();
}

/** Adds a step by the palette. */
async function add(page: Page, words: string): Promise<void> {
  await page.keyboard.press("a");
  await page.getByRole("combobox", { name: "Name, another word for it, or what it does" }).waitFor();
  // The focus is there by itself.
  await page.keyboard.type(words);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

const step = (page: Page, name: string) => page.getByRole("treeitem", { name: new RegExp(`\\d+ ?${name}`) });

async function save(page: Page): Promise<void> {
  await page.keyboard.press("Control+s");
  await page.getByText(/Saved as version \d+/).first().waitFor();
}

const THREE: Node[] = [
  { id: "a", name: "Start", kind: "manual_trigger", position: [0, 0] },
  { id: "b", name: "Ask", kind: "http_request", position: [300, 0], params: { url: "http://127.0.0.1:9/old" } },
  { id: "c", name: "Keep", kind: "set", position: [600, 0] },
];
const LINKS: [string, string][] = [["a", "b"], ["b", "c"]];

it("an empty workflow offers the first step, and the keyboard alone builds, connects and saves", async () => {
  const { page } = visit.window;
  const id = await make("By keyboard");
  await open(page, id, "By keyboard");
  await page.getByRole("heading", { name: "An empty workflow" }).waitFor();
  await checkPage(page, "editor-empty");
  await page.getByRole("tree", { name: "Outline" }).focus();
  await add(page, "webhook");
  await step(page, "Webhook").waitFor();
  await page.keyboard.press("a");
  await page.getByRole("dialog").waitFor();
  await checkPage(page, "editor-palette");
  await page.keyboard.press("Escape");
  await add(page, "branch condition");
  await step(page, "If").waitFor();
  await add(page, "http request");
  await step(page, "HTTP Request").waitFor();
  await page.getByRole("tree", { name: "Outline" }).focus();
  await page.keyboard.press("ArrowUp");
  await add(page, "edit fields");
  await step(page, "Edit Fields").waitFor();
  await page.keyboard.press("c");
  await page.getByRole("combobox", { name: "Name of a step" }).fill("http");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await save(page);
  expect(picture(await shown(id))).toBe("Webhook>If If>HTTP Request If[1]>Edit Fields Edit Fields>HTTP Request");
});

it("what is written by keyboard only is published and answers", async () => {
  const { page } = visit.window;
  const id = await make("Answers");
  await open(page, id, "Answers");
  await add(page, "webhook");
  await page.getByRole("button", { name: "Publish", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.getByText("Version 2 is published.").waitFor();
  const { items } = await visit.server.call<{ items: { url: string; method: string }[] }>("GET", `/workflows/${id}/webhooks`);
  expect((await fetch(items[0]!.url, { method: items[0]!.method })).status).toBe(200);
});

it("a step is opened beside the canvas, renamed everywhere, and switched off", async () => {
  const { page } = visit.window;
  const nodes = [...THREE.slice(0, 2), { ...THREE[2]!, params: { assignments: { assignments: [{ id: "1", name: "x", type: "string", value: "={{ $('Ask').item.json.a }}" }] } } }];
  const id = await make("Open", nodes, LINKS);
  await open(page, id, "Open");
  await step(page, "Ask").click();
  await page.keyboard.press("Enter");
  const name = page.getByRole("textbox", { name: "Name of the step" });
  await name.waitFor();
  await checkPage(page, "editor-step");
  await name.fill("It's asked");
  await page.keyboard.press("Enter");
  await step(page, "It's asked").waitFor();
  await page.getByRole("tree", { name: "Outline" }).focus();
  await page.keyboard.press("d");
  await save(page);
  const { workflow } = await shown(id);
  expect(JSON.stringify(workflow.nodes[2])).toContain("$('It\\\\'s asked')");
  expect(workflow.nodes[1]).toMatchObject({ name: "It's asked", disabled: true });
});

it("twenty mixed edits are taken back to the document that was there, and done again", async () => {
  const { page } = visit.window;
  const id = await make("Mixed edits", THREE, LINKS);
  await open(page, id, "Mixed edits");
  const before = await json(page);
  const tree = page.getByRole("tree", { name: "Outline" });
  await tree.focus();
  await page.keyboard.press("ArrowDown");
  for (const key of ["Control+ArrowRight", "d", "Control+d", "Control+ArrowDown", "n", "d"]) {
    await page.keyboard.press(key);
    if (key === "n") await tree.focus();
  }
  for (const words of ["code", "limit", "sort", "wait", "filter", "merge"]) await add(page, words);
  await tree.focus();
  for (const key of ["Delete", "d", "Control+d", "Delete", "d", "Shift+L", "d", "Control+d"]) await page.keyboard.press(key);
  const after = await json(page);
  expect(after).not.toBe(before);
  const undo = page.getByRole("button", { name: /^Undo/ });
  let n = 0;
  for (; await undo.isEnabled(); n++) await page.keyboard.press("Control+z");
  expect(n).toBeGreaterThanOrEqual(15);
  expect(await json(page)).toBe(before);
  for (let i = 0; i < n; i++) await page.keyboard.press("Control+y");
  expect(await json(page)).toBe(after);
});

/** The document, as the JSON tab shows it. */
async function json(page: Page): Promise<string> {
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "JSON" }).click();
  const text = await page.getByRole("textbox", { name: "JSON" }).inputValue();
  await page.getByRole("button", { name: "Hide the workbench" }).last().click();
  await page.getByRole("tree", { name: "Outline" }).focus();
  return text;
}

it("steps are copied from one workflow into another", async () => {
  const { page } = visit.window;
  const [from, to] = [await make("From", THREE, LINKS), await make("To", THREE.slice(0, 1))];
  await open(page, from, "From");
  await page.getByRole("tree", { name: "Outline" }).focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Control+c");
  await page.getByText("3 steps copied.").waitFor();
  await open(page, to, "To");
  await page.getByRole("tree", { name: "Outline" }).focus();
  await page.keyboard.press("Control+v");
  await page.getByText("3 steps pasted.").waitFor();
  await save(page);
  expect(picture(await shown(to))).toBe("Start 2>Ask Ask>Keep");
});

it("steps that were copied in n8n are pasted, and what is not supported is listed", async () => {
  const { page } = visit.window;
  const id = await make("From n8n");
  await open(page, id, "From n8n");
  await page.evaluate((text) => navigator.clipboard.writeText(text), fileText("greeting-from-n8n.json"));
  await page.getByRole("tree", { name: "Outline" }).focus();
  await page.keyboard.press("Control+v");
  await page.getByText(/steps pasted, 1 of them is not supported/).waitFor();
  const problems = page.getByRole("button", { name: "More" });
  await problems.click();
  await page.getByRole("menuitem", { name: "JSON" }).click();
  await page.getByRole("tab", { name: /Problems \(\d+\)/ }).click();
  await page.getByText("Tell the team").last().waitFor();
  await checkPage(page, "editor-problems");
  await page.getByRole("button", { name: "Switch the step off" }).first().click();
  await page.getByText("Nothing keeps this workflow from running.").waitFor();
});

it("edits that were not saved are there again after the page is loaded anew", async () => {
  const { page } = visit.window;
  const id = await make("Draft", THREE, LINKS);
  await open(page, id, "Draft");
  await step(page, "Ask").click();
  await page.keyboard.press("d");
  await page.getByText("Not saved", { exact: true }).waitFor();
  await page.reload();
  await page.getByText(/There are changes of/).waitFor();
  await page.getByText("Not saved", { exact: true }).waitFor();
  await checkPage(page, "editor-draft");
  await page.getByRole("button", { name: "Drop them" }).click();
  await page.getByText("Not saved", { exact: true }).waitFor({ state: "detached" });
  await page.reload();
  await page.getByRole("tree", { name: "Outline" }).waitFor();
  expect(await page.getByText(/There are changes of/).count()).toBe(0);
});

it("who saves after somebody else is asked only where both changed the same", async () => {
  const { page } = visit.window;
  const id = await make("Both", THREE, LINKS);
  await open(page, id, "Both");
  await step(page, "Keep").click();
  await page.keyboard.press("d");
  await page.getByRole("button", { name: "Both" }).click();
  await page.getByRole("textbox", { name: "Name of the workflow" }).fill("Mine");
  await page.keyboard.press("Enter");
  const theirs = THREE.map((node) => (node.id === "b" ? { ...node, params: { url: "http://127.0.0.1:9/new" } } : node));
  await visit.server.call("PUT", `/workflows/${id}`, { name: "Theirs", nodes: theirs, edges: LINKS.map(([from, to]) => ({ from: { node: from }, to: { node: to } })) });
  await page.getByText("Somebody has saved version 2 meanwhile.").waitFor();
  await page.keyboard.press("Control+s");
  await page.getByRole("dialog").getByText("One field was changed by both.", { exact: false }).waitFor();
  await checkPage(page, "editor-conflict");
  await page.getByRole("radio", { name: "Theirs" }).check();
  await page.getByRole("button", { name: "Keep the merged workflow" }).click();
  await save(page);
  const { workflow, version } = await shown(id);
  expect(version).toBe(3);
  expect(workflow.name).toBe("Theirs");
  expect(workflow.nodes[1]).toMatchObject({ params: { url: "http://127.0.0.1:9/new" } });
  expect(workflow.nodes[2]).toMatchObject({ disabled: true });
});

it("a run is watched on the canvas", async () => {
  const { page } = visit.window;
  const id = await make("Watched", [THREE[0]!, { ...THREE[2]!, id: "b", name: "Mark", position: [300, 0] }, { ...THREE[2]! }], LINKS);
  await open(page, id, "Watched");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("toolbar").getByText("Success").waitFor();
  await page.locator(".editor-card", { hasText: "Keep" }).getByText("1 item").waitFor();
  expect(await page.locator(".editor-count").count()).toBe(2);
  await step(page, "Mark").dblclick();
  await page.getByRole("region", { name: "Output" }).getByText(/1/).first().waitFor();
  await checkPage(page, "editor-run");
});

it("versions are compared, and an old one comes back", async () => {
  const { page } = visit.window;
  const id = await make("Versions", THREE, LINKS);
  await open(page, id, "Versions");
  await step(page, "Keep").click();
  await page.keyboard.press("Delete");
  await save(page);
  await page.goto(`/workflows/${id}/versions`);
  await page.getByRole("link", { name: "Compare 1..2" }).first().click();
  await page.getByRole("region", { name: "Compare" }).getByText("Removed").first().waitFor();
  await checkPage(page, "versions");
  await page.getByRole("listitem").filter({ hasText: "Version 1" }).getByRole("button", { name: "Restore" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Restore" }).click();
  await page.getByText("Version 1 is now version 3.").waitFor();
  await page.getByRole("listitem").filter({ hasText: "Version 3" }).getByRole("button", { name: "Publish" }).click();
  await page.getByRole("listitem").filter({ hasText: "Version 3" }).getByText("Published").waitFor();
  expect(picture(await shown(id))).toBe("Start>Ask Ask>Keep");
});

it("a large workflow opens as an overview that shows where one is, and is laid out on demand", async () => {
  const { page } = visit.window;
  const nodes = Array.from({ length: 1_000 }, (_, i): Node => ({ id: `n${i}`, name: `Step ${i}`, kind: i === 0 ? "manual_trigger" : "set", position: [(i % 40) * 260, Math.floor(i / 40) * 120] }));
  const id = await make("Large", nodes, nodes.slice(1).map((node, i): [string, string] => [`n${Math.floor(i / 2)}`, node.id]));
  await open(page, id, "Large");
  const cards = page.locator(".editor-card");
  await cards.first().waitFor();
  expect(await cards.count()).toBeLessThan(120);
  await page.getByRole("tree", { name: "Outline" }).focus();
  await page.keyboard.press("f");
  await page.locator(".editor-overview").waitFor();
  await cards.first().waitFor({ state: "detached" });
  await checkPage(page, "editor-large");
  await page.keyboard.press("Shift+L");
  await page.getByRole("button", { name: "Undo: Lay out" }).waitFor();
  await page.keyboard.press("Control+f");
  await page.getByRole("combobox", { name: /Name, kind, notes/ }).fill("Step 777");
  await page.keyboard.press("Enter");
  await page.locator(".editor-card.is-chosen").getByText("Step 777").waitFor();
});
