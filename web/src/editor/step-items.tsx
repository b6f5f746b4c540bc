// What came into the chosen step and what it gave, in the run that is shown.

import { use } from "react";
import { PinBar } from "../items/pin-bar";
import { InputItems, OutputItems } from "../items/run-items";
import { ParentItems } from "../items/parent-items";
import { linksOf } from "../document/links";
import { pinItems } from "../document/nodes";
import { MAIN, type Id } from "../document/types";
import { ListenPanel } from "../runs/listen-panel";
import { RunPart } from "../runs/run-part";
import { modelRuns } from "./run-panel";
import { RunPanelContext } from "./run-panel";
import { useRunVersion } from "../runs/use-run";
import { EDITOR, STEP } from "../texts/editor";
import { useEditor } from "./store";

export function StepInput({ id }: { id: Id }) {
  const { store, execution } = use(RunPanelContext);
  useRunVersion(store);
  const doc = useEditor((state) => state.doc);
  const runs = modelRuns(store);
  const run = runs.get(doc.nodes[id]?.name ?? "")?.at(-1);
  const parents = linksOf(doc, id).incoming.filter((edge) => edge.type === MAIN)
    .map((edge) => ({ node: doc.nodes[edge.from.node]?.name ?? "", output: edge.from.port }));
  if (parents.length === 0) return <StepCalls id={id} />;
  if (execution === null) return <p className="quiet">{STEP.notRun}</p>;
  if (run === undefined) return <ParentItems execution={execution} runs={runs} parents={parents} />;
  return <InputItems execution={execution} run={run} runs={runs} />;
}

/** What begins an execution by a call from outside can be tried out. */
function StepCalls({ id }: { id: Id }) {
  const { save, show, canRun } = use(RunPanelContext);
  const workflow = useEditor((state) => state.id);
  const trigger = useEditor((state) => state.kinds.get(state.doc.nodes[id]?.kind ?? "")?.trigger ?? null);
  if (!canRun || trigger !== "webhook") return <p className="quiet">{STEP.beginsHere}</p>;
  return <ListenPanel workflow={workflow} onSave={save} onStarted={show} />;
}

export function StepOutput({ id }: { id: Id }) {
  const { store, execution, canRun, isBusy, run: runPart } = use(RunPanelContext);
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
      {canRun && <RunPart node={name} execution={execution} isBusy={isBusy} onRun={runPart} />}
      {canWrite && <PinBar node={name} pinned={pinned === null ? null : [...pinned]} where={where} onPin={pin} />}
      {run?.error !== null && run !== undefined && <p className="tone-error" role="alert">{run.error}</p>}
      {execution === null || run === undefined ? <p className="quiet">{STEP.notRun}</p> : <OutputItems execution={execution} run={run} />}
    </>
  );
}
