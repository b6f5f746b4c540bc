// Where cards and links of a workflow lie on the map of an execution. Pure.

import type { Document, Node } from "../api";

export const CARD = { width: 184, height: 56 };
const MARGIN = 24;
const STEP = { x: 240, y: 96 };

export type Card = { node: Node; n: number; x: number; y: number };
export type Line = { id: string; from: string; output: number; path: string; labelAt: { x: number; y: number } };
export type Layout = { cards: Card[]; lines: Line[]; width: number; height: number };

export function layoutOf(document: Document): Layout {
  const nodes = (document.nodes ?? []).filter((node) => node.kind !== "sticky_note");
  const placed = nodes.map((node, i) => ({ node, n: i + 1, ...placeOf(node, i, nodes) }));
  const left = Math.min(...placed.map((card) => card.x), Infinity);
  const top = Math.min(...placed.map((card) => card.y), Infinity);
  const cards = placed.map((card) => ({ ...card, x: card.x - left + MARGIN, y: card.y - top + MARGIN }));
  const width = Math.max(0, ...cards.map((card) => card.x + CARD.width)) + MARGIN;
  const height = Math.max(0, ...cards.map((card) => card.y + CARD.height)) + MARGIN;
  return { cards, lines: linesOf(document, cards), width, height };
}

/** Its own place; nodes that were never placed lie one beside the other. */
function placeOf(node: Node, i: number, nodes: Node[]): { x: number; y: number } {
  const isPlaced = nodes.some((other) => (other.position?.[0] ?? 0) !== 0 || (other.position?.[1] ?? 0) !== 0);
  if (isPlaced) return { x: node.position?.[0] ?? 0, y: node.position?.[1] ?? 0 };
  return { x: (i % 5) * STEP.x, y: Math.floor(i / 5) * STEP.y };
}

function linesOf(document: Document, cards: Card[]): Line[] {
  const byId = new Map(cards.map((card) => [card.node.id, card]));
  return (document.edges ?? []).flatMap((edge, i) => {
    const from = byId.get(edge.from.node);
    const to = byId.get(edge.to.node);
    if (from === undefined || to === undefined) return [];
    const output = edge.from.port ?? 0;
    const a = { x: from.x + CARD.width, y: from.y + CARD.height / 2 + output * 10 };
    const b = { x: to.x, y: to.y + CARD.height / 2 + (edge.to.port ?? 0) * 10 };
    return [{ id: `${i}`, from: from.node.id, output, ...lineOf(a, b) }];
  });
}

type Point = { x: number; y: number };

/** At right angles: half way across and over, or around below when the target lies behind. */
function lineOf(a: Point, b: Point): { path: string; labelAt: Point } {
  if (b.x >= a.x + 16) {
    const x = (a.x + b.x) / 2;
    const path = a.y === b.y ? `M${a.x} ${a.y}H${b.x}` : `M${a.x} ${a.y}H${x}V${b.y}H${b.x}`;
    return { path, labelAt: { x, y: a.y === b.y ? a.y : (a.y + b.y) / 2 } };
  }
  const y = Math.max(a.y, b.y) + CARD.height;
  return { path: `M${a.x} ${a.y}H${a.x + 16}V${y}H${b.x - 16}V${b.y}H${b.x}`, labelAt: { x: (a.x + b.x) / 2, y } };
}
