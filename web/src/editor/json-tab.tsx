// The workflow as the file that it is, to read, copy and replace.

import { useState } from "react";
import { readFile, writeFile } from "../document/file";
import { isRefusal } from "../document/types";
import { TEXTS } from "../texts/document";
import { EDITOR } from "../texts/editor";
import { Button } from "../ui/button";
import { FieldProblem } from "../ui/field";
import { useEditor } from "./store";

export function JsonTab() {
  const doc = useEditor((state) => state.doc);
  const change = useEditor((state) => state.change);
  const canWrite = useEditor((state) => state.canWrite);
  const [edited, setEdited] = useState<string | null>(null);
  const [why, setWhy] = useState<string | null>(null);
  const text = edited ?? JSON.stringify(writeFile(doc), null, 2);
  const apply = () => {
    const read = parse(text);
    if (typeof read === "string") return setWhy(read);
    const next = readFile(read.file);
    if (isRefusal(next)) return setWhy(next.refused);
    setWhy(null);
    setEdited(null);
    change(EDITOR.names.json, (now) => ({ ...next, id: now.id ?? null }));
  };
  const reset = () => {
    setEdited(null);
    setWhy(null);
  };
  return (
    <div className="editor-json">
      <div className="row">
        <small className="quiet">{EDITOR.jsonHint}</small>
        {edited !== null && <Button isSmall look="primary" onClick={apply}>{EDITOR.apply}</Button>}
        {edited !== null && <Button isSmall onClick={reset}>{EDITOR.reset}</Button>}
      </div>
      {why !== null && <FieldProblem>{why}</FieldProblem>}
      <textarea aria-label={EDITOR.tabs.json} spellCheck={false} readOnly={!canWrite} value={text} aria-invalid={why !== null} onChange={(event) => setEdited(event.target.value)} />
    </div>
  );
}

function parse(text: string): { file: unknown } | string {
  try {
    return { file: JSON.parse(text) };
  } catch (error) {
    return TEXTS.notJson(error instanceof Error ? error.message : "");
  }
}
