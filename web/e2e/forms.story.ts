// Forms of parameters, as the reference of steps shows them: every kind, expressions with real items, fields that are dragged.

import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { Page } from "playwright-core";
import { checkPage, startVisit, type Visit } from "./browser";

let visit: Visit;

beforeAll(async () => void (visit = await startVisit()));
afterEach(() => expect(visit.window.errors.splice(0)).toEqual([]));
afterAll(() => visit?.end());

/** What would be stored. */
async function stored(page: Page): Promise<Record<string, unknown>> {
  const text = await page.locator("section", { has: page.getByRole("heading", { name: "As it is stored", level: 2 }) }).locator("pre").innerText();
  return JSON.parse(text) as Record<string, unknown>;
}

async function open(page: Page, kind: string): Promise<void> {
  await page.goto(`/reference/${kind}`);
  await page.getByRole("group", { name: /^Parameters of/ }).waitFor();
}

it("every kind has a form that can be opened", async () => {
  const { page } = visit.window;
  const { items } = await visit.server.call<{ items: { kind: string; title: string }[] }>("GET", "/node-kinds");
  await page.goto("/reference");
  for (const { kind, title } of items) {
    await page.evaluate((to) => { history.pushState(null, "", to); window.dispatchEvent(new Event("linkflow:moved")); }, `/reference/${kind}`);
    await page.getByRole("group", { name: `Parameters of ${title}`, exact: true }).waitFor();
    expect(visit.window.errors, kind).toEqual([]);
  }
});

it("forms of many shapes keep the rules of accessibility", async () => {
  const { page } = visit.window;
  for (const kind of ["http_request", "set", "switch", "schedule_trigger", "code", "postgres", "form_trigger", "date_time"]) {
    await open(page, kind);
    await checkPage(page, `form-${kind}`);
  }
});

it("fields come and go with what others hold", async () => {
  const { page } = visit.window;
  await open(page, "http_request");
  const group = page.getByRole("group", { name: /^Parameters of/ });
  expect(await group.getByLabel("Content type").count()).toBe(0);
  await group.getByRole("switch", { name: "Send a body" }).check();
  await group.getByLabel("Content type", { exact: true }).waitFor();
  expect(await stored(page)).toMatchObject({ sendBody: true });
});

it("a number that is none is refused where it is typed", async () => {
  const { page } = visit.window;
  await open(page, "limit");
  await page.getByLabel("Max items", { exact: true }).fill("three");
  await page.getByText("Max items must be a number.").waitFor();
  await page.getByLabel("Max items", { exact: true }).fill("3");
  expect(await stored(page)).toMatchObject({ maxItems: 3 });
});

it("a condition is made of a value, a test and another value", async () => {
  const { page } = visit.window;
  await open(page, "if");
  await page.getByRole("button", { name: "Add a condition" }).click();
  const last = page.getByRole("group", { name: /^Condition/ }).last();
  await last.getByRole("textbox").first().fill("open");
  await last.getByLabel(/^Test/).selectOption("string:startsWith");
  await last.getByRole("textbox").last().fill("op");
  const { conditions } = (await stored(page)) as { conditions: { conditions: unknown[] } };
  expect(conditions.conditions.at(-1)).toMatchObject({ leftValue: "open", operator: { type: "string", operation: "startsWith" }, rightValue: "op" });
});

it("a field is dragged into a parameter, and what it gives is shown", async () => {
  const { page } = visit.window;
  await open(page, "set");
  const field = page.locator("[draggable=true]").first();
  const name = (await field.innerText()).trim();
  const before = await page.getByRole("group", { name: /^Field \d/ }).count();
  await field.dragTo(page.locator(".form-drop"));
  await expect.poll(() => page.getByRole("group", { name: /^Field \d/ }).count(), { timeout: 10_000 }).toBe(before + 1);
  const { assignments } = (await stored(page)) as { assignments: { assignments: { name: string; value: string }[] } };
  expect(assignments.assignments.at(-1)).toMatchObject({ name, value: `={{ $json.${name} }}` });
  await page.getByRole("group", { name: `Field ${before + 1}`, exact: true }).locator(".form-preview output").waitFor();
  await checkPage(page, "form-dropped");
});

it("an expression suggests real fields, shows its value, and says why a path is wrong", async () => {
  const { page } = visit.window;
  await open(page, "set");
  const first = page.getByRole("group", { name: "Field 1", exact: true });
  const isOn = await first.getByRole("button", { name: /by an expression/ }).getAttribute("aria-pressed");
  if (isOn !== "true") await first.getByRole("button", { name: /by an expression/ }).click();
  const area = first.getByRole("textbox", { name: /Value 1/ });
  const name = (await page.locator("[draggable=true]").first().innerText()).trim();
  await area.fill("");
  await area.pressSequentially("{{");
  expect(await area.inputValue()).toBe("{{  }}");
  await area.pressSequentially(" $json.");
  await page.getByRole("option", { name: new RegExp(`^${name}`) }).first().waitFor();
  await checkPage(page, "expression-suggestions");
  await page.keyboard.press("Enter");
  expect(await area.inputValue()).toContain(`$json.${name}`);
  await first.locator(".form-preview output").waitFor();
  await area.fill("{{ $json.nothing_here }}");
  await page.keyboard.press("Escape");
  await first.getByText("There is no “nothing_here” in the item", { exact: false }).waitFor();
  await area.fill("{{ 1 + }}");
  await first.locator(".form-wrong").waitFor();
  await checkPage(page, "expression-wrong");
});

it("a schedule shows when it is due next while it is typed, through a change of the clock", async () => {
  const { page } = visit.window;
  await open(page, "schedule_trigger");
  const remove = page.getByRole("button", { name: /^Remove/ });
  while ((await remove.count()) > 0) await remove.first().click();
  await page.getByText("There are no rules yet").waitFor();
  await page.getByRole("button", { name: "Add an interval" }).click();
  await page.getByLabel("Every", { exact: true }).selectOption("cronExpression");
  await page.getByRole("button", { name: "on weekdays at nine" }).click();
  const next = page.getByRole("region", { name: "Next" });
  await next.getByRole("listitem").nth(4).waitFor();
  expect(await next.getByRole("listitem").first().innerText()).toContain("9:00");
  await page.getByLabel("Cron expression", { exact: true }).fill("61 * * * *");
  await next.getByText("61 * * * *", { exact: false }).waitFor();
  await checkPage(page, "form-cron-wrong");
});

it("code is written in an editor that is loaded when it is needed", async () => {
  const { page } = visit.window;
  await open(page, "code");
  const editor = page.getByRole("textbox", { name: "JavaScript" });
  await page.locator(".cm-editor").waitFor();
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("return [];");
  await expect.poll(async () => (await stored(page))["jsCode"], { timeout: 10_000 }).toBe("return [];");
});
