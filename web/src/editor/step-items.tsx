// What came into the chosen step and what it gave, in the run that is shown.

import { use } from "react";
import { PinBar } from "../items/pin-bar";
import { InputItems, OutputItems } from "../items/run-items";
import { pinItems } from "../document/nodes";
import type { Id } from "../document/types";
import { modelRuns } from "./run-panel";
import { RunPanelContext } from "./run-panel";
import { useRunVersion } from "../runs/use-run";
import { EDITOR, STEP } from "../texts/editor";
import { useEditor } from "./store";

export function StepInput({ id }: { id: Id }) {
  const { store, execution } = use(RunPanelContext);
  useRunVersion(store);
  const name = useEditor((state) => state.doc.nodes[id]?.name ?? "");
  const runs = modelRuns(store);
  const run = runs.get(name)?.at(-1);
  if (execution === null || run === undefined) return <p className="quiet">{STEP.notRun}</p>;
  return <InputItems execution={execution} run={run} runs={runs} />;
}

export function StepOutput({ id }: { id: Id }) {
  const { store, execution } = use(RunPanelContext);
  useRunVersion(store);
  const name = useEditor((state) => state.doc.nodes[id]?.name ?? "");
  const pinned = useEditor((state) => (Object.hasOwn(state.doc.pinned, name) ? (state.doc.pinned[name] ?? null) : null));
  const change = useEditor((state) => state.change);
  const canWrite = useEditor((state) => state.canWrite);
  const run = modelRuns(store).get(name)?.at(-1);
  const where = execution === null || run === undefined ? null : { execution, node: name, run: run.run, output: 0 };
  const pin = (items: readonly unknown[] | null) => void change(EDITOR.names.pin(name), (doc) => pinItems(doc, id, items));
  return (
    <>
      {canWrite && <PinBar node={name} pinned={pinned === null ? null : [...pinned]} where={where} onPin={pin} />}
      {run?.error !== null && run !== undefined && <p className="tone-error" role="alert">{run.error}</p>}
      {execution === null || run === undefined ? <p className="quiet">{STEP.notRun}</p> : <OutputItems execution={execution} run={run} />}
    </>
  );
}
