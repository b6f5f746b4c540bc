// What the list of executions is narrowed by, as it stands in the address. Pure.

import { query } from "../api";
import type { LiveEvent } from "../live";

export type Filters = { status: string; workflow: string; search: string; custom: string; time: string };

const SPANS_MS: Record<string, number> = { "1h": 3_600_000, "24h": 86_400_000, "7d": 604_800_000, "30d": 2_592_000_000 };

/** When the time of a filter begins. A whole minute, so that the same list is asked for in the same words for a while. */
export function beginOf(time: string, now: number): number | null {
  const span = SPANS_MS[time];
  return span === undefined ? null : Math.floor((now - span) / 60_000) * 60_000;
}

export function isNarrowed(filters: Filters): boolean {
  return Object.values(filters).some((value) => value !== "");
}

/** What the server is asked for. */
export function asked(filters: Filters, now: number, cursor: string): string {
  const { time, ...rest } = filters;
  return query({ ...rest, from: beginOf(time, now), limit: 50, cursor });
}

/** Whether an execution that is not in the list would be, as far as its event tells. */
export function fits(event: LiveEvent, filters: Filters): boolean {
  if (filters.search !== "" || filters.custom !== "") return false;
  if (filters.workflow !== "" && event.workflow_id !== filters.workflow) return false;
  if (filters.status === "") return event.type === "execution.accepted";
  const status = event.data["status"];
  return typeof status === "string" && filters.status.split(",").includes(status);
}
