// A text: one line, or as many as it has. A field that is dropped on it makes an expression of it.

import type { DragEvent } from "react";
import { useForm, type WidgetProps } from "../context";
import { hasPath, pathOn } from "../expression/drag";

/** What makes any text field take fields that are dragged. */
export function dropping(text: string, set: (value: unknown) => void, isReadOnly: boolean) {
  return {
    onDragOver: (event: DragEvent) => { if (hasPath(event) && !isReadOnly) event.preventDefault(); },
    onDrop: (event: DragEvent) => {
      const path = pathOn(event);
      if (path === null || isReadOnly) return;
      event.preventDefault();
      set(`=${text}{{ ${path} }}`);
    },
  };
}

export function TextWidget({ field, value, set, control }: WidgetProps) {
  const { isReadOnly } = useForm();
  const text = value === undefined || value === null ? "" : String(value);
  const isLong = field.shape.is === "text" && (field.shape.isLong || text.includes("\n"));
  const shared = { ...control, value: text, readOnly: isReadOnly, placeholder: field.placeholder, spellCheck: isLong, ...dropping(text, set, isReadOnly) };
  if (isLong) return <textarea rows={Math.min(12, Math.max(2, text.split("\n").length))} onChange={(e) => set(e.target.value)} {...shared} />;
  return <input type="text" autoComplete="off" onChange={(e) => set(e.target.value)} {...shared} />;
}
