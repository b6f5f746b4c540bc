// What expressions of a step see while they are written: the first item that came in, in the run that is shown.

import { use, useMemo } from "react";
import { useQuery } from "@tanstack/react-query";
import { call, query, type Items } from "../api";
import { upstream } from "../document/links";
import type { Id } from "../document/types";
import { useRunVersion } from "../runs/use-run";
import { modelRuns, RunPanelContext } from "./run-panel";
import { useEditor } from "./store";

type Json = Record<string, unknown>;
export type Scope = { key: string; json: Json | null; nodes: Record<string, { items: { json: Json }[] }>; workflow?: { id: string; name: string; active: boolean } };

/** Steps before this one of which items are read. */
const NODES_MAX = 12;

export function useScope(id: Id): Scope {
  const { store, execution } = use(RunPanelContext);
  const version = useRunVersion(store);
  const doc = useEditor((state) => state.doc);
  const workflow = useEditor((state) => state.id);
  const isActive = useEditor((state) => state.base.published !== null);
  const name = doc.nodes[id]?.name ?? "";
  const before = useMemo(() => [...upstream(doc, id)].flatMap((other) => doc.nodes[other]?.name ?? []).slice(0, NODES_MAX), [doc, id]);
  const wanted = useMemo(() => {
    const runs = modelRuns(store);
    const fed = runs.get(name)?.at(-1)?.inputs.find((input) => input !== null) ?? null;
    const others = before.flatMap((node) => {
      const run = runs.get(node)?.at(-1);
      return run === undefined ? [] : [{ node, run: run.run, output: Math.max(0, run.counts.findIndex((n) => n > 0)) }];
    });
    return { fed, others, version };
  }, [store, version, name, before]);
  const key = JSON.stringify([execution, wanted.fed, wanted.others]);
  const found = useQuery({
    queryKey: ["scope", key],
    enabled: execution !== null && wanted.fed !== null,
    staleTime: Infinity,
    queryFn: async () => {
      const read = (at: { node: string; run: number; output: number }) => call<Items>(`/executions/${execution ?? ""}/data${query({ ...at, limit: 1 })}`).then((page) => page.items);
      const [first, ...others] = await Promise.all([...(wanted.fed === null ? [] : [wanted.fed]), ...wanted.others].map(read));
      return { json: first?.[0]?.json ?? null, nodes: Object.fromEntries(wanted.others.map(({ node }, i) => [node, { items: (others[i] ?? []).map(({ json }) => ({ json })) }])) };
    },
  });
  return useMemo(() => ({
    key: found.data === undefined ? "" : key, json: found.data?.json ?? null, nodes: found.data?.nodes ?? {}, workflow: { id: workflow, name: doc.name, active: isActive },
  }), [found.data, key, workflow, doc.name, isActive]);
}
