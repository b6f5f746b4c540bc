// How large things are on the canvas, and where they lie. One place for it: the canvas, the overview, the
// layout and the alignment must agree. Pure.

import { NOTE, type Doc, type Id, type Node, type Point } from "./types";

export type Box = { x: number; y: number; width: number; height: number };
export type Size = { width: number; height: number };

export const GRID = 24;
/** n8n's users put steps about 200 apart, so that what is imported has room for its links. */
export const CARD_WIDTH = 168;
/** A card with up to two ports on a side; each further one makes it higher. */
const CARD_HEIGHT = 72;
const PORT_GAP = 24;
const PORTS_FREE = 2;

export const NOTE_SIZE: Size = { width: 240, height: 160 };

/** The size of a card with this many ports on its fuller side. */
export function cardSize(n_ports: number): Size {
  return { width: CARD_WIDTH, height: CARD_HEIGHT + Math.max(0, n_ports - PORTS_FREE) * PORT_GAP };
}

/** The height at which a port stands, from the card's upper edge. */
export function portTop(port: number, n_ports: number, size: Size): number {
  return ((port + 1) / (n_ports + 1)) * size.height;
}

export function noteSize(node: Pick<Node, "params">): Size {
  const side = (value: unknown, or: number) => (typeof value === "number" && value >= 48 && value <= 20_000 ? value : or);
  return { width: side(node.params["width"], NOTE_SIZE.width), height: side(node.params["height"], NOTE_SIZE.height) };
}

export function boxAt([x, y]: Point, { width, height }: Size): Box {
  return { x, y, width, height };
}

/** The smallest box around these; null around nothing. */
export function around(boxes: Iterable<Box>): Box | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const box of boxes) {
    left = Math.min(left, box.x);
    top = Math.min(top, box.y);
    right = Math.max(right, box.x + box.width);
    bottom = Math.max(bottom, box.y + box.height);
  }
  return left === Infinity ? null : { x: left, y: top, width: right - left, height: bottom - top };
}

export function overlaps(a: Box, b: Box, gap = 0): boolean {
  return a.x < b.x + b.width + gap && b.x < a.x + a.width + gap && a.y < b.y + b.height + gap && b.y < a.y + a.height + gap;
}

/** Whether the middle of `inner` lies in `outer`. */
export function holds(outer: Box, inner: Box): boolean {
  const [x, y] = [inner.x + inner.width / 2, inner.y + inner.height / 2];
  return x >= outer.x && x <= outer.x + outer.width && y >= outer.y && y <= outer.y + outer.height;
}

/** The nearest place below the wish where a card of this size covers no other node. */
export function freePlace(wish: Point, size: Size, taken: readonly Box[]): Point {
  let [x, y] = wish;
  for (let n = 0; n < 200; n++) {
    const hit = taken.find((box) => overlaps(boxAt([x, y], size), box, GRID / 2));
    if (hit === undefined) return [x, y];
    y = hit.y + hit.height + GRID;
  }
  return [x, y];
}

/** The nodes whose middle lies on a note: those that fold away with it. */
export function within(doc: Doc, note: Id, boxOf: (id: Id) => Box): Id[] {
  const box = boxOf(note);
  return doc.order.filter((id) => id !== note && doc.nodes[id]?.kind !== NOTE && holds(box, boxOf(id)));
}
