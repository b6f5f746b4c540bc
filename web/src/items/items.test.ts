// Fields, expressions and pins of items: without a browser.

import { expect, it } from "vitest";
import { pageOf } from "./data";
import { expressionOf } from "./drag";
import { fieldsOf, fieldsWith } from "./fields";
import { pinsOf, pinsOfText, PINNED_BYTES_MAX, textOfPins } from "./pins";

it("fields come with their types, an example, and how many items have them", () => {
  const fields = fieldsOf([{ id: 1, who: { name: "Ada" }, tags: ["a"] }, { id: "x", who: null }]);
  expect(fields.map((field) => [field.name, field.type, field.n])).toEqual([["id", "mixed", 2], ["who", "object", 2], ["tags", "list", 1]]);
  expect(fields[1]?.children[0]).toMatchObject({ path: ["who", "name"], example: "Ada" });
  expect(fields[2]?.children[0]?.path).toEqual(["tags", 0]);
});

it("fields are found by name and example, with those above them", () => {
  const fields = fieldsOf([{ a: { deep: "Turing" }, b: 1 }]);
  expect(fieldsWith(fields, "turing").map((field) => field.name)).toEqual(["a"]);
  expect(fieldsWith(fields, "zzz")).toEqual([]);
  expect(fieldsWith(fields, " ")).toBe(fields);
});

it("items of great depth and breadth make a tree of bounded size", () => {
  const deep = Array.from({ length: 50 }).reduce<unknown>((inner) => ({ inner }), 1);
  const wide = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`f${i}`, i]));
  const depth = (fields: ReturnType<typeof fieldsOf>): number => (fields[0] === undefined ? 0 : 1 + depth(fields[0].children));
  expect(depth(fieldsOf([deep]))).toBe(8);
  expect(fieldsOf([wide]).length).toBe(200);
});

it("a field is written as an expression that JavaScript reads back", () => {
  expect(expressionOf(["a", "b c", 0, "it's"], "N", true)).toBe("$json.a['b c'][0]['it\\'s']");
  expect(expressionOf(["a"], "Bob's \\ node", false)).toBe("$('Bob\\'s \\\\ node').item.json.a");
});

it("what was typed becomes pins, or says what is wrong with it", () => {
  expect(pinsOfText('{"a": 1}')).toEqual({ is: "good", items: [{ json: { a: 1 } }], note: null });
  expect(pinsOfText('[{"json": {"a": 1}, "pairedItem": 0}]')).toMatchObject({ items: [{ json: { a: 1 } }] });
  expect(pinsOfText('[{"json": {"a": 1}, "more": 0}]')).toMatchObject({ items: [{ json: { json: { a: 1 }, more: 0 } }] });
  expect(pinsOfText("[1]")).toMatchObject({ is: "bad", why: expect.stringContaining("Item 1 must be an object") });
  expect(pinsOfText("{")).toMatchObject({ is: "bad" });
  expect(textOfPins([{ json: { a: 1 } }])).toBe('[\n  {\n    "a": 1\n  }\n]');
});

it("what is too large is not pinned, and what is too many is cut with a word about it", () => {
  expect(pinsOf([{ json: { a: "x".repeat(PINNED_BYTES_MAX) } }])).toMatchObject({ is: "bad" });
  expect(pinsOf([{ json: { a: 1 } }], 500)).toMatchObject({ is: "good", note: expect.stringContaining("At most 1 items") });
});

it("a page of a server that says less is read all the same", () => {
  const items = [{ json: {} }, { json: {} }];
  expect(pageOf({ items, total: 9 }, 4)).toEqual({ items, total: 9, at: [4, 5], next: 6, cut: [] });
  expect(pageOf({ items, total: 6 }, 4).next).toBeNull();
});
