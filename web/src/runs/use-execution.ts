// One execution as it is now: read by HTTP, kept up to date by events, and by HTTP alone while the socket
// is away. What changes often goes into the store; only what stays goes through React.

import { useEffect, useState } from "react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { call, hasEnded, type ExecutionDetail } from "../api";
import { useIsLive, useLive, useSoon } from "../live";
import { RunStore } from "./run-store";

const POLL_MS = 1_500;
/** While events arrive, reading anew only guards against one that got lost. */
const GUARD_MS = 15_000;
const REREAD_MS = 300;

export type Watched = { store: RunStore; execution: ExecutionDetail | null; error: unknown };

/** Watches an execution while the component is on the screen; null watches none. The store stays the same one. */
export function useRun(id: string | null): Watched {
  const cache = useQueryClient();
  const isLive = useIsLive();
  const [store] = useState(() => new RunStore());
  const key = ["execution", id];
  const found = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => call<ExecutionDetail>(`/executions/${id ?? ""}`, { signal }),
    enabled: id !== null,
    refetchInterval: (q) => {
      if (q.state.data !== undefined && hasEnded(q.state.data.status)) return false;
      return isLive ? GUARD_MS : POLL_MS;
    },
  });
  const reread = useSoon(() => void cache.invalidateQueries({ queryKey: key }), REREAD_MS);
  useLive(
    id === null ? null : `execution:${id}`,
    (event) => {
      store.take(event);
      // The end has more to say than its event: times, errors, logs, items.
      if (event.type === "execution.finished" || event.type === "execution.waiting") reread();
    },
    reread,
  );
  const { data } = found;
  useEffect(() => {
    if (data !== undefined) store.load(data);
    else store.clear();
  }, [data, store]);
  return { store, execution: data ?? null, error: found.error };
}
