// What may follow at the caret of an expression: fields of real items, steps, names and methods. Pure.

import type { Scope } from "../types";
import { isRecord } from "../schema";
import { brief } from "../values";
import { sampleOf, stepTo, type Sample } from "./paths";

/** The names that expressions can use, as the server lists them. */
export type NameGroup = { title: string; of: string; entries: { form: string; name: string; about: string; example: string }[] };

export type Suggestion = { label: string; about: string; insert: string; is: "field" | "step" | "name" | "method" };
/** What is between `from` and `to` is replaced. */
export type Completion = { from: number; to: number; suggestions: Suggestion[] };

const SHOWN_MAX = 60;
const CHAIN = /((?:\$\(\s*(?:"[^"]*"|'[^']*')\s*\)|\$node\[\s*(?:"[^"]*"|'[^']*')\s*\]|\$?[A-Za-z_$][\w$]*|\)|\]|"[^"]*"|'[^']*')(?:\??\.[\w$]+|\[\s*(?:\d+|"[^"]*"|'[^']*')\s*\]|\([^()]*\))*)\??\.([\w$]*)$/;

/** What may follow at `caret`. `isCode` says that all of it is code, and not only what stands between braces. */
export function complete(text: string, caret: number, scope: Scope, groups: NameGroup[], isCode = false): Completion | null {
  const begin = isCode ? 0 : text.lastIndexOf("{{", caret - 1);
  if (begin < 0 || (!isCode && text.slice(begin, caret).includes("}}"))) return null;
  const before = text.slice(isCode ? 0 : begin + 2, caret);
  return steps(before, caret, scope) ?? members(before, caret, scope, groups) ?? names(before, caret, groups);
}

/** Within `$("` or `$node["`. */
function steps(before: string, caret: number, scope: Scope): Completion | null {
  const open = /(\$\(|\$node\[)\s*(["'])([^"']*)$/.exec(before);
  if (open === null) return null;
  const [, start = "", quote = "", typed = ""] = open;
  const close = start === "$(" ? `${quote})` : `${quote}]`;
  const found = Object.keys(scope.nodes).filter((name) => name.toLowerCase().includes(typed.toLowerCase()));
  return some(caret - typed.length, caret, found.map((name) => ({ label: name, about: "", insert: name + close, is: "step" as const })));
}

function members(before: string, caret: number, scope: Scope, groups: NameGroup[]): Completion | null {
  const found = CHAIN.exec(before);
  if (found === null) return null;
  const [, chain = "", typed = ""] = found;
  const sample = sampleOf(chain, scope);
  const fields = fieldsOf(sample).filter((field) => field.label.toLowerCase().startsWith(typed.toLowerCase()));
  const methods = methodsOf(chain, sample, groups).filter((method) => method.label.toLowerCase().startsWith(typed.toLowerCase()));
  const dot = caret - typed.length - 1;
  // A key that is no name takes the dot's place.
  const all = [...fields, ...methods].map((s) => ({ ...s, insert: s.insert.startsWith("[") ? s.insert : `.${s.insert}` }));
  return some(dot, caret, all);
}

function fieldsOf(sample: Sample): Suggestion[] {
  if (sample.is !== "known" || !isRecord(sample.value)) return [];
  return Object.entries(sample.value).map(([key, value]) => ({ label: key, about: brief(value), insert: stepTo(key).replace(/^\./, ""), is: "field" }));
}

const STEPS: Record<string, [string, string][]> = {
  $input: [["item", "The current item"], ["first()", "The first item"], ["last()", "The last item"], ["all()", "All items"]],
  "$()": [["item", "The item from which the current one was made"], ["first()", "The first item"], ["last()", "The last item"], ["all()", "All items"], ["isExecuted", "Whether it has run"]],
  item: [["json", "Its fields"], ["binary", "Its files"]],
};

function methodsOf(chain: string, sample: Sample, groups: NameGroup[]): Suggestion[] {
  const fixed = chain === "$input" ? STEPS["$input"] : /^\$\([^)]*\)$/.test(chain) ? STEPS["$()"] : /\.(item|first\(\)|last\(\))$|^\$node\[[^\]]*\]$/.test(chain) ? STEPS["item"] : undefined;
  if (fixed !== undefined) return fixed.map(([label, about]) => ({ label, about, insert: label, is: "step" }));
  const type = typeOf(sample);
  const fitting = groups.filter((group) => group.of !== "" && (type === null || group.of === type));
  const entries = fitting.flatMap((group) => group.entries);
  const seen = new Set<string>();
  return entries
    .filter((entry) => !seen.has(entry.name) && seen.add(entry.name) !== undefined)
    .map((entry) => ({ label: entry.form, about: entry.about, insert: /\(/.test(entry.form) ? `${entry.name}()` : entry.name, is: "method" }));
}

/** The type whose methods a value has; null when it is not known. */
function typeOf(sample: Sample): string | null {
  if (sample.is === "date") return "date";
  if (sample.is === "unknown" || sample.value === undefined || sample.value === null) return null;
  if (Array.isArray(sample.value)) return "array";
  const types: Record<string, string> = { string: "text", number: "number", boolean: "boolean", object: "object" };
  return types[typeof sample.value] ?? null;
}

function names(before: string, caret: number, groups: NameGroup[]): Completion | null {
  const typed = /[$\w]*$/.exec(before)?.[0] ?? "";
  if (typed === "" && before.trim() !== "") return null;
  const alone = groups.filter((group) => group.of === "").flatMap((group) => group.entries);
  const found = alone.filter((entry) => entry.name.toLowerCase().startsWith(typed.toLowerCase()));
  return some(caret - typed.length, caret, found.map((entry) => ({ label: entry.form, about: entry.about, insert: insertOf(entry.form, entry.name), is: "name" as const })));
}

function insertOf(form: string, name: string): string {
  if (form === "$(name)") return "$('";
  return /\(/.test(form) && !form.includes(".") ? `${name}()` : name;
}

function some(from: number, to: number, suggestions: Suggestion[]): Completion | null {
  return suggestions.length === 0 ? null : { from, to, suggestions: suggestions.slice(0, SHOWN_MAX) };
}
