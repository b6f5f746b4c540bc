// The page as it lies in dist/, in place of the one that was built into the program. With it a change of
// the page is tested without building the program anew; everything but the page still comes from the server.

import { existsSync, readFileSync, statSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import type { BrowserContext, Route } from "playwright-core";

const DIST = resolve(import.meta.dirname, "../dist");
const SOURCE = resolve(import.meta.dirname, "../../crates/linkflow-api/src/page.rs");
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".json": "application/json",
};
const SERVERS = /^\/(api|webhook|webhook-test|webhook-waiting|form|form-test|health|metrics|ws)(\/|$)/;

/** Answers requests for the page from dist/, with the policy that the program sends. */
export async function servePage(context: BrowserContext, origin: string): Promise<void> {
  const policy = policyOf(readFileSync(SOURCE, "utf8"));
  // To the browser, a page that a story answers comes from nowhere, which may not call this machine.
  await context.grantPermissions(["local-network-access"]);
  await context.route((url) => url.origin === origin && !SERVERS.test(url.pathname), (route) => answer(route, policy));
}

async function answer(route: Route, policy: string): Promise<void> {
  const { pathname } = new URL(route.request().url());
  const wanted = join(DIST, pathname);
  const isFile = wanted.startsWith(DIST) && existsSync(wanted) && statSync(wanted).isFile();
  const file = isFile ? wanted : join(DIST, "index.html");
  if (!isFile && extname(pathname) !== "") return route.fulfill({ status: 404 });
  const contentType = TYPES[extname(file)] ?? "application/octet-stream";
  await route.fulfill({ body: readFileSync(file), contentType, headers: { "content-security-policy": policy } });
}

function policyOf(source: string): string {
  const text = /const POLICY: &str = "([^"]*)"/.exec(source)?.[1];
  if (text === undefined) throw new Error(`${SOURCE} has no POLICY that can be read`);
  return text.replace(/\\\n\s*/g, "");
}
