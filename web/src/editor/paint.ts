// The workflow from far away, drawn by hand: where names cannot be read any more, a thousand elements of the page
// cost more than a thousand rectangles. Used by the overview and by the small map.

import type { Box } from "../document/geometry";
import type { Kinds } from "../document/kinds";
import { NOTE, type Doc, type Id } from "../document/types";
import { categoryOf } from "./category";
import type { View } from "./view";

export type Lens = { x: number; y: number; zoom: number };
export type Ink = Record<"surface" | "line" | "edge" | "ink" | "quiet" | "accent" | "error" | "ok" | "running" | "waiting" | "mono", string>;

/** Colours as the page has them now. */
export function inkOf(element: Element): Ink {
  const style = getComputedStyle(element);
  const names = ["surface", "line", "edge", "ink", "quiet", "accent", "error", "ok", "running", "waiting", "mono"] as const;
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(name === "mono" ? "--sans" : `--${name}`).trim()])) as Ink;
}

const SPINES: Record<string, keyof Ink> = { trigger: "accent", flow: "waiting", data: "ok", code: "running", network: "edge", service: "edge", files: "edge", unknown: "error" };

export type Scene = { doc: Doc; view: View; kinds: Kinds; chosen: ReadonlySet<Id>; stateOf: (id: Id) => keyof Ink | null };

/** Draws what of the scene the lens shows. Gives how many cards it drew. */
export function paint(canvas: HTMLCanvasElement, scene: Scene, lens: Lens, ink: Ink): number {
  const pen = canvas.getContext("2d");
  if (pen === null) return 0;
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== width * ratio || canvas.height !== height * ratio) [canvas.width, canvas.height] = [width * ratio, height * ratio];
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const seen: Box = { x: -lens.x / lens.zoom, y: -lens.y / lens.zoom, width: width / lens.zoom, height: height / lens.zoom };
  pen.setTransform(ratio * lens.zoom, 0, 0, ratio * lens.zoom, ratio * lens.x, ratio * lens.y);
  drawLinks(pen, scene, seen, lens.zoom, ink);
  return drawCards(pen, scene, seen, lens.zoom, ink);
}

function isSeen(box: Box, seen: Box): boolean {
  return box.x < seen.x + seen.width && seen.x < box.x + box.width && box.y < seen.y + seen.height && seen.y < box.y + box.height;
}

function drawLinks(pen: CanvasRenderingContext2D, { view }: Scene, seen: Box, zoom: number, ink: Ink): void {
  pen.strokeStyle = ink.edge;
  pen.lineWidth = Math.max(1.5, 1 / zoom);
  pen.beginPath();
  for (const { source, target } of view.links) {
    const [a, b] = [view.boxes.get(source), view.boxes.get(target)];
    if (a === undefined || b === undefined) continue;
    const [x1, y1, x2, y2] = [a.x + a.width, a.y + a.height / 2, b.x, b.y + b.height / 2];
    const box = { x: Math.min(x1, x2) - 40, y: Math.min(y1, y2), width: Math.abs(x2 - x1) + 80, height: Math.abs(y2 - y1) + 1 };
    if (!isSeen(box, seen)) continue;
    const middle = x2 > x1 ? (x1 + x2) / 2 : x1 + 20;
    pen.moveTo(x1, y1);
    pen.lineTo(middle, y1);
    pen.lineTo(middle, y2);
    pen.lineTo(x2, y2);
  }
  pen.stroke();
}

function drawCards(pen: CanvasRenderingContext2D, { doc, view, kinds, chosen, stateOf }: Scene, seen: Box, zoom: number, ink: Ink): number {
  let n = 0;
  const hasNames = zoom > 0.16;
  pen.font = `600 ${Math.min(40, 11 / zoom)}px ${ink.mono}`;
  pen.textBaseline = "middle";
  for (const { id } of view.nodes) {
    const [box, node] = [view.boxes.get(id), doc.nodes[id]];
    if (box === undefined || node === undefined || !isSeen(box, seen)) continue;
    n += 1;
    const state = stateOf(id);
    pen.fillStyle = ink.surface;
    pen.fillRect(box.x, box.y, box.width, box.height);
    // From very far the line around a card is as wide as the card is high, and costs a third of the picture.
    if (chosen.has(id) || zoom > 0.12) {
      pen.strokeStyle = chosen.has(id) ? ink.accent : ink.line;
      pen.lineWidth = chosen.has(id) ? 3 / zoom : 1 / zoom;
      pen.strokeRect(box.x, box.y, box.width, box.height);
    }
    if (node.kind === NOTE) continue;
    pen.fillStyle = ink[state ?? SPINES[categoryOf(node.kind, kinds)] ?? "edge"];
    pen.fillRect(box.x, box.y, state === null ? 12 : 28, box.height);
    if (!hasNames) continue;
    pen.fillStyle = ink.ink;
    pen.fillText(fitted(node.name, (box.width - 44) * zoom), box.x + 36, box.y + box.height / 2);
  }
  return n;
}

/** As much of a name as has room, at about six pixels a letter. */
function fitted(name: string, pixels: number): string {
  const n = Math.floor(pixels / 6.2);
  return name.length <= n ? name : `${name.slice(0, Math.max(1, n - 1))}…`;
}
