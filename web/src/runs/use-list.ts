// The executions that a filter lets through, page by page, with what events change in them. Those that
// begin meanwhile are counted and not put in: a list does not move under its reader.

import { useState } from "react";
import { useInfiniteQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { call, type Execution, type List } from "../api";
import { useIsLive, useLive, type LiveEvent } from "../live";
import { asked, fits, type Filters } from "./filters";
import { rowAfter } from "./row";

type Pages = InfiniteData<List<Execution>, string>;
const FRESH_MAX = 999;

export function useExecutions(filters: Filters) {
  const cache = useQueryClient();
  const isLive = useIsLive();
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const key = ["executions", filters];
  const list = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => call<List<Execution>>(`/executions${asked(filters, Date.now(), pageParam)}`, { signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    // Events keep the rows up to date; without them the first page is asked for again, as reading
    // many pages anew costs more than it tells.
    refetchInterval: (q) => (isLive || (q.state.data?.pages.length ?? 0) > 1 ? false : 4_000),
    refetchOnWindowFocus: false,
  });
  const rows = list.data?.pages.flatMap((page) => page.items) ?? [];
  const known = new Set(rows.map((row) => row.id));
  const refresh = () => {
    setFresh(new Set());
    void cache.resetQueries({ queryKey: key });
  };
  const note = (event: LiveEvent) => {
    const id = event.execution_id;
    if (id === null) return;
    if (known.has(id)) cache.setQueryData<Pages>(key, (old) => old && inPages(old, event));
    else if (fits(event, filters)) setFresh((old) => (old.has(id) ? old : new Set([...old, id].slice(-FRESH_MAX))));
  };
  useLive("executions", note, refresh);
  const n_fresh = [...fresh].filter((id) => !known.has(id)).length;
  return { list, rows, n_fresh, refresh };
}

function inPages(old: Pages, event: LiveEvent): Pages {
  const page = old.pages.findIndex((one) => one.items.some((row) => row.id === event.execution_id));
  if (page < 0) return old;
  return { ...old, pages: old.pages.map((one, i) => (i === page ? { ...one, items: one.items.map((row) => rowAfter(row, event)) } : one)) };
}
