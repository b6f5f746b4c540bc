// A row of the list of executions, and what an event changes in it. Pure.

import { hasEnded, type Execution, type ExecutionStatus } from "../api";
import type { LiveEvent } from "../live";
import { errorText } from "./run-model";

const STATUS_OF: Record<string, ExecutionStatus> = { "execution.started": "running", "execution.waiting": "waiting" };
const STATUSES = ["ready", "running", "waiting", "success", "error", "canceled", "dead"];

/** A row after an event. Its place in the list stays; what has ended stays ended. */
export function rowAfter(row: Execution, event: LiveEvent): Execution {
  if (row.id !== event.execution_id || hasEnded(row.status)) return row;
  const said = event.data["status"];
  const isStatus = typeof said === "string" && STATUSES.includes(said);
  const status = STATUS_OF[event.type] ?? (isStatus ? (said as ExecutionStatus) : row.status);
  if (event.type !== "execution.finished") return { ...row, status, started_at: row.started_at ?? event.at };
  const duration_ms = Math.max(0, event.at - (row.started_at ?? row.created_at));
  const message = errorText(event.data["error"]);
  const error = row.error ?? (message === null ? null : { message });
  return { ...row, status, error, finished_at: event.at, duration_ms };
}

/** What went wrong, in one line. */
export function errorLine(row: Execution): string {
  if (row.error === null) return "";
  return row.error.node === undefined ? row.error.message : `${row.error.node}: ${row.error.message}`;
}
