// Code. The editor is loaded when one is shown; until then, and where it cannot be loaded, a plain field does.

import { Suspense, lazy } from "react";
import { useForm, type WidgetProps } from "../context";
import { textOf } from "./any-widget";

const CodeEditor = lazy(() => import("../code/code-editor"));

export function CodeWidget({ field, value, set, control }: WidgetProps) {
  const form = useForm();
  const text = textOf(value);
  const language = field.shape.is === "code" ? field.shape.language : "text";
  const plain = <textarea rows={8} spellCheck={false} readOnly={form.isReadOnly} {...control} value={text} onChange={(e) => set(e.target.value)} />;
  return (
    <Suspense fallback={plain}>
      <CodeEditor label={field.label} language={language} text={text} onChange={set} isReadOnly={form.isReadOnly} scope={form.scope} />
    </Suspense>
  );
}
