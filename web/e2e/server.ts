// The program as people run it, for one file of stories: its own port and folder, gone afterwards.

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

export const OWNER = { name: "Ada Lovelace", email: "ada@example.com", password: "correct horse battery" };

export type Server = {
  url: string;
  /** Calls the API as the owner, and gives the answer's body. */
  call: <T>(method: string, path: string, body?: unknown) => Promise<T>;
  /** Sets the server up, unless a story does. */
  setUp: () => Promise<void>;
  /** Kills the program, and starts it again at the same address with the same data. */
  restart: () => Promise<void>;
  stop: () => Promise<void>;
};

function program(): string {
  const root = resolve(import.meta.dirname, "../..");
  const target = resolve(root, process.env["CARGO_TARGET_DIR"] ?? "target");
  const path = process.env["LINKFLOW_BIN"] ?? join(target, "debug/linkflow");
  if (!existsSync(path)) throw new Error(`${path} is missing; build it with: cargo build -p linkflow`);
  return path;
}

/** Starts a server, and waits until it says that it is ready. */
export async function startServer(): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), "linkflow-e2e-"));
  const begin = (port: string) => spawn(program(), ["serve", "--port", port, "--data-dir", dir], { stdio: ["ignore", "ignore", "pipe"] });
  let child = begin("0");
  const url = await readyAt(child);
  let cookie = "";
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const headers = { "content-type": "application/json", ...(cookie === "" ? {} : { cookie }) };
    const response = await fetch(`${url}/api/v1${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} gave ${response.status}: ${text}`);
    cookie = response.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    return (text === "" ? undefined : JSON.parse(text)) as T;
  };
  const setUp = () => call<void>("POST", "/setup", OWNER);
  const kill = async () => {
    const gone = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await gone;
  };
  const restart = async () => {
    await kill();
    child = begin(new URL(url).port);
    await readyAt(child);
  };
  const stop = async () => {
    await kill();
    rmSync(dir, { recursive: true, force: true });
  };
  return { url, call, setUp, restart, stop };
}

function readyAt(child: ChildProcess): Promise<string> {
  return new Promise((found, failed) => {
    const said: string[] = [];
    const give = (why: string) => failed(new Error(`the server ${why}:\n${said.join("\n")}`));
    const timer = setTimeout(() => give("was not ready within 30 s"), 30_000);
    child.once("exit", () => give("ended"));
    // Reading goes on afterwards, or the server would block when the pipe is full.
    createInterface({ input: child.stderr! }).on("line", (line) => {
      said.push(line);
      const url = /is ready at (\S+)/.exec(line)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      found(url);
    });
  });
}
