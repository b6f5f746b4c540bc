// One node or one link of the execution that is shown, for whoever draws it.

import { createContext, use, useCallback, useSyncExternalStore } from "react";
import type { Head } from "./run-model";
import { RunStore, type LinkState, type NodeState } from "./run-store";

/** The execution that is shown; null where none is. */
export const RunContext = createContext<RunStore | null>(null);

const silent = () => () => {};

/** How a node stands, by its id; null when it has not run. Draws anew only when that changes. */
export function useNodeState(id: string): NodeState | null {
  const store = use(RunContext);
  const subscribe = useCallback((listener: () => void) => store?.onNode(id, listener) ?? (() => {}), [store, id]);
  return useSyncExternalStore(subscribe, () => store?.node(id) ?? null);
}

/** What went along the links that leave an output; null when nothing did. */
export function useLinkState(node: string, output: number): LinkState | null {
  const store = use(RunContext);
  const subscribe = useCallback((listener: () => void) => store?.onNode(node, listener) ?? (() => {}), [store, node]);
  return useSyncExternalStore(subscribe, () => store?.link(node, output) ?? null);
}

/** State, times and error of the whole; null where none is shown. */
export function useRunHead(store: RunStore | null): Head | null {
  return useSyncExternalStore(store?.onChange ?? silent, () => store?.head() ?? null);
}

/** How often lists of everything are drawn anew. */
const EVERY_MS = 250;

/** A number that grows with the changes of the execution, a few times a second at most: for the timeline and its like. */
export function useRunVersion(store: RunStore | null): number {
  const subscribe = useCallback((listener: () => void) => (store === null ? () => {} : seldom(store, listener)), [store]);
  return useSyncExternalStore(subscribe, () => store?.version ?? 0);
}

/** Calls at once, and then no more often than that; the last change is always told. */
function seldom(store: RunStore, listener: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isDue = false;
  const tell = () => {
    isDue = false;
    listener();
    timer = setTimeout(() => {
      timer = undefined;
      if (isDue) tell();
    }, EVERY_MS);
  };
  const stop = store.onChange(() => {
    if (timer === undefined) tell();
    else isDue = true;
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}
