// The node kinds of the server, for the reference.

import { useQuery } from "@tanstack/react-query";
import { call, type List } from "../api";
import type { FormKind } from "../forms/types";

export type Example = { title: string; params: Record<string, unknown>; input: unknown; output: unknown };
export type Kind = FormKind & { summary: string; category: string; aliases: string[]; inputs: string[]; outputs: string[]; effects: string; examples: Example[] };

export function useKindList() {
  return useQuery({ queryKey: ["reference-kinds"], queryFn: () => call<List<Kind>>("/node-kinds"), staleTime: Infinity });
}

/** The first item of an example, as its fields. */
export function firstItem(input: unknown): Record<string, unknown> | null {
  const first: unknown = Array.isArray(input) ? (Array.isArray(input[0]) ? input[0][0] : input[0]) : null;
  if (typeof first !== "object" || first === null || Array.isArray(first)) return null;
  const json = (first as Record<string, unknown>)["json"];
  return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : (first as Record<string, unknown>);
}
