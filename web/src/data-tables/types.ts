// Data tables as the server shows them, and cells as text. Pure.

import { TABLES } from "../texts/tables";

export type ColumnType = "string" | "number" | "boolean" | "date";
export type Column = { id: string; name: string; type: ColumnType };
export type DataTable = { id: string; name: string; columns: Column[]; n_rows: number; n_bytes: number; created_at: number; updated_at: number };
export type Row = Record<string, unknown> & { id: number };

/** What a cell shows. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

export type Read = { is: "value"; value: unknown } | { is: "wrong"; why: string };

/** What was typed into a cell as a value of its column. Nothing is null. */
export function readCell(text: string, type: ColumnType): Read {
  const typed = text.trim();
  if (typed === "") return { is: "value", value: null };
  if (type === "number") return Number.isFinite(Number(typed)) ? { is: "value", value: Number(typed) } : { is: "wrong", why: TABLES.notNumber(typed) };
  if (type === "boolean") {
    const known: Record<string, boolean> = { true: true, false: false, yes: true, no: false, "1": true, "0": false };
    const value = known[typed.toLowerCase()];
    return value === undefined ? { is: "wrong", why: TABLES.notBoolean(typed) } : { is: "value", value };
  }
  return { is: "value", value: type === "string" ? text : typed };
}

/** `email`, `total:number`: the columns of a new table, one on each line. */
export function readColumns(text: string): { name: string; type: string }[] {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return lines.map((line) => {
    const [name = "", type = "string"] = line.split(":").map((part) => part.trim());
    return { name, type };
  });
}

/** Which cell the focus goes to by a key: row and column, within so many; null when the key does not move it. */
export function moved(key: string, [row, column]: [number, number], rows: number, columns: number): [number, number] | null {
  const to: Record<string, [number, number]> = {
    ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], Home: [row, 0], End: [row, columns - 1],
  };
  const next = to[key];
  if (next === undefined) return null;
  return [Math.min(Math.max(next[0], 0), rows - 1), Math.min(Math.max(next[1], 0), columns - 1)];
}
