// A number. What is typed stays as it is while it is no number, and says so.

import { useState } from "react";
import { FORMS } from "../../texts/forms";
import { FieldProblem } from "../../ui/field";
import { useForm, type WidgetProps } from "../context";

export function NumberWidget({ field, value, set, control }: WidgetProps) {
  const { isReadOnly } = useForm();
  const [typed, setTyped] = useState<string | null>(null);
  const shape = field.shape.is === "number" ? field.shape : { min: undefined, max: undefined, isInteger: false };
  const text = typed ?? (value === undefined || value === null ? "" : String(value));
  const wrong = text.trim() === "" ? null : wrongNumber(text, shape);
  const type = (next: string) => {
    setTyped(next);
    if (next.trim() === "") set(undefined);
    else if (wrongNumber(next, shape) === null) set(Number(next));
  };
  return (
    <>
      <input type="text" inputMode="decimal" autoComplete="off" {...control} aria-invalid={wrong === null ? control["aria-invalid"] : true} readOnly={isReadOnly} value={text}
        placeholder={field.placeholder ?? (field.fallback === undefined || field.fallback === null ? undefined : String(field.fallback))} onChange={(e) => type(e.target.value)}
        onBlur={() => { if (wrong === null) setTyped(null); }} />
      {wrong !== null && <FieldProblem>{`${field.label} ${wrong}.`}</FieldProblem>}
    </>
  );
}

/** What is wrong with a number, or null. */
export function wrongNumber(text: string, shape: { min: number | undefined; max: number | undefined; isInteger: boolean }): string | null {
  const n = Number(text);
  if (!Number.isFinite(n)) return FORMS.number;
  if (shape.isInteger && !Number.isInteger(n)) return FORMS.integer;
  if (shape.min !== undefined && n < shape.min) return FORMS.atLeast(shape.min);
  if (shape.max !== undefined && n > shape.max) return FORMS.atMost(shape.max);
  return null;
}
