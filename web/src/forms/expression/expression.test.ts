// Suggestions and explanations of expressions, without a browser.

import { describe, expect, it } from "vitest";
import type { Scope } from "../types";
import { complete, type NameGroup } from "./complete";
import { closed } from "./expression-input";
import { sampleOf, whyNothing } from "./paths";

const SCOPE: Scope = {
  key: "1",
  json: { name: "Ada", tags: ["a"], address: { city: "London", "post code": "N1" }, n: 3 },
  nodes: { "Get order": { items: [{ json: { total: 12 } }] }, Hook: { items: [] } },
  variables: ["region"],
};
const entry = (form: string, name: string) => ({ form, name, about: `about ${name}`, example: "" });
const GROUPS: NameGroup[] = [
  { title: "Data", of: "", entries: [entry("$json", "$json"), entry("$(name)", "$("), entry("$now", "$now"), entry("$if(condition, yes, no)", "$if")] },
  { title: "Text", of: "text", entries: [entry("extractEmail()", "extractEmail"), entry("length", "length")] },
  { title: "Lists", of: "array", entries: [entry("chunk(size)", "chunk"), entry("length", "length")] },
  { title: "Dates", of: "date", entries: [entry("format(fmt)", "format")] },
];

/** What is suggested at the bar. */
function suggested(text: string): string[] {
  const caret = text.indexOf("|");
  return complete(text.replace("|", ""), caret, SCOPE, GROUPS)?.suggestions.map((s) => s.label) ?? [];
}

/** The text after the first suggestion was taken. */
function taken(text: string): string {
  const caret = text.indexOf("|");
  const plain = text.replace("|", "");
  const found = complete(plain, caret, SCOPE, GROUPS);
  const first = found?.suggestions[0];
  if (found === null || first === undefined) throw new Error("nothing is suggested");
  return plain.slice(0, found.from) + first.insert + plain.slice(found.to);
}

describe("suggestions", () => {
  it("are the fields of the real item", () => {
    expect(suggested("{{ $json.| }}")).toEqual(["name", "tags", "address", "n"]);
    expect(suggested("{{ $json.na| }}")).toEqual(["name"]);
    expect(suggested("{{ $json.address.| }}")).toEqual(["city", "post code"]);
    expect(taken("{{ $json.address.p| }}")).toBe('{{ $json.address["post code"] }}');
  });
  it("are other steps, and their fields", () => {
    expect(suggested("{{ $('| }}")).toEqual(["Get order", "Hook"]);
    expect(taken("{{ $('Get| }}")).toBe("{{ $('Get order') }}");
    expect(suggested("{{ $('Get order').| }}")).toContain("item");
    expect(suggested("{{ $('Get order').item.| }}")).toEqual(["json", "binary"]);
    expect(suggested("{{ $('Get order').item.json.| }}")).toEqual(["total"]);
    expect(suggested('{{ $node["Get order"].json.| }}')).toEqual(["total"]);
  });
  it("are the methods that the value has", () => {
    expect(suggested("{{ $json.name.| }}")).toEqual(["extractEmail()", "length"]);
    expect(suggested("{{ $json.tags.| }}")).toEqual(["chunk(size)", "length"]);
    expect(suggested("{{ $now.f| }}")).toEqual(["format(fmt)"]);
    expect(suggested("{{ 'x'.toUpperCase().ext| }}")).toEqual(["extractEmail()"]);
    expect(taken("{{ $json.tags.ch| }}")).toBe("{{ $json.tags.chunk() }}");
  });
  it("are names where one begins", () => {
    expect(suggested("{{ $j| }}")).toEqual(["$json"]);
    expect(taken("{{ $i| }}")).toBe("{{ $if() }}");
    expect(suggested("{{ $vars.| }}")).toEqual(["region"]);
  });
  it("are none outside of the braces", () => {
    expect(suggested("Hello $json.|")).toEqual([]);
    expect(suggested("{{ $json.name }} $json.|")).toEqual([]);
  });
});

describe("a path that gives nothing", () => {
  it("says which part is wrong, and what there is", () => {
    expect(whyNothing("{{ $json.nme }}", SCOPE)).toBe("There is no “nme” in the item; it has name, tags, address, n.");
    expect(whyNothing("{{ $json.address.town }}", SCOPE)).toBe("There is no “town” in “address”; it has city, post code.");
    expect(whyNothing("{{ $('Nobody').item.json.a }}", SCOPE)).toBe("There is no step called “Nobody” that has run.");
    expect(whyNothing("{{ $json.n.x }}", SCOPE)).toContain("the value 3");
  });
  it("says nothing of what is no path, or leads somewhere", () => {
    expect(whyNothing("{{ $json.name }}", SCOPE)).toBe(null);
    expect(whyNothing("{{ 1 + 1 }}", SCOPE)).toBe(null);
    expect(whyNothing("a {{ $json.nme }}", SCOPE)).toBe(null);
  });
});

it("samples follow brackets and stop at calls", () => {
  expect(sampleOf('$json.address["post code"]', SCOPE)).toEqual({ is: "known", value: "N1" });
  expect(sampleOf("$json.tags[0]", SCOPE)).toEqual({ is: "known", value: "a" });
  expect(sampleOf("$json.name.trim()", SCOPE)).toEqual({ is: "unknown" });
  expect(sampleOf("$json.constructor", SCOPE)).toEqual({ is: "known", value: undefined });
});

it("opening braces get their closing ones, once", () => {
  expect(closed("{{", 2, "{")).toBe("{{  }}");
  expect(closed("a {{ b", 4, "a { b")).toBe("a {{  }} b");
  expect(closed("{{}}", 2, "{}}")).toBe("{{}}");
  expect(closed("{{ $json", 8, "{{ $jso")).toBe("{{ $json");
});
