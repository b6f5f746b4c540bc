// What each role sees and may do, by the page and by the address; and schedules, which only some may change.

import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { Role } from "../src/api";
import { checkPage, startVisit, type Visit } from "./browser";

let visit: Visit;
const PASSWORD = "a long enough password";

beforeAll(async () => {
  visit = await startVisit();
  await visit.server.call("POST", "/variables", { name: "region", value: "eu" });
});
afterEach(() => expect(visit.window.errors.splice(0)).toEqual([]));
afterAll(() => visit?.end());

async function signInAs(role: Role): Promise<void> {
  const { page, context } = visit.window;
  await context.clearCookies();
  const data = { email: `${role}@example.com`, password: PASSWORD };
  const answer = await context.request.post("/api/v1/session", { data, headers: { origin: visit.server.url } });
  expect(answer.status(), await answer.text()).toBe(200);
  await page.goto("/variables");
  await page.getByText("region", { exact: true }).first().waitFor();
}

it("an admin adds people, with a role each", async () => {
  const { page } = visit.window;
  await page.goto("/users");
  await page.getByRole("row", { name: /Ada/ }).getByText("you").waitFor();
  for (const role of ["Viewer", "Operator", "Editor", "Admin"]) {
    await page.getByRole("button", { name: "Add a person" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill(role);
    await dialog.getByLabel("Email").fill(`${role.toLowerCase()}@example.com`);
    await dialog.getByLabel("Role").selectOption({ label: role });
    await dialog.getByLabel("Password").fill(PASSWORD);
    if (role === "Viewer") await checkPage(page, "person-new");
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByRole("row", { name: new RegExp(`${role.toLowerCase()}@`) }).waitFor();
  }
  await checkPage(page, "people");
});

const SEEN: [Role, { makes: boolean; manages: boolean }][] = [
  ["viewer", { makes: false, manages: false }],
  ["operator", { makes: false, manages: false }],
  ["editor", { makes: true, manages: false }],
  ["admin", { makes: true, manages: true }],
];

for (const [role, { makes, manages }] of SEEN) {
  it(`the role ${role} is offered what it may do, and refused the rest by address`, async () => {
    const { page } = visit.window;
    await signInAs(role);
    expect(await page.getByRole("button", { name: "New variable" }).count()).toBe(makes ? 1 : 0);
    expect(await page.getByRole("link", { name: "API keys" }).count()).toBe(manages ? 1 : 0);
    await page.goto("/users");
    await page.getByRole("row", { name: /viewer@/ }).waitFor();
    expect(await page.getByRole("button", { name: "Add a person" }).count()).toBe(manages ? 1 : 0);
    await page.goto("/settings/api-keys");
    await page.getByRole("heading", { name: "API keys", level: 1 }).waitFor();
    expect(await page.getByText(`yours is ${role}`, { exact: false }).count()).toBe(manages ? 0 : 1);
    if (role === "viewer") await checkPage(page, "not-allowed");
    const { request } = visit.window.context;
    const made = await request.post("/api/v1/variables", { data: { name: `by_${role}`, value: "" }, headers: { origin: visit.server.url } });
    expect(made.status()).toBe(makes ? 201 : 403);
  });
}

it("a schedule is paused, shows its next runs in its own zone, and past ones are made up for", async () => {
  const { page } = visit.window;
  const params = { rule: { interval: [{ field: "cronExpression", expression: "30 2 * * *" }] } };
  const nodes = [{ id: "a", name: "Nightly", kind: "schedule_trigger", params }, { id: "b", name: "Pass", kind: "no_op" }];
  const edges = [{ from: { node: "a" }, to: { node: "b" } }];
  const { id } = await visit.server.call<{ id: string }>("POST", "/workflows", { name: "Night shift", nodes, edges, settings: { timezone: "Europe/Berlin" } });
  await visit.server.call("POST", `/workflows/${id}/publish`);
  await page.goto("/schedules");
  await page.getByRole("row", { name: /Night shift/ }).getByText("cron 30 2 * * *").waitFor();
  await checkPage(page, "schedules");
  const more = page.getByRole("button", { name: "More about Night shift" });
  await more.click();
  await checkPage(page, "schedules-menu");
  await page.getByRole("menuitem", { name: "Next runs" }).click();
  const times = page.getByRole("dialog").getByRole("listitem");
  await times.nth(9).waitFor();
  // Half past two in Berlin, whichever side of a change of the clock it is on.
  expect((await times.allInnerTexts()).every((text) => /\b(0?2:30|3:00):00/.test(text)), (await times.allInnerTexts()).join("\n")).toBe(true);
  await page.keyboard.press("Escape");
  await more.click();
  await page.getByRole("menuitem", { name: "Make up for past runs" }).click();
  await page.getByText("1 tick in this time.").waitFor();
  await checkPage(page, "schedule-backfill");
  await page.getByRole("button", { name: "Start 1 execution" }).click();
  await page.getByText("1 execution was started.").waitFor();
  await more.click();
  await page.getByRole("menuitem", { name: "Pause" }).click();
  await page.getByRole("row", { name: /Night shift/ }).getByText("Paused").waitFor();
});
