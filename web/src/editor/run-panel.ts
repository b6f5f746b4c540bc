// The run that the editor shows: started here, or from a link. The rest of the editor reads it from this context.

import { createContext } from "react";
import type { NodeRun } from "../runs/run-model";
import type { RunStore } from "../runs/run-store";

export type RunPanel = { store: RunStore | null; execution: string | null };

export const RunPanelContext = createContext<RunPanel>({ store: null, execution: null });

/** The runs of every step, by its name. */
export function modelRuns(store: RunStore | null): Map<string, NodeRun[]> {
  const found = new Map<string, NodeRun[]>();
  for (const run of store?.runs() ?? []) found.set(run.node, [...(found.get(run.node) ?? []), run]);
  return found;
}
