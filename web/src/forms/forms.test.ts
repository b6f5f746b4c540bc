// Forms as far as they need no screen: fields of a schema, their visibility, values by path.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { HINTED, hintsOf, slotsOf } from "./hints";
import { fieldsOf } from "./schema";
import type { Field, FormKind, Params } from "./types";
import { at, isShown, pathText, put } from "./values";
import { hintOf, nounOf, words } from "./words";

/** The kinds as the server described them, kept for the tests of the forms. */
const KINDS = JSON.parse(readFileSync(resolve(import.meta.dirname, "kinds.json"), "utf8")) as FormKind[];

function kind(name: string): FormKind {
  const found = KINDS.find((k) => k.kind === name);
  if (found === undefined) throw new Error(`there is no kind ${name}`);
  return found;
}

/** The keys of the fields that a form with these parameters shows. */
function shown(name: string, params: Params = {}): string[] {
  const fields = fieldsOf(kind(name));
  return fields.filter((field) => isShown(field, params, params, fields, fields)).map((field) => field.key);
}

function field(name: string, key: string): Field {
  const found = fieldsOf(kind(name)).find((f) => f.key === key);
  if (found === undefined) throw new Error(`${name} has no field ${key}`);
  return found;
}

/** The paths that hints can be about. */
function paths(schema: Record<string, unknown>): Set<string> {
  const found = new Set<string>();
  const defs = (schema["$defs"] ?? {}) as Record<string, Record<string, unknown>>;
  const walk = (given: unknown, path: string, depth: number): void => {
    if (typeof given !== "object" || given === null || depth > 12) return;
    let part = given as Record<string, unknown>;
    if (typeof part["$ref"] === "string") part = defs[part["$ref"].replace("#/$defs/", "")] ?? {};
    for (const choice of (part["anyOf"] as unknown[] | undefined) ?? []) walk(choice, path, depth + 1);
    if (part["items"] !== undefined) walk(part["items"], `${path}[]`, depth + 1);
    for (const [key, value] of Object.entries((part["properties"] as Record<string, unknown> | undefined) ?? {})) {
      const inner = path === "" ? key : `${path}.${key}`;
      found.add(inner);
      walk(value, inner, depth + 1);
    }
  };
  walk(schema, "", 0);
  return found;
}

describe("fields of a schema", () => {
  it("every kind has a form, and no field is without a label", () => {
    const check = (fields: Field[], where: string): void => {
      for (const f of fields) {
        expect(f.label, `${where}.${f.key}`).toMatch(/\S/);
        if ("fields" in f.shape) check(f.shape.fields, `${where}.${f.key}`);
        if ("item" in f.shape) check(f.shape.item, `${where}.${f.key}[]`);
      }
    };
    for (const k of KINDS) check(fieldsOf(k), k.kind);
  });

  it("every hint is about a field that is there", () => {
    for (const name of HINTED) {
      const known = paths(kind(name).schema);
      for (const path of Object.keys(hintsOf(name))) expect(known.has(path), `${name}: ${path}`).toBe(true);
    }
  });

  it("each shape is found by what the schema says", () => {
    const shape = (name: string, key: string) => field(name, key).shape.is;
    expect(shape("if", "conditions")).toBe("conditions");
    expect(shape("set", "assignments")).toBe("assignments");
    expect(shape("http_request", "queryParameters")).toBe("pairs");
    expect(shape("http_request", "options")).toBe("optional");
    expect(shape("http_request", "jsonBody")).toBe("code");
    expect(shape("limit", "maxItems")).toBe("number");
    expect(shape("limit", "keep")).toBe("choice");
    expect(shape("split_out", "fieldToSplitOut")).toBe("texts");
    expect(shape("schedule_trigger", "rule")).toBe("list");
    expect(shape("postgres", "columns")).toBe("mapping");
    expect(shape("date_time", "units")).toBe("choices");
    expect(shape("code", "jsCode")).toBe("code");
    expect(shape("wait", "dateTime")).toBe("date");
    expect(shape("execute_workflow", "workflowId")).toBe("workflow");
  });
});

describe("which fields are shown", () => {
  it("follows what other fields hold, also by their defaults", () => {
    expect(shown("http_request")).not.toContain("queryParameters");
    expect(shown("http_request", { sendQuery: true })).toContain("queryParameters");
    expect(shown("http_request", { sendQuery: true, specifyQuery: "json" })).toContain("jsonQuery");
    expect(shown("wait")).toEqual(["resume", "amount", "unit"]);
    expect(shown("merge", { mode: "combine" })).toContain("combineBy");
  });

  it("shows what hangs on an expression, as nobody knows what it gives", () => {
    expect(shown("http_request", { sendQuery: "={{ $json.wanted }}" })).toContain("queryParameters");
  });

  it("keeps fields for old files away until they are set", () => {
    expect(shown("http_request")).not.toContain("failAsAWhole");
    expect(shown("http_request", { failAsAWhole: true })).toContain("failAsAWhole");
  });

  it("is decided within the entry of a list", () => {
    const rule = field("schedule_trigger", "rule").shape;
    if (rule.is !== "list") throw new Error("rule is a list");
    const keys = (entry: Params) => rule.item.filter((f) => isShown(f, entry, {}, rule.item, [])).map((f) => f.key);
    expect(keys({ field: "hours" })).toEqual(["field", "hoursInterval", "triggerAtMinute"]);
    expect(keys({ field: "cronExpression" })).toEqual(["field", "expression"]);
    expect(keys({ field: "weeks" })).toContain("triggerAtDay");
  });
});

describe("values by path", () => {
  it("are read, set and taken away without changing what was there", () => {
    const before = { a: { list: [{ x: 1 }, { x: 2 }] }, b: 1 };
    const after = put(before, ["a", "list", 1, "x"], 3);
    expect(after).toEqual({ a: { list: [{ x: 1 }, { x: 3 }] }, b: 1 });
    expect(at(before, ["a", "list", 1, "x"])).toBe(2);
    expect(put(before, ["a"], undefined)).toEqual({ b: 1 });
    expect(put({}, ["a", "list", 0], "first")).toEqual({ a: { list: ["first"] } });
    expect(Object.keys(put({ a: 1, b: 2 }, ["a"], 3) as object)).toEqual(["a", "b"]);
  });
  it("never reach into what every object has", () => {
    expect(at({}, ["constructor"])).toBe(undefined);
  });
  it("have the paths that the server writes", () => {
    expect(pathText(["conditions", "conditions", 0, "leftValue"])).toBe("conditions.conditions[0].leftValue");
  });
});

it("names become words", () => {
  expect(words("httpMethod")).toBe("HTTP method");
  expect(words("responseBinaryPropertyName")).toBe("Response binary property name");
  expect(words("SHA256")).toBe("SHA256");
  expect(words("IS NOT NULL")).toBe("IS NOT NULL");
  expect(words("form-urlencoded")).toBe("Form urlencoded");
  expect(words("jsonBody")).toBe("JSON body");
  expect(nounOf("queryParameters")).toBe("query parameter");
  expect(nounOf("entries")).toBe("entry");
  expect(hintOf("One\nline. ")).toBe("One line.");
});

it("credentials are asked for where the parameters need them", () => {
  const slots = (name: string, params: Params) => slotsOf(name, kind(name).credentials.map((slot) => slot.name), params);
  expect(slots("http_request", {})).toEqual([]);
  expect(slots("http_request", { authentication: "genericCredentialType" })).toEqual(["http_basic"]);
  expect(slots("http_request", { authentication: "genericCredentialType", genericAuthType: "oAuth2Api" })).toEqual(["oauth2"]);
  expect(slots("webhook", { authentication: "headerAuth" })).toEqual(["http_header"]);
  expect(slots("postgres", {})).toEqual(["postgres"]);
});
