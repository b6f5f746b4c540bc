// Variables, tags, data tables, templates, the palette and the tour: small places, walked through once each.

import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { checkPage, startVisit, type Visit } from "./browser";

let visit: Visit;

beforeAll(async () => void (visit = await startVisit()));
afterEach(() => expect(visit.window.errors.splice(0)).toEqual([]));
afterAll(() => visit?.end());

it("a variable is made, refused under the same name, changed and deleted", async () => {
  const { page } = visit.window;
  await page.goto("/variables");
  await page.getByText("No variables yet").waitFor();
  await checkPage(page, "variables-empty");
  await page.getByRole("button", { name: "New variable" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("region");
  await dialog.getByLabel("Value").fill("eu-west");
  await checkPage(page, "variable-dialog");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("row", { name: /region/ }).getByText("eu-west").waitFor();
  await checkPage(page, "variables");
  await page.getByRole("button", { name: "New variable" }).click();
  await dialog.getByLabel("Name").fill("region");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("name", { exact: false }).last().waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "region", exact: true }).click();
  await dialog.getByLabel("Value").fill("us-east");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("us-east").waitFor();
  await page.getByRole("button", { name: "Delete: region" }).click();
  await checkPage(page, "variable-delete");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await page.getByText("No variables yet").waitFor();
});

it("a tag is made and renamed", async () => {
  const { page } = visit.window;
  await page.goto("/tags");
  await page.getByRole("button", { name: "New tag" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("billing");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "billing", exact: true }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("invoices");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "invoices", exact: true }).waitFor();
  await checkPage(page, "tags");
});

it("rows of a data table are typed in by keyboard, and a wrong number is refused", async () => {
  const { page } = visit.window;
  await page.goto("/data-tables");
  await page.getByText("No data tables yet").waitFor();
  await page.getByRole("button", { name: "New table" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Customers");
  await page.getByLabel("Columns, one on each line").fill("email\ntotal:number");
  await checkPage(page, "data-table-new");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Customers" }).waitFor();
  await page.getByText("There are no rows yet.").waitFor();
  await page.getByRole("button", { name: "Add a row" }).click();
  const cell = (name: RegExp) => page.getByRole("gridcell", { name });
  await cell(/^email of row 1/).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.type("ada@example.com");
  await page.keyboard.press("Enter");
  await cell(/ada@example.com/).waitFor();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await page.keyboard.type("many");
  await page.keyboard.press("Enter");
  await page.getByText("“many” is no number.").waitFor();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("12.5");
  await page.keyboard.press("Enter");
  await cell(/12.5/).waitFor();
  await checkPage(page, "data-table");
  await page.reload();
  await cell(/12.5/).waitFor();
  await page.getByLabel("Choose row 1").check();
  await page.getByRole("button", { name: "Delete 1 row" }).click();
  await page.getByText("There are no rows yet.").waitFor();
});

it("a template becomes a workflow", async () => {
  const { page } = visit.window;
  await page.goto("/templates");
  await page.getByRole("heading", { name: "CSV totals" }).waitFor();
  await checkPage(page, "templates");
  await page.getByLabel("Search templates").fill("csv");
  await page.getByRole("button", { name: "Use it: CSV totals" }).click();
  await page.waitForURL(/\/workflows\/[0-9a-f-]+$/);
});

it("the palette finds places and commands by their names", async () => {
  const { page } = visit.window;
  await page.goto("/tags");
  await page.getByRole("heading", { name: "Tags" }).waitFor();
  await page.keyboard.press("ControlOrMeta+k");
  const palette = page.getByRole("dialog", { name: "Commands" });
  await palette.getByRole("combobox").fill("go data tab");
  await checkPage(page, "palette");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Data tables" }).waitFor();
  await page.keyboard.press("ControlOrMeta+k");
  await palette.getByRole("combobox").fill("new table");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "New table" }).waitFor();
  await page.keyboard.press("Escape");
});

it("whoever wants to is shown around", async () => {
  const { page } = visit.window;
  await page.goto("/settings");
  await page.getByRole("heading", { name: "Settings", level: 1 }).waitFor();
  await page.getByRole("button", { name: "Show me around" }).click();
  await checkPage(page, "tour");
  for (let i = 0; i < 4; i++) await page.getByRole("button", { name: "Next" }).click();
  await page.getByRole("button", { name: "Begin" }).click();
  expect(await page.getByRole("button", { name: "Show me around" }).count()).toBe(0);
  await checkPage(page, "settings");
});

it("what steps there are is looked up, with a form to try", async () => {
  const { page } = visit.window;
  await page.goto("/reference");
  await page.getByLabel("Search steps").fill("condition");
  await checkPage(page, "reference");
  await page.getByRole("link", { name: "If", exact: true }).click();
  await page.getByRole("heading", { name: "If", exact: true }).waitFor();
  await checkPage(page, "reference-if");
});
