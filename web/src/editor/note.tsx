// A note on the canvas. Folded, it stands for the steps that lie on it.

import { memo, use } from "react";
import { Handle, NodeResizer, Position, type NodeProps } from "@xyflow/react";
import { ChevronDown, ChevronRight } from "lucide-react";
import { EDITOR } from "../texts/editor";
import { CanvasContext } from "./canvas-context";
import { isFolded, type NoteNode } from "./view";

export const Note = memo(function Note({ data, selected, width = 0, height = 0 }: NodeProps<NoteNode>) {
  const { node, held } = data;
  const { canWrite, onFold, onResize } = use(CanvasContext);
  const folded = isFolded(node);
  const text = typeof node.params["content"] === "string" ? node.params["content"] : "";
  const lines = text.split("\n");
  const colour = typeof node.params["color"] === "number" ? node.params["color"] : 1;
  return (
    <div className={`editor-note editor-note-${colour} ${selected ? "is-chosen" : ""} ${folded ? "is-folded" : ""}`} style={{ width, height }} data-node={node.id}>
      {selected && canWrite && !folded && (
        <NodeResizer minWidth={96} minHeight={64} onResizeEnd={(_, size) => onResize(node.id, { width: size.width, height: size.height }, { x: size.x, y: size.y })} />
      )}
      {folded && <Handle id="i0" type="target" position={Position.Left} isConnectable={false} />}
      <button type="button" tabIndex={-1} className="editor-note-fold nodrag nopan" title={EDITOR.fold} aria-label={EDITOR.fold} aria-expanded={!folded} disabled={!canWrite}
        onClick={(event) => { event.stopPropagation(); onFold(node.id); }}>
        {folded ? <ChevronRight size={14} aria-hidden /> : <ChevronDown size={14} aria-hidden />}
      </button>
      <div className="editor-note-text">
        {(folded ? lines.slice(0, 1) : lines).map((line, i) => <Line key={i} text={line} />)}
        {folded && <small>{EDITOR.folded(held)}</small>}
      </div>
      {folded && <Handle id="o0" type="source" position={Position.Right} isConnectable={false} />}
    </div>
  );
});

/** The little of Markdown that notes are written in: headings, list items, bold. */
function Line({ text }: { text: string }) {
  const heading = /^(#{1,6})\s+(.*)$/.exec(text);
  if (heading !== null) return <div className="editor-note-heading">{heading[2]}</div>;
  const item = /^\s*[-*]\s+(.*)$/.exec(text);
  const words = (item?.[1] ?? text).split("**");
  return (
    <div className={item === null ? "" : "editor-note-item"}>
      {words.map((part, i) => (i % 2 === 1 ? <strong key={i}>{part}</strong> : part))}
      {text === "" && "\u00a0"}
    </div>
  );
}
