// The layout, off the main thread, and what it does not know: notes go along with the steps that lie on them.

import { holds, type Box } from "../document/geometry";
import type { LayoutEdge, LayoutNode } from "../document/layout";
import { NOTE, type Doc, type Id, type Point } from "../document/types";
import type { View } from "./view";

export type Order = { nodes: LayoutNode[]; edges: LayoutEdge[] };

/** New places for all steps; the whole stays where its upper left corner is. */
export async function layOut(doc: Doc, view: View | undefined): Promise<Map<Id, Point>> {
  const boxes = view?.boxes ?? new Map<Id, Box>();
  const steps = doc.order.filter((id) => doc.nodes[id]?.kind !== NOTE);
  const order: Order = {
    nodes: steps.map((id) => ({ id, width: boxes.get(id)?.width ?? 208, height: boxes.get(id)?.height ?? 72 })),
    edges: doc.edges.map(({ from, to }) => ({ from: from.node, to: to.node, fromPort: from.port })),
  };
  const laid = await inWorker(order);
  const [left, top] = corner(steps.map((id) => doc.nodes[id]?.position ?? [0, 0]));
  const places = new Map([...laid].map(([id, [x, y]]): [Id, Point] => [id, [x + left, y + top]]));
  for (const id of doc.order) if (doc.nodes[id]?.kind === NOTE) moveNote(doc, id, boxes, places);
  return places;
}

function corner(points: readonly Point[]): Point {
  return points.length === 0 ? [0, 0] : [Math.min(...points.map(([x]) => x)), Math.min(...points.map(([, y]) => y))];
}

function moveNote(doc: Doc, id: Id, boxes: ReadonlyMap<Id, Box>, places: Map<Id, Point>): void {
  const [box, at] = [boxes.get(id), doc.nodes[id]?.position];
  if (box === undefined || at === undefined) return;
  const held = [...places.keys()].filter((other) => holds(box, boxes.get(other) ?? { x: NaN, y: 0, width: 0, height: 0 }));
  if (held.length === 0) return;
  const moves = held.map((other): Point => {
    const now: Point = places.get(other) ?? [0, 0];
    const before: Point = doc.nodes[other]?.position ?? [0, 0];
    return [now[0] - before[0], now[1] - before[1]];
  });
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  places.set(id, [at[0] + mean(moves.map(([x]) => x)), at[1] + mean(moves.map(([, y]) => y))]);
}

function inWorker(order: Order): Promise<Map<Id, Point>> {
  return new Promise((done, failed) => {
    const worker = new Worker(new URL("./layout-worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = (message: MessageEvent<[Id, Point][]>) => {
      worker.terminate();
      done(new Map(message.data));
    };
    worker.onerror = (event) => {
      worker.terminate();
      failed(new Error(event.message));
    };
    worker.postMessage(order);
  });
}
