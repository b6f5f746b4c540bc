// A document as a table of its fields, each under its own path: what comparing and merging work on. Pure.

import { edgeKey, nodesOf, type Doc, type Edge, type Id, type Node } from "./types";

/** Where a field is: `["name"]`, `["node", id]`, `["node", id, "params", "url"]`, `["edge", key]`, ... */
export type Path = readonly string[];
export type Fields = Map<string, unknown>;

export function keyOf(path: Path): string {
  return JSON.stringify(path);
}

export function pathOf(key: string): Path {
  return JSON.parse(key) as string[];
}

/** Every field of a document. Lists and objects within a parameter are one field. */
export function fieldsOf(doc: Doc): Fields {
  const fields: Fields = new Map();
  const put = (path: Path, value: unknown) => value !== undefined && fields.set(keyOf(path), value);
  put(["name"], doc.name);
  put(["description"], doc.description ?? undefined);
  put(["tags"], doc.tags.length === 0 ? undefined : doc.tags);
  for (const [key, value] of Object.entries(doc.settings)) put(["settings", key], value ?? undefined);
  for (const node of nodesOf(doc)) putNode(node, put);
  for (const edge of doc.edges) put(["edge", edgeKey(edge)], edge);
  for (const [name, items] of Object.entries(doc.pinned)) put(["pinned", name], items);
  return fields;
}

function putNode(node: Node, put: (path: Path, value: unknown) => unknown): void {
  const { id, params, ...rest } = node;
  put(["node", id], true);
  for (const [key, value] of Object.entries(rest)) put(["node", id, key], value ?? undefined);
  for (const [key, value] of Object.entries(params)) put(["node", id, "params", key], value);
}

/** The document that has these fields. Nodes stand in the order of `orders`; what is tied to no node is left out. */
export function docOf(fields: Fields, like: Doc, orders: readonly (readonly Id[])[]): Doc {
  const nodes: Record<Id, Node> = Object.create(null) as Record<Id, Node>;
  for (const id of new Set(orders.flat())) if (fields.has(keyOf(["node", id]))) nodes[id] = { id, name: id, kind: "", version: 1, position: [0, 0], params: {} };
  const settings: Record<string, unknown> = {};
  const pinned: Record<string, readonly unknown[]> = {};
  const edges: Edge[] = [];
  for (const [key, value] of fields) {
    const path = pathOf(key);
    const node = path[0] === "node" ? nodes[path[1] ?? ""] : undefined;
    if (path[0] === "settings" && path[1] !== undefined) settings[path[1]] = value;
    else if (path[0] === "pinned" && path[1] !== undefined) pinned[path[1]] = value as unknown[];
    else if (path[0] === "edge") edges.push(value as Edge);
    else if (node !== undefined && path.length === 3) (node as unknown as Record<string, unknown>)[path[2] ?? ""] = value;
    else if (node !== undefined && path.length === 4) node.params[path[3] ?? ""] = value;
  }
  return {
    ...like,
    name: text(fields.get(keyOf(["name"]))),
    description: (fields.get(keyOf(["description"])) as string | undefined) ?? null,
    tags: (fields.get(keyOf(["tags"])) as string[] | undefined) ?? [],
    settings,
    nodes: { ...nodes },
    order: Object.keys(nodes).length === 0 ? [] : [...new Set(orders.flat())].filter((id) => nodes[id] !== undefined),
    edges: edges.filter((edge) => nodes[edge.from.node] !== undefined && nodes[edge.to.node] !== undefined),
    pinned,
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Whether two values are the same JSON; the order of keys does not matter. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((value, i) => same(value, b[i]));
  }
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(x);
  return keys.length === Object.keys(y).length && keys.every((key) => key in y && same(x[key], y[key]));
}
