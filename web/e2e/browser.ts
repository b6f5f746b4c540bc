// A browser and its pages. Every page is watched: what it writes as an error fails the story.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { expect } from "vitest";
import { servePage } from "./page";
import { OWNER, startServer, type Server } from "./server";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** With SHOTS=1 every page that is checked is also drawn into this folder. */
const SHOTS = resolve(import.meta.dirname, "../../target/e2e");
const SIZES = { desktop: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } };

function executable(): string {
  const given = process.env["CHROMIUM"];
  if (given !== undefined) return given;
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
    } catch {
      // The next one, then.
    }
  }
  throw new Error("no browser was found; install Chromium (Debian: apt-get install chromium) or name one with CHROMIUM=/path");
}

/** What a file of stories needs: a server of its own, and somebody who looks at it. */
export type Visit = { server: Server; window: Window; end: () => Promise<void> };

/** The visitor is the owner, who has signed in; on a first visit nobody has set the server up. */
export async function startVisit({ isFirst = false } = {}): Promise<Visit> {
  const [server, browser] = await Promise.all([startServer(), startBrowser()]);
  const window = await openWindow(browser, server);
  if (!isFirst) {
    await server.setUp();
    await signIn(window, server);
  }
  const end = async () => {
    await browser.close();
    await server.stop();
  };
  return { server, window, end };
}

function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable(),
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A person's window. `errors` is what went wrong in its pages, in their own words. */
export type Window = { page: Page; context: BrowserContext; errors: string[] };

async function openWindow(browser: Browser, server: Server): Promise<Window> {
  const context = await browser.newContext({ baseURL: server.url, viewport: SIZES.desktop, reducedMotion: "reduce", colorScheme: "light" });
  context.setDefaultTimeout(20_000);
  if (process.env["LINKFLOW_PAGE"] !== undefined) await servePage(context, new URL(server.url).origin);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(`thrown: ${error.message}`));
  page.on("console", (message) => {
    // The browser itself notes every refusal, such as that of a wrong password; pages show them.
    const isRefusal = message.text().startsWith("Failed to load resource: the server responded with a status of 4");
    if (message.type() === "error" && !isRefusal) errors.push(`console: ${message.text()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 500) errors.push(`${response.status()} of ${response.url()}`);
  });
  return { page, context, errors };
}

/** Signs the owner in without the form. */
async function signIn({ context }: Window, server: Server): Promise<void> {
  const { email, password } = OWNER;
  const answer = await context.request.post("/api/v1/session", { data: { email, password }, headers: { origin: server.url } });
  expect(answer.status(), await answer.text()).toBe(200);
}

/** Drops files on the page, as from the desktop. */
export async function drop(page: Page, files: { name: string; text: string }[]): Promise<void> {
  const dataTransfer = await page.evaluateHandle((given) => {
    const transfer = new DataTransfer();
    for (const { name, text } of given) transfer.items.add(new File([text], name, { type: "application/json" }));
    return transfer;
  }, files);
  await page.dispatchEvent("main", "dragover", { dataTransfer });
  await page.dispatchEvent("main", "drop", { dataTransfer });
}

export function fileText(name: string): string {
  return readFileSync(join(import.meta.dirname, "files", name), "utf8");
}

type Violation = { id: string; impact: string; help: string; nodes: { html: string; failureSummary: string }[] };

/** The page as it is now keeps the rules of accessibility in both themes, and fits wide and narrow screens. */
export async function checkPage(page: Page, name: string): Promise<void> {
  for (const theme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: theme });
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(wide, `${name} is ${wide} pixels wider than a ${size} screen`).toBe(0);
      if (process.env["SHOTS"] !== undefined) await draw(page, `${name}-${theme}-${size}`);
    }
    expect(await violations(page), `${name}, ${theme}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(SIZES.desktop);
}

async function draw(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

async function violations(page: Page): Promise<string[]> {
  // Given to the page as a script of the debugger: its policy forbids inline ones.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: (options: object) => Promise<{ violations: Violation[] }> } };
    return (await axe.run({ resultTypes: ["violations"] })).violations;
  });
  return found.map((v) => `${v.impact}: ${v.help} (${v.id})\n${v.nodes.map((n) => `  ${n.html}\n  ${n.failureSummary}`).join("\n")}`);
}
