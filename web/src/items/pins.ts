// Items that stand in for what a node gives in manual runs: what may be pinned, and what somebody typed.
// Pure; the document keeps them, by the operations of `document/`.

import { isRecord, type Item } from "../api";
import { ITEMS } from "../texts/items";

export const PINNED_MAX = 1_000;
export const PINNED_BYTES_MAX = 1024 * 1024;

export type Pinned = { json: Record<string, unknown> }[];
export type Pinning = { is: "good"; items: Pinned; note: string | null } | { is: "bad"; why: string };

/** What is pinned of items that a node gave. Files stay behind: they belong to the execution. */
export function pinsOf(items: Item[], total = items.length): Pinning {
  const kept = items.slice(0, PINNED_MAX).map((item) => ({ json: item.json }));
  if (JSON.stringify(kept).length > PINNED_BYTES_MAX) return { is: "bad", why: ITEMS.tooLargeToPin(ITEMS.bytes(PINNED_BYTES_MAX)) };
  return { is: "good", items: kept, note: total > kept.length ? ITEMS.tooManyToPin(kept.length) : null };
}

/** What is pinned of a text: a list of objects, or one object. An object with `json` alone is taken for an item. */
export function pinsOfText(text: string): Pinning {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { is: "bad", why: `This is not JSON: ${error instanceof Error ? error.message : "it cannot be read"}.` };
  }
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const wrong = list.findIndex((item) => !isRecord(item));
  if (wrong >= 0) return { is: "bad", why: `Item ${wrong + 1} must be an object, such as {"name": "Ada"}.` };
  if (list.length > PINNED_MAX) return { is: "bad", why: `At most ${PINNED_MAX} items can be pinned, these are ${list.length}.` };
  if (text.length > PINNED_BYTES_MAX) return { is: "bad", why: ITEMS.tooLargeToPin(ITEMS.bytes(PINNED_BYTES_MAX)) };
  return { is: "good", items: list.filter(isRecord).map((item) => ({ json: bodyOf(item) })), note: null };
}

function bodyOf(item: Record<string, unknown>): Record<string, unknown> {
  const body = item["json"];
  const isItem = isRecord(body) && Object.keys(item).every((key) => ["json", "binary", "pairedItem"].includes(key));
  return isItem && isRecord(body) ? body : item;
}

/** Pinned items as text to be edited: the objects alone. */
export function textOfPins(pinned: unknown[]): string {
  const bodies = pinned.map((item) => (isRecord(item) ? bodyOf(item) : item));
  return JSON.stringify(bodies, null, 2);
}
