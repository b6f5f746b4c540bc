// The node kinds of this server. They change with the program only, so they are read once.

import { useMemo } from "react";
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { call, type List } from "../api";
import type { Kinds, NodeKind } from "../document/kinds";

export function useKinds(): { kinds: Kinds | null; query: UseQueryResult<List<NodeKind>> } {
  const query = useQuery({ queryKey: ["node-kinds"], queryFn: () => call<List<NodeKind>>("/node-kinds"), staleTime: Infinity, gcTime: Infinity });
  const kinds = useMemo(() => (query.data === undefined ? null : new Map(query.data.items.map((kind) => [kind.kind, kind]))), [query.data]);
  return { kinds, query };
}
