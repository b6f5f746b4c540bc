// Undo and redo: the last steps with their names. Documents share all that a step left alone, so a step keeps
// the document before it whole; a list of changed fields would take as much and would bring nodes back in
// another order. Pure.

import type { Doc } from "./types";

export const STEPS_MAX = 200;
/** Steps of one kind that follow each other faster are one: a word is typed, not its letters. */
const SAME_WITHIN_MS = 1_000;

export type Step = { name: string; before: Doc; after: Doc; at: number; same: string | null };
export type History = { doc: Doc; past: readonly Step[]; future: readonly Step[] };

export function begin(doc: Doc): History {
  return { doc, past: [], future: [] };
}

/** The history after one more step. `same` names what may be one step with the one before. */
export function take(history: History, name: string, doc: Doc, at: number, same: string | null = null): History {
  if (doc === history.doc) return history;
  const last = history.past.at(-1);
  const isOne = last !== undefined && same !== null && last.same === same && at - last.at < SAME_WITHIN_MS && history.future.length === 0;
  const step: Step = { name, before: isOne ? last.before : history.doc, after: doc, at, same };
  const past = isOne ? history.past.slice(0, -1) : history.past;
  return { doc, past: [...past, step].slice(-STEPS_MAX), future: [] };
}

export function undo(history: History): History {
  const step = history.past.at(-1);
  if (step === undefined) return history;
  return { doc: step.before, past: history.past.slice(0, -1), future: [step, ...history.future] };
}

export function redo(history: History): History {
  const [step, ...future] = history.future;
  if (step === undefined) return history;
  return { doc: step.after, past: [...history.past, step], future };
}
