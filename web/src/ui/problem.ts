// What is wrong with one field, as the server says it, for the place beside that field.

import { Problem } from "../api";

/** The problem of this field in words; undefined when the error is about something else. The server names the field first,
 * which its label does already. */
export function problemOfField(error: unknown, field: string): string | undefined {
  if (!(error instanceof Problem) || error.field !== field) return undefined;
  return error.message.replace(/^`[^`]+` /, "It ").replace(/\.?$/, ".");
}
