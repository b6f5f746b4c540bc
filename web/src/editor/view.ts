// What of a document is on the canvas: cards, notes and links with their sizes, as React Flow takes them. Notes
// that are folded stand for the steps on them. What did not change is the same object as before, so that
// nothing is drawn anew for it.

import { Position, type Edge as FlowEdge, type Node as FlowNode, type NodeHandle } from "@xyflow/react";
import { CARD_WIDTH, boxAt, cardSize, noteSize, portTop, within, type Box, type Size } from "../document/geometry";
import { portsOf, type Kinds, type Ports } from "../document/kinds";
import { inFlow, linksOf } from "../document/links";
import { edgeKey, MAIN, NOTE, type Doc, type Edge, type Id, type Node } from "../document/types";

export type CardData = { node: Node; ports: Ports; number: number };
export type NoteData = { node: Node; held: number };
export type LinkData = { edge: Edge };
export type CardNode = FlowNode<CardData, "card">;
export type NoteNode = FlowNode<NoteData, "note">;
export type CanvasNode = CardNode | NoteNode;
export type CanvasLink = FlowEdge<LinkData, "link">;

export type View = {
  nodes: readonly CanvasNode[];
  links: readonly CanvasLink[];
  boxes: ReadonlyMap<Id, Box>;
  /** The folded note that a step is behind. */
  hidden: ReadonlyMap<Id, Id>;
};

const HANDLE = 12;

/** The ports of a node, and those that its links speak of: what is unknown may have any number. */
export function portsIn(doc: Doc, node: Node, kinds: Kinds): Ports {
  const ports = portsOf(node, kinds);
  const { incoming, outgoing } = linksOf(doc, node.id);
  return { inputs: upTo(ports.inputs, incoming.map((edge) => edge.to.port)), outputs: upTo(ports.outputs, outgoing.map((edge) => edge.from.port)) };
}

function upTo(names: string[], used: number[]): string[] {
  const n = Math.min(100, Math.max(names.length, ...used.map((port) => port + 1)));
  return n === names.length ? names : [...names, ...Array.from({ length: n - names.length }, (_, i) => String(names.length + i + 1))];
}

export function sizeOf(doc: Doc, node: Node, kinds: Kinds): Size {
  if (node.kind === NOTE) return isFolded(node) ? { width: CARD_WIDTH, height: 48 } : noteSize(node);
  const { inputs, outputs } = portsIn(doc, node, kinds);
  return cardSize(Math.max(inputs.length, outputs.length));
}

export function isFolded(node: Node): boolean {
  return node.kind === NOTE && node.params["folded"] === true;
}

/** Draws documents, remembering what it drew: one for each canvas. */
export class Viewer {
  private cards = new Map<Id, { from: Node; ports: string; number: number; held: number; made: CanvasNode }>();
  private links = new WeakMap<Edge, Map<string, CanvasLink>>();
  private last: { doc: Doc; kinds: Kinds; view: View } | null = null;

  draw(doc: Doc, kinds: Kinds): View {
    if (this.last?.doc === doc && this.last.kinds === kinds) return this.last.view;
    const hidden = hiddenIn(doc, kinds);
    const numbers = new Map(inFlow(doc).map((id, i) => [id, i + 1]));
    const nodes: CanvasNode[] = [];
    const boxes = new Map<Id, Box>();
    // Notes first: they lie behind the cards.
    const order = [...doc.order].sort((a, b) => Number(doc.nodes[b]?.kind === NOTE) - Number(doc.nodes[a]?.kind === NOTE));
    for (const id of order) {
      const node = doc.nodes[id];
      if (node === undefined) continue;
      boxes.set(id, boxAt(node.position, sizeOf(doc, node, kinds)));
      if (!hidden.has(id)) nodes.push(this.node(doc, node, kinds, numbers.get(id) ?? 0, hidden));
    }
    const view = { nodes, links: this.linksOf(doc, hidden), boxes, hidden };
    this.last = { doc, kinds, view };
    return view;
  }

  private node(doc: Doc, node: Node, kinds: Kinds, number: number, hidden: ReadonlyMap<Id, Id>): CanvasNode {
    const ports = node.kind === NOTE ? { inputs: [], outputs: [] } : portsIn(doc, node, kinds);
    const key = JSON.stringify(ports);
    const held = isFolded(node) ? [...hidden.values()].filter((note) => note === node.id).length : 0;
    const known = this.cards.get(node.id);
    if (known !== undefined && known.from === node && known.ports === key && known.number === number && known.held === held) return known.made;
    const size = sizeOf(doc, node, kinds);
    const made = node.kind === NOTE ? noteNode(node, size, held) : cardNode(node, size, ports, number);
    this.cards.set(node.id, { from: node, ports: key, number, held, made });
    return made;
  }

  private linksOf(doc: Doc, hidden: ReadonlyMap<Id, Id>): CanvasLink[] {
    const seen = new Set<string>();
    return doc.edges.flatMap((edge) => {
      const [from, to] = [hidden.get(edge.from.node), hidden.get(edge.to.node)];
      if (from !== undefined && from === to) return [];
      const link = this.link(edge, from, to);
      if (seen.has(link.id)) return [];
      seen.add(link.id);
      return [link];
    });
  }

  private link(edge: Edge, from: Id | undefined, to: Id | undefined): CanvasLink {
    const ends = `${from ?? ""}>${to ?? ""}`;
    const known = this.links.get(edge) ?? new Map<string, CanvasLink>();
    this.links.set(edge, known);
    const made = known.get(ends) ?? {
      id: from === undefined && to === undefined ? edgeKey(edge) : `${ends}|${edgeKey(edge)}`,
      type: "link" as const,
      source: from ?? edge.from.node,
      target: to ?? edge.to.node,
      sourceHandle: `o${from === undefined ? edge.from.port : 0}`,
      targetHandle: `i${to === undefined ? edge.to.port : 0}`,
      data: { edge },
      ...(edge.type === MAIN ? {} : { className: "editor-link-sub" }),
    };
    known.set(ends, made);
    return made;
  }
}

function hiddenIn(doc: Doc, kinds: Kinds): Map<Id, Id> {
  const hidden = new Map<Id, Id>();
  for (const id of doc.order) {
    const note = doc.nodes[id];
    if (note === undefined || !isFolded(note)) continue;
    const boxOf = (other: Id): Box => {
      const node = doc.nodes[other];
      if (node === undefined) return { x: 0, y: 0, width: 0, height: 0 };
      return boxAt(node.position, other === id ? noteSize(note) : sizeOf(doc, node, kinds));
    };
    for (const held of within(doc, id, boxOf)) hidden.set(held, id);
  }
  return hidden;
}

function cardNode(node: Node, size: Size, ports: Ports, number: number): CardNode {
  return { id: node.id, type: "card", position: place(node), data: { node, ports, number }, ...size, measured: size, handles: handlesOf(ports, size), initialWidth: size.width, initialHeight: size.height };
}

function noteNode(node: Node, size: Size, held: number): NoteNode {
  const handles = isFolded(node) ? handlesOf({ inputs: [MAIN], outputs: [MAIN] }, size) : [];
  return { id: node.id, type: "note", position: place(node), data: { node, held }, zIndex: -1, ...size, measured: size, handles, initialWidth: size.width, initialHeight: size.height };
}

function place({ position: [x, y] }: Node): { x: number; y: number } {
  return { x, y };
}

/** Where the handles are, so that links are drawn before the cards were ever measured. */
function handlesOf({ inputs, outputs }: Ports, size: Size): NodeHandle[] {
  const at = (i: number, n: number) => portTop(i, n, size) - HANDLE / 2;
  return [
    ...inputs.map((_, i): NodeHandle => ({ id: `i${i}`, type: "target", position: Position.Left, x: -HANDLE / 2, y: at(i, inputs.length), width: HANDLE, height: HANDLE })),
    ...outputs.map((_, i): NodeHandle => ({ id: `o${i}`, type: "source", position: Position.Right, x: size.width - HANDLE / 2, y: at(i, outputs.length), width: HANDLE, height: HANDLE })),
  ];
}
