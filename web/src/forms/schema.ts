// The fields of a node kind, read from the JSON Schema of its parameters and the hints for it. Pure.

import { hintsOf, type Hint, type Hints } from "./hints";
import type { Choice, Field, FormKind, Shape } from "./types";
import { hintOf, nounOf, words } from "./words";

type Schema = Record<string, unknown>;
const DEPTH_MAX = 8;

/** All fields of a kind, in the order of its schema. */
export function fieldsOf(kind: Pick<FormKind, "kind" | "schema">): Field[] {
  const hints = hintsOf(kind.kind);
  return new Reader(kind.schema, hints).fields(kind.schema, "", 0);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

class Reader {
  constructor(
    private root: Schema,
    private hints: Hints,
  ) {}

  fields(schema: Schema, path: string, depth: number): Field[] {
    const properties = this.properties(schema);
    return Object.entries(properties).map(([key, value]) => this.field(key, isRecord(value) ? value : {}, path, depth));
  }

  private field(key: string, given: Schema, above: string, depth: number): Field {
    const path = above === "" ? key : `${above}.${key}`;
    const hint = this.hints[path] ?? {};
    const schema = this.resolved(given);
    return {
      key,
      label: hint.label ?? words(key),
      about: hint.about ?? hintOf(given["description"] ?? schema["description"]),
      fallback: given["default"] ?? schema["default"],
      shape: hint.shape ?? this.shape(key, schema, path, hint, depth),
      when: hint.when,
      placeholder: hint.placeholder,
      isRare: hint.isRare ?? false,
    };
  }

  /** The schema behind references, and behind "this or null". */
  private resolved(schema: Schema, steps = 0): Schema {
    const target = schema["$ref"];
    if (typeof target === "string" && steps < DEPTH_MAX) {
      const definitions = this.root["$defs"];
      const found = isRecord(definitions) ? definitions[target.replace("#/$defs/", "")] : undefined;
      return isRecord(found) ? this.resolved(found, steps + 1) : {};
    }
    const either = schema["anyOf"];
    if (Array.isArray(either) && steps < DEPTH_MAX) {
      const real = either.filter((part) => isRecord(part) && part["type"] !== "null");
      if (real.length === 1 && isRecord(real[0])) return { ...this.resolved(real[0], steps + 1) };
    }
    return schema;
  }

  private properties(schema: Schema): Record<string, unknown> {
    const properties = this.resolved(schema)["properties"];
    return isRecord(properties) ? properties : {};
  }

  private shape(key: string, schema: Schema, path: string, hint: Hint, depth: number): Shape {
    const choices = choicesOf(schema);
    if (choices !== null) return { is: "choice", choices };
    const types = [schema["type"]].flat().filter((type) => type !== "null");
    const type = types.length === 1 ? types[0] : undefined;
    const n = (name: string) => (typeof schema[name] === "number" ? schema[name] : undefined);
    switch (type) {
      case "boolean":
        return { is: "boolean" };
      case "integer":
      case "number":
        return { is: "number", min: n("minimum"), max: n("maximum"), isInteger: type === "integer" };
      case "string":
        return { is: "text", isLong: hint.isLong ?? LONG.test(key) };
      case "array":
        return this.list(key, schema, null, path, depth);
      case "object":
        return depth >= DEPTH_MAX ? { is: "json" } : this.object(key, schema, path, depth);
      default:
        return { is: "any" };
    }
  }

  private list(key: string, schema: Schema, inside: string | null, path: string, depth: number): Shape {
    const item = this.resolved(isRecord(schema["items"]) ? schema["items"] : {});
    const choices = choicesOf(item);
    if (choices !== null) return { is: "choices", choices };
    if (Object.keys(this.properties(item)).length === 0) return item["type"] === "object" ? { is: "json" } : { is: "texts" };
    const fields = this.fields(item, `${path}[]`, depth + 1);
    const keys = fields.filter((field) => !field.isRare).map((field) => field.key);
    const pair = PAIRS.find(([name, value]) => keys.length === 2 && keys.includes(name) && keys.includes(value));
    if (pair !== undefined && inside !== null) return { is: "pairs", list: inside, name: pair[0], value: pair[1], item: fields };
    return { is: "list", list: inside, item: fields, noun: nounOf(inside === null || GENERIC.has(inside) ? key : inside) };
  }

  private object(key: string, schema: Schema, path: string, depth: number): Shape {
    const properties = this.properties(schema);
    const keys = Object.keys(properties);
    if (keys.length === 0) return { is: "json" };
    if (["conditions", "combinator", "options"].every((name) => keys.includes(name))) return { is: "conditions" };
    if (keys.length === 1 && keys[0] === "assignments") return { is: "assignments" };
    if (keys.includes("mappingMode") && keys.includes("value")) return { is: "mapping" };
    const [only] = keys;
    if (keys.length === 1 && only !== undefined) {
      const inner = this.resolved(isRecord(properties[only]) ? properties[only] : {});
      if (inner["type"] === "array") return this.list(key, inner, only, `${path}.${only}`, depth + 1);
    }
    const fields = this.fields(schema, path, depth + 1);
    return OPTIONAL.test(key) ? { is: "optional", fields } : { is: "group", fields };
  }
}

const LONG = /(message|body|text|description|html|query|template|content)$/i;
const OPTIONAL = /^(options|additionalOptions|additionalFields)$/;
const PAIRS = [["name", "value"], ["key", "value"], ["currentKey", "newKey"], ["field1", "field2"]] as const;
const GENERIC = new Set(["values", "value", "parameters", "entries"]);

/** The values of an enumeration, or null when it is none. */
function choicesOf(schema: Schema): Choice[] | null {
  const parts = schema["oneOf"] ?? schema["enum"];
  if (!Array.isArray(parts) || parts.length === 0) return null;
  const choices = parts.flatMap((part): Choice[] => {
    if (typeof part === "string") return [{ value: part, label: words(part), about: "" }];
    if (!isRecord(part)) return [];
    if (typeof part["const"] === "string") return [{ value: part["const"], label: words(part["const"]), about: hintOf(part["description"]) }];
    return Array.isArray(part["enum"]) ? part["enum"].map((value) => ({ value: String(value), label: words(String(value)), about: "" })) : [];
  });
  return choices.length === 0 ? null : choices;
}
