// A layered layout: from left to right along the links, with few crossings, each connected part below the one
// before. It is our own because the known ones need seconds for what this does in a fraction of one. Pure: it
// runs in a worker.

import type { Id, Point } from "./types";

export type LayoutNode = { id: Id; width: number; height: number };
export type LayoutEdge = { from: Id; to: Id; fromPort: number };

const LAYER_GAP = 96;
const ROW_GAP = 48;
const PART_GAP = 96;
const SWEEPS = 8;

type Cell = { node: LayoutNode; layer: number; y: number; before: Cell[]; after: Cell[]; at: number };

/** A place for every node. Nodes that nothing ties together come below each other. */
export function layout(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): Map<Id, Point> {
  const cells = new Map<Id, Cell>(nodes.map((node) => [node.id, { node, layer: 0, y: 0, before: [], after: [], at: 0 }]));
  const order = [...edges].sort((a, b) => a.fromPort - b.fromPort);
  for (const { from, to } of withoutCircles(nodes, order)) {
    const [a, b] = [cells.get(from), cells.get(to)];
    if (a === undefined || b === undefined || a.after.includes(b)) continue;
    a.after.push(b);
    b.before.push(a);
  }
  const places = new Map<Id, Point>();
  let top = 0;
  for (const part of partsOf([...cells.values()])) top = placePart(part, top, places) + PART_GAP;
  return places;
}

/** The links with those turned round that close a circle. */
function withoutCircles(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): LayoutEdge[] {
  const out = new Map<Id, LayoutEdge[]>();
  for (const edge of edges) if (edge.from !== edge.to) out.set(edge.from, [...(out.get(edge.from) ?? []), edge]);
  const state = new Map<Id, "open" | "done">();
  const fed = new Set(edges.map((edge) => edge.to));
  const found: LayoutEdge[] = [];
  const starts = [...nodes.filter((node) => !fed.has(node.id)), ...nodes];
  for (const { id } of starts) visit(id, out, state, found);
  return found;
}

function visit(start: Id, out: Map<Id, LayoutEdge[]>, state: Map<Id, "open" | "done">, found: LayoutEdge[]): void {
  if (state.has(start)) return;
  const stack: { id: Id; next: number }[] = [{ id: start, next: 0 }];
  state.set(start, "open");
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const edge = out.get(frame.id)?.[frame.next++];
    if (edge === undefined) {
      state.set(frame.id, "done");
      stack.pop();
    } else if (state.get(edge.to) === "open") {
      found.push({ from: edge.to, to: edge.from, fromPort: edge.fromPort });
    } else {
      found.push(edge);
      if (!state.has(edge.to)) {
        state.set(edge.to, "open");
        stack.push({ id: edge.to, next: 0 });
      }
    }
  }
}

function partsOf(cells: Cell[]): Cell[][] {
  const seen = new Set<Cell>();
  return cells.flatMap((cell) => {
    if (seen.has(cell)) return [];
    const part: Cell[] = [];
    const pending = [cell];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      part.push(next);
      pending.push(...next.after, ...next.before);
    }
    return [part];
  });
}

/** Places a connected part with its upper edge at `top`; gives its lower edge. */
function placePart(part: Cell[], top: number, places: Map<Id, Point>): number {
  const layers = layersOf(part);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isDown = sweep % 2 === 0;
    const row = isDown ? layers : [...layers].reverse();
    for (const layer of row) sortLayer(layer, isDown);
  }
  for (const layer of layers) stack(layer);
  for (let pass = 0; pass < SWEEPS; pass++) {
    const isDown = pass % 2 === 0;
    for (const layer of isDown ? layers : [...layers].reverse()) settle(layer, isDown);
  }
  return write(layers, top, places);
}

/** Each node as far right as the longest way to it asks, then as near to what follows as it may be. */
function layersOf(part: Cell[]): Cell[][] {
  const open = new Map(part.map((cell) => [cell, cell.before.length]));
  const ready = part.filter((cell) => cell.before.length === 0);
  const sorted: Cell[] = [];
  for (let cell = ready.pop(); cell !== undefined; cell = ready.pop()) {
    sorted.push(cell);
    for (const next of cell.after) {
      next.layer = Math.max(next.layer, cell.layer + 1);
      const left = (open.get(next) ?? 1) - 1;
      open.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  for (const cell of sorted.reverse()) {
    if (cell.before.length === 0 && cell.after.length > 0) cell.layer = Math.min(...cell.after.map((next) => next.layer)) - 1;
  }
  const layers: Cell[][] = [];
  for (const cell of part) (layers[cell.layer] ??= []).push(cell);
  const filled = Array.from(layers, (layer) => layer ?? []).filter((layer) => layer.length > 0);
  for (const layer of filled) layer.forEach((cell, i) => (cell.at = i));
  return filled;
}

/** Puts each node where the middle of its neighbours is. */
function sortLayer(layer: Cell[], isDown: boolean): void {
  const weight = new Map(layer.map((cell) => [cell, mean(isDown ? cell.before : cell.after, (other, i) => other.at + i * 1e-6 + rank(cell, other, isDown)) ?? cell.at]));
  layer.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0));
  layer.forEach((cell, i) => (cell.at = i));
}

/** Branches of one node stand in the order of its outputs. */
function rank(cell: Cell, other: Cell, isDown: boolean): number {
  return isDown ? other.after.indexOf(cell) * 1e-3 : 0;
}

function mean(cells: Cell[], value: (cell: Cell, i: number) => number): number | null {
  if (cells.length === 0) return null;
  return cells.reduce((sum, cell, i) => sum + value(cell, i), 0) / cells.length;
}

function stack(layer: Cell[]): void {
  let y = 0;
  for (const cell of layer) {
    cell.y = y;
    y += cell.node.height + ROW_GAP;
  }
}

/** Moves a layer's nodes towards their neighbours, in their order and without overlap. */
function settle(layer: Cell[], isDown: boolean): void {
  const middle = (cell: Cell) => cell.y + cell.node.height / 2;
  const wish = layer.map((cell) => (mean(isDown ? cell.before : cell.after, middle) ?? middle(cell)) - cell.node.height / 2);
  // Groups of nodes that would overlap stand together, at the mean of their wishes.
  type Group = { from: number; sum: number; n: number; height: number };
  const groups: Group[] = [];
  layer.forEach((cell, i) => {
    let group: Group = { from: i, sum: wish[i] ?? 0, n: 1, height: cell.node.height + ROW_GAP };
    for (let last = groups.at(-1); last !== undefined && last.sum / last.n + last.height > group.sum / group.n; last = groups.at(-1)) {
      group = { from: last.from, sum: last.sum + group.sum - group.n * last.height, n: last.n + group.n, height: last.height + group.height };
      groups.pop();
    }
    groups.push(group);
  });
  groups.forEach((group, g) => {
    let y = group.sum / group.n;
    for (let i = group.from; i < (groups[g + 1]?.from ?? layer.length); i++) {
      const cell = layer[i];
      if (cell === undefined) continue;
      cell.y = y;
      y += cell.node.height + ROW_GAP;
    }
  });
}

function write(layers: Cell[][], top: number, places: Map<Id, Point>): number {
  const highest = Math.min(...layers.flat().map((cell) => cell.y));
  let x = 0;
  let bottom = top;
  for (const layer of layers) {
    for (const cell of layer) {
      const y = Math.round(cell.y - highest + top);
      places.set(cell.node.id, [x, y]);
      bottom = Math.max(bottom, y + cell.node.height);
    }
    x += Math.max(...layer.map((cell) => cell.node.width)) + LAYER_GAP;
  }
  return bottom;
}
