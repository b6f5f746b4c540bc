// Running from the editor: what is on the screen is saved first, because a run is of a version. The state of the run
// is in a store of its own.

import { useCallback, useState } from "react";
import { startRun, stopRun, type Part } from "../runs/start";
import { useRun } from "../runs/use-execution";
import { useRunHead } from "../runs/use-run";
import { useParam } from "../router";
import { complain } from "../ui/toast";
import { useMay } from "../ui/session";
import type { RunStore } from "../runs/run-store";
import type { Saving } from "./saving";
import type { EditorStore } from "./store";

export type Running = { canRun: boolean; store: RunStore; execution: string | null; status: string | null; isStarting: boolean; start: (part?: Part) => Promise<void>; show: (execution: string) => void; stop: () => Promise<void> };

export function useRunning(store: EditorStore, saving: Saving): Running {
  const [execution, setExecution] = useParam("run");
  const [isStarting, setStarting] = useState(false);
  const canRun = useMay("execute");
  const run = useRun(execution === "" ? null : execution);
  const head = useRunHead(run.store);
  const { save } = saving;
  const start = useCallback(async (part: Part = {}) => {
    setStarting(true);
    try {
      // Who may run but not write has nothing that is not saved.
      if (!(await save())) return;
      const { id, base } = store.getState();
      setExecution(await startRun({ workflow: id, version: base.version, ...part }), "replace");
    } catch (error) {
      complain(error);
    } finally {
      setStarting(false);
    }
  }, [store, save, setExecution]);
  const show = useCallback((other: string) => setExecution(other, "replace"), [setExecution]);
  const stop = useCallback(async () => {
    if (execution !== "") await stopRun(execution).catch(complain);
  }, [execution]);
  return { canRun, store: run.store, execution: execution === "" ? null : execution, status: head?.status ?? null, isStarting, start, show, stop };
}
