// Copy and paste. What is copied is a file of ours with some of the nodes, so that it can be pasted into any
// text as well; what another program copied is recognised and has to be converted by the server. Pure.

import { TEXTS } from "../texts/document";
import { readFile, writeFile, isRecord, type File } from "./file";
import { freeId, freeName, renamed, takenNames } from "./names";
import { rounded } from "./nodes";
import { isRefusal, nodesOf, type Doc, type Edge, type Id, type Node, type Params, type Point } from "./types";

/** The text of these nodes and the links between them. */
export function copyText(doc: Doc, ids: readonly Id[]): string {
  return JSON.stringify(partOf(doc, ids), null, 2);
}

export function partOf(doc: Doc, ids: readonly Id[]): File {
  const chosen = new Set(ids);
  const nodes = nodesOf(doc).filter((node) => chosen.has(node.id));
  const edges = doc.edges.filter((edge) => chosen.has(edge.from.node) && chosen.has(edge.to.node));
  const pinned = Object.fromEntries(nodes.flatMap(({ name }) => (Object.hasOwn(doc.pinned, name) ? [[name, doc.pinned[name] ?? []] as const] : [])));
  const part: Doc = { name: doc.name, settings: {}, tags: [], nodes: doc.nodes, order: nodes.map((node) => node.id), edges, pinned };
  const { settings: _, tags: __, ...file } = writeFile(part);
  return file;
}

export type Pasted = { is: "ours"; part: Doc } | { is: "foreign"; file: unknown } | { is: "refused"; why: string };

/** What a text from the clipboard holds. */
export function readText(text: string): Pasted {
  if (text.trim() === "") return { is: "refused", why: TEXTS.nothingToPaste };
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    return { is: "refused", why: TEXTS.notJson(error instanceof Error ? error.message : "") };
  }
  if (isForeign(file)) return { is: "foreign", file };
  if (!isRecord(file) || !Array.isArray(file["nodes"])) return { is: "refused", why: TEXTS.notAWorkflow };
  const part = readFile(file);
  return isRefusal(part) ? { is: "refused", why: part.refused } : { is: "ours", part };
}

/** n8n's nodes have a `type` in place of our `kind`. */
function isForeign(file: unknown): boolean {
  const nodes = isRecord(file) ? file["nodes"] : undefined;
  return Array.isArray(nodes) && nodes.some((node) => isRecord(node) && typeof node["type"] === "string" && node["kind"] === undefined);
}

/** The document with a part put in: new ids, free names, the upper left corner at `at`. */
export function paste(doc: Doc, part: Doc, at: Point, random?: () => number): { doc: Doc; ids: Id[] } {
  const [left, top] = cornerOf(part);
  const taken = takenNames(doc);
  const ids = new Map<Id, Id>();
  const names = new Map<string, string>();
  for (const node of nodesOf(part)) {
    const name = freeName(node.name, taken);
    taken.add(name);
    names.set(node.name, name);
    ids.set(node.id, freeIdBeside(doc, ids, random));
  }
  const moved = nodesOf(part).map((node): Node => {
    const [x, y] = node.position;
    const { webhook_id: _, ...plain } = node;
    return { ...plain, id: ids.get(node.id) ?? node.id, name: names.get(node.name) ?? node.name, position: rounded([x - left + at[0], y - top + at[1]]), params: withNames(node.params, names) };
  });
  return { doc: joined(doc, part, moved, ids, names), ids: moved.map((node) => node.id) };
}

function freeIdBeside(doc: Doc, ids: Map<Id, Id>, random?: () => number): Id {
  const given = new Set(ids.values());
  let id = freeId(doc, random);
  while (given.has(id)) id = freeId(doc, random);
  return id;
}

function joined(doc: Doc, part: Doc, moved: Node[], ids: Map<Id, Id>, names: Map<string, string>): Doc {
  const edges = part.edges.flatMap((edge): Edge[] => {
    const [from, to] = [ids.get(edge.from.node), ids.get(edge.to.node)];
    return from === undefined || to === undefined ? [] : [{ ...edge, from: { ...edge.from, node: from }, to: { ...edge.to, node: to } }];
  });
  const pinned = Object.fromEntries(Object.entries(part.pinned).flatMap(([name, items]) => {
    const now = names.get(name);
    return now === undefined ? [] : [[now, items]];
  }));
  return {
    ...doc,
    nodes: { ...doc.nodes, ...Object.fromEntries(moved.map((node) => [node.id, node])) },
    order: [...doc.order, ...moved.map((node) => node.id)],
    edges: [...doc.edges, ...edges],
    pinned: { ...doc.pinned, ...pinned },
  };
}

/** What is pasted speaks of what was pasted with it, under its new names. */
function withNames(params: Params, names: Map<string, string>): Params {
  const changed = [...names].filter(([from, to]) => from !== to);
  // By way of marks, because one name may become what another was.
  const marked = changed.reduce<unknown>((now, [from], i) => renamed(now, from, `\u0000${i}\u0000`), params);
  return changed.reduce<unknown>((now, [, to], i) => renamed(now, `\u0000${i}\u0000`, to), marked) as Params;
}

function cornerOf(part: Doc): Point {
  const points = nodesOf(part).map((node) => node.position);
  return points.length === 0 ? [0, 0] : [Math.min(...points.map(([x]) => x)), Math.min(...points.map(([, y]) => y))];
}
