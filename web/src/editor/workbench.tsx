// What is docked below the canvas: the chosen step, the timeline of the run, problems, the file.

import { use, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { ChevronDown } from "lucide-react";
import type { Id } from "../document/types";
import { Timeline } from "../runs/timeline";
import { EDITOR } from "../texts/editor";
import { IconButton } from "../ui/button";
import { Tabs, type Tab as TabOf } from "../ui/tabs";
import type { Actions } from "./actions";
import { JsonTab } from "./json-tab";
import { ProblemsTab } from "./problems-tab";
import { RunPanelContext } from "./run-panel";
import { StepTab } from "./step-tab";
import { useEditor, type Tab } from "./store";

const HEIGHT_MIN = 120;
const KEY = "linkflow:workbench-height";

export function Workbench({ actions, onRename }: { actions: Actions; onRename: (id: Id) => void }) {
  const tab = useEditor((state) => state.tab);
  const show = useEditor((state) => state.show);
  const set = useEditor((state) => state.set);
  const nProblems = useEditor((state) => state.problems?.length ?? 0);
  const [height, setHeight] = useState(readHeight);
  const tabs: TabOf<Tab>[] = [
    { id: "step", label: EDITOR.tabs.step, panel: () => <StepTab /> },
    { id: "timeline", label: EDITOR.tabs.timeline, panel: () => <TimelineTab actions={actions} /> },
    { id: "problems", label: EDITOR.problems(nProblems), panel: () => <ProblemsTab actions={actions} onRename={onRename} /> },
    { id: "json", label: EDITOR.tabs.json, panel: () => <JsonTab /> },
  ];
  const close = <IconButton name={EDITOR.hideWorkbench} onClick={() => set({ isWorkbenchOpen: false })}><ChevronDown size={16} aria-hidden /></IconButton>;
  return (
    <section className="editor-workbench" aria-label={EDITOR.workbench} style={{ height: `min(${height}px, 70%)` }}>
      <Splitter height={height} onHeight={setHeight} />
      <Tabs<Tab> label={EDITOR.workbench} tabs={tabs} at={tab} onMove={show} aside={close} className="editor-tabs" />
    </section>
  );
}

function TimelineTab({ actions }: { actions: Actions }) {
  const { store } = use(RunPanelContext);
  const chosen = useEditor((state) => state.doc.nodes[state.chosen[0] ?? ""]?.name ?? "");
  const doc = useEditor((state) => state.doc);
  const [shown, setShown] = useState<number | null>(null);
  const head = store?.head() ?? null;
  if (store === null || head === null) return <p className="quiet pad">{EDITOR.noRun}</p>;
  const choose = (name: string) => {
    const id = doc.order.find((other) => doc.nodes[other]?.name === name);
    if (id !== undefined) actions.choose(id);
  };
  const at = (time: number | null) => {
    setShown(time);
    store.show(time);
  };
  return <Timeline store={store} began={head.started_at ?? 0} chosen={chosen} onChoose={choose} shown={shown} onShow={at} />;
}

function readHeight(): number {
  const kept = Number(localStorage.getItem(KEY));
  return Number.isFinite(kept) && kept >= HEIGHT_MIN ? kept : 320;
}

/** The line by which the height is changed: with the pointer, or with arrow keys. */
function Splitter({ height, onHeight }: { height: number; onHeight: (height: number) => void }) {
  const from = useRef<{ y: number; height: number } | null>(null);
  const set = (next: number) => {
    const height = Math.round(Math.min(Math.max(HEIGHT_MIN, next), innerHeight * 0.7));
    onHeight(height);
    localStorage.setItem(KEY, String(height));
  };
  const move = (event: PointerEvent) => {
    if (from.current !== null) set(from.current.height + from.current.y - event.clientY);
  };
  const press = (event: PointerEvent) => {
    from.current = { y: event.clientY, height };
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const key = (event: KeyboardEvent) => {
    const by = { ArrowUp: 24, ArrowDown: -24 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    set(height + by);
  };
  return (
    <div className="editor-splitter" role="separator" aria-orientation="horizontal" aria-label={EDITOR.resize} aria-valuenow={height} aria-valuemin={HEIGHT_MIN} aria-valuemax={1000} tabIndex={0}
      onPointerDown={press} onPointerMove={move} onPointerUp={() => (from.current = null)} onKeyDown={key} />
  );
}
