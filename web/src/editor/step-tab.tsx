// The chosen step, docked below the canvas and never over it: what comes in, its parameters, what goes out, side by
// side.

import { useState } from "react";
import { isUnknown, titleOf } from "../document/kinds";
import { changeNode, renameNode, type NodeChange } from "../document/nodes";
import { NOTE, type Id, type Node, type OnError } from "../document/types";
import { EDITOR, STEP } from "../texts/editor";
import { Kind } from "../ui/basics";
import { Toggle } from "../ui/field";
import { useEditor } from "./store";
import { StepForm } from "./step-form";
import { StepInput, StepOutput } from "./step-items";

export function StepTab() {
  const chosen = useEditor((state) => state.chosen);
  const node = useEditor((state) => state.doc.nodes[state.chosen[0] ?? ""]);
  if (chosen.length > 1) return <p className="quiet pad">{EDITOR.severalChosen(chosen.length)}</p>;
  if (node === undefined) return <p className="quiet pad">{EDITOR.noStepChosen}</p>;
  if (node.kind === NOTE) return <NotePanel key={node.id} node={node} />;
  return <StepPanels key={node.id} node={node} />;
}

function StepPanels({ node }: { node: Node }) {
  const kinds = useEditor((state) => state.kinds);
  return (
    <div className="editor-step">
      <section className="editor-side" aria-label={EDITOR.input}><h2>{EDITOR.input}</h2><StepInput id={node.id} /></section>
      <section className="editor-middle" aria-label={EDITOR.params}>
        <div className="editor-step-head">
          <Name node={node} />
          <span className="quiet">{isUnknown(node.kind) ? <Kind kind={node.kind} /> : titleOf(node.kind, kinds)}</span>
        </div>
        <StepForm node={node} />
        <Behaviour node={node} />
      </section>
      <section className="editor-side" aria-label={EDITOR.output}><h2>{EDITOR.output}</h2><StepOutput id={node.id} /></section>
    </div>
  );
}

function Name({ node }: { node: Node }) {
  const change = useEditor((state) => state.change);
  const canWrite = useEditor((state) => state.canWrite);
  const [text, setText] = useState<string | null>(null);
  const keep = () => {
    if (text !== null && text.trim() !== node.name) change(EDITOR.names.rename(text.trim()), (doc) => renameNode(doc, node.id, text));
    setText(null);
  };
  return (
    <input className="editor-step-name" aria-label={EDITOR.stepName} readOnly={!canWrite} value={text ?? node.name} onChange={(event) => setText(event.target.value)} onBlur={keep}
      onKeyDown={(event) => { if (event.key === "Enter") event.currentTarget.blur(); if (event.key === "Escape") setText(null); }} />
  );
}

/** A change of one node, as a step with a name. */
export function useNodeChange(id: Id): (what: string, change: NodeChange) => void {
  const change = useEditor((state) => state.change);
  const name = useEditor((state) => state.doc.nodes[id]?.name ?? "");
  return (what, part) => void change(EDITOR.names.change(what, name), (doc) => changeNode(doc, id, part), `${id} ${what}`);
}

/** What every step has, whatever its kind. */
function Behaviour({ node }: { node: Node }) {
  const change = useNodeChange(node.id);
  const canWrite = useEditor((state) => state.canWrite);
  const isOn = (value: boolean) => (value ? true : undefined);
  const retry = node.retry ?? null;
  return (
    <details className="editor-behaviour">
      <summary>{STEP.behaviour}</summary>
      <fieldset disabled={!canWrite}>
        <label className="field">{STEP.onError}
          <select value={node.on_error ?? "stop"} onChange={(event) => change(STEP.onError, { on_error: event.target.value === "stop" ? undefined : (event.target.value as OnError) })}>
            {Object.entries(STEP.onErrors).map(([value, label]) => <option key={value} value={value}>{label}</option>)}
          </select>
        </label>
        <Toggle label={STEP.retry} isOn={retry !== null} onChange={(on) => change(STEP.retry, { retry: on ? { max_tries: 3, wait_ms: 1_000 } : undefined })} />
        {retry !== null && (
          <div className="row">
            <label className="field">{STEP.tries}
              <input type="number" min={1} max={100} value={retry.max_tries} onChange={(event) => change(STEP.tries, { retry: { ...retry, max_tries: bounded(event.target.value, 1, 100) } })} />
            </label>
            <label className="field">{STEP.wait}
              <input type="number" min={0} value={retry.wait_ms} onChange={(event) => change(STEP.wait, { retry: { ...retry, wait_ms: bounded(event.target.value, 0, 86_400_000) } })} />
            </label>
          </div>
        )}
        <Toggle label={STEP.alwaysOutput} isOn={node.always_output === true} onChange={(on) => change(STEP.alwaysOutput, { always_output: isOn(on) })} />
        <Toggle label={STEP.executeOnce} isOn={node.execute_once === true} onChange={(on) => change(STEP.executeOnce, { execute_once: isOn(on) })} />
        <Toggle label={STEP.disabled} isOn={node.disabled === true} onChange={(on) => change(STEP.disabled, { disabled: isOn(on) })} />
        <label className="field">{EDITOR.notes}
          <textarea rows={2} value={node.notes ?? ""} onChange={(event) => change(EDITOR.notes, { notes: event.target.value === "" ? undefined : event.target.value })} />
        </label>
      </fieldset>
    </details>
  );
}

function bounded(text: string, min: number, max: number): number {
  const value = Math.round(Number(text));
  return Number.isFinite(value) ? Math.min(max, Math.max(min, value)) : min;
}

function NotePanel({ node }: { node: Node }) {
  const change = useNodeChange(node.id);
  const canWrite = useEditor((state) => state.canWrite);
  const text = typeof node.params["content"] === "string" ? node.params["content"] : "";
  const colour = typeof node.params["color"] === "number" ? node.params["color"] : 1;
  return (
    <div className="pad">
      <label className="field">{STEP.noteText}
        <textarea rows={6} autoFocus readOnly={!canWrite} value={text} onChange={(event) => change(STEP.noteText, { params: { ...node.params, content: event.target.value } })} />
      </label>
      <label className="field">{STEP.noteColour}
        <select disabled={!canWrite} value={colour} onChange={(event) => change(STEP.noteColour, { params: { ...node.params, color: Number(event.target.value) } })}>
          {STEP.noteColours.map((name, i) => <option key={name} value={i + 1}>{name}</option>)}
        </select>
      </label>
    </div>
  );
}
