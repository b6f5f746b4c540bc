// The run that the editor shows: started here, or from a link. The rest of the editor reads it from this context.

import { createContext } from "react";
import type { NodeRun } from "../runs/run-model";
import type { RunStore } from "../runs/run-store";
import type { Part } from "../runs/start";

export type RunPanel = {
  store: RunStore | null;
  execution: string | null;
  canRun: boolean;
  isBusy: boolean;
  /** Saves, and runs a part. */
  run: (part: Part) => void;
  save: () => Promise<boolean>;
  /** Shows another execution. */
  show: (execution: string) => void;
};

export const RunPanelContext = createContext<RunPanel>({
  store: null, execution: null, canRun: false, isBusy: false, run: () => {}, save: () => Promise.resolve(false), show: () => {},
});

/** The runs of every step, by its name. */
export function modelRuns(store: RunStore | null): ReadonlyMap<string, NodeRun[]> {
  return store?.byName() ?? NONE;
}

const NONE: ReadonlyMap<string, NodeRun[]> = new Map();
