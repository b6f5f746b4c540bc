// Operations on nodes: each gives the document after it, or says why it cannot be done. Pure.

import { TEXTS } from "../texts/document";
import { freeId, freeName, renamed, takenNames } from "./names";
import { MAIN, type Doc, type Edge, type Id, type Node, type Params, type Point, type Port, type Refusal } from "./types";

export type NewNode = { kind: string; name: string; version?: number; params?: Params; position: Point };

/** What a new node is tied to: the output before it, or the link that it is put into. */
export type Tie = { after: Port; type?: string } | { into: Edge };

/** The document with one more node, and its id. */
export function addNode(doc: Doc, wish: NewNode, tie?: Tie, random?: () => number): { doc: Doc; id: Id } {
  const id = freeId(doc, random);
  const node: Node = {
    id,
    name: freeName(wish.name, takenNames(doc)),
    kind: wish.kind,
    version: wish.version ?? 1,
    position: rounded(wish.position),
    params: wish.params ?? {},
  };
  const added: Doc = { ...doc, nodes: { ...doc.nodes, [id]: node }, order: [...doc.order, id], edges: tied(doc.edges, id, tie) };
  return { doc: added, id };
}

function tied(edges: readonly Edge[], id: Id, tie: Tie | undefined): readonly Edge[] {
  if (tie === undefined) return edges;
  if ("after" in tie) return [...edges, { from: tie.after, to: { node: id, port: 0 }, type: tie.type ?? MAIN }];
  const { from, to, type } = tie.into;
  return edges.flatMap((edge) => (edge === tie.into ? [{ from, to: { node: id, port: 0 }, type }, { from: { node: id, port: 0 }, to, type }] : [edge]));
}

/** The document without these nodes. A node with one way in and one way out leaves a link in its place. */
export function removeNodes(doc: Doc, ids: readonly Id[]): Doc {
  return ids.reduce(removeNode, doc);
}

function removeNode(doc: Doc, id: Id): Doc {
  const gone = doc.nodes[id];
  if (gone === undefined) return doc;
  const { [id]: _, ...nodes } = doc.nodes;
  const { [gone.name]: __, ...pinned } = doc.pinned;
  const edges = doc.edges.filter((edge) => edge.from.node !== id && edge.to.node !== id);
  const bridge = bridgeOver(doc, id);
  const isThere = bridge !== null && edges.some((edge) => sameEnds(edge, bridge));
  return { ...doc, nodes, pinned, order: doc.order.filter((other) => other !== id), edges: bridge === null || isThere ? edges : [...edges, bridge] };
}

function bridgeOver(doc: Doc, id: Id): Edge | null {
  const [before, moreBefore] = doc.edges.filter((edge) => edge.to.node === id && edge.type === MAIN);
  const [after, moreAfter] = doc.edges.filter((edge) => edge.from.node === id && edge.type === MAIN);
  if (before === undefined || after === undefined || moreBefore !== undefined || moreAfter !== undefined) return null;
  if (before.from.node === id || after.from.port !== 0) return null;
  return { from: before.from, to: after.to, type: MAIN };
}

export function sameEnds(a: Edge, b: Edge): boolean {
  return a.type === b.type && samePort(a.from, b.from) && samePort(a.to, b.to);
}

function samePort(a: Port, b: Port): boolean {
  return a.node === b.node && a.port === b.port;
}

/** The document with these nodes elsewhere, on whole pixels. */
export function moveNodes(doc: Doc, places: ReadonlyMap<Id, Point>): Doc {
  const moved: Record<Id, Node> = {};
  for (const [id, point] of places) {
    const node = doc.nodes[id];
    const [x, y] = rounded(point);
    if (node !== undefined && (node.position[0] !== x || node.position[1] !== y)) moved[id] = { ...node, position: [x, y] };
  }
  return Object.keys(moved).length === 0 ? doc : { ...doc, nodes: { ...doc.nodes, ...moved } };
}

export function rounded([x, y]: Point): Point {
  return [Math.round(x), Math.round(y)];
}

/** The document with a node under another name; expressions that mention it follow. */
export function renameNode(doc: Doc, id: Id, wish: string): Doc | Refusal {
  const node = doc.nodes[id];
  const name = wish.trim();
  if (node === undefined) return { refused: TEXTS.noSuchNode };
  if (name === "") return { refused: TEXTS.nameEmpty };
  if (name.length > 200) return { refused: TEXTS.nameLong(200) };
  if (name === node.name) return doc;
  if (takenNames(doc).has(name)) return { refused: TEXTS.nameTaken(name) };
  const nodes = Object.fromEntries(Object.entries(doc.nodes).map(([key, other]) => {
    const params = renamed(other.params, node.name, name) as Params;
    const next = params === other.params ? other : { ...other, params };
    return [key, key === id ? { ...next, name } : next];
  }));
  // In its old place among the others, so that a file changes where it has to.
  const pinned = Object.fromEntries(Object.entries(doc.pinned).map(([key, items]) => [key === node.name ? name : key, items]));
  return { ...doc, nodes, pinned };
}

export type NodeChange = Partial<Omit<Node, "id" | "name" | "kind">>;

/** The document with other properties of a node. A property that is undefined is taken away. */
export function changeNode(doc: Doc, id: Id, change: NodeChange): Doc {
  const node = doc.nodes[id];
  if (node === undefined) return doc;
  const next = Object.fromEntries(Object.entries({ ...node, ...change }).filter(([, value]) => value !== undefined)) as Node;
  return { ...doc, nodes: { ...doc.nodes, [id]: next } };
}

/** The document with these nodes switched off, or on when all of them are off. */
export function toggleDisabled(doc: Doc, ids: readonly Id[]): Doc {
  const isOff = ids.every((id) => doc.nodes[id]?.disabled === true);
  return ids.reduce((now, id) => changeNode(now, id, { disabled: isOff ? undefined : true }), doc);
}

/** The document with items that stand in for a node's output; null takes them away. */
export function pinItems(doc: Doc, id: Id, items: readonly unknown[] | null): Doc {
  const name = doc.nodes[id]?.name;
  if (name === undefined) return doc;
  const { [name]: _, ...others } = doc.pinned;
  return { ...doc, pinned: items === null ? others : { ...doc.pinned, [name]: items } };
}
