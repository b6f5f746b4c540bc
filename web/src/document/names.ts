// Names and ids that are free, and what refers to a name: expressions and pinned items. Pure.

import type { Doc } from "./types";

/** The wish itself, or with the first number behind it that makes it free. */
export function freeName(wish: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wish)) return wish;
  const base = wish.replace(/ \d+$/, "");
  for (let n = 2; ; n++) {
    const name = `${base} ${n}`;
    if (!taken.has(name)) return name;
  }
}

export function takenNames(doc: Doc): Set<string> {
  return new Set(Object.values(doc.nodes).map((node) => node.name));
}

/** An id that no node has. */
export function freeId(doc: Doc, random: () => number = Math.random): string {
  for (;;) {
    const id = Array.from({ length: 12 }, () => Math.floor(random() * 36).toString(36)).join("");
    if (doc.nodes[id] === undefined) return id;
  }
}

/** The value with every mention of the old name in its texts changed; itself when there is none. */
export function renamed(value: unknown, from: string, to: string): unknown {
  return change(value, [mentionOf(from)], to);
}

type Mention = { pattern: RegExp };

function change(value: unknown, mentions: Mention[], to: string): unknown {
  if (typeof value === "string") return value.includes("$") ? changeText(value, mentions, to) : value;
  if (Array.isArray(value)) return changeList(value, mentions, to);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, change(inner, mentions, to)] as const);
  const isSame = entries.every(([key, inner]) => inner === (value as Record<string, unknown>)[key]);
  return isSame ? value : Object.fromEntries(entries);
}

function changeList(list: unknown[], mentions: Mention[], to: string): unknown[] {
  const next = list.map((inner) => change(inner, mentions, to));
  return next.every((inner, i) => inner === list[i]) ? list : next;
}

function changeText(text: string, mentions: Mention[], to: string): string {
  return mentions.reduce((now, { pattern }) => now.replace(pattern, (...found: unknown[]) => written(found, to)), text);
}

/** `$('Name')`, `$items("Name"` and `$node["Name"]`, with either quotation mark; and `$node.Name`. */
function mentionOf(name: string): Mention {
  const inQuotes = ["'", '"', "`"].map((mark) => mark + escaped(quoted(name, mark)) + mark).join("|");
  const dotted = /^[A-Za-z_$][\w$]*$/.test(name) ? `|(\\$node\\.)${escaped(name)}(?![\\w$])` : "";
  return { pattern: new RegExp(`(\\$\\(\\s*|\\$items\\(\\s*|\\$node\\[\\s*)(${inQuotes})${dotted}`, "g") };
}

function written(found: unknown[], to: string): string {
  const [, call, text, dotted] = found as (string | undefined)[];
  if (call !== undefined && text !== undefined) {
    const mark = text.charAt(0);
    return call + mark + quoted(to, mark) + mark;
  }
  return /^[A-Za-z_$][\w$]*$/.test(to) ? `${dotted ?? "$node."}${to}` : `$node["${quoted(to, '"')}"]`;
}

function quoted(name: string, mark: string): string {
  return name.replaceAll("\\", "\\\\").replaceAll(mark, `\\${mark}`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
