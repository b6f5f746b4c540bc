// A list of texts, one on each line. A text with commas, as older files have it, is the same list.

import { useState } from "react";
import { FORMS } from "../../texts/forms";
import { useForm, type WidgetProps } from "../context";
import { hasPath, pathOn } from "../expression/drag";

export function TextsWidget({ value, set, control }: WidgetProps) {
  const { isReadOnly } = useForm();
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? textsOf(value).join("\n");
  const type = (next: string) => {
    setTyped(next);
    set(next.split("\n").map((line) => line.trim()).filter((line) => line !== ""));
  };
  return (
    <>
      <textarea rows={Math.min(10, Math.max(2, text.split("\n").length))} spellCheck={false} readOnly={isReadOnly} {...control} value={text} onChange={(e) => type(e.target.value)} onBlur={() => setTyped(null)}
        onDragOver={(e) => { if (hasPath(e)) e.preventDefault(); }}
        onDrop={(e) => {
          // Such lists are names of fields, not their values.
          const path = /^\$json\.?(.+)$/.exec(pathOn(e) ?? "")?.[1];
          if (path === undefined || isReadOnly) return;
          e.preventDefault();
          type([...textsOf(value), path].join("\n"));
        }} />
      <small className="quiet">{FORMS.onePerLine}</small>
    </>
  );
}

export function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === "string" ? value.split(",").map((part) => part.trim()).filter((part) => part !== "") : [];
}
