// Values of a form: read and set by path, with what holds where nothing is set, and which fields are shown. Pure.

import { isRecord } from "./schema";
import type { Field, Params, When } from "./types";

export type Key = string | number;

/** A string that begins with `=` is an expression. */
export function isExpression(value: unknown): value is string {
  return typeof value === "string" && value.startsWith("=");
}

/** The value at a path; undefined where the way ends. */
export function at(value: unknown, path: readonly Key[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (Array.isArray(inner)) return inner[Number(key)];
    return isRecord(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined;
  }, value);
}

/** The same with another value at a path. `undefined` takes it away. What is on the way and missing is made. */
export function put(value: unknown, path: readonly Key[], to: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return to;
  if (typeof key === "number") {
    const list = Array.isArray(value) ? [...value] : [];
    list[key] = put(list[key], rest, to);
    return list;
  }
  const { [key]: inner, ...others } = isRecord(value) ? value : {};
  const next = put(inner, rest, to);
  if (next === undefined) return others;
  // Keys stay where they were.
  return isRecord(value) && Object.hasOwn(value, key) ? { ...value, [key]: next } : { ...others, [key]: next };
}

/** A path as the server writes it: `conditions.conditions[0].leftValue`. */
export function pathText(path: readonly Key[]): string {
  return path.map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? key : `.${key}`)).join("");
}

/** The value of a field, or what holds when it is not set. */
export function valueOf(field: Field, beside: unknown): unknown {
  const value = at(beside, [field.key]);
  return value === undefined ? field.fallback : value;
}

/** Whether a field is shown, given the object that holds it and all parameters. An expression may give any value, so what
 * hangs on it is shown. */
export function isShown(field: Field, beside: unknown, all: Params, siblings: Field[], roots: Field[]): boolean {
  if (field.isRare) return isSet(field, beside);
  if (field.when === undefined) return true;
  return field.when.some((all_of) => holds(all_of, beside, all, siblings, roots));
}

function isSet(field: Field, beside: unknown): boolean {
  const value = at(beside, [field.key]);
  return value !== undefined && value !== null && value !== "" && JSON.stringify(value) !== JSON.stringify(field.fallback);
}

function holds(wanted: When[number], beside: unknown, all: Params, siblings: Field[], roots: Field[]): boolean {
  return Object.entries(wanted).every(([name, values]) => {
    const isOfAll = name.startsWith("/");
    const key = isOfAll ? name.slice(1) : name;
    const field = (isOfAll ? roots : siblings).find((other) => other.key === key);
    const value = at(isOfAll ? all : beside, [key]) ?? field?.fallback;
    return isExpression(value) || values.some((wantedValue) => wantedValue === value);
  });
}

/** A new entry of a list: what its fields hold by themselves is left out, so that it stays short. */
export function newEntry(): Record<string, unknown> {
  return {};
}

/** A value in a few words, for lists that are folded. */
export function brief(value: unknown): string {
  if (value === undefined || value === null || value === "") return "";
  if (typeof value === "string") return value.length > 60 ? `${value.slice(0, 57)}…` : value;
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
