// Two executions of a workflow, node by node. Pure.

import type { RunStatus } from "../api";
import type { NodeRun, RunModel } from "./run-model";

export type Side = { status: RunStatus; n_runs: number; counts: number[]; busy_ms: number; error: string | null };
export type Difference = "only left" | "only right" | "status" | "runs" | "items" | "error" | "time";
export type Pair = { node: string; left: Side | null; right: Side | null; differences: Difference[] };

/** Less than this is noise, in milliseconds and as a factor. */
const NOISE_MS = 50;
const NOISE_FACTOR = 1.5;

/** Nodes in the order of the second execution, then those that only the first one ran. */
export function pairsOf(left: RunModel, right: RunModel): Pair[] {
  const names = [...new Set([...right.order, ...left.order])];
  return names.map((node) => {
    const a = sideOf(left.runs.get(node));
    const b = sideOf(right.runs.get(node));
    return { node, left: a, right: b, differences: differencesOf(a, b) };
  });
}

function sideOf(runs: NodeRun[] | undefined): Side | null {
  const last = runs?.at(-1);
  if (runs === undefined || last === undefined) return null;
  const counts: number[] = [];
  for (const run of runs) run.counts.forEach((n, output) => (counts[output] = (counts[output] ?? 0) + n));
  const busy_ms = runs.reduce((sum, run) => sum + Math.max(0, (run.ended_at ?? 0) - (run.started_at ?? run.ended_at ?? 0)), 0);
  return { status: last.status, n_runs: runs.length, counts, busy_ms, error: last.error };
}

function differencesOf(a: Side | null, b: Side | null): Difference[] {
  if (a === null) return b === null ? [] : ["only right"];
  if (b === null) return ["only left"];
  const found: Difference[] = [];
  if (a.status !== b.status) found.push("status");
  if (a.n_runs !== b.n_runs) found.push("runs");
  if (a.counts.join() !== b.counts.join()) found.push("items");
  if (a.error !== b.error) found.push("error");
  const [less, more] = a.busy_ms < b.busy_ms ? [a.busy_ms, b.busy_ms] : [b.busy_ms, a.busy_ms];
  if (more - less > NOISE_MS && more > less * NOISE_FACTOR) found.push("time");
  return found;
}
