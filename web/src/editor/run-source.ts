// How the last run went, as cards and links hear of it: each asks for its own step and is drawn anew for nothing
// else. The store that a run fills has this form.

import { createContext, use, useCallback, useSyncExternalStore } from "react";
import type { RunStatus } from "../api";
import type { Id } from "../document/types";

export type StepState = { status: RunStatus; n_runs: number; items: readonly number[]; error: string | null };
export type FlowState = { items: number; status: RunStatus };
export type RunSource = {
  node: (id: Id) => StepState | null;
  link: (id: Id, output: number) => FlowState | null;
  onNode: (id: Id, listener: () => void) => () => void;
  onChange: (listener: () => void) => () => void;
};

/** Null where nothing has run. */
export const RunSourceContext = createContext<RunSource | null>(null);

const silent = () => () => {};

export function useNodeState(id: Id): StepState | null {
  const source = use(RunSourceContext);
  const subscribe = useCallback((listener: () => void) => source?.onNode(id, listener) ?? silent(), [source, id]);
  return useSyncExternalStore(subscribe, () => source?.node(id) ?? null);
}

export function useLinkState(id: Id, output: number): FlowState | null {
  const source = use(RunSourceContext);
  const subscribe = useCallback((listener: () => void) => source?.onNode(id, listener) ?? silent(), [source, id]);
  return useSyncExternalStore(subscribe, () => source?.link(id, output) ?? null);
}
