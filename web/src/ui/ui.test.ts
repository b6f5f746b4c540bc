// What the parts decide without a browser.

import { describe, expect, it } from "vitest";
import { findCommands } from "./commands";
import { target } from "./menu";
import { spotAt } from "./place";
import { may } from "./session";

describe("keys in lists", () => {
  const labels = ["Open", "Copy", "Close", "Delete"];
  it("arrows go round, Home and End go to the ends", () => {
    expect(target("ArrowDown", 3, labels)).toBe(0);
    expect(target("ArrowUp", 0, labels)).toBe(3);
    expect(target("Home", 2, labels)).toBe(0);
    expect(target("End", 0, labels)).toBe(3);
  });
  it("a letter goes to the next entry that begins with it", () => {
    expect(target("c", 0, labels)).toBe(1);
    expect(target("C", 1, labels)).toBe(2);
    expect(target("c", 2, labels)).toBe(1);
    expect(target("x", 0, labels)).toBe(null);
  });
  it("other keys and empty lists lead nowhere", () => {
    expect(target("Enter", 0, labels)).toBe(null);
    expect(target("ArrowDown", 0, [])).toBe(null);
  });
});

describe("what opens at a control", () => {
  const view = { width: 400, height: 300 };
  const box = (left: number, top: number) => ({ left, right: left + 50, top, bottom: top + 20 });
  it("lies below it, and above where there is more room", () => {
    expect(spotAt(box(10, 10), { width: 100, height: 100 }, view)).toMatchObject({ left: 10, top: 34 });
    expect(spotAt(box(10, 250), { width: 100, height: 100 }, view)).toMatchObject({ left: 10, top: 146 });
  });
  it("does not leave the window, and scrolls when it is too high", () => {
    expect(spotAt(box(380, 10), { width: 100, height: 50 }, view).left).toBe(292);
    const spot = spotAt(box(10, 140), { width: 100, height: 900 }, view);
    expect(spot.maxHeight).toBeLessThan(300);
    expect(spot.top).toBeGreaterThanOrEqual(0);
  });
});

describe("the palette of commands", () => {
  const command = (title: string, words = "") => ({ id: title, title, words, run: () => undefined });
  const commands = [command("Go to workflows"), command("Undo"), command("Run workflow", "execute start")];
  const titles = (text: string) => findCommands(commands, text).map((found) => found.title);
  it("finds by every word, in any order, also by words that are not shown", () => {
    expect(titles("workflow run")).toEqual(["Run workflow"]);
    expect(titles("start")).toEqual(["Run workflow"]);
    expect(titles("nothing")).toEqual([]);
  });
  it("puts those first that begin with what was typed", () => {
    expect(titles("run")[0]).toBe("Run workflow");
    expect(titles("")).toHaveLength(3);
  });
  it("leaves out what cannot be done now", () => {
    expect(findCommands([{ ...command("Undo"), isDisabled: true }], "undo")).toEqual([]);
  });
});

it("each role may do what those before it may", () => {
  expect(may("viewer", "read")).toBe(true);
  expect(may("viewer", "execute")).toBe(false);
  expect(may("operator", "execute")).toBe(true);
  expect(may("editor", "admin")).toBe(false);
  expect(may("owner", "admin")).toBe(true);
});
