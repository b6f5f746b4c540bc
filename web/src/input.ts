// The items that somebody typed for a run. Pure.

import { isRecord } from "./api";

export type Input = { is: "good"; items: Record<string, unknown>[] } | { is: "bad"; why: string };

/** Items of what was typed: nothing, one object, or a list of objects. */
export function inputOf(text: string): Input {
  if (text.trim() === "") return { is: "good", items: [] };
  try {
    const value: unknown = JSON.parse(text);
    const items: unknown[] = Array.isArray(value) ? value : [value];
    const wrong = items.findIndex((item) => !isRecord(item));
    if (wrong >= 0) return { is: "bad", why: `Item ${wrong + 1} must be an object, such as {"name": "Ada"}.` };
    return { is: "good", items: items.filter(isRecord) };
  } catch (error) {
    return { is: "bad", why: `This is not JSON: ${error instanceof Error ? error.message : "it cannot be read"}.` };
  }
}
