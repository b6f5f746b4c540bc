// The editor: one workflow on the canvas, its outline at the left, the workbench below.

import { lazy, Suspense, use, useCallback, useEffect, useMemo, useRef, useState, type RefObject } from "react";
import { useQuery } from "@tanstack/react-query";
import { call, type WorkflowDetail } from "../api";
import type { Kinds } from "../document/kinds";
import type { Id } from "../document/types";
import type { PageProps } from "../router/places";
import { EDITOR } from "../texts/editor";
import { date } from "../time";
import { Loading, PageFailure } from "../ui/basics";
import { Button } from "../ui/button";
import { useCommands, type Command } from "../ui/commands";
import { useMay } from "../ui/session";
import { complain } from "../ui/toast";
import { actionsOf, type Actions } from "./actions";
import { Canvas, type CanvasHandle, type Gestures } from "./canvas";
import type { CanvasWorld } from "./canvas-context";
import { commandsOf } from "./commands";
import { dropDraft } from "./drafts";
import { useKeys } from "./keys";
import { Outline } from "./outline";
import type { Ink } from "./paint";
import type { Part } from "../runs/start";
import { RunPanelContext } from "./run-panel";
import { RunSourceContext } from "./run-source";
import { useRunning } from "./running";
import { baseOf, useSaving } from "./saving";
import { createEditor, EditorContext, useEditor, useEditorStore, type Base } from "./store";
import { Toolbar } from "./toolbar";
import { useKinds } from "./use-kinds";
import { useChecks, useDrafts, useOthers } from "./watch";
import "./editor.css";

// What is opened later is loaded later.
const Helpers = lazy(async () => ({ default: (await import("./helpers")).Helpers }));
const Workbench = lazy(async () => ({ default: (await import("./workbench")).Workbench }));
const MergeDialog = lazy(async () => ({ default: (await import("./merge-dialog")).MergeDialog }));

export default function EditorPage({ params }: PageProps) {
  const id = params["id"] ?? "";
  return <Loader key={id} id={id} />;
}

function Loader({ id }: { id: string }) {
  const { kinds, query } = useKinds();
  // Read anew for each visit: what is edited must be the newest version.
  const found = useQuery({ queryKey: ["edited", id], queryFn: () => call<WorkflowDetail>(`/workflows/${id}`), gcTime: 0, staleTime: Infinity, refetchOnWindowFocus: false, refetchOnReconnect: false });
  const error = found.error ?? query.error;
  if (error !== null) return <div className="pad"><PageFailure title="Workflow" error={error} back={{ to: "/workflows", label: "All workflows" }} /></div>;
  if (found.data === undefined || kinds === null) return <Loading what={EDITOR.loading} />;
  return <Editor id={id} base={baseOf(found.data)} kinds={kinds} />;
}

function Editor({ id, base, kinds }: { id: string; base: Base; kinds: Kinds }) {
  const canWrite = useMay("write");
  const [store] = useState(() => {
    const asked = new URLSearchParams(location.search);
    const node = asked.get("node");
    return createEditor({ id, kinds, base, canWrite, complain, chosen: node === null ? [] : [node], isWide: innerWidth > 900 });
  });
  return (
    <EditorContext value={store}>
      <Frame />
    </EditorContext>
  );
}

function Frame() {
  const store = useEditorStore();
  const canvas = useRef<CanvasHandle>(null);
  const actions = useMemo(() => actionsOf(store, () => canvas.current), [store]);
  const saving = useSaving(store);
  const running = useRunning(store, saving);
  const newer = useOthers(store, saving);
  const [renaming, setRenaming] = useState<Id | null>(null);
  useDrafts(store);
  useChecks(store);
  useChosenInAddress();
  const rename = useCallback((id?: Id) => {
    const node = id ?? store.getState().chosen[0];
    if (node === undefined || !store.getState().canWrite) return;
    store.getState().set({ isOutlineOpen: true });
    store.getState().choose([node]);
    setRenaming(node);
  }, [store]);
  const { save } = saving;
  const { start } = running;
  const verbs = useMemo(() => ({ save: () => void save(), run: () => void start(), rename: () => rename() }), [save, start, rename]);
  useKeys(store, actions, verbs);
  useCommands(useMemo<Command[]>(() => commandsOf(actions, store, verbs), [actions, store, verbs]));
  const isOutlineOpen = useEditor((state) => state.isOutlineOpen);
  const isWorkbenchOpen = useEditor((state) => state.isWorkbenchOpen);
  const asking = useEditor((state) => state.asking);
  const ask = useEditor((state) => state.ask);
  const spoken = useEditor((state) => state.spoken);
  useEffect(() => {
    // The canvas is smaller or larger now: what is chosen stays in sight.
    const [only] = store.getState().chosen;
    if (only !== undefined) requestAnimationFrame(() => requestAnimationFrame(() => canvas.current?.reveal(only)));
  }, [store, isWorkbenchOpen, isOutlineOpen]);
  const { execution, canRun, isStarting, show } = running;
  const panel = useMemo(
    () => ({ store: running.store, execution, canRun, isBusy: isStarting, run: (part: Part) => void start(part), save, show }),
    [running.store, execution, canRun, isStarting, start, save, show],
  );
  return (
    <RunPanelContext value={panel}>
      <RunSourceContext value={running.store}>
        <div className="editor">
          <Toolbar actions={actions} saving={saving} running={running} />
          <Notices newer={newer} onBringIn={() => void saving.bringIn()} />
          <div className="editor-body">
            {isOutlineOpen && <Outline actions={actions} renaming={renaming} onRename={setRenaming} />}
            <EditorCanvas actions={actions} handle={canvas} />
          </div>
          {isWorkbenchOpen && <Suspense fallback={<Loading what={EDITOR.workbench} />}><Workbench actions={actions} onRename={rename} /></Suspense>}
          <div className="hidden" role="status" aria-live="polite">{spoken}</div>
        </div>
        {asking.for !== "nothing" && asking.for !== "merge" && <Suspense><Helpers actions={actions} /></Suspense>}
        {asking.for === "merge" && <Suspense><MergeDialog theirs={asking.theirs} onClose={() => ask({ for: "nothing" })} /></Suspense>}
      </RunSourceContext>
    </RunPanelContext>
  );
}

/** A link to a step can be sent to somebody. Written without a step of the browser's history. */
function useChosenInAddress(): void {
  const store = useEditorStore();
  useEffect(() => store.subscribe(({ chosen }, before) => {
    if (chosen === before.chosen) return;
    const url = new URL(location.href);
    const [only, more] = chosen;
    if (only === undefined || more !== undefined) url.searchParams.delete("node");
    else url.searchParams.set("node", only);
    history.replaceState(null, "", url);
  }), [store]);
}

function Notices({ newer, onBringIn }: { newer: number | null; onBringIn: () => void }) {
  const store = useEditorStore();
  const canWrite = useEditor((state) => state.canWrite);
  const [restored, setRestored] = useState<number | null>(null);
  useEffect(() => {
    // Once, when the editor opens: what was left unsaved is there again, as one step that can be undone.
    void import("./restore").then(({ restore }) => restore(store)).then(setRestored).catch(complain);
  }, [store]);
  const drop = () => {
    store.getState().undo();
    dropDraft(store.getState().id);
    setRestored(null);
  };
  return (
    <>
      {!canWrite && <p className="editor-notice" role="status">{EDITOR.readOnly}</p>}
      {restored !== null && (
        <p className="editor-notice" role="status">
          <span>{EDITOR.draftFound(date(restored))}</span>
          <Button isSmall onClick={drop}>{EDITOR.draftDrop}</Button>
          <Button isSmall onClick={() => setRestored(null)}>{EDITOR.draftKeep}</Button>
        </p>
      )}
      {newer !== null && <p className="editor-notice" role="status"><span>{EDITOR.newerSaved(newer)}</span><Button isSmall onClick={onBringIn}>{EDITOR.newerLoad}</Button></p>}
    </>
  );
}

const TONES: Record<string, keyof Ink> = { success: "ok", error: "error", running: "running", waiting: "waiting" };

function EditorCanvas({ actions, handle }: { actions: Actions; handle: RefObject<CanvasHandle | null> }) {
  const store = useEditorStore();
  const doc = useEditor((state) => state.doc);
  const kinds = useEditor((state) => state.kinds);
  const chosen = useEditor((state) => state.chosen);
  const chosenLinks = useEditor((state) => state.chosenLinks);
  const problems = useEditor((state) => state.problems);
  const canWrite = useEditor((state) => state.canWrite);
  const pinned = doc.pinned;
  const counts = useMemo(() => {
    const found = new Map<Id, number>();
    for (const { node } of problems ?? []) if (node !== null) found.set(node, (found.get(node) ?? 0) + 1);
    return found;
  }, [problems]);
  const world = useMemo<CanvasWorld>(() => ({
    kinds, canWrite, isPinned: (name) => Object.hasOwn(pinned, name), nProblems: (id) => counts.get(id) ?? 0,
    onAddAfter: (id) => { store.getState().choose([id]); actions.askAdd(); }, onAddInto: (edge) => store.getState().ask({ for: "add", tie: { into: edge } }),
    onFold: actions.fold, onResize: actions.resizeNote,
  }), [kinds, canWrite, pinned, counts, store, actions]);
  const gestures = useMemo<Gestures>(() => ({
    choose: (ids, links) => store.getState().choose(ids, links),
    move: actions.move,
    connect: actions.connect,
    drop: (from, at) => store.getState().ask({ for: "add", tie: { after: from }, at }),
    open: (id) => { store.getState().choose([id]); store.getState().show("step"); },
    add: (at) => { if (canWrite) store.getState().ask({ for: "add", at }); },
  }), [store, actions, canWrite]);
  const inkOfStep = useInk();
  return (
    <div className="editor-stage">
      <Canvas doc={doc} kinds={kinds} chosen={chosen} chosenLinks={chosenLinks} world={world} gestures={gestures} handle={handle} inkOfStep={inkOfStep} />
      {doc.order.length === 0 && (
        <div className="editor-empty">
          <h2>{EDITOR.noSteps}</h2>
          <p className="quiet">{EDITOR.noStepsHint}</p>
          {canWrite && <Button look="primary" onClick={actions.askAdd}>{EDITOR.addFirst}</Button>}
        </div>
      )}
    </div>
  );
}

/** The overview is drawn as a whole, so a run draws it anew a few times a second at most. */
function useInk(): (id: Id) => keyof Ink | null {
  const source = use(RunSourceContext);
  const [n, setN] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = source?.onChange(() => { timer ??= setTimeout(() => { timer = undefined; setN((now) => now + 1); }, 300); });
    return () => {
      stop?.();
      clearTimeout(timer);
    };
  }, [source]);
  // A new function tells the overview that something changed.
  return useMemo(() => (id: Id) => (n < 0 ? null : (TONES[source?.node(id)?.status ?? ""] ?? null)), [source, n]);
}
