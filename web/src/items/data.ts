// Where items come from: a page of an output of a run, searched and cut by the server.

import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { call, query, type Item } from "../api";

/** One output of one run of one node. */
export type Where = { execution: string; node: string; run: number; output: number };

export type Cut = { item: number; pointer: string; whole: number };
export type ItemsPage = { items: Item[]; total: number; at: number[]; next: number | null; cut: Cut[] };

/** A server that is older than this page, as there are some during an update, leaves places and cuts out. */
type Answer = Pick<ItemsPage, "items" | "total"> & Partial<ItemsPage>;

export function pageOf(answer: Answer, offset: number): ItemsPage {
  const { items, total } = answer;
  const end = offset + items.length;
  const next = answer.next === undefined && end < total ? end : (answer.next ?? null);
  return { items, total, at: answer.at ?? items.map((_, i) => offset + i), next, cut: answer.cut ?? [] };
}

export const PAGE = 100;
/** Bytes of one item that are shown; more is downloaded. */
export const CUT_BYTES = 256 * 1024;

/** A page of items. `n` is how many there are as far as is known: when it grows, the page is read again. */
export function useItems(where: Where | null, at: { offset: number; search: string; n: number }): UseQueryResult<ItemsPage> {
  const { execution, ...rest } = where ?? { execution: "", node: "", run: 0, output: 0 };
  return useQuery({
    queryKey: ["items", where, at],
    queryFn: ({ signal }) => {
      const asked = query({ ...rest, limit: PAGE, offset: at.offset, search: at.search, cut: CUT_BYTES });
      return call<Answer>(`/executions/${execution}/data${asked}`, { signal }).then((answer) => pageOf(answer, at.offset));
    },
    enabled: where !== null && at.n > 0,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    // Pages can be large, and are quickly read again.
    gcTime: 15_000,
  });
}

/** The address of an item, or of a part of it, as a whole. */
export function wholeAddress(where: Where, item: number, pointer = ""): string {
  const { execution, ...rest } = where;
  return `/api/v1/executions/${execution}/item${query({ ...rest, item, pointer })}`;
}

export function fileAddress(where: Where, item: number, property: string): string {
  const { execution, ...rest } = where;
  return `/api/v1/executions/${execution}/binary${query({ ...rest, item, property })}`;
}
