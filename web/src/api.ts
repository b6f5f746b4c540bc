// The HTTP API as this page uses it: the shapes of its answers, one call, and its problems.
// Nothing here knows of React or of the screen.

export type Role = "owner" | "admin" | "editor" | "operator" | "viewer";
export type User = { id: string; email: string; name: string; role: Role };
export type Session = { user: User; workspace: { id: string; name: string }; role: Role };
export type Setup = { needs_owner: boolean; version: string };
export type List<T> = { items: T[]; next: string | null };

export type ExecutionStatus = "ready" | "running" | "waiting" | "success" | "error" | "canceled" | "dead";
export type RunStatus = "success" | "error" | "running" | "waiting";

export type WorkflowRow = {
  id: string;
  name: string;
  tags: string[];
  active: boolean;
  version: number;
  published_version: number | null;
  n_nodes: number;
  triggers: string[];
  created_at: number;
  updated_at: number;
  runs_24h: number;
  errors_24h: number;
  last_execution: { id: string; status: ExecutionStatus; started_at: number | null } | null;
  problems: number;
};

export type Port = { node: string; port?: number };
export type Edge = { from: Port; to: Port; type?: string };
export type Node = {
  id: string;
  name: string;
  kind: string;
  position?: [number, number];
  params?: Record<string, unknown>;
  disabled?: boolean;
  notes?: string;
};
export type Document = { name?: string; description?: string; nodes?: Node[]; edges?: Edge[] };

export type WorkflowDetail = {
  id: string;
  name: string;
  active: boolean;
  version: number;
  published_version: number | null;
  tags: string[];
  workflow: Document;
  created_at: number;
  updated_at: number;
};

export type Webhook = { node: string; method: string; url: string; test_url: string };

export type Execution = {
  id: string;
  workflow_id: string;
  workflow_name: string | null;
  version: number;
  status: ExecutionStatus;
  mode: string;
  attempt: number;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  duration_ms: number | null;
  error: { message: string; node?: string } | null;
  retry_of: string | null;
  parent: string | null;
};

export type Run = {
  step: number;
  run: number;
  status: RunStatus;
  started_at: number | null;
  ended_at: number | null;
  inputs: ({ node: string; run: number; output: number } | null)[];
  outputs: { n_items: number }[];
  error: unknown;
  /** Tries that failed and were followed by another one. */
  attempts?: { attempt: number; started_at: number | null; ended_at: number; error: unknown }[];
  logs: string[];
};

export type ExecutionDetail = Execution & {
  workflow: Document | null;
  order: string[];
  runs: Record<string, Run[]>;
  custom_data: unknown;
};

export type Item = {
  json: Record<string, unknown>;
  binary?: Record<string, { fileName?: string; mimeType?: string; bytes?: number }>;
  error?: unknown;
};
export type Items = { items: Item[]; total: number };

export type Verdict = "exact" | "approximate" | "missing" | "unreadable";
export type Imported = {
  file: string;
  name: string;
  workflow_id: string | null;
  runnable: boolean;
  nodes: { name: string; type: string; typeVersion: number; verdict: Verdict; message: string }[];
  notes: string[];
  error?: string;
};

export type Scope = "read" | "write" | "execute" | "admin";
export type ApiKey = {
  id: string;
  name: string;
  prefix: string;
  scopes: Scope[];
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
};

export type FieldProblem = { field: string; problem: string };

/** Why a request was not carried out, in words for people. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly field: string | null = null,
    readonly errors: FieldProblem[] = [],
  ) {
    super(detail);
  }
}

export type Request = {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
};

/** Calls the API below /api/v1. Throws a `Problem` for everything that is not an answer. */
export async function call<T>(path: string, request: Request = {}): Promise<T> {
  const response = await send(path, request);
  const text = await response.text();
  if (!response.ok) throw problemOf(response.status, text);
  if (text === "") return undefined as T;
  const answer = parse(text);
  if (answer === undefined) throw new Problem(response.status, "The answer is not JSON. Is a proxy in between?");
  return answer as T;
}

async function send(path: string, request: Request): Promise<Response> {
  const { body, headers, ...rest } = request;
  try {
    return await fetch(`/api/v1${path}`, {
      ...rest,
      credentials: "same-origin",
      headers: { accept: "application/json", ...(body === undefined ? {} : JSON_BODY), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new Problem(0, "The server cannot be reached. It is tried again as soon as it answers.");
  }
}

const JSON_BODY = { "content-type": "application/json" };

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads an `application/problem+json` body; whatever else came is named by its status. */
export function problemOf(status: number, text: string): Problem {
  const body = parse(text);
  const said = isRecord(body) ? body : {};
  const detail = typeof said["detail"] === "string" ? said["detail"] : `The server answered with status ${status}.`;
  const field = typeof said["field"] === "string" ? said["field"] : null;
  const errors = Array.isArray(said["errors"]) ? said["errors"].filter(isFieldProblem) : [];
  return new Problem(status, detail, field, errors);
}

function isFieldProblem(value: unknown): value is FieldProblem {
  return isRecord(value) && typeof value["field"] === "string" && typeof value["problem"] === "string";
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A query string of those values that are given, with its question mark. */
export function query(values: Record<string, string | number | null | undefined>): string {
  const given = Object.entries(values).filter(([, v]) => v !== null && v !== undefined && v !== "");
  const text = new URLSearchParams(given.map(([k, v]) => [k, String(v)])).toString();
  return text === "" ? "" : `?${text}`;
}

/** A key under which the server carries a request out once only, however often it arrives. */
export function newKey(): string {
  // Not randomUUID: plain http outside loopback does not have it.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether an execution has ended and will not change any more. */
export function hasEnded(status: ExecutionStatus): boolean {
  return status === "success" || status === "error" || status === "canceled" || status === "dead";
}
