// Where nodes stand: aligned, spread evenly, on free ground. Pure.

import type { Box } from "./geometry";
import { moveNodes } from "./nodes";
import type { Doc, Id, Point } from "./types";

export type Alignment = "left" | "center" | "right" | "top" | "middle" | "bottom";

/** The document with these nodes on one line. */
export function alignNodes(doc: Doc, boxes: ReadonlyMap<Id, Box>, how: Alignment): Doc {
  const all = [...boxes.values()];
  if (all.length < 2) return doc;
  const left = Math.min(...all.map((b) => b.x));
  const top = Math.min(...all.map((b) => b.y));
  const right = Math.max(...all.map((b) => b.x + b.width));
  const bottom = Math.max(...all.map((b) => b.y + b.height));
  const place = (b: Box): Point => {
    switch (how) {
      case "left": return [left, b.y];
      case "right": return [right - b.width, b.y];
      case "center": return [(left + right - b.width) / 2, b.y];
      case "top": return [b.x, top];
      case "bottom": return [b.x, bottom - b.height];
      case "middle": return [b.x, (top + bottom - b.height) / 2];
    }
  };
  return moveNodes(doc, new Map([...boxes].map(([id, box]) => [id, place(box)])));
}

/** The document with the same gap between these nodes, the outermost staying where they are. */
export function spreadNodes(doc: Doc, boxes: ReadonlyMap<Id, Box>, along: "x" | "y"): Doc {
  const size = along === "x" ? "width" : "height";
  const sorted = [...boxes].sort(([, a], [, b]) => a[along] - b[along]);
  const [first, last] = [sorted[0]?.[1], sorted.at(-1)?.[1]];
  if (first === undefined || last === undefined || sorted.length < 3) return doc;
  const room = last[along] + last[size] - first[along];
  const taken = sorted.reduce((sum, [, box]) => sum + box[size], 0);
  const gap = (room - taken) / (sorted.length - 1);
  let at = first[along];
  const places = new Map<Id, Point>();
  for (const [id, box] of sorted) {
    places.set(id, along === "x" ? [at, box.y] : [box.x, at]);
    at += box[size] + gap;
  }
  return moveNodes(doc, places);
}
