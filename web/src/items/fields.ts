// Which fields items have: a tree of names, types and examples, gathered from a page of items. Pure.

import { isRecord } from "../api";

export type FieldType = "text" | "number" | "boolean" | "list" | "object" | "nothing" | "mixed";
export type Field = {
  name: string;
  /** From the item's data downwards; a number is the place in a list. */
  path: (string | number)[];
  type: FieldType;
  example: string;
  /** In how many of the items above it it is there. */
  n: number;
  children: Field[];
};

const FIELDS_MAX = 200;
const DEPTH_MAX = 8;
const EXAMPLE_CHARS_MAX = 80;

/** The fields of these values, in the order in which they come first. */
export function fieldsOf(values: unknown[], path: (string | number)[] = []): Field[] {
  const found = new Map<string | number, unknown[]>();
  for (const value of values) {
    for (const [name, inner] of entriesOf(value)) {
      const list = found.get(name);
      if (list !== undefined) list.push(inner);
      else if (found.size < FIELDS_MAX) found.set(name, [inner]);
    }
  }
  return [...found].map(([name, all]) => fieldOf(name, all, [...path, name]));
}

/** Of a list only its first entry is shown: the others are like it, as a rule. */
function entriesOf(value: unknown): [string | number, unknown][] {
  if (Array.isArray(value)) return value.length === 0 ? [] : [[0, value[0]]];
  return isRecord(value) ? Object.entries(value) : [];
}

function fieldOf(name: string | number, all: unknown[], path: (string | number)[]): Field {
  const types = new Set(all.map(typeOf));
  const said = all.find((value) => value !== null && value !== "") ?? all[0];
  types.delete("nothing");
  const [type, other] = [...types];
  const children = path.length < DEPTH_MAX ? fieldsOf(all, path) : [];
  return { name: String(name), path, type: other === undefined ? (type ?? "nothing") : "mixed", example: exampleOf(said), n: all.length, children };
}

export function typeOf(value: unknown): FieldType {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "list";
  if (typeof value === "object") return "object";
  if (typeof value === "number") return "number";
  return typeof value === "boolean" ? "boolean" : "text";
}

export function exampleOf(value: unknown): string {
  if (Array.isArray(value)) return value.length === 1 ? "1 entry" : `${value.length} entries`;
  if (isRecord(value)) return "";
  const text = typeof value === "string" ? value.slice(0, EXAMPLE_CHARS_MAX + 1) : String(value ?? "null");
  return text.length > EXAMPLE_CHARS_MAX ? `${text.slice(0, EXAMPLE_CHARS_MAX)}…` : text;
}

/** Fields of whose names or examples one has the text in it, with those above them. */
export function fieldsWith(fields: Field[], text: string): Field[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return fields;
  return fields.flatMap((field) => {
    const says = field.name.toLowerCase().includes(wanted) || field.example.toLowerCase().includes(wanted);
    const children = fieldsWith(field.children, text);
    return says ? [field] : children.length > 0 ? [{ ...field, children }] : [];
  });
}
