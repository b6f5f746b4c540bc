// What cells hold and where keys lead, without a browser.

import { describe, expect, it } from "vitest";
import { cellText, moved, readCell, readColumns } from "./types";

describe("what is typed into a cell", () => {
  it("is read by the type of the column", () => {
    expect(readCell("3.5", "number")).toEqual({ is: "value", value: 3.5 });
    expect(readCell("Yes", "boolean")).toEqual({ is: "value", value: true });
    expect(readCell(" a ", "string")).toEqual({ is: "value", value: " a " });
    expect(readCell("", "number")).toEqual({ is: "value", value: null });
  });
  it("is refused with its own words where it does not fit", () => {
    expect(readCell("three", "number")).toEqual({ is: "wrong", why: "“three” is no number." });
    expect(readCell("maybe", "boolean").is).toBe("wrong");
  });
  it("is shown as it was", () => {
    expect(cellText(null)).toBe("");
    expect(cellText(0)).toBe("0");
    expect(cellText(false)).toBe("false");
  });
});

it("columns of a new table are read line by line", () => {
  expect(readColumns("email\n\n total : number ")).toEqual([{ name: "email", type: "string" }, { name: "total", type: "number" }]);
});

it("arrows stay within the grid", () => {
  expect(moved("ArrowDown", [0, 0], 2, 2)).toEqual([1, 0]);
  expect(moved("ArrowDown", [1, 0], 2, 2)).toEqual([1, 0]);
  expect(moved("End", [1, 0], 2, 3)).toEqual([1, 2]);
  expect(moved("x", [0, 0], 2, 2)).toBe(null);
});
