// What differs between two documents, node by node and field by field. Pure.

import { fieldsOf, pathOf, same, type Path } from "./fields";
import type { Doc, Edge, Id } from "./types";

export type FieldChange = { path: Path; before: unknown; after: unknown };
export type NodeState = "added" | "removed" | "changed" | "moved";
export type NodeChangeOf = { id: Id; name: string; state: NodeState; fields: FieldChange[] };
export type Comparison = {
  nodes: NodeChangeOf[];
  links: { edge: Edge; state: "added" | "removed" }[];
  /** Name, description, settings, tags, pinned items. */
  rest: FieldChange[];
};

export function compare(before: Doc, after: Doc): Comparison {
  const changes = changesOf(before, after);
  const ids = [...new Set([...after.order, ...before.order])];
  const byNode = new Map<Id, FieldChange[]>();
  for (const change of changes) {
    const [area, id] = change.path;
    if (area === "node" && id !== undefined) byNode.set(id, [...(byNode.get(id) ?? []), change]);
  }
  const links = changes.filter(({ path }) => path[0] === "edge").map(({ before, after }) =>
    after === undefined ? { edge: before as Edge, state: "removed" as const } : { edge: after as Edge, state: "added" as const });
  return {
    nodes: ids.flatMap((id) => nodeChange(id, byNode.get(id), before, after)),
    links,
    rest: changes.filter(({ path }) => path[0] !== "node" && path[0] !== "edge"),
  };
}

function nodeChange(id: Id, fields: FieldChange[] | undefined, before: Doc, after: Doc): NodeChangeOf[] {
  if (fields === undefined) return [];
  const name = after.nodes[id]?.name ?? before.nodes[id]?.name ?? id;
  if (before.nodes[id] === undefined) return [{ id, name, state: "added", fields: [] }];
  if (after.nodes[id] === undefined) return [{ id, name, state: "removed", fields: [] }];
  const isMoved = fields.every(({ path }) => path[2] === "position");
  return [{ id, name, state: isMoved ? "moved" : "changed", fields }];
}

export function changesOf(before: Doc, after: Doc): FieldChange[] {
  const [a, b] = [fieldsOf(before), fieldsOf(after)];
  const keys = new Set([...a.keys(), ...b.keys()]);
  return [...keys].filter((key) => !same(a.get(key), b.get(key))).map((key) => ({ path: pathOf(key), before: a.get(key), after: b.get(key) }));
}

export function isSame(a: Doc, b: Doc): boolean {
  return a === b || (changesOf(a, b).length === 0 && same(a.order, b.order));
}
