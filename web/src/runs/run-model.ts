// What is known of one execution, node run by node run, from two sources: what HTTP read, and events
// that came by the socket. Pure: no clock, no network, no React.

import { hasEnded, isRecord, type ExecutionDetail, type ExecutionStatus, type RunStatus } from "../api";
import type { LiveEvent } from "../live";

/** One try of a node that failed, though another one came after it. */
export type Attempt = { attempt: number; started_at: number | null; ended_at: number; error: string };

/** One run of one node. Times are milliseconds since the epoch. */
export type NodeRun = {
  node: string;
  run: number;
  step: number;
  status: RunStatus;
  started_at: number | null;
  ended_at: number | null;
  /** How many items each output gave. */
  counts: number[];
  inputs: ({ node: string; run: number; output: number } | null)[];
  error: string | null;
  attempts: Attempt[];
  logs: string[];
};

export type Head = {
  id: string;
  workflow_id: string;
  status: ExecutionStatus;
  /** Steps that ended before it were taken over from an earlier execution. */
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  error: { message: string; node?: string } | null;
};

export type RunModel = { head: Head; runs: Map<string, NodeRun[]>; order: string[] };

/** What HTTP read. */
export function modelOf(execution: ExecutionDetail): RunModel {
  const runs = new Map<string, NodeRun[]>();
  for (const [node, list] of Object.entries(execution.runs)) {
    runs.set(node, list.map((run) => ({
      node,
      run: run.run,
      step: run.step,
      status: run.status,
      started_at: run.started_at,
      ended_at: run.ended_at,
      counts: run.outputs.map((output) => output.n_items),
      inputs: run.inputs,
      error: errorText(run.error),
      attempts: (run.attempts ?? []).map((tried) => ({ ...tried, error: errorText(tried.error) ?? "" })),
      logs: run.logs,
    })));
  }
  const { id, workflow_id, status, created_at, finished_at, error } = execution;
  const started_at = execution.started_at ?? created_at;
  return { head: { id, workflow_id, status, created_at, started_at, finished_at, error }, runs, order: [...execution.order] };
}

/**
 * What is known when HTTP has read `read`, and events have told `known` before. What an event said of a
 * run that goes on is newer than what is stored: results gather for a moment before they are written.
 */
export function merged(known: RunModel | null, read: RunModel): RunModel {
  if (known === null || known.head.id !== read.head.id || hasEnded(read.head.status)) return read;
  if (hasEnded(known.head.status)) return { ...read, head: known.head, runs: mergedRuns(known, read), order: read.order };
  return { head: read.head, runs: mergedRuns(known, read), order: [...new Set([...read.order, ...known.order])] };
}

function mergedRuns(known: RunModel, read: RunModel): Map<string, NodeRun[]> {
  const runs = new Map(read.runs);
  for (const [node, list] of known.runs) {
    const stored = runs.get(node) ?? [];
    const newer = list.filter((run) => {
      const same = stored.find((other) => other.run === run.run);
      return same === undefined || (isOver(run) && !isOver(same));
    });
    if (newer.length === 0) continue;
    const kept = stored.filter((run) => newer.every((other) => other.run !== run.run));
    runs.set(node, [...kept, ...newer].sort((a, b) => a.run - b.run));
  }
  return runs;
}

function isOver(run: NodeRun): boolean {
  return run.status === "success" || run.status === "error";
}

const STATUS_OF: Record<string, ExecutionStatus> = { "execution.started": "running", "execution.waiting": "waiting" };

/** Takes an event in. Gives the name of the node it is about, or null when it is about the whole. */
export function take(model: RunModel, event: LiveEvent): string | null {
  if (event.execution_id !== model.head.id) return null;
  const { type, data, at } = event;
  const moved = STATUS_OF[type];
  if (moved !== undefined && !hasEnded(model.head.status)) {
    model.head = { ...model.head, status: moved, started_at: model.head.started_at ?? at };
  }
  if (type === "execution.finished") model.head = { ...model.head, ...finished(model.head, data), finished_at: at };
  const node = data["node"];
  if (!type.startsWith("step.") || typeof node !== "string") return null;
  takeStep(model, node, event);
  return node;
}

function finished(head: Head, data: Record<string, unknown>): Pick<Head, "status" | "error"> {
  const status = data["status"];
  const said = data["error"];
  const message = errorText(said);
  const at = isRecord(said) && typeof said["node"] === "string" ? { node: said["node"] } : {};
  const error = head.error ?? (message === null ? null : { message, ...at });
  return { status: isStatus(status) ? status : head.status, error };
}

function isStatus(value: unknown): value is ExecutionStatus {
  return typeof value === "string" && ["ready", "running", "waiting", "success", "error", "canceled", "dead"].includes(value);
}

function takeStep(model: RunModel, node: string, event: LiveEvent): void {
  const list = model.runs.get(node) ?? [];
  const number = (value: unknown) => (typeof value === "number" ? value : 0);
  const index = number(event.data["run"]);
  // From the end: what is told is about the newest runs, and loops have many.
  let at = list.length - 1;
  while ((list[at]?.run ?? -1) > index) at -= 1;
  const old = list[at]?.run === index ? list[at] : undefined;
  const empty: NodeRun = {
    node, run: index, step: number(event.data["step"]), status: "running", started_at: null, ended_at: null,
    counts: [], inputs: [], error: null, attempts: [], logs: [],
  };
  const next = stepAfter(old ?? empty, event);
  if (next === old) return;
  if (old === undefined) list.splice(at + 1, 0, next);
  else list[at] = next;
  if (model.runs.has(node)) return;
  model.runs.set(node, list);
  if (!model.order.includes(node)) model.order.push(node);
}

/** A run after an event about it. What is over stays so: events may come twice or late. */
function stepAfter(run: NodeRun, event: LiveEvent): NodeRun {
  const { type, data, at } = event;
  if (isOver(run)) return run;
  if (type === "step.started") return { ...run, status: "running", started_at: run.started_at ?? at };
  if (type !== "step.finished") return run;
  const error = errorText(data["error"]);
  if (typeof data["retry_at"] === "number") {
    const attempt = typeof data["attempt"] === "number" ? data["attempt"] : run.attempts.length + 1;
    if (run.attempts.some((tried) => tried.attempt === attempt)) return run;
    return { ...run, status: "waiting", attempts: [...run.attempts, { attempt, started_at: null, ended_at: at, error: error ?? "" }] };
  }
  if (data["status"] === "waiting") return { ...run, status: "waiting" };
  const counts = Array.isArray(data["n_items"]) ? data["n_items"].map((n) => (typeof n === "number" ? n : 0)) : [];
  const status: RunStatus = data["status"] === "error" || error !== null ? "error" : "success";
  return { ...run, status, counts, error, started_at: run.started_at ?? at, ended_at: at };
}

/** The model as it was at a time: what began later has not begun, what ended later runs. */
export function modelAt(model: RunModel, at: number): RunModel {
  const runs = new Map<string, NodeRun[]>();
  for (const [node, list] of model.runs) {
    const begun = list.filter((run) => run.started_at !== null && run.started_at <= at);
    if (begun.length === 0) continue;
    runs.set(node, begun.map((run) => (run.ended_at === null || run.ended_at <= at ? run : { ...run, status: "running", ended_at: null, counts: [], error: null })));
  }
  const { head } = model;
  const isEarly = head.finished_at !== null && at < head.finished_at;
  const now: Head = isEarly ? { ...head, status: "running", finished_at: null, error: null } : head;
  return { head: now, runs, order: model.order.filter((node) => runs.has(node)) };
}

/** What a run's error says, whatever form it has. */
export function errorText(error: unknown): string | null {
  if (error === null || error === undefined) return null;
  if (typeof error === "string") return error;
  if (isRecord(error) && typeof error["message"] === "string") return error["message"];
  return JSON.stringify(error);
}
