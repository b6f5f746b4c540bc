// Our file format, read and written. What is read and written again is the same. Pure.

import { TEXTS } from "../texts/document";
import { MAIN, nodesOf, type Doc, type Edge, type Node, type Point, type Refusal } from "./types";

/** A workflow as it is sent and kept. */
export type File = {
  id?: string | null;
  name?: string;
  description?: string | null;
  settings?: Record<string, unknown>;
  nodes?: FileNode[];
  edges?: FileEdge[];
  pinned?: Record<string, unknown[]>;
  tags?: string[];
  origin?: unknown;
};
export type FileNode = Omit<Node, "version" | "position" | "params"> & Partial<Pick<Node, "version" | "position" | "params">>;
export type FilePort = { node: string; port?: number };
export type FileEdge = { from: FilePort; to: FilePort; type?: string };

/** The document of a file, or what in it cannot be understood. */
export function readFile(file: unknown): Doc | Refusal {
  if (!isRecord(file) || (file["nodes"] !== undefined && !Array.isArray(file["nodes"]))) return { refused: TEXTS.notAWorkflow };
  const given = file as File;
  const nodes = new Map<string, Node>();
  for (const [i, raw] of (given.nodes ?? []).entries()) {
    const why = whyNoNode(raw, nodes);
    if (why !== null) return { refused: TEXTS.badNode(i, why) };
    nodes.set(raw.id, { ...raw, version: raw.version ?? 1, position: pointOf(raw.position), params: raw.params ?? {} });
  }
  const { nodes: _, edges: __, ...rest } = given;
  return {
    ...rest,
    name: given.name ?? "",
    settings: given.settings ?? {},
    // Not by assignment: an id may be any text, and `__proto__` is one.
    nodes: Object.fromEntries(nodes),
    order: [...nodes.keys()],
    edges: (Array.isArray(given.edges) ? given.edges : []).filter(isEdge).map(edgeOf),
    pinned: isRecord(given.pinned) ? (given.pinned as Record<string, unknown[]>) : {},
    tags: Array.isArray(given.tags) ? given.tags : [],
  };
}

function whyNoNode(raw: unknown, before: ReadonlyMap<string, Node>): string | null {
  if (!isRecord(raw)) return "is no object";
  for (const key of ["id", "name", "kind"]) {
    const value = raw[key];
    if (typeof value !== "string" || value === "") return `has no ${key}`;
  }
  return !before.has(String(raw["id"])) ? null : `has the id of another one, "${String(raw["id"])}"`;
}

function pointOf(value: unknown): Point {
  const [x, y] = Array.isArray(value) ? (value as unknown[]) : [];
  return [number(x), number(y)];
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function isEdge(value: unknown): value is FileEdge {
  return isRecord(value) && isRecord(value["from"]) && isRecord(value["to"]) && typeof value["from"]["node"] === "string" && typeof value["to"]["node"] === "string";
}

function edgeOf({ from, to, type }: FileEdge): Edge {
  return { from: { node: from.node, port: number(from.port) }, to: { node: to.node, port: number(to.port) }, type: type ?? MAIN };
}

/** The file of a document. */
export function writeFile(doc: Doc): File {
  const { nodes: _, order: __, edges, pinned, tags, settings, ...rest } = doc;
  return {
    ...rest,
    settings,
    nodes: nodesOf(doc),
    edges: edges.map(({ from, to, type }) => ({ from, to, ...(type === MAIN ? {} : { type }) })),
    pinned: pinned as Record<string, unknown[]>,
    tags: [...tags],
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
