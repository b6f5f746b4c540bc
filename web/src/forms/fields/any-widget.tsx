// A value of any type: text as it is, everything else as JSON.

import { useState } from "react";
import { useForm, type WidgetProps } from "../context";
import { dropping } from "./text-widget";

export function AnyWidget({ field, value, set, control }: WidgetProps) {
  const { isReadOnly } = useForm();
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? textOf(value);
  const type = (next: string) => {
    setTyped(next);
    set(valueLike(next, value));
  };
  return (
    <textarea rows={Math.min(12, Math.max(1, text.split("\n").length))} spellCheck={false} autoComplete="off" readOnly={isReadOnly} placeholder={field.placeholder} {...control}
      value={text} onChange={(e) => type(e.target.value)} onBlur={() => setTyped(null)} {...dropping(text, set, isReadOnly)} />
  );
}

export function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** What was typed, as the type that was there: a number stays one as long as it reads as one. */
export function valueLike(text: string, before: unknown): unknown {
  if (typeof before === "string" || before === undefined || before === null) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
