// Credentials: made, kept secret, tried, and connected by OAuth 2 with a service that agrees, refuses, or leads back wrongly.

import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { checkPage, startVisit, type Visit } from "./browser";

let visit: Visit;
let service: Service;

beforeAll(async () => {
  [visit, service] = await Promise.all([startVisit(), startService()]);
});
afterEach(() => expect(visit.window.errors.splice(0)).toEqual([]));
afterAll(async () => {
  service?.server.close();
  await visit?.end();
});

type Service = { url: string; server: HttpServer; says: "yes" | "no" };

/** A service that agrees at once, or does not. */
async function startService(): Promise<Service> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://service");
    if (url.pathname === "/agree") {
      const back = new URL(url.searchParams.get("redirect_uri") ?? "");
      if (found.says === "yes") back.searchParams.set("code", "right");
      else back.searchParams.set("error", "access_denied");
      back.searchParams.set("state", url.searchParams.get("state") ?? "");
      response.writeHead(302, { location: back.href }).end();
    } else {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ access_token: "token-of-ada", token_type: "Bearer" }));
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const found: Service = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, says: "yes" };
  return found;
}

it("a credential is made, and its secret is never shown again", async () => {
  const { page } = visit.window;
  await page.goto("/credentials");
  await page.getByText("No credentials yet").waitFor();
  await checkPage(page, "credentials-empty");
  await page.getByRole("button", { name: "New credential" }).click();
  await page.getByLabel("Search the types").fill("password");
  await checkPage(page, "credential-types");
  await page.getByRole("button", { name: /^User name and password\b(?!,)/ }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("Shop");
  await dialog.getByLabel("User name").fill("ada");
  await dialog.getByLabel("Password", { exact: true }).fill("hunter2");
  await checkPage(page, "credential-new");
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Shop", exact: true }).click();
  await dialog.getByText("It is kept. Type to put another one in its place.").waitFor();
  expect(await dialog.getByLabel("Password", { exact: true }).inputValue()).toBe("");
  expect(await page.content()).not.toContain("hunter2");
  await checkPage(page, "credential-change");
  await page.keyboard.press("Escape");
  await checkPage(page, "credentials");
});

it("a credential is tried, and what the service says is shown", async () => {
  const { page } = visit.window;
  await page.goto("/credentials");
  await page.getByRole("button", { name: "New credential" }).click();
  await page.getByRole("button", { name: /^Redis/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Host").fill("127.0.0.1");
  await dialog.getByLabel("Port").fill("1");
  await dialog.getByRole("button", { name: "Save and test" }).click();
  await dialog.getByText("It does not work", { exact: false }).waitFor();
  await checkPage(page, "credential-tested");
  await page.keyboard.press("Escape");
});

it("OAuth 2: the service agrees, and the credential has a token", async () => {
  const { page, context } = visit.window;
  service.says = "yes";
  await page.goto("/credentials");
  await page.getByRole("button", { name: "New credential" }).click();
  await page.getByRole("button", { name: /^OAuth 2/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("Calendar");
  await dialog.getByRole("button", { name: "Save and connect" }).click();
  await dialog.getByText("must be filled in first", { exact: false }).waitFor();
  await dialog.getByLabel("Address for consent").fill(`${service.url}/agree`);
  await dialog.getByLabel("Address for tokens").fill(`${service.url}/token`);
  await dialog.getByLabel("Client id").fill("app");
  await dialog.getByLabel("Client secret", { exact: true }).fill("hush");
  await checkPage(page, "credential-oauth2");
  const opened = context.waitForEvent("page");
  await dialog.getByRole("button", { name: "Save and connect" }).click();
  await opened;
  await dialog.waitFor({ state: "detached" });
  const { items } = await visit.server.call<{ items: { id: string; name: string }[] }>("GET", "/credentials");
  const id = items.find((row) => row.name === "Calendar")?.id ?? "";
  const shown = await visit.server.call<{ data: Record<string, string> }>("GET", `/credentials/${id}`);
  expect(shown.data["access_token"]).toBe("***");
});

it("OAuth 2: a refusal is told in the window that waits", async () => {
  const { page, context } = visit.window;
  service.says = "no";
  await page.goto("/credentials");
  await page.getByRole("button", { name: "Calendar", exact: true }).click();
  const dialog = page.getByRole("dialog");
  const opened = context.waitForEvent("page");
  await dialog.getByRole("button", { name: "Save and connect" }).click();
  const window = await opened;
  await dialog.getByText("The service did not agree: access_denied.").waitFor();
  await window.getByText("It could not be connected.").waitFor();
  await checkPage(window, "oauth2-refused");
  await window.close();
  await page.keyboard.press("Escape");
});

it("OAuth 2: an answer that this server never asked for connects nothing", async () => {
  const { page } = visit.window;
  await page.goto("/oauth2/callback?code=right&state=made-up");
  await page.getByText("is not one that this server gave", { exact: false }).waitFor();
  await checkPage(page, "oauth2-foreign");
  await page.goto("/oauth2/callback");
  await page.getByText("Begin at the credential itself.", { exact: false }).waitFor();
});
