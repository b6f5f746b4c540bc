// Runs from the editor: whole, up to a node, of one node, from a node on; and the end of one.

import { call, newKey } from "../api";

export type RunWish = {
  workflow: string;
  /** The version that runs; the newest when left out. */
  version?: number;
  /** Name of the node to start at; chosen by the server when left out. */
  trigger?: string;
  /** The first items: plain objects. */
  input?: Record<string, unknown>[];
  /** Name of the node up to which it runs. */
  until?: string;
  /** What an earlier execution did is taken over; `node` and what comes after it runs anew. */
  reuse?: { execution: string; node?: string };
};

/** Starts it by hand, with pinned items; gives the id of the execution. */
export async function startRun({ workflow, ...wish }: RunWish): Promise<string> {
  const started = await call<{ execution_id: string }>(`/workflows/${workflow}/execute`, {
    method: "POST",
    body: { mode: "manual", ...wish },
    headers: { "idempotency-key": newKey() },
  });
  return started.execution_id;
}

/** What of a workflow runs; the workflow and its version are added by whoever saves them. */
export type Part = Omit<RunWish, "workflow" | "version">;

/** All that leads to a node, from the trigger, and the node. */
export function runTo(node: string): Part {
  return { until: node };
}

/** The node alone, on what is known and still the same before it; all that leads there when nothing is known. */
export function runStep(node: string, earlier: string | null): Part {
  return earlier === null ? runTo(node) : { until: node, reuse: { execution: earlier, node } };
}

/** The node and all after it, on what an earlier execution gave it. */
export function runFrom(node: string, earlier: string): Part {
  return { reuse: { execution: earlier, node } };
}

export async function stopRun(execution: string): Promise<void> {
  await call<unknown>(`/executions/${execution}/cancel`, { method: "POST" });
}

export type Listening = { urls: { method: string; url: string; node: string }[]; until: number };

/** Opens the test addresses of a workflow's webhooks and forms; what they start is told by events. */
export function listen(workflow: string): Promise<Listening> {
  return call<Listening>(`/workflows/${workflow}/listen`, { method: "POST" });
}

export async function stopListening(workflow: string): Promise<void> {
  await call<unknown>(`/workflows/${workflow}/listen`, { method: "DELETE" });
}
