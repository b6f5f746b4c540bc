// What a workflow's document says about its order, and what an event changes in an execution.
// Pure: tested without a browser.

import type { Document, ExecutionDetail, ExecutionStatus, Node, Run, RunStatus } from "./api";
import type { LiveEvent } from "./live";

export type Step = { node: Node; to: string[] };

/** The nodes from the triggers onward, each once, with the names of those that follow. */
export function inOrder(document: Document): Step[] {
  const nodes = document.nodes ?? [];
  const edges = document.edges ?? [];
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const fed = new Set(edges.map((edge) => edge.to.node));
  const found = new Map<string, Step>();
  // Nodes in a circle have no beginning; they come after those that do.
  const queue = [...nodes.filter((node) => !fed.has(node.id)), ...nodes].map((node) => node.id);
  const walk = (id: string) => {
    const pending = [id];
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      const node = byId.get(next);
      if (node === undefined || found.has(next)) continue;
      const following = edges.filter((edge) => edge.from.node === node.id).map((edge) => edge.to.node);
      const names = following.map((id) => byId.get(id)?.name).filter((name) => name !== undefined);
      found.set(node.id, { node, to: [...new Set(names)] });
      pending.push(...following);
    }
  };
  queue.forEach(walk);
  return [...found.values()];
}

/** Where an execution may begin: the enabled nodes to which nothing leads. */
export function starts(document: Document): Node[] {
  const fed = new Set((document.edges ?? []).map((edge) => edge.to.node));
  return (document.nodes ?? []).filter((node) => !fed.has(node.id) && node.disabled !== true);
}

/** Names of an execution's nodes: as they ran, then those that did not run (yet). */
export function namesOf(execution: ExecutionDetail): string[] {
  const planned = execution.workflow === null ? [] : inOrder(execution.workflow).map((step) => step.node.name);
  return [...new Set([...execution.order, ...planned])];
}

const STATUS_OF: Record<string, ExecutionStatus> = {
  "execution.started": "running",
  "execution.waiting": "waiting",
};

/** The execution after an event. The full record is read by HTTP a moment later. */
export function withEvent(execution: ExecutionDetail, event: LiveEvent): ExecutionDetail {
  const status = event.data["status"];
  if (event.type === "execution.finished") {
    const ended = isExecutionStatus(status) ? status : execution.status;
    return { ...execution, status: ended, finished_at: execution.finished_at ?? event.at };
  }
  const moved = STATUS_OF[event.type];
  if (moved !== undefined) return { ...execution, status: moved, started_at: execution.started_at ?? event.at };
  const name = event.data["node"];
  if (typeof name !== "string" || !event.type.startsWith("step.")) return execution;
  const run = runOf(event);
  const others = (execution.runs[name] ?? []).filter((other) => other.run !== run.run);
  const earlier = (execution.runs[name] ?? []).find((other) => other.run === run.run);
  const merged = { ...run, started_at: earlier?.started_at ?? run.started_at, inputs: earlier?.inputs ?? [] };
  const runs = { ...execution.runs, [name]: [...others, merged].sort((a, b) => a.run - b.run) };
  const order = execution.order.includes(name) ? execution.order : [...execution.order, name];
  return { ...execution, runs, order };
}

function runOf(event: LiveEvent): Run {
  const isDone = event.type === "step.finished";
  const number = (value: unknown) => (typeof value === "number" ? value : 0);
  const counts = Array.isArray(event.data["n_items"]) ? event.data["n_items"].map(number) : [];
  const error = event.data["error"] ?? null;
  const fallback: RunStatus = !isDone ? "running" : error === null ? "success" : "error";
  const said = event.data["status"];
  return {
    step: number(event.data["step"]),
    run: number(event.data["run"]),
    status: isRunStatus(said) ? said : fallback,
    started_at: isDone ? null : event.at,
    ended_at: isDone ? event.at : null,
    inputs: [],
    outputs: counts.map((n_items) => ({ n_items })),
    error,
    logs: [],
  };
}

function isRunStatus(value: unknown): value is RunStatus {
  return value === "success" || value === "error" || value === "running" || value === "waiting";
}

function isExecutionStatus(value: unknown): value is ExecutionStatus {
  return isRunStatus(value) || value === "ready" || value === "canceled" || value === "dead";
}

/** What a run's error says, whatever form it has. */
export function errorText(error: unknown): string | null {
  if (error === null || error === undefined) return null;
  if (typeof error === "string") return error;
  if (typeof error === "object" && "message" in error && typeof error.message === "string") return error.message;
  return JSON.stringify(error);
}
