// A step on the canvas: a ticket with its number, the spine of its category, its name, one line that says what it
// does, and how its last run went.

import { memo, use } from "react";
import { Handle, Position, type NodeProps } from "@xyflow/react";
import { CircleAlert, Pin, Power } from "lucide-react";
import { portTop } from "../document/geometry";
import { isUnknown, titleOf } from "../document/kinds";
import { RunMark } from "./run-mark";
import { CanvasContext } from "./canvas-context";
import { CategoryIcon, categoryOf } from "./category";
import { summaryOf } from "./summary";
import type { CardNode } from "./view";
import { EDITOR } from "../texts/editor";

export const Card = memo(function Card({ data, selected, width = 0, height = 0 }: NodeProps<CardNode>) {
  const { node, ports, number } = data;
  const { kinds, isPinned, nProblems, onAddAfter, canWrite } = use(CanvasContext);
  const category = categoryOf(node.kind, kinds);
  const summary = isUnknown(node.kind) ? EDITOR.unknownKind : summaryOf(node, kinds) || titleOf(node.kind, kinds);
  const isOff = node.disabled === true;
  const n = nProblems(node.id);
  const classes = ["editor-card", `editor-of-${category}`, selected ? "is-chosen" : "", isOff ? "is-off" : "", n > 0 || isUnknown(node.kind) ? "is-wrong" : ""];
  return (
    <div className={classes.join(" ")} style={{ width, height }} data-node={node.id}>
      <Ports names={ports.inputs} side="in" size={{ width, height }} />
      <div className="editor-card-head">
        <CategoryIcon category={category} />
        <span className="editor-card-name">{node.name}</span>
        <span className="editor-card-number">{number}</span>
      </div>
      <div className="editor-card-line">{summary}</div>
      <div className="editor-card-marks">
        {isOff && <span className="editor-mark"><Power size={12} aria-hidden />{EDITOR.disabled}</span>}
        {isPinned(node.name) && <span className="editor-mark tone-waiting"><Pin size={12} aria-hidden />{EDITOR.pinned}</span>}
        {n > 0 && <span className="editor-mark tone-error"><CircleAlert size={12} aria-hidden />{EDITOR.problemsOf(n)}</span>}
        <RunMark id={node.id} />
      </div>
      <Ports names={ports.outputs} side="out" size={{ width, height }} />
      {canWrite && selected && ports.outputs.length > 0 && (
        <button type="button" tabIndex={-1} className="editor-card-add nodrag nopan" title={EDITOR.addAfter(node.name)} aria-label={EDITOR.addAfter(node.name)}
          onClick={(event) => { event.stopPropagation(); onAddAfter(node.id); }}>+</button>
      )}
    </div>
  );
});

function Ports({ names, side, size }: { names: readonly string[]; side: "in" | "out"; size: { width: number; height: number } }) {
  const isIn = side === "in";
  return names.map((name, i) => {
    // Measured from within the border.
    const top = portTop(i, names.length, size) - 1;
    return (
      <Handle key={i} id={`${isIn ? "i" : "o"}${i}`} type={isIn ? "target" : "source"} position={isIn ? Position.Left : Position.Right} style={{ top, [isIn ? "left" : "right"]: -1 }}>
        {names.length > 1 && <span className={`editor-port editor-port-${side}`}>{name}</span>}
      </Handle>
    );
  });
}
