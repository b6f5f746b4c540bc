// What stands above the canvas: the name, undo, running, saving and publishing, and all the rest in menus.

import { useState } from "react";
import { AlignHorizontalJustifyStart, Braces, ListTree, Maximize, MoreHorizontal, PanelBottom, Play, Plus, Redo2, Save, Search, Square, Undo2, Workflow } from "lucide-react";
import { hasEnded, type ExecutionStatus } from "../api";
import { go } from "../router";
import { EDITOR } from "../texts/editor";
import { StateBadge } from "../ui/basics";
import { Button, IconButton } from "../ui/button";
import { Menu, type MenuItem } from "../ui/menu";
import type { Actions } from "./actions";
import type { Running } from "./running";
import type { Saving } from "./saving";
import { isDirty, useEditor } from "./store";

type ToolbarProps = { actions: Actions; saving: Saving; running: Running };

export function Toolbar({ actions, saving, running }: ToolbarProps) {
  const canWrite = useEditor((state) => state.canWrite);
  return (
    <div className="editor-toolbar" role="toolbar" aria-label={EDITOR.toolbar}>
      <OutlineButton />
      <Title />
      <State />
      <span className="editor-gap" />
      <Steps />
      {canWrite && <IconButton name={`${EDITOR.add} (A)`} onClick={actions.askAdd}><Plus size={16} aria-hidden /></IconButton>}
      <span className="editor-wide">
        <IconButton name={`${EDITOR.search} (Ctrl+F)`} onClick={() => actions.askSearch()}><Search size={16} aria-hidden /></IconButton>
        <IconButton name={`${EDITOR.fit} (F)`} onClick={actions.fit}><Maximize size={16} aria-hidden /></IconButton>
        {canWrite && <IconButton name={`${EDITOR.layout} (Shift+L)`} onClick={() => void actions.layOut()}><Workflow size={16} aria-hidden /></IconButton>}
        {canWrite && <Arrange actions={actions} />}
        <WorkbenchButton />
      </span>
      <Run running={running} />
      {canWrite && <SaveButtons saving={saving} />}
      <More actions={actions} saving={saving} canWrite={canWrite} />
    </div>
  );
}

function Title() {
  const name = useEditor((state) => state.doc.name);
  const change = useEditor((state) => state.change);
  const canWrite = useEditor((state) => state.canWrite);
  const [text, setText] = useState<string | null>(null);
  const keep = () => {
    const next = text?.trim() ?? "";
    if (next !== "" && next !== name) change(EDITOR.names.renameWorkflow, (doc) => ({ ...doc, name: next }));
    setText(null);
  };
  if (text === null) {
    return <h1><button type="button" className="bare editor-title" title={EDITOR.nameOf} disabled={!canWrite} onClick={() => setText(name)}>{name === "" ? EDITOR.untitled : name}</button></h1>;
  }
  return (
    <input className="editor-title" aria-label={EDITOR.nameOf} autoFocus maxLength={200} value={text} onChange={(event) => setText(event.target.value)} onFocus={(event) => event.target.select()} onBlur={keep}
      onKeyDown={(event) => { if (event.key === "Enter") keep(); if (event.key === "Escape") setText(null); }} />
  );
}

function State() {
  const base = useEditor((state) => state.base);
  const dirty = useEditor(isDirty);
  const state = base.published === null ? "draft" : base.published === base.version && !dirty ? "published" : "changed";
  return (
    <span className="editor-state">
      <StateBadge state={state} />
      <small className="quiet" role="status">{dirty ? EDITOR.unsaved : EDITOR.version(base.version)}</small>
    </span>
  );
}

function Steps() {
  const past = useEditor((state) => state.history.past.at(-1)?.name);
  const future = useEditor((state) => state.history.future[0]?.name);
  const undo = useEditor((state) => state.undo);
  const redo = useEditor((state) => state.redo);
  const canWrite = useEditor((state) => state.canWrite);
  if (!canWrite) return null;
  return (
    <>
      <IconButton name={past === undefined ? EDITOR.undo : EDITOR.undoStep(past)} disabled={past === undefined} onClick={undo}><Undo2 size={16} aria-hidden /></IconButton>
      <IconButton name={future === undefined ? EDITOR.redo : EDITOR.redoStep(future)} disabled={future === undefined} onClick={redo}><Redo2 size={16} aria-hidden /></IconButton>
    </>
  );
}

function OutlineButton() {
  const isOpen = useEditor((state) => state.isOutlineOpen);
  const set = useEditor((state) => state.set);
  return <IconButton name={isOpen ? EDITOR.hideOutline : EDITOR.showOutline} aria-pressed={isOpen} onClick={() => set({ isOutlineOpen: !isOpen })}><ListTree size={16} aria-hidden /></IconButton>;
}

function WorkbenchButton() {
  const isOpen = useEditor((state) => state.isWorkbenchOpen);
  const set = useEditor((state) => state.set);
  return <IconButton name={isOpen ? EDITOR.hideWorkbench : EDITOR.showWorkbench} aria-pressed={isOpen} onClick={() => set({ isWorkbenchOpen: !isOpen })}><PanelBottom size={16} aria-hidden /></IconButton>;
}

function Arrange({ actions }: { actions: Actions }) {
  const n = useEditor((state) => state.chosen.length);
  const items: MenuItem[] = [
    ...(Object.keys(EDITOR.align) as (keyof typeof EDITOR.align)[]).map((how) => ({ label: EDITOR.align[how], isDisabled: n < 2, onChoose: () => actions.align(how) })),
    "line",
    ...(Object.keys(EDITOR.spread) as (keyof typeof EDITOR.spread)[]).map((along) => ({ label: EDITOR.spread[along], isDisabled: n < 3, onChoose: () => actions.spread(along) })),
  ];
  return <Menu label={EDITOR.arrange} items={items} isDisabled={n < 2}><AlignHorizontalJustifyStart size={16} aria-hidden /></Menu>;
}

function Run({ running }: { running: Running }) {
  const { status, start, stop, isStarting, canRun } = running;
  const isOn = isStarting || (status !== null && !hasEnded(status as ExecutionStatus));
  if (!canRun) return null;
  return (
    <>
      {status !== null && <span className="editor-wide" role="status"><StateBadge state={status as ExecutionStatus} /></span>}
      {isOn
        ? <Button onClick={() => void stop()} disabled={isStarting}><Square size={14} aria-hidden />{EDITOR.stop}</Button>
        : <Button onClick={() => void start()} title={`${EDITOR.run} (Ctrl+Enter)`}><Play size={14} aria-hidden />{EDITOR.run}</Button>}
    </>
  );
}

function SaveButtons({ saving }: { saving: Saving }) {
  const dirty = useEditor(isDirty);
  const base = useEditor((state) => state.base);
  return (
    <>
      <Button onClick={() => void saving.save()} disabled={!dirty || saving.isBusy} title={`${EDITOR.save} (Ctrl+S)`}><Save size={14} aria-hidden /><span>{EDITOR.save}</span></Button>
      {(dirty || base.published !== base.version) && <Button look="primary" onClick={() => void saving.publish()} disabled={saving.isBusy}>{EDITOR.publish}</Button>}
    </>
  );
}

function More({ actions, saving, canWrite }: { actions: Actions; saving: Saving; canWrite: boolean }) {
  const id = useEditor((state) => state.id);
  const base = useEditor((state) => state.base);
  const ask = useEditor((state) => state.ask);
  const show = useEditor((state) => state.show);
  const write: MenuItem[] = [
    { label: EDITOR.note, hint: "N", onChoose: actions.addNote },
    { label: EDITOR.layout, hint: "Shift+L", onChoose: () => void actions.layOut() },
    { label: EDITOR.paste, hint: "Ctrl+V", onChoose: () => void actions.pasteFromClipboard() },
    ...(base.published === null ? [] : [{ label: EDITOR.unpublish, onChoose: () => void saving.unpublish() }]),
    "line",
  ];
  const items: MenuItem[] = [
    ...(canWrite ? write : []),
    { label: EDITOR.search, hint: "Ctrl+F", onChoose: () => ask({ for: "search" }) },
    { label: EDITOR.fit, hint: "F", onChoose: actions.fit },
    { label: EDITOR.tabs.json, icon: <Braces size={14} aria-hidden />, onChoose: () => show("json") },
    { label: EDITOR.details, onChoose: () => go(`/workflows/${id}/details`) },
    { label: EDITOR.versions, onChoose: () => go(`/workflows/${id}/versions`) },
    { label: EDITOR.executions, onChoose: () => go(`/executions?workflow=${id}`) },
    { label: EDITOR.download, onChoose: () => location.assign(`/api/v1/workflows/${id}/export`) },
    { label: EDITOR.downloadN8n, onChoose: () => location.assign(`/api/v1/workflows/${id}/export?format=n8n`) },
    "line",
    { label: EDITOR.help, hint: "?", onChoose: () => ask({ for: "keys" }) },
  ];
  return <Menu label={EDITOR.more} items={items}><MoreHorizontal size={16} aria-hidden /></Menu>;
}
