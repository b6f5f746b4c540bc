// The version that ran, drawn: a card per node with its state, links with what went along them. Cards and
// links listen for themselves, so an event draws one card and not the map.

import { memo, useMemo } from "react";
import { Icon, type IconName } from "../icons";
import type { Document, RunStatus } from "../api";
import { RUNS } from "../texts/runs";
import { CARD, layoutOf, type Card, type Line } from "./map-layout";
import { useLinkState, useNodeState } from "./use-run";

const MARKS: Record<RunStatus, IconName> = { success: "check", error: "cross", running: "play", waiting: "pause" };
const WORDS: Record<RunStatus, string> = { success: "success", error: "error", running: "running", waiting: "waiting" };

type Props = { workflow: Document; chosen: string; onChoose: (node: string) => void };

export const RunMap = memo(function RunMap({ workflow, chosen, onChoose }: Props) {
  const layout = useMemo(() => layoutOf(workflow), [workflow]);
  if (layout.cards.length === 0) return null;
  return (
    <div className="runs-map" role="region" aria-label={RUNS.map} tabIndex={0}>
      <div className="runs-sheet" style={{ width: layout.width, height: layout.height }}>
        <svg width={layout.width} height={layout.height} aria-hidden="true">
          {layout.lines.map((line) => <Link key={line.id} line={line} />)}
        </svg>
        {layout.cards.map((card) => <Ticket key={card.node.id} card={card} isChosen={card.node.name === chosen} onChoose={onChoose} />)}
      </div>
    </div>
  );
});

const Link = memo(function Link({ line }: { line: Line }) {
  const state = useLinkState(line.from, line.output);
  const used = state !== null && state.items > 0;
  return (
    <g className={used ? "runs-link runs-link-used" : "runs-link"}>
      <path d={line.path} />
      {used && <text x={line.labelAt.x} y={line.labelAt.y - 6}>{state.items.toLocaleString("en")}</text>}
    </g>
  );
});

type TicketProps = { card: Card; isChosen: boolean; onChoose: (node: string) => void };

const Ticket = memo(function Ticket({ card, isChosen, onChoose }: TicketProps) {
  const { node, x, y } = card;
  const state = useNodeState(node.id);
  const status = state?.status;
  const word = status === undefined ? "not run" : WORDS[status];
  return (
    <button type="button" className={`runs-card runs-card-${word.replace(" ", "-")}`} aria-pressed={isChosen} style={{ left: x, top: y, width: CARD.width, height: CARD.height }}
      onClick={() => onChoose(node.name)}>
      <span className="runs-card-name"><span className="runs-card-number">{card.n}</span>{node.name}</span>
      <span className="runs-card-state">
        {status !== undefined && <Icon name={MARKS[status]} />}
        {word}
        {state !== null && state.n_runs > 1 && ` ×${state.n_runs}`}
        {state !== null && state.n_failed_tries > 0 && `, ${RUNS.tries(state.n_failed_tries)}`}
      </span>
    </button>
  );
});
