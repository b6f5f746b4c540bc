// Operations on links, and questions about them. Pure.

import { TEXTS } from "../texts/document";
import { isUnknown, portsOf, type Kinds } from "./kinds";
import { sameEnds } from "./nodes";
import { MAIN, NOTE, type Doc, type Edge, type Id, type Port, type Refusal } from "./types";

/** The document with the link added, or why it cannot be. */
export function connect(doc: Doc, from: Port, to: Port, kinds: Kinds, type: string = MAIN): Doc | Refusal {
  const edge: Edge = { from, to, type };
  const why = whyNot(doc, edge, kinds);
  return why === null ? { ...doc, edges: [...doc.edges, edge] } : { refused: why };
}

function whyNot(doc: Doc, edge: Edge, kinds: Kinds): string | null {
  const source = doc.nodes[edge.from.node];
  const target = doc.nodes[edge.to.node];
  if (source === undefined || target === undefined) return TEXTS.noSuchNode;
  if (source.kind === NOTE || target.kind === NOTE) return TEXTS.notesHaveNoLinks;
  if (doc.edges.some((other) => sameEnds(other, edge))) return TEXTS.linkedAlready(source.name, target.name);
  if (edge.type !== MAIN) return null;
  const inputs = portsOf(target, kinds).inputs.length;
  const outputs = portsOf(source, kinds).outputs.length;
  if (inputs === 0) return TEXTS.noInput(target.name);
  if (!isUnknown(target.kind) && edge.to.port >= inputs) return TEXTS.noSuchPort(target.name, edge.to.port);
  if (!isUnknown(source.kind) && edge.from.port >= outputs) return TEXTS.noSuchPort(source.name, edge.from.port);
  return null;
}

/** The document without these links. */
export function disconnect(doc: Doc, gone: readonly Edge[]): Doc {
  const edges = doc.edges.filter((edge) => !gone.some((other) => sameEnds(other, edge)));
  return edges.length === doc.edges.length ? doc : { ...doc, edges };
}

export type Links = { incoming: readonly Edge[]; outgoing: readonly Edge[] };

const NONE: Links = { incoming: [], outgoing: [] };
const KNOWN = new WeakMap<readonly Edge[], Map<Id, Links>>();

/** The links of a node. Counted once for a list of edges, however often it is asked. */
export function linksOf(doc: Doc, id: Id): Links {
  let known = KNOWN.get(doc.edges);
  if (known === undefined) KNOWN.set(doc.edges, (known = count(doc.edges)));
  return known.get(id) ?? NONE;
}

function count(edges: readonly Edge[]): Map<Id, Links> {
  const found = new Map<Id, { incoming: Edge[]; outgoing: Edge[] }>();
  const at = (id: Id) => {
    const links = found.get(id) ?? { incoming: [], outgoing: [] };
    found.set(id, links);
    return links;
  };
  for (const edge of edges) {
    at(edge.from.node).outgoing.push(edge);
    at(edge.to.node).incoming.push(edge);
  }
  return found;
}

/** Every node that is reached from here, the start itself left out unless a circle leads back. */
export function downstream(doc: Doc, id: Id): Set<Id> {
  const found = new Set<Id>();
  const pending = [id];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const { to } of linksOf(doc, next).outgoing) {
      if (found.has(to.node)) continue;
      found.add(to.node);
      pending.push(to.node);
    }
  }
  return found;
}

/** Every node from which one comes here. */
export function upstream(doc: Doc, id: Id): Set<Id> {
  const found = new Set<Id>();
  const pending = [id];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const { from } of linksOf(doc, next).incoming) {
      if (found.has(from.node)) continue;
      found.add(from.node);
      pending.push(from.node);
    }
  }
  return found;
}

/** The nodes from the triggers onward, each once, as the outline and the cards' numbers show them. */
export function inFlow(doc: Doc): Id[] {
  const found = new Set<Id>();
  const isFed = (id: Id) => linksOf(doc, id).incoming.some((edge) => edge.from.node !== id);
  const byPlace = (a: Id, b: Id) => placeOf(doc, a) - placeOf(doc, b);
  const ids = doc.order.filter((id) => doc.nodes[id]?.kind !== NOTE);
  // Nodes in a circle have no beginning; they come after those that do.
  const roots = [...ids.filter((id) => !isFed(id)).sort(byPlace), ...ids];
  for (const root of roots) walk(doc, root, found);
  return [...found];
}

function walk(doc: Doc, root: Id, found: Set<Id>): void {
  const pending = [root];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (found.has(next) || doc.nodes[next] === undefined) continue;
    found.add(next);
    const after = [...linksOf(doc, next).outgoing].sort((a, b) => a.from.port - b.from.port);
    // The first branch is taken up next: the last on the stack.
    pending.push(...after.map((edge) => edge.to.node).reverse());
  }
}

function placeOf(doc: Doc, id: Id): number {
  const [x, y] = doc.nodes[id]?.position ?? [0, 0];
  return y * 1e4 + x;
}
