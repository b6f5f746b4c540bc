// Random documents and random edits for tests, from a seed that is printed. Not part of the page.

import { alignNodes } from "./arrange";
import { paste, partOf } from "./clip";
import { readFile } from "./file";
import { boxAt, cardSize } from "./geometry";
import type { Kinds, NodeKind } from "./kinds";
import { connect, disconnect } from "./links";
import { addNode, changeNode, moveNodes, pinItems, removeNodes, renameNode, toggleDisabled } from "./nodes";
import { EMPTY, isRefusal, type Doc, type Id } from "./types";

/** Numbers from 0 to 1 that a seed decides. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const kind = (name: string, inputs: string[], outputs: string[]): [string, NodeKind] => [
  name,
  { kind: name, title: name, summary: "", category: "flow", aliases: [], inputs, outputs, version: 1, trigger: null, effects: "none", credentials: [], schema: {}, examples: [] },
];

export const KINDS: Kinds = new Map([
  kind("manual_trigger", [], ["main"]),
  kind("set", ["main"], ["main"]),
  kind("if", ["main"], ["true", "false"]),
  kind("merge", ["input 1", "input 2"], ["main"]),
  kind("switch", ["main"], []),
  kind("sticky_note", [], []),
]);

const WORDS = ["Ask", "Greet", "It's", 'Say "so"', "Größe", "a\\b", "Ask 2", "toString", "1"];

type Random = () => number;

function pick<T>(list: readonly T[], random: Random): T | undefined {
  return list[Math.floor(random() * list.length)];
}

function some(doc: Doc, random: Random): Id[] {
  return doc.order.filter(() => random() < 0.3);
}

type Edit = { name: string; apply: (doc: Doc, random: Random) => Doc };

const orSame = (doc: Doc, next: Doc | { refused: string }): Doc => ("refused" in next ? doc : next);

/** One edit of each sort that the editor offers. */
export const EDITS: readonly Edit[] = [
  { name: "add", apply: (doc, random) => addNode(doc, { kind: pick([...KINDS.keys()], random) ?? "set", name: pick(WORDS, random) ?? "A", position: [random() * 900, random() * 900] }, tie(doc, random), random).doc },
  { name: "remove", apply: (doc, random) => removeNodes(doc, some(doc, random).slice(0, 2)) },
  { name: "move", apply: (doc, random) => moveNodes(doc, new Map(some(doc, random).map((id) => [id, [random() * 900, random() * 900]]))) },
  { name: "rename", apply: (doc, random) => orSame(doc, renameNode(doc, pick(doc.order, random) ?? "", pick(WORDS, random) ?? "A")) },
  { name: "params", apply: (doc, random) => changeNode(doc, pick(doc.order, random) ?? "", { params: paramsOf(doc, random) }) },
  { name: "notes", apply: (doc, random) => changeNode(doc, pick(doc.order, random) ?? "", { notes: random() < 0.5 ? undefined : "why" }) },
  { name: "disable", apply: (doc, random) => toggleDisabled(doc, some(doc, random)) },
  { name: "connect", apply: (doc, random) => orSame(doc, connect(doc, { node: pick(doc.order, random) ?? "", port: 0 }, { node: pick(doc.order, random) ?? "", port: 0 }, KINDS)) },
  { name: "disconnect", apply: (doc, random) => disconnect(doc, doc.edges.filter(() => random() < 0.2)) },
  { name: "pin", apply: (doc, random) => pinItems(doc, pick(doc.order, random) ?? "", random() < 0.3 ? null : [{ json: { n: random() } }]) },
  { name: "duplicate", apply: (doc, random) => pasted(doc, some(doc, random), random) },
  { name: "align", apply: (doc, random) => alignNodes(doc, new Map(some(doc, random).map((id) => [id, boxAt(doc.nodes[id]?.position ?? [0, 0], cardSize(2))])), "left") },
];

function tie(doc: Doc, random: Random): { after: { node: Id; port: number } } | undefined {
  const id = pick(doc.order, random);
  return id === undefined || random() < 0.4 ? undefined : { after: { node: id, port: 0 } };
}

function paramsOf(doc: Doc, random: Random): Record<string, unknown> {
  const name = doc.nodes[pick(doc.order, random) ?? ""]?.name ?? "Nobody";
  return { value: `={{ $(${JSON.stringify(name)}).item.json.a }}`, list: [{ deep: random() }] };
}

function pasted(doc: Doc, ids: Id[], random: Random): Doc {
  const part = readFile(partOf(doc, ids));
  // Copies of copies would soon be the most of it.
  if (doc.order.length > 80) return doc;
  return isRefusal(part) ? doc : paste(doc, part, [random() * 500, random() * 500], random).doc;
}

/** A document after this many random edits. */
export function randomDoc(random: Random, n_edits: number): Doc {
  let doc: Doc = { ...EMPTY, name: "Random" };
  for (let n = 0; n < n_edits; n++) doc = (pick(EDITS, random) ?? EDITS[0])!.apply(doc, random);
  return doc;
}
