// What was edited and not saved, kept in this browser: a closed tab or a lost connection loses nothing.

import { isRecord, readFile, writeFile } from "../document/file";
import { isRefusal, type Doc } from "../document/types";

export type Draft = { version: number; at: number; doc: Doc };

const PREFIX = "linkflow:draft:";

export function keepDraft(id: string, version: number, doc: Doc, at: number): void {
  try {
    localStorage.setItem(PREFIX + id, JSON.stringify({ version, at, file: writeFile(doc) }));
  } catch {
    // The place is full or forbidden: saving still works.
  }
}

export function dropDraft(id: string): void {
  try {
    localStorage.removeItem(PREFIX + id);
  } catch {
    // Nothing was kept, then.
  }
}

export function readDraft(id: string): Draft | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(PREFIX + id) ?? "null");
    if (!isRecord(kept) || typeof kept["version"] !== "number" || typeof kept["at"] !== "number") return null;
    const doc = readFile(kept["file"]);
    return isRefusal(doc) ? null : { version: kept["version"], at: kept["at"], doc };
  } catch {
    return null;
  }
}
