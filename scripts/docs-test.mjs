// Runs what README.md and docs/ tell people to type; docs-test.sh says how blocks are marked.
// Every page has a server, a shell and a folder of its own.

import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";

const ROOT = resolve(import.meta.dirname, "..");
const PROGRAM = process.env.LINKFLOW_BIN ?? resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "debug/linkflow");
/** The address that the pages write; the server of the test has another one. */
const WRITTEN = /http:\/\/(127\.0\.0\.1|localhost):8090/g;
const PAGE_MS_MAX = 60_000;

/** Stands before the real curl: the status and the body must be what the page says. */
const CURL = `#!/usr/bin/env bash
set -uo pipefail
real=$(PATH=\${PATH#*:} command -v curl)
"$real" --silent --show-error --max-time 30 --write-out '%{stderr}\\nstatus %{http_code}\\n' "$@" >"$CURL_DIR/body" 2>"$CURL_DIR/said"
code=$?
cat "$CURL_DIR/body"; grep -v '^status ' "$CURL_DIR/said" >&2
exec node "$CURL_DIR/expect.mjs" "$CURL_DIR/body" "$(sed -n 's/^status //p' "$CURL_DIR/said")" "$code" "\${CURL_EXPECTS-}"
`;

const EXPECT = `
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
const [file, status, code, expected] = process.argv.slice(2);
const fail = (why) => { console.error("\\n" + why); process.exit(1); };
if (code !== "0") fail("curl ended with " + code);
const [, asked, json] = /^(\\d{3})?\\s*([[{].*)?/s.exec(expected ?? "");
if (asked === undefined ? status[0] !== "2" : status !== asked) fail("the status is " + status + ", the page says " + (asked ?? "nothing of a failure"));
if (json === undefined || json.includes("...")) process.exit(0);
const text = readFileSync(file, "utf8").split(/\\r?\\n\\r?\\n/).at(-1);
if (!isDeepStrictEqual(JSON.parse(text), JSON.parse(json))) fail("the page says " + json);
`;

/** The marked blocks of a page, and the examples that they want to be there. */
function blocksOf(text) {
  const found = [...text.matchAll(/^```sh test(?: with=(\S+))?\n(.*?)^```$/gms)];
  return { with: found.flatMap((m) => m[1]?.split(",") ?? []), code: found.map((m) => m[2]).join("\n") };
}

/** The code, with what its comments promise put before each call of curl. */
function withPromises(code) {
  const lines = code.replace(/\\\n\s*/g, " ").split("\n");
  return lines.map((line, i) => {
    if (!line.startsWith("curl ")) return line;
    const said = / # (\d{3}\b.*)$/.exec(line)?.[1] ?? /^# (\d{3}\b.*|[[{].*)$/.exec(lines[i + 1] ?? "")?.[1] ?? "";
    return `CURL_EXPECTS=${quoted(/^\d{3},/.test(said) ? said.slice(0, 3) : said)} ${line}`;
  }).join("\n");
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

async function startServer(dir) {
  const child = spawn(PROGRAM, ["serve", "--port", "0", "--data-dir", join(dir, "data")], { stdio: ["ignore", "ignore", "pipe"] });
  const url = await new Promise((found, failed) => {
    child.once("exit", (code) => failed(new Error(`the server ended with ${code}`)));
    createInterface({ input: child.stderr }).on("line", (line) => {
      const at = /is ready at (\S+)/.exec(line)?.[1];
      if (at !== undefined) found(at);
    });
  });
  return { url, stop: () => new Promise((done) => { child.removeAllListeners("exit").once("exit", done); child.kill(); }) };
}

/** Sets the server up, and publishes the examples that a page goes on from. */
async function prepare(url, examples) {
  let cookie = "";
  const post = async (path, body) => {
    const answer = await fetch(`${url}/api/v1${path}`, { method: "POST", headers: { "content-type": "application/json", cookie }, body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path} gave ${answer.status}: ${text}`);
    cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    const error = JSON.parse(text).items?.[0]?.error;
    if (error !== undefined) throw new Error(`${path}: ${error}`);
  };
  await post("/setup", JSON.stringify({ email: "me@example.com", name: "Me", password: "a long pass phrase" }));
  for (const name of examples) await post("/workflows/import?publish=true", readFileSync(join(ROOT, "examples", `${name}.json`), "utf8"));
}

/** Runs a page; gives why it failed, or nothing. */
async function failureOf(page) {
  const dir = mkdtempSync(join(tmpdir(), "linkflow-docs-"));
  let server;
  try {
    symlinkSync(join(ROOT, "examples"), join(dir, "examples"));
    symlinkSync(PROGRAM, join(dir, "linkflow"));
    writeFileSync(join(dir, "expect.mjs"), EXPECT);
    writeFileSync(join(dir, "curl"), CURL);
    chmodSync(join(dir, "curl"), 0o755);
    server = await startServer(dir);
    if (page.with.length > 0) await prepare(server.url, page.with);
    const script = `set -eo pipefail\n${withPromises(page.code).replaceAll(WRITTEN, server.url)}\n`;
    const env = { ...process.env, PATH: `${dir}:${process.env.PATH}`, CURL_DIR: dir };
    return await shell(script, dir, env);
  } catch (error) {
    return String(error);
  } finally {
    await server?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Not waited for in one breath: the server's output has to be read meanwhile. */
function shell(script, cwd, env) {
  return new Promise((done) => {
    const child = spawn("bash", ["-c", script], { cwd, env, timeout: PAGE_MS_MAX, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
    child.once("close", (code) => done(code === 0 ? undefined : `ended with ${code}:\n${script}\n${said}`));
  });
}

function pages() {
  const docs = readdirSync(join(ROOT, "docs"), { recursive: true }).filter((path) => path.endsWith(".md")).sort();
  return [join(ROOT, "README.md"), ...docs.map((path) => join(ROOT, "docs", path))];
}

let [passed, failed] = [0, 0];
for (const path of pages()) {
  const page = blocksOf(readFileSync(path, "utf8"));
  if (page.code === "") continue;
  const failure = await failureOf(page);
  console.log(`${relative(ROOT, path)} ... ${failure === undefined ? "ok" : "FAILED"}`);
  if (failure !== undefined) console.log(failure);
  if (failure === undefined) passed++;
  else failed++;
}
console.log(`docs: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
