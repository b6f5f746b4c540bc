// Everything that one can do in the editor, by whatever way: keys, buttons, menus, the palette of commands. Each
// is a few calls of the document's operations.

import { alignNodes, spreadNodes, type Alignment } from "../document/arrange";
import { copyText, paste, partOf, readText } from "../document/clip";
import { readFile } from "../document/file";
import { CARD_WIDTH, cardSize, freePlace, GRID, type Box } from "../document/geometry";
import { titleOf, type NodeKind } from "../document/kinds";
import { connect, disconnect, inFlow, linksOf } from "../document/links";
import { addNode, changeNode, moveNodes, removeNodes, toggleDisabled, type Tie } from "../document/nodes";
import { isRefusal, NOTE, type Doc, type Id, type Node, type Params, type Point, type Port } from "../document/types";
import { call } from "../api";
import { EDITOR } from "../texts/editor";
import { complain, say } from "../ui/toast";
import type { CanvasHandle } from "./canvas";
import { layOut } from "./lay-out";
import { remember } from "./recent";
import { chosenEdges, type EditorStore } from "./store";

export type Way = "left" | "right" | "up" | "down";
export type Actions = ReturnType<typeof actionsOf>;

/** `canvas` is null while none is on the screen. */
export function actionsOf(store: EditorStore, canvas: () => CanvasHandle | null) {
  const get = store.getState;
  const first = (): Node | undefined => get().doc.nodes[get().chosen[0] ?? ""];
  const boxes = (ids: readonly Id[]): Map<Id, Box> => {
    const all = canvas()?.view().boxes;
    return new Map(ids.flatMap((id) => { const box = all?.get(id); return box === undefined ? [] : [[id, box] as const]; }));
  };
  const taken = () => [...(canvas()?.view().boxes ?? [])].filter(([id]) => get().doc.nodes[id]?.kind !== NOTE).map(([, box]) => box);
  const reveal = (id: Id) => canvas()?.reveal(id);
  const choose = (id: Id) => {
    get().choose([id]);
    reveal(id);
    speak(get().doc, id);
  };
  const speak = (doc: Doc, id: Id) => {
    const n = inFlow(doc).indexOf(id) + 1;
    get().set({ spoken: EDITOR.step(n, doc.nodes[id]?.name ?? "") });
  };

  const actions = {
    choose,
    /** Adds a step: behind the chosen one, into a link, or at a place. */
    add(kind: NodeKind, tie?: Tie, at?: Point): void {
      const { doc } = get();
      const place = at ?? placeFor(doc, tie, boxes(doc.order), canvas()?.middle() ?? [0, 0]);
      let id = "";
      const isDone = get().change(EDITOR.names.add(kind.title), (now) => {
        const added = addNode(now, { kind: kind.kind, name: kind.title, version: kind.version, params: startParams(kind), position: freePlace(place, cardSize(2), taken()) }, tieFor(kind, tie));
        id = added.id;
        return added.doc;
      });
      if (!isDone) return;
      remember(kind.kind);
      get().choose([id]);
      // After the canvas knows of it.
      requestAnimationFrame(() => reveal(id));
    },
    addNote(): void {
      const at = canvas()?.middle() ?? [0, 0];
      let id = "";
      get().change(EDITOR.note, (doc) => {
        const added = addNode(doc, { kind: NOTE, name: titleOf(NOTE, get().kinds), params: { content: "", width: 240, height: 160 }, position: [at[0] - 120, at[1] - 80] });
        id = added.id;
        return added.doc;
      });
      if (id !== "") {
        get().choose([id]);
        get().show("step");
      }
    },
    askAdd(): void {
      const { doc, chosen, chosenLinks } = get();
      const [edge] = chosenEdges({ doc, chosenLinks });
      const node = chosen.length === 1 ? first() : undefined;
      if (chosen.length === 0 && edge !== undefined) return get().ask({ for: "add", tie: { into: edge } });
      const port = node === undefined ? null : freeOutput(doc, node.id, canvas());
      get().ask(node === undefined || port === null ? { for: "add" } : { for: "add", tie: { after: { node: node.id, port } } });
    },
    askSearch: () => get().ask({ for: "search" }),
    askConnect(): void {
      const node = first();
      if (node !== undefined && node.kind !== NOTE) get().ask({ for: "connect", from: node.id });
    },
    connect(from: Port, to: Port): void {
      const { kinds } = get();
      get().change(EDITOR.names.connect, (doc) => connect(doc, from, to, kinds));
    },
    remove(): void {
      const { chosen, doc } = get();
      const links = chosenEdges(get());
      if (chosen.length > 0) {
        const next = neighbour(doc, chosen[0] ?? "");
        if (!get().change(EDITOR.names.remove(chosen.length), (now) => disconnect(removeNodes(now, chosen), links))) return;
        if (chosen.length === 1 && next !== undefined && get().doc.nodes[next] !== undefined) get().choose([next]);
      } else if (links.length > 0) get().change(EDITOR.names.disconnect(links.length), (now) => disconnect(now, links));
    },
    move(places: ReadonlyMap<Id, Point>): void {
      const view = canvas()?.view();
      const all = new Map(places);
      // What is folded away goes along with its note.
      for (const [id, note] of view?.hidden ?? []) {
        const [at, before, own] = [places.get(note), get().doc.nodes[note]?.position, get().doc.nodes[id]?.position];
        if (at !== undefined && before !== undefined && own !== undefined && !places.has(id)) all.set(id, [own[0] + at[0] - before[0], own[1] + at[1] - before[1]]);
      }
      get().change(EDITOR.names.move(places.size), (doc) => moveNodes(doc, all));
    },
    nudge(way: Way): void {
      const { chosen, doc } = get();
      const [dx, dy] = { left: [-GRID, 0], right: [GRID, 0], up: [0, -GRID], down: [0, GRID] }[way] as [number, number];
      const places = chosen.flatMap((id) => { const at = doc.nodes[id]?.position; return at === undefined ? [] : [[id, [at[0] + dx, at[1] + dy]] as [Id, Point]]; });
      if (places.length > 0) get().change(EDITOR.names.move(places.length), (now) => moveNodes(now, new Map(places)), `nudge ${chosen.join()}`);
    },
    toggle(): void {
      const { chosen } = get();
      if (chosen.length > 0) get().change(EDITOR.names.toggle, (doc) => toggleDisabled(doc, chosen));
    },
    open(): void {
      if (first() !== undefined) get().show("step");
    },
    /** Goes along the links, or to the nearest step in that direction. */
    go(way: Way): void {
      const { doc } = get();
      const from = first();
      const next = from === undefined ? inFlow(doc)[0] : target(doc, from.id, way, boxes(doc.order));
      if (next !== undefined) choose(next);
    },
    selectAll: () => get().choose(get().doc.order),
    copy(): void {
      const { chosen, doc } = get();
      if (chosen.length === 0) return;
      write(copyText(doc, chosen)).then(() => say(EDITOR.copied(chosen.length))).catch(complain);
    },
    cut(): void {
      actions.copy();
      actions.remove();
    },
    duplicate(): void {
      const { chosen, doc } = get();
      const part = readFile(partOf(doc, chosen));
      if (chosen.length === 0 || isRefusal(part)) return;
      const lowest = Math.max(...[...boxes(chosen).values()].map((box) => box.y + box.height));
      const left = Math.min(...[...boxes(chosen).values()].map((box) => box.x));
      actions.put(part, [left, lowest + GRID], EDITOR.names.duplicate(chosen.length));
    },
    put(part: Doc, at: Point, name: string): void {
      let ids: Id[] = [];
      const isDone = get().change(name, (doc) => {
        const pasted = paste(doc, part, at);
        ids = pasted.ids;
        return pasted.doc;
      });
      if (isDone) get().choose(ids);
    },
    /** What was pasted: steps of ours at once, those of n8n when the server has translated them. */
    async paste(text: string): Promise<void> {
      const read = readText(text);
      const at = canvas()?.middle() ?? [0, 0];
      const place = (part: Doc): Point => {
        const points = part.order.map((id): Point => part.nodes[id]?.position ?? [0, 0]);
        const [wide, high] = [spread(points.map(([x]) => x)), spread(points.map(([, y]) => y))];
        return freePlace([at[0] - (wide + CARD_WIDTH) / 2, at[1] - high / 2], { width: wide + CARD_WIDTH, height: high + 72 }, taken());
      };
      if (read.is === "refused") return complain(read.why);
      if (read.is === "ours") {
        actions.put(read.part, place(read.part), EDITOR.names.paste(read.part.order.length));
        return say(EDITOR.pasted(read.part.order.length));
      }
      try {
        const { file, report } = await call<Converted>("/workflows/convert", { method: "POST", body: read.file });
        const part = readFile(file);
        if (file === null || isRefusal(part)) return complain(report.error ?? EDITOR.nothingFits);
        actions.put(part, place(part), EDITOR.names.paste(part.order.length));
        say(EDITOR.pastedForeign(part.order.length, report.nodes.filter((node) => node.verdict === "missing" || node.verdict === "unreadable").length));
      } catch (error) {
        complain(error);
      }
    },
    async pasteFromClipboard(): Promise<void> {
      try {
        await actions.paste(await navigator.clipboard.readText());
      } catch (error) {
        complain(error);
      }
    },
    async layOut(): Promise<void> {
      const { doc } = get();
      const places = await layOut(doc, canvas()?.view());
      if (get().doc !== doc) return;
      if (get().change(EDITOR.names.layout, (now) => moveNodes(now, places))) requestAnimationFrame(() => canvas()?.fit());
    },
    align: (how: Alignment) => void get().change(EDITOR.names.align, (doc) => alignNodes(doc, boxes(get().chosen), how)),
    spread: (along: "x" | "y") => void get().change(EDITOR.names.align, (doc) => spreadNodes(doc, boxes(get().chosen), along)),
    fold(id: Id): void {
      get().change(EDITOR.names.fold, (doc) => {
        const params = doc.nodes[id]?.params;
        return params === undefined ? doc : changeNode(doc, id, { params: withFold(params) });
      });
    },
    resizeNote(id: Id, size: { width: number; height: number }, { x, y }: { x: number; y: number }): void {
      get().change(EDITOR.names.note, (doc) => {
        const node = doc.nodes[id];
        if (node === undefined) return doc;
        return changeNode(doc, id, { position: [Math.round(x), Math.round(y)], params: { ...node.params, width: Math.round(size.width), height: Math.round(size.height) } });
      });
    },
    fit: () => canvas()?.fit(),
    zoom: (factor: number) => canvas()?.zoom(factor),
    escape(): void {
      if (get().chosen.length + get().chosenLinks.length > 0) get().choose([]);
      else get().set({ isWorkbenchOpen: false });
    },
  };
  return actions;
}

type Converted = { file: unknown; report: { error?: string; nodes: { verdict: string }[] } };

function withFold(params: Params): Params {
  const { folded, ...rest } = params;
  return folded === true ? rest : { ...rest, folded: true };
}

/** A trigger has nothing before it. */
function tieFor(kind: NodeKind, tie: Tie | undefined): Tie | undefined {
  return kind.inputs.length === 0 ? undefined : tie;
}

/** What has to be there from the start, so that the form and the server agree on it. */
function startParams(kind: NodeKind): Params {
  return kind.kind === "webhook" ? { path: Math.random().toString(36).slice(2, 10) } : {};
}

function placeFor(doc: Doc, tie: Tie | undefined, boxes: Map<Id, Box>, middle: Point): Point {
  const before = tie === undefined ? undefined : boxes.get("after" in tie ? tie.after.node : tie.into.from.node);
  if (before !== undefined) return [before.x + before.width + 4 * GRID, before.y + (tie !== undefined && "after" in tie ? tie.after.port * 4 * GRID : 0)];
  return doc.order.length === 0 ? middle : [middle[0] - CARD_WIDTH / 2, middle[1] - 36];
}

/** The first output that leads nowhere yet; the first of all when all do; null when there is none. */
function freeOutput(doc: Doc, id: Id, canvas: CanvasHandle | null): number | null {
  const node = canvas?.view().nodes.find((other) => other.id === id);
  const n = node?.type === "card" ? node.data.ports.outputs.length : 1;
  if (n === 0 || doc.nodes[id]?.kind === NOTE) return null;
  const used = new Set(linksOf(doc, id).outgoing.map((edge) => edge.from.port));
  const free = Array.from({ length: n }, (_, i) => i).find((port) => !used.has(port));
  return free ?? 0;
}

function neighbour(doc: Doc, id: Id): Id | undefined {
  const { incoming, outgoing } = linksOf(doc, id);
  return incoming[0]?.from.node ?? outgoing[0]?.to.node;
}

function target(doc: Doc, from: Id, way: Way, boxes: Map<Id, Box>): Id | undefined {
  const { incoming, outgoing } = linksOf(doc, from);
  const linked = way === "right" ? outgoing[0]?.to.node : way === "left" ? incoming[0]?.from.node : undefined;
  return linked ?? nearest(from, way, boxes);
}

/** The nearest card in a direction; what lies aside counts as farther. */
function nearest(from: Id, way: Way, boxes: Map<Id, Box>): Id | undefined {
  const own = boxes.get(from);
  if (own === undefined) return undefined;
  let best: { id: Id; far: number } | undefined;
  for (const [id, box] of boxes) {
    const [dx, dy] = [box.x + box.width / 2 - own.x - own.width / 2, box.y + box.height / 2 - own.y - own.height / 2];
    const [along, aside] = way === "left" || way === "right" ? [way === "left" ? -dx : dx, Math.abs(dy)] : [way === "up" ? -dy : dy, Math.abs(dx)];
    const far = along + aside * 2;
    if (id !== from && along > 8 && (best === undefined || far < best.far)) best = { id, far };
  }
  return best?.id;
}

function spread(values: number[]): number {
  return values.length === 0 ? 0 : Math.max(...values) - Math.min(...values);
}

/** Outside of https and this machine there is no clipboard to write to but that of a selection. */
async function write(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
