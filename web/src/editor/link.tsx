// A link: right angles with round corners, and how many items went along it.

import { memo, use } from "react";
import { BaseEdge, EdgeLabelRenderer, getSmoothStepPath, type EdgeProps } from "@xyflow/react";
import { useLinkState } from "./run-source";
import { EDITOR } from "../texts/editor";
import { CanvasContext } from "./canvas-context";
import { MAIN } from "../document/types";
import type { CanvasLink } from "./view";

export const Link = memo(function Link({ id, sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, selected, data }: EdgeProps<CanvasLink>) {
  const { canWrite, onAddInto } = use(CanvasContext);
  const edge = data?.edge;
  const state = useLinkState(edge?.from.node ?? "", edge?.from.port ?? 0);
  const [path, x, y] = getSmoothStepPath({ sourceX, sourceY, sourcePosition, targetX, targetY, targetPosition, borderRadius: 10, offset: 20 });
  const classes = ["editor-link", selected === true ? "is-chosen" : "", state === null ? "" : `is-${state.status}`].join(" ");
  const hasAdd = canWrite && selected === true && edge !== undefined && edge.type === MAIN;
  const isShown = state !== null || hasAdd || (edge !== undefined && edge.type !== MAIN);
  return (
    <>
      <BaseEdge id={id} path={path} className={classes} interactionWidth={16} />
      {isShown && (
        <EdgeLabelRenderer>
          <div className="editor-link-label nodrag nopan" style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}>
            {state !== null && state.items > 0 && <span className={`editor-count tone-${state.status === "running" ? "running" : "ok"}`}>{EDITOR.items(state.items)}</span>}
            {edge !== undefined && edge.type !== MAIN && <span className="editor-count">{edge.type}</span>}
            {hasAdd && <button type="button" tabIndex={-1} className="editor-link-add" title={EDITOR.addInto} aria-label={EDITOR.addInto} onClick={() => onAddInto(edge)}>+</button>}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  );
});
