// One line that says what a step does, from its parameters. Pure.

import type { JsonSchema, Kinds } from "../document/kinds";
import type { Node } from "../document/types";

const CHARS_MAX = 60;

/** Such as `GET https://example.com/rates`; empty when the parameters say nothing short. */
export function summaryOf(node: Node, kinds: Kinds): string {
  const special = SPECIAL[node.kind]?.(node.params);
  return cut(special ?? generic(node.params, kinds.get(node.kind)?.schema));
}

type Params = Record<string, unknown>;

const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value).replace(/^=/, "") : "");
const words = (...parts: unknown[]): string => parts.map(text).filter((part) => part !== "").join(" ");
const inner = (value: unknown, key: string): unknown => (typeof value === "object" && value !== null ? (value as Params)[key] : undefined);
const rows = (value: unknown): Params[] => (Array.isArray(value) ? value.filter((row): row is Params => typeof row === "object" && row !== null) : []);

const SPECIAL: Record<string, (params: Params) => string> = {
  http_request: (p) => words(text(p["method"]) || "GET", p["url"]),
  webhook: (p) => words(Array.isArray(p["httpMethod"]) ? p["httpMethod"].join(",") : "GET", `/${text(p["path"])}`),
  set: (p) => rows(inner(p["assignments"], "assignments")).map((row) => text(row["name"])).join(", "),
  if: (p) => conditions(p["conditions"]),
  filter: (p) => conditions(p["conditions"]),
  switch: (p) => (p["mode"] === "expression" ? text(p["output"]) : `${rows(inner(p["rules"], "values")).length} rules`),
  code: (p) => firstLine(text(p["jsCode"]) || text(p["pythonCode"])),
  function: (p) => firstLine(text(p["functionCode"])),
  wait: (p) => words(p["resume"] === undefined ? "" : p["resume"], p["amount"], p["unit"]),
  schedule_trigger: (p) => schedule(p),
  stop_and_error: (p) => text(p["errorMessage"]),
  respond_to_webhook: (p) => words(p["respondWith"]),
};

function conditions(value: unknown): string {
  const list = rows(inner(value, "conditions"));
  const said = list.slice(0, 2).map((row) => words(row["leftValue"], inner(row["operator"], "operation"), row["rightValue"]));
  return said.join(inner(value, "combinator") === "or" ? " or " : " and ") + (list.length > 2 ? " …" : "");
}

function firstLine(code: string): string {
  return code.split("\n").map((line) => line.trim()).find((line) => line !== "" && !line.startsWith("//") && !line.startsWith("#")) ?? "";
}

function schedule(params: Params): string {
  const [first] = rows(inner(params["rule"], "interval"));
  if (first === undefined) return "";
  return text(first["expression"]) || words(text(first["field"]) || "days");
}

/** The first texts, in the order of the schema, that were given and are not what they would be anyway. */
function generic(params: Params, schema: JsonSchema | undefined): string {
  const properties = (schema?.["properties"] ?? {}) as Record<string, { default?: unknown }>;
  const keys = [...new Set([...Object.keys(properties), ...Object.keys(params)])];
  const said = keys.filter((key) => text(params[key]) !== "" && params[key] !== properties[key]?.default).map((key) => text(params[key]));
  return said.slice(0, 2).join(" ");
}

function cut(line: string): string {
  const one = line.replace(/\s+/g, " ").trim();
  return one.length > CHARS_MAX ? `${one.slice(0, CHARS_MAX - 1)}…` : one;
}
