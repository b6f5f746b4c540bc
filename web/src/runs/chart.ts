// A timeline as bars: where each run of each node lies between the beginning and the end. Pure.

import type { NodeRun } from "./run-model";

export type Bar = { from: number; to: number; status: NodeRun["status"]; n: number };
/** One node. Bars and ticks are shares of the whole, from 0 to 1. */
export type Row = { node: string; bars: Bar[]; ticks: number[]; n_runs: number; status: NodeRun["status"]; busy_ms: number; isTakenOver: boolean };
export type Chart = { from: number; to: number; rows: Row[] };

/** Bars that lie closer than this are drawn as one. */
const SHARE_MIN = 0.002;

/** `began` is when the execution did; steps from before are those of an earlier one. */
export function chartOf(runs: NodeRun[], began: number, ended: number | null, now: number): Chart {
  const last = runs.reduce((max, run) => Math.max(max, run.ended_at ?? 0, run.started_at ?? 0), began);
  const to = Math.max(ended ?? now, last, began + 1);
  const byNode = new Map<string, NodeRun[]>();
  for (const run of runs) {
    const list = byNode.get(run.node);
    if (list === undefined) byNode.set(run.node, [run]);
    else list.push(run);
  }
  const rows = [...byNode].map(([node, list]) => rowOf(node, list, began, to));
  return { from: began, to, rows };
}

function rowOf(node: string, runs: NodeRun[], from: number, to: number): Row {
  const share = (at: number) => Math.min(1, Math.max(0, (at - from) / (to - from)));
  const bars: Bar[] = [];
  let busy_ms = 0;
  for (const run of runs) {
    const start = run.started_at ?? run.ended_at;
    if (start === null) continue;
    const end = run.ended_at ?? to;
    busy_ms += Math.max(0, end - start);
    const bar = { from: share(start), to: share(end), status: run.status, n: 1 };
    const before = bars.at(-1);
    if (before !== undefined && before.status === bar.status && bar.from - before.to < SHARE_MIN) {
      before.to = Math.max(before.to, bar.to);
      before.n += 1;
    } else bars.push(bar);
  }
  const ticks = runs.flatMap((run) => run.attempts.map((tried) => share(tried.ended_at)));
  const status = runs.at(-1)?.status ?? "success";
  const isTakenOver = runs.every((run) => run.ended_at !== null && run.ended_at < from);
  return { node, bars, ticks, n_runs: runs.length, status, busy_ms, isTakenOver };
}
