// Fixed or expression. What was there is kept for the way back.

import { useRef } from "react";
import { FORMS } from "../../texts/forms";
import { useForm } from "../context";
import type { Field } from "../types";
import { isExpression } from "../values";

export function ExpressionSwitch({ field, value, set }: { field: Field; value: unknown; set: (value: unknown) => void }) {
  const { isReadOnly } = useForm();
  const before = useRef<unknown>(undefined);
  const isOn = isExpression(value);
  const turn = () => {
    const next = isOn ? (before.current ?? asFixed(value, field)) : asExpression(value);
    before.current = value;
    set(next);
  };
  return (
    <button type="button" className="form-switch" aria-pressed={isOn} disabled={isReadOnly} onClick={turn} aria-label={FORMS.toExpression(field.label)} title={FORMS.toExpression(field.label)}>
      <i>f</i>x
    </button>
  );
}

/** A fixed value as an expression that gives the same. */
export function asExpression(value: unknown): string {
  if (value === undefined || value === null) return "=";
  return typeof value === "string" ? `=${value}` : `={{ ${JSON.stringify(value)} }}`;
}

/** The text of an expression without code in it, or what the field holds by itself. */
export function asFixed(value: unknown, field: Field): unknown {
  const text = String(value).slice(1);
  const isTexty = ["text", "any", "code", "date", "zone", "workflow", "table"].includes(field.shape.is);
  return isTexty && !text.includes("{{") ? text : field.fallback;
}
