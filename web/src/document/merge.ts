// Two people's changes to the same version, brought together field by field. Where both changed the same
// field, a person chooses; until then ours stays. Pure.

import { docOf, fieldsOf, keyOf, pathOf, same, type Fields, type Path } from "./fields";
import { freeName } from "./names";
import type { Doc, Id, Node } from "./types";

export type Side = "mine" | "theirs";
export type Conflict = { key: string; path: Path; base: unknown; mine: unknown; theirs: unknown };
export type Merged = { doc: Doc; conflicts: Conflict[] };

/** The document with the changes of both since `base`. `choices` says for a conflict's key whose value stays. */
export function merge(base: Doc, mine: Doc, theirs: Doc, choices: Readonly<Record<string, Side>> = {}): Merged {
  const [b, m, t] = [fieldsOf(base), fieldsOf(mine), fieldsOf(theirs)];
  const conflicts = conflictsOf(b, m, t);
  const asked = new Set(conflicts.map((conflict) => conflict.key));
  const fields: Fields = new Map();
  for (const key of new Set([...t.keys(), ...m.keys()])) {
    const side = asked.has(key) ? (choices[key] ?? "mine") : same(m.get(key), b.get(key)) ? "theirs" : "mine";
    const value = (side === "mine" ? m : t).get(key);
    if (value !== undefined) fields.set(key, value);
  }
  // A node that stays although one side removed it has all its fields from the side that kept it.
  for (const conflict of conflicts) if (isNode(conflict.path)) keepOrDrop(conflict, choices[conflict.key] ?? "mine", fields, m, t);
  const doc = withFreeNames(docOf(fields, mine, [theirs.order, mine.order]));
  return { doc, conflicts };
}

function isNode(path: Path): boolean {
  return path[0] === "node" && path.length === 2;
}

function keepOrDrop(conflict: Conflict, side: Side, fields: Fields, m: Fields, t: Fields): void {
  const id = conflict.path[1];
  const from = side === "mine" ? m : t;
  const isOfNode = (key: string) => {
    const path = pathOf(key);
    return path[0] === "node" && path[1] === id;
  };
  for (const key of [...fields.keys()]) if (isOfNode(key)) fields.delete(key);
  for (const [key, value] of from) if (isOfNode(key)) fields.set(key, value);
}

function conflictsOf(b: Fields, m: Fields, t: Fields): Conflict[] {
  const found = [...new Set([...m.keys(), ...t.keys(), ...b.keys()])].flatMap((key): Conflict[] => {
    const [base, mine, theirs] = [b.get(key), m.get(key), t.get(key)];
    if (same(mine, theirs) || same(mine, base) || same(theirs, base)) return [];
    return [{ key, path: pathOf(key), base, mine, theirs }];
  });
  return [...removals(b, m, t), ...found].filter((conflict, _, all) => {
    if (conflict.path[0] !== "node" || isNode(conflict.path)) return true;
    // The question whether a node stays goes before those about its fields.
    return !all.some((other) => isNode(other.path) && other.path[1] === conflict.path[1]);
  });
}

/** Nodes that one side removed while the other changed them. */
function removals(b: Fields, m: Fields, t: Fields): Conflict[] {
  return [...b.keys()].flatMap((key): Conflict[] => {
    const path = pathOf(key);
    if (!isNode(path) || m.has(key) === t.has(key)) return [];
    const kept = m.has(key) ? m : t;
    const fields = [...new Set([...b.keys(), ...kept.keys()])].filter((other) => other !== key && pathOf(other)[0] === "node" && pathOf(other)[1] === path[1]);
    const isChanged = fields.some((other) => pathOf(other)[2] !== "position" && !same(b.get(other), kept.get(other)));
    return isChanged ? [{ key, path, base: true, mine: m.has(key) || undefined, theirs: t.has(key) || undefined }] : [];
  });
}

/** Both may have added a node of the same name. */
function withFreeNames(doc: Doc): Doc {
  const taken = new Set<string>();
  const nodes: Record<Id, Node> = {};
  for (const id of doc.order) {
    const node = doc.nodes[id];
    if (node === undefined) continue;
    const name = freeName(node.name, taken);
    taken.add(name);
    nodes[id] = name === node.name ? node : { ...node, name };
  }
  return { ...doc, nodes };
}

export function conflictKey(...path: string[]): string {
  return keyOf(path);
}
