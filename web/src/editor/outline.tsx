// The workflow as a list, in the order in which people read it: a full editor for the keyboard and for screen
// readers. Keys that are not its own are those of the page, and mean the step that is chosen here.

import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { CircleAlert, Power } from "lucide-react";
import { isUnknown, titleOf } from "../document/kinds";
import { inFlow, linksOf } from "../document/links";
import { renameNode } from "../document/nodes";
import type { Doc, Id } from "../document/types";
import { EDITOR } from "../texts/editor";
import type { Actions } from "./actions";
import { CategoryIcon, categoryOf } from "./category";
import { useNodeState } from "./run-source";
import { useEditor } from "./store";

const ROW_PX = 32;
const LEVEL_MAX = 6;

export type Row = { id: Id; number: number; level: number };

/** The steps with their depth: a branch stands one deeper than what it leaves. */
export function rowsOf(doc: Doc): Row[] {
  const levels = new Map<Id, number>();
  return inFlow(doc).map((id, i) => {
    const before = linksOf(doc, id).incoming.map((edge) => edge.from.node).find((from) => levels.has(from));
    const branches = before === undefined ? 0 : new Set(linksOf(doc, before).outgoing.map((edge) => edge.to.node)).size;
    const level = before === undefined ? 1 : Math.min(LEVEL_MAX, (levels.get(before) ?? 1) + (branches > 1 ? 1 : 0));
    levels.set(id, level);
    return { id, number: i + 1, level };
  });
}

type OutlineProps = { actions: Actions; renaming: Id | null; onRename: (id: Id | null) => void };

export function Outline({ actions, renaming, onRename }: OutlineProps) {
  const doc = useEditor((state) => state.doc);
  const chosen = useEditor((state) => state.chosen);
  const rows = useMemo(() => rowsOf(doc), [doc]);
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const at = rows.findIndex((row) => row.id === chosen[0]);
  const lines = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW_PX, overscan: 12 });
  useEffect(() => { if (at >= 0) lines.scrollToIndex(at); }, [at, lines]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== box.current) return;
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, Home: 0, End: rows.length - 1 }[event.key];
    const row = to === undefined ? undefined : rows[Math.min(Math.max(0, to), rows.length - 1)];
    if (to === undefined || row === undefined) return;
    event.preventDefault();
    actions.choose(row.id);
  };
  return (
    <nav className="editor-outline" aria-label={EDITOR.outline}>
      <div ref={box} className="editor-outline-box" role="tree" aria-label={EDITOR.outline} aria-multiselectable tabIndex={0} onKeyDown={onKeyDown}
        aria-activedescendant={at < 0 ? undefined : `${id}-${rows[at]?.id ?? ""}`} title={EDITOR.outlineHelp}>
        <div role="none" style={{ height: lines.getTotalSize(), position: "relative" }}>
          {lines.getVirtualItems().map((line) => {
            const row = rows[line.index];
            if (row === undefined) return null;
            return (
              <Line key={row.id} row={row} top={line.start} domId={`${id}-${row.id}`} isChosen={chosen.includes(row.id)} n={rows.length}
                isRenaming={renaming === row.id} onRename={onRename} actions={actions} onDone={() => box.current?.focus()} />
            );
          })}
        </div>
      </div>
    </nav>
  );
}

type LineProps = { row: Row; top: number; domId: string; isChosen: boolean; n: number; isRenaming: boolean; onRename: (id: Id | null) => void; actions: Actions; onDone: () => void };

function Line({ row, top, domId, isChosen, n, isRenaming, onRename, actions, onDone }: LineProps) {
  const node = useEditor((state) => state.doc.nodes[row.id]);
  const kinds = useEditor((state) => state.kinds);
  const choose = useEditor((state) => state.choose);
  const chosen = useEditor((state) => state.chosen);
  const nProblems = useEditor((state) => (state.problems ?? []).filter((problem) => problem.node === row.id).length);
  const after = useEditor((state) => namesAfter(state.doc, row.id));
  const state = useNodeState(row.id);
  if (node === undefined) return null;
  const press = (isMore: boolean) => {
    if (!isMore) return actions.choose(row.id);
    choose(isChosen ? chosen.filter((id) => id !== row.id) : [...chosen, row.id]);
  };
  return (
    <div id={domId} role="treeitem" aria-level={row.level} aria-selected={isChosen} aria-setsize={n} aria-posinset={row.number}
      className={`editor-outline-line ${isChosen ? "is-chosen" : ""}`} style={{ top, paddingLeft: 4 + row.level * 8 }}
      onClick={(event) => press(event.ctrlKey || event.metaKey || event.shiftKey)} onDoubleClick={actions.open}>
      <span className="number">{row.number}</span>
      <CategoryIcon category={categoryOf(node.kind, kinds)} size={14} />
      {isRenaming ? <Rename id={row.id} name={node.name} onEnd={() => { onRename(null); onDone(); }} /> : <span className="editor-outline-name">{node.name}</span>}
      <span className="hidden">{titleOf(node.kind, kinds)}{after === "" ? "" : `, leads to ${after}`}</span>
      {node.disabled === true && <span className="editor-mark"><Power size={12} aria-hidden /><span className="hidden">{EDITOR.disabled}</span></span>}
      {(nProblems > 0 || isUnknown(node.kind)) && <span className="editor-mark tone-error"><CircleAlert size={12} aria-hidden /><span className="hidden">{EDITOR.problemsOf(Math.max(1, nProblems))}</span></span>}
      {state !== null && <span className={`editor-dot is-${state.status}`}><span className="hidden">{state.status}</span></span>}
    </div>
  );
}

function namesAfter(doc: Doc, id: Id): string {
  return linksOf(doc, id).outgoing.map((edge) => doc.nodes[edge.to.node]?.name ?? "").join(", ");
}

function Rename({ id, name, onEnd }: { id: Id; name: string; onEnd: () => void }) {
  const change = useEditor((state) => state.change);
  const [text, setText] = useState(name);
  const end = (isKept: boolean) => {
    if (isKept && text.trim() !== name) change(EDITOR.names.rename(text.trim()), (doc) => renameNode(doc, id, text));
    onEnd();
  };
  return (
    <input className="editor-rename" aria-label={EDITOR.stepName} autoFocus value={text} onChange={(event) => setText(event.target.value)} onFocus={(event) => event.target.select()}
      onBlur={() => end(true)} onClick={(event) => event.stopPropagation()}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter") end(true);
        if (event.key === "Escape") end(false);
      }} />
  );
}
