// Two people have changed the same version: what was changed by both is chosen field by field, the rest is kept of
// both.

import { useMemo, useState } from "react";
import { merge, type Conflict, type Side } from "../document/merge";
import type { Doc } from "../document/types";
import { EDITOR } from "../texts/editor";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { wordsOf } from "./field-words";
import { useEditorStore, type Base } from "./store";

/** `onMerged` has the merged document; it stands on their version. */
export function MergeDialog({ theirs, onClose }: { theirs: Base; onClose: () => void }) {
  const store = useEditorStore();
  const [{ base, doc }] = useState(() => store.getState());
  const [choices, setChoices] = useState<Record<string, Side>>({});
  const { conflicts, doc: merged } = useMemo(() => merge(base.doc, doc, theirs.doc, choices), [base, doc, theirs, choices]);
  const all = (side: Side) => setChoices(Object.fromEntries(conflicts.map(({ key }) => [key, side])));
  const keep = () => {
    store.getState().set({ base: theirs });
    store.getState().change(EDITOR.names.merge, () => merged);
    onClose();
  };
  const footer = (
    <>
      {conflicts.length > 1 && <Button className="left" onClick={() => all("mine")}>{EDITOR.allMine}</Button>}
      {conflicts.length > 1 && <Button onClick={() => all("theirs")}>{EDITOR.allTheirs}</Button>}
      <Button look="primary" type="submit">{EDITOR.keepMerged}</Button>
    </>
  );
  return (
    <Dialog title={EDITOR.conflictTitle} onClose={onClose} size="wide" onSubmit={keep} footer={footer}>
      <p>{EDITOR.conflictHint(theirs.version)} {conflicts.length === 0 ? EDITOR.conflictNone : EDITOR.conflictAsk(conflicts.length)}</p>
      {conflicts.map((conflict) => (
        <Question key={conflict.key} conflict={conflict} docs={[doc, theirs.doc, base.doc]} side={choices[conflict.key] ?? "mine"}
          onChoose={(side) => setChoices({ ...choices, [conflict.key]: side })} />
      ))}
    </Dialog>
  );
}

type QuestionProps = { conflict: Conflict; docs: Doc[]; side: Side; onChoose: (side: Side) => void };

function Question({ conflict, docs, side, onChoose }: QuestionProps) {
  const isStay = conflict.path[0] === "node" && conflict.path.length === 2;
  const shown = (value: unknown) => (value === undefined ? EDITOR.notThere : isStay ? EDITOR.stays : typeof value === "string" ? value : JSON.stringify(value, null, 2));
  return (
    <fieldset className="editor-conflict">
      <legend>{wordsOf(conflict.path, docs)}</legend>
      {(["mine", "theirs"] as const).map((one) => (
        <label key={one} className={side === one ? "is-chosen" : ""}>
          <span><input type="radio" name={conflict.key} checked={side === one} onChange={() => onChoose(one)} /> {EDITOR[one]}</span>
          <pre tabIndex={0}>{shown(conflict[one])}</pre>
        </label>
      ))}
      {!isStay && conflict.base !== undefined && <details><summary>{EDITOR.before}</summary><pre tabIndex={0}>{shown(conflict.base)}</pre></details>}
    </fieldset>
  );
}
