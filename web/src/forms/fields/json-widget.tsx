// An object or a list, written as JSON.

import { useState } from "react";
import { FORMS } from "../../texts/forms";
import { FieldProblem } from "../../ui/field";
import { messageOf } from "../../api";
import { useForm, type WidgetProps } from "../context";
import { textOf } from "./any-widget";

export function JsonWidget({ value, set, control }: WidgetProps) {
  const { isReadOnly } = useForm();
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? textOf(value);
  const why = text.trim() === "" ? null : whyNotJson(text);
  const type = (next: string) => {
    setTyped(next);
    if (next.trim() === "") set(undefined);
    else if (whyNotJson(next) === null) set(JSON.parse(next));
  };
  return (
    <>
      <textarea rows={Math.min(16, Math.max(3, text.split("\n").length))} spellCheck={false} readOnly={isReadOnly} {...control} aria-invalid={why === null ? control["aria-invalid"] : true}
        value={text} onChange={(e) => type(e.target.value)} onBlur={() => { if (why === null) setTyped(null); }} />
      {why !== null && <FieldProblem>{FORMS.notJson(why)}</FieldProblem>}
    </>
  );
}

export function whyNotJson(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
