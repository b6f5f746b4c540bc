// Paths of expressions into what is known: what lies at `$json.a.b`, and where a wrong path goes wrong. Pure.

import { FORMS } from "../../texts/forms";
import type { Scope } from "../types";
import { isRecord } from "../schema";

/** What a chain such as `$json.a[0]` leads to. */
export type Sample = { is: "known"; value: unknown } | { is: "date" } | { is: "unknown" };

export type Step = { key: string; end: number };

const CALL = /^\$\(\s*(?:"([^"]*)"|'([^']*)')\s*\)/;
const OLD = /^\$node\[\s*(?:"([^"]*)"|'([^']*)')\s*\]/;
const STEP = /^(?:\??\.([A-Za-z_$][\w$]*)(?!\w*\()|\??\.?\[\s*(?:"([^"]*)"|'([^']*)'|(\d+))\s*\])/;
const ITEM = /^\.(?:item|first\(\)|last\(\)|all\(\)\[\d+\])/;

/** The beginning of a chain: what its steps go into, and how long the beginning is. */
function root(chain: string, scope: Scope): { value: unknown; of: string; length: number } | { missing: string } | null {
  const item = (name: string, length: number, rest: string, isOld: boolean) => {
    const node = Object.hasOwn(scope.nodes, name) ? scope.nodes[name] : undefined;
    if (node === undefined) return { missing: name };
    const item = isOld ? "" : (ITEM.exec(rest)?.[0] ?? null);
    if (item === null) return null;
    const of = `“${name}”`;
    const json = rest.slice(item.length).startsWith(".json") ? ".json" : null;
    return json === null ? null : { value: node.items[0]?.json, of, length: length + item.length + json.length };
  };
  const call = CALL.exec(chain);
  if (call !== null) return item(call[1] ?? call[2] ?? "", call[0].length, chain.slice(call[0].length), false);
  const old = OLD.exec(chain);
  if (old !== null) return item(old[1] ?? old[2] ?? "", old[0].length, chain.slice(old[0].length), true);
  const own = /^(?:\$json(?![\w$])|\$input\.(?:item|first\(\)|last\(\))\.json)/.exec(chain);
  if (own !== null && scope.json !== null) return { value: scope.json, of: "the item", length: own[0].length };
  if (/^\$vars(?![\w$])/.test(chain) && scope.variables !== undefined) {
    return { value: Object.fromEntries(scope.variables.map((name) => [name, ""])), of: "the variables", length: 5 };
  }
  return null;
}

/** What a chain leads to, as far as that is known from the items. */
export function sampleOf(chain: string, scope: Scope): Sample {
  if (/^\$(now|today)$/.test(chain)) return { is: "date" };
  const begin = root(chain, scope);
  if (begin === null || "missing" in begin) return { is: "unknown" };
  const { steps, isWhole } = stepsOf(chain, begin.length);
  if (!isWhole) return { is: "unknown" };
  return { is: "known", value: steps.reduce<unknown>((value, step) => inner(value, step.key), begin.value) };
}

function inner(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value[Number(key)];
  return isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function stepsOf(chain: string, begin: number): { steps: Step[]; isWhole: boolean } {
  const steps: Step[] = [];
  let end = begin;
  for (;;) {
    const rest = chain.slice(end);
    const found = STEP.exec(rest);
    // A name before a bracket is a method's.
    if (found === null || /^\s*\(/.test(rest.slice(found[0].length))) break;
    end += found[0].length;
    steps.push({ key: found[1] ?? found[2] ?? found[3] ?? found[4] ?? "", end });
  }
  return { steps, isWhole: end === chain.length };
}

/** Why an expression that is a path gives nothing: the first step that leads nowhere. Null when it is no path, or leads. */
export function whyNothing(source: string, scope: Scope): string | null {
  const only = /^\s*\{\{([\s\S]*)\}\}\s*$/.exec(source)?.[1]?.trim();
  if (only === undefined || only === "") return null;
  const begin = root(only, scope);
  if (begin === null) return null;
  if ("missing" in begin) return FORMS.noNode(begin.missing);
  let value = begin.value;
  let of = begin.of;
  for (const step of stepsOf(only, begin.length).steps) {
    const next = inner(value, step.key);
    if (next === undefined) return FORMS.wrongPath(step.key, of, namesOf(value));
    value = next;
    of = `“${step.key}”`;
  }
  return null;
}

function namesOf(value: unknown): string {
  const keys = isRecord(value) ? Object.keys(value) : Array.isArray(value) ? [`${value.length} entries`] : [];
  if (!isRecord(value) && !Array.isArray(value)) return value === null || value === undefined ? "" : `the value ${JSON.stringify(value)}`;
  return keys.length > 8 ? `${keys.slice(0, 8).join(", ")}, …` : keys.join(", ");
}

/** A step to a key: `.name`, or `["odd name"]`. */
export function stepTo(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
