// The canvas: React Flow with what lies in sight, or the overview when it is far away. It shows a document and
// tells of gestures; it changes nothing itself. Read-only with no `gestures`.

import { useCallback, useEffect, useImperativeHandle, useMemo, useRef, useState, type MouseEvent as ReactMouseEvent, type Ref } from "react";
import { Background, BackgroundVariant, ReactFlow, ReactFlowProvider, useReactFlow, useStore, useStoreApi, type Connection, type EdgeChange, type NodeChange, type OnConnectEnd } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { GRID } from "../document/geometry";
import type { Kinds } from "../document/kinds";
import type { Doc, Id, Point, Port } from "../document/types";
import { EDITOR } from "../texts/editor";
import { Card } from "./card";
import { CanvasContext, type CanvasWorld } from "./canvas-context";
import { fit, opening, reveal, ZOOM_FAR, ZOOM_MAX, ZOOM_MIN, type Lens } from "./lens";
import { Link } from "./link";
import { Note } from "./note";
import { Overview, SmallMap } from "./overview";
import type { Ink, Scene } from "./paint";
import { Viewer, type CanvasLink, type CanvasNode, type View } from "./view";
import "./canvas.css";

const NODE_TYPES = { card: Card, note: Note };
const EDGE_TYPES = { link: Link };
const NOTHING: readonly CanvasNode[] = [];

export type Gestures = {
  choose: (ids: readonly Id[], links: readonly string[]) => void;
  move: (places: ReadonlyMap<Id, Point>) => void;
  connect: (from: Port, to: Port) => void;
  /** A link that was let go over empty ground. */
  drop: (from: Port, at: Point) => void;
  open: (id: Id) => void;
  /** Empty ground was pressed twice. */
  add: (at: Point) => void;
};

export type CanvasHandle = {
  fit: () => void;
  zoom: (factor: number) => void;
  reveal: (id: Id) => void;
  /** The place in the middle of what is seen. */
  middle: () => Point;
  lens: () => Lens;
  view: () => View;
};

type CanvasProps = {
  doc: Doc;
  kinds: Kinds;
  chosen: readonly Id[];
  chosenLinks?: readonly string[];
  world: CanvasWorld;
  gestures?: Gestures;
  /** The colour of a step's run in the overview. */
  inkOfStep?: (id: Id) => keyof Ink | null;
  hasMap?: boolean;
  label?: string;
  handle?: Ref<CanvasHandle>;
};

export function Canvas(props: CanvasProps) {
  const [window, setWindow] = useState<{ width: number; height: number } | null>(null);
  const box = useRef<HTMLDivElement>(null);
  // The size first: with it the viewport is known before anything is drawn.
  useEffect(() => {
    if (box.current !== null) setWindow({ width: box.current.clientWidth, height: box.current.clientHeight });
  }, []);
  return (
    <div ref={box} className="editor-canvas">
      {window !== null && (
        <CanvasContext value={props.world}>
          <ReactFlowProvider initialWidth={window.width} initialHeight={window.height}>
            <Inner {...props} window={window} />
          </ReactFlowProvider>
        </CanvasContext>
      )}
    </div>
  );
}

function Inner({ doc, kinds, chosen, chosenLinks = [], gestures, inkOfStep = () => null, hasMap = true, label = EDITOR.canvas, handle, window, world }: CanvasProps & { window: { width: number; height: number } }) {
  const [viewer] = useState(() => new Viewer());
  const view = viewer.draw(doc, kinds);
  const [start] = useState(() => opening([...view.boxes.values()], window));
  const isFar = useStore((state) => state.transform[2] < ZOOM_FAR);
  const [drag, setDrag] = useState<ReadonlyMap<Id, Point> | null>(null);
  const chosenSet = useMemo(() => new Set(chosen), [chosen]);
  const nodes = useNodes(view, chosenSet, drag);
  const links = useLinks(view, chosenLinks);
  const scene = useMemo<Scene>(() => ({ doc, view, kinds, chosen: chosenSet, stateOf: inkOfStep }), [doc, view, kinds, chosenSet, inkOfStep]);
  useHandle(handle, view);
  const flow = useReactFlow();
  const changeNodes = useNodeChanges(gestures, chosen, chosenLinks, setDrag);
  const changeLinks = useCallback((changes: EdgeChange<CanvasLink>[]) => {
    const next = toggled(chosenLinks, changes);
    if (next !== null) gestures?.choose(chosen, next);
  }, [gestures, chosen, chosenLinks]);
  const connect = useCallback(({ source, target, sourceHandle, targetHandle }: Connection) =>
    gestures?.connect({ node: source, port: portOf(sourceHandle) }, { node: target, port: portOf(targetHandle) }), [gestures]);
  const connectEnd = useCallback<OnConnectEnd>((event, state) => {
    if (state.isValid === true || state.toNode !== null || state.fromHandle === null || state.fromHandle.type !== "source") return;
    const { clientX, clientY } = "changedTouches" in event ? (event.changedTouches[0] ?? { clientX: 0, clientY: 0 }) : event;
    const { x, y } = flow.screenToFlowPosition({ x: clientX, y: clientY });
    gestures?.drop({ node: state.fromHandle.nodeId, port: portOf(state.fromHandle.id ?? null) }, [x, y]);
  }, [gestures, flow]);
  const press = (event: ReactMouseEvent) => {
    const at = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
    const hit = isFar ? hitAt(view, at) : null;
    if (event.detail === 2 && hit !== null) return void flow.setViewport(reveal(hit.box, { ...flow.getViewport(), zoom: 0 }, window));
    if (event.detail === 2 && !isFar) return gestures?.add([at.x, at.y]);
    gestures?.choose(hit === null ? [] : [hit.id], []);
  };
  const canWrite = world.canWrite && gestures !== undefined;
  return (
    <>
      <ReactFlow<CanvasNode, CanvasLink>
        nodes={isFar ? (NOTHING as CanvasNode[]) : (nodes as CanvasNode[])} edges={isFar ? [] : (links as CanvasLink[])} nodeTypes={NODE_TYPES} edgeTypes={EDGE_TYPES}
        onNodesChange={changeNodes} onEdgesChange={changeLinks} onConnect={connect} onConnectEnd={connectEnd}
        onPaneClick={press} onNodeDoubleClick={(_, node) => gestures?.open(node.id)}
        defaultViewport={start} minZoom={ZOOM_MIN} maxZoom={ZOOM_MAX} onlyRenderVisibleElements
        nodesDraggable={canWrite} nodesConnectable={canWrite} elementsSelectable={gestures !== undefined} nodesFocusable={false} edgesFocusable={false}
        deleteKeyCode={null} selectionKeyCode="Shift" multiSelectionKeyCode={MULTI} panActivationKeyCode={null} zoomActivationKeyCode={null} disableKeyboardA11y
        zoomOnDoubleClick={false} snapToGrid snapGrid={SNAP} connectionRadius={28} proOptions={PRO} aria-label={label} elevateNodesOnSelect={false}>
        <Background variant={BackgroundVariant.Lines} gap={GRID} lineWidth={1} color="var(--editor-rule)" />
      </ReactFlow>
      {isFar && <Overview scene={scene} />}
      {hasMap && doc.order.length > 1 && <SmallMap scene={scene} onGo={(x, y) => void flow.setCenter(x, y, { zoom: flow.getZoom() })} />}
    </>
  );
}

const MULTI = ["Control", "Meta"];
const SNAP: [number, number] = [GRID / 3, GRID / 3];
const PRO = { hideAttribution: true };

function portOf(handle: string | null): number {
  return Number(handle?.slice(1) ?? 0) || 0;
}

/** The nodes with what is chosen and where a drag has them; those of which nothing changed are the same objects. */
function useNodes(view: View, chosen: ReadonlySet<Id>, drag: ReadonlyMap<Id, Point> | null): readonly CanvasNode[] {
  const known = useRef(new WeakMap<CanvasNode, CanvasNode>());
  return useMemo(() => view.nodes.map((node) => {
    const at = drag?.get(node.id);
    if (at !== undefined) return { ...node, position: { x: at[0], y: at[1] }, selected: chosen.has(node.id), dragging: true } as CanvasNode;
    if (!chosen.has(node.id)) return node;
    const made = known.current.get(node) ?? ({ ...node, selected: true } as CanvasNode);
    known.current.set(node, made);
    return made;
  }), [view, chosen, drag]);
}

function useLinks(view: View, chosen: readonly string[]): readonly CanvasLink[] {
  return useMemo(() => (chosen.length === 0 ? view.links : view.links.map((link) => (chosen.includes(link.id) ? { ...link, selected: true } : link))), [view, chosen]);
}

/** Moves while a drag goes on are not steps of the document: the last place is. */
function useNodeChanges(gestures: Gestures | undefined, chosen: readonly Id[], chosenLinks: readonly string[], setDrag: (drag: ReadonlyMap<Id, Point> | null) => void) {
  const moved = useRef(new Map<Id, Point>());
  return useCallback((changes: NodeChange<CanvasNode>[]) => {
    let isDragging = false;
    let hasEnded = false;
    for (const change of changes) {
      if (change.type !== "position" || change.position === undefined) continue;
      moved.current.set(change.id, [change.position.x, change.position.y]);
      if (change.dragging === true) isDragging = true;
      else hasEnded = true;
    }
    if (isDragging) setDrag(new Map(moved.current));
    else if (hasEnded) {
      gestures?.move(moved.current);
      moved.current = new Map();
      setDrag(null);
    }
    const next = toggled(chosen, changes);
    if (next !== null) gestures?.choose(next, chosenLinks);
  }, [gestures, chosen, chosenLinks, setDrag]);
}

/** What is chosen after React Flow's changes; null when they change nothing of it. */
function toggled(chosen: readonly string[], changes: readonly (NodeChange<CanvasNode> | EdgeChange<CanvasLink>)[]): string[] | null {
  const selects = changes.flatMap((change) => (change.type === "select" ? [change] : []));
  if (selects.length === 0) return null;
  const next = new Set(chosen);
  for (const { id, selected } of selects) {
    if (selected) next.add(id);
    else next.delete(id);
  }
  return [...next];
}

function hitAt(view: View, { x, y }: { x: number; y: number }) {
  for (let i = view.nodes.length - 1; i >= 0; i--) {
    const id = view.nodes[i]?.id ?? "";
    const box = view.boxes.get(id);
    if (box !== undefined && x >= box.x && y >= box.y && x <= box.x + box.width && y <= box.y + box.height) return { id, box };
  }
  return null;
}

function useHandle(handle: Ref<CanvasHandle> | undefined, view: View): void {
  const flow = useReactFlow();
  const store = useStoreApi();
  const now = useRef(view);
  now.current = view;
  useImperativeHandle(handle, () => {
    const window = () => ({ width: store.getState().width, height: store.getState().height });
    const shown = () => now.current.nodes.flatMap((node) => now.current.boxes.get(node.id) ?? []);
    return {
      fit: () => void flow.setViewport(fit(shown(), window())),
      zoom: (factor) => void flow.zoomTo(flow.getZoom() * factor),
      reveal: (id) => {
        const box = now.current.boxes.get(now.current.hidden.get(id) ?? id);
        const lens = flow.getViewport();
        if (box === undefined) return;
        const next = reveal(box, lens, window());
        if (next !== lens) void flow.setViewport(next);
      },
      middle: () => {
        const { x, y, zoom } = flow.getViewport();
        const { width, height } = window();
        return [(width / 2 - x) / zoom, (height / 2 - y) / zoom];
      },
      lens: () => flow.getViewport(),
      view: () => now.current,
    };
  }, [flow, store]);
}

