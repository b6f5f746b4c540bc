// What the server says of a node kind, and how many ports a node has by its parameters. Pure.

import { MAIN, type Node, type Params } from "./types";

export type JsonSchema = Record<string, unknown>;
export type CredentialSlot = { name: string; title: string; fields: string[]; secret: string[] };
export type KindExample = { title: string; params: Params; input: unknown; output: unknown };

export type NodeKind = {
  kind: string;
  title: string;
  summary: string;
  category: string;
  aliases: string[];
  inputs: string[];
  outputs: string[];
  version: number;
  trigger: string | null;
  effects: "none" | "outside";
  credentials: CredentialSlot[];
  schema: JsonSchema;
  examples: KindExample[];
};
export type Kinds = ReadonlyMap<string, NodeKind>;

export type Ports = { inputs: string[]; outputs: string[] };

const PORTS_MAX = 100;

/** The names of a node's inputs and outputs. Some kinds have as many as their parameters ask for. */
export function portsOf(node: Pick<Node, "kind" | "params" | "on_error">, kinds: Kinds): Ports {
  const kind = kinds.get(node.kind);
  // What this server does not know was imported, and may have any number: the edges say how many.
  if (kind === undefined) return { inputs: [MAIN], outputs: [MAIN] };
  const special = SPECIAL[node.kind]?.(node.params);
  const ports = { inputs: kind.inputs, outputs: kind.outputs, ...special };
  return node.on_error === "continue_error_output" ? { ...ports, outputs: [...ports.outputs, "error"] } : ports;
}

const SPECIAL: Record<string, (params: Params) => Partial<Ports>> = {
  switch: (params) => ({ outputs: switchOutputs(params) }),
  merge: (params) => ({ inputs: mergeInputs(params) }),
  webhook: (params) => {
    const methods = params["httpMethod"];
    return params["multipleMethods"] === true && Array.isArray(methods) && methods.length > 1 ? { outputs: methods.map(String) } : {};
  },
};

function switchOutputs(params: Params): string[] {
  const given = params["numberOutputs"];
  const fixed = typeof given === "number" && given >= 1 ? Math.min(Math.floor(given), PORTS_MAX) : null;
  if (params["mode"] === "expression" || fixed !== null) return Array.from({ length: fixed ?? 4 }, (_, i) => String(i));
  const rules = list(record(params["rules"])["values"]);
  const names = rules.map((rule, i) => {
    const { outputKey, renameOutput } = record(rule);
    return typeof outputKey === "string" && outputKey !== "" && renameOutput !== false ? outputKey : String(i);
  });
  const options = record(params["options"]);
  if (options["fallbackOutput"] !== "extra") return names;
  const fallback = options["renameFallbackOutput"];
  return [...names, typeof fallback === "string" && fallback !== "" ? fallback : "fallback"];
}

function mergeInputs(params: Params): string[] {
  const isByNumber = params["mode"] !== "combine" || params["combineBy"] === "combineByPosition";
  const given = Number(params["numberInputs"] ?? 2);
  const n = isByNumber && Number.isFinite(given) ? Math.min(Math.max(2, Math.floor(given)), PORTS_MAX) : 2;
  return Array.from({ length: n }, (_, i) => `input ${i + 1}`);
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Kinds that were imported without this server knowing them. */
export function isUnknown(kind: string): boolean {
  return kind.startsWith("missing:");
}

export function titleOf(kind: string, kinds: Kinds): string {
  return kinds.get(kind)?.title ?? kind.replace(/^missing:/, "");
}
