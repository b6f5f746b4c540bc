// The first visit to a new server, and how people come in later.

import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { checkPage, startVisit, type Visit } from "./browser";
import { OWNER } from "./server";

let visit: Visit;

beforeAll(async () => void (visit = await startVisit({ isFirst: true })));
afterEach(() => expect(visit.window.errors.splice(0)).toEqual([]));
afterAll(() => visit?.end());

it("whoever comes first becomes the owner", async () => {
  const { page } = visit.window;
  await page.goto("/");
  await page.waitForURL("**/setup");
  await page.getByRole("heading", { name: "Set up this server" }).waitFor();
  await checkPage(page, "setup");
  await page.getByLabel("Your name").fill(OWNER.name);
  await page.getByLabel("Email").fill(OWNER.email);
  await page.getByLabel("Password").fill(OWNER.password);
  await page.getByRole("button", { name: "Become the owner" }).click();
  await page.waitForURL("**/workflows");
  await page.getByRole("heading", { name: "There are no workflows yet" }).waitFor();
  await checkPage(page, "workflows-empty");
  await page.getByRole("link", { name: "Executions", exact: true }).click();
  await page.getByText("Nothing has run yet").waitFor();
  await checkPage(page, "executions-empty");
});

it("who has signed out comes in with the right password only, and arrives where they wanted to go", async () => {
  const { page } = visit.window;
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await checkPage(page, "login");
  await page.goto("/executions?status=waiting");
  await page.waitForURL("**/login?next=*");
  await page.getByLabel("Email").fill(OWNER.email);
  await page.getByLabel("Password").fill("wrong horse battery");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await checkPage(page, "login-refused");
  expect(new URL(page.url()).pathname).toBe("/login");
  await page.getByLabel("Password").fill(OWNER.password);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/executions?status=waiting");
  await page.getByText("No execution fits.").waitFor();
});

it("the example is made, run and found in the list", async () => {
  const { page } = visit.window;
  await page.goto("/workflows");
  await page.getByRole("button", { name: "Make the example" }).click();
  await page.getByRole("heading", { name: "First workflow" }).waitFor();
  await checkPage(page, "workflow-example");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("toolbar").getByText("Success").waitFor();
  await page.getByRole("link", { name: "Workflows", exact: true }).click();
  const row = page.getByRole("row", { name: /First workflow/ });
  await row.getByText("Success").waitFor();
  await checkPage(page, "workflows");
});

it("a page that is not there says so, and a session that has ended leads to the sign-in", async () => {
  const { page, context } = visit.window;
  await page.goto("/nowhere/at/all");
  await page.getByRole("heading", { name: "Not found" }).waitFor();
  await checkPage(page, "not-found");
  await page.goto("/workflows/01a20852-5b1b-701f-b3b3-d73f05983647");
  await page.getByRole("alert").waitFor();
  await checkPage(page, "workflow-gone");
  await page.goto("/workflows");
  await page.getByRole("heading", { name: "Workflows" }).waitFor();
  await context.clearCookies();
  await page.getByRole("link", { name: "Executions", exact: true }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});
