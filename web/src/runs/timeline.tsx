// When each node ran, as bars over time, and a handle that shows the execution as it was at a moment.

import { useEffect, useRef, useState } from "react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { Pause, Play } from "lucide-react";
import { hasEnded } from "../api";
import { RUNS } from "../texts/runs";
import { length } from "../time";
import { IconButton, StateBadge } from "../ui";
import { chartOf, type Row } from "./chart";
import type { RunStore } from "./run-store";
import { useRunVersion } from "./use-run";

const ROW_PX = 32;
/** How long a replay of the whole takes. */
const REPLAY_MS = 6_000;
const STEPS = 1_000;

type Props = { store: RunStore; began: number; chosen: string; onChoose: (node: string) => void; shown: number | null; onShow: (at: number | null) => void };

export function Timeline({ store, began, chosen, onChoose, shown, onShow }: Props) {
  useRunVersion(store);
  const head = store.head();
  const isOver = head !== null && hasEnded(head.status);
  const now = useNow(!isOver);
  // It may have waited for a worker first, and its trigger has run by then.
  const chart = chartOf(store.runs(), Math.min(began, head?.created_at ?? began), head?.finished_at ?? null, now);
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: chart.rows.length, getScrollElement: () => box.current, estimateSize: () => ROW_PX, overscan: 10 });
  if (chart.rows.length === 0) return <p className="quiet pad">{RUNS.nothingYet}</p>;
  const at = shown === null ? 1 : (shown - chart.from) / (chart.to - chart.from);
  return (
    <section className="runs-timeline" aria-label={RUNS.timeline}>
      <Scrubber from={chart.from} to={chart.to} shown={shown} onShow={onShow} />
      <div ref={box} className="runs-rows">
        <ol style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map(({ index, start }) => {
            const row = chart.rows[index];
            return row === undefined ? null : <Line key={row.node} row={row} top={start} at={at} isChosen={row.node === chosen} onChoose={onChoose} />;
          })}
        </ol>
      </div>
    </section>
  );
}

type LineProps = { row: Row; top: number; at: number; isChosen: boolean; onChoose: (node: string) => void };

function Line({ row, top, at, isChosen, onChoose }: LineProps) {
  const percent = (share: number) => `${(share * 100).toFixed(3)}%`;
  return (
    <li style={{ transform: `translateY(${top}px)` }}>
      <button type="button" className="runs-row" aria-pressed={isChosen} onClick={() => onChoose(row.node)}>
        <span className="runs-name">{row.node}</span>
        <span className="runs-track" aria-hidden="true">
          {row.bars.map((bar, i) => (
            <span key={i} className={`runs-bar runs-${bar.status}`} style={{ left: percent(bar.from), width: `max(3px, ${percent(bar.to - bar.from)})` }} />
          ))}
          {row.ticks.map((tick, i) => <span key={`t${i}`} className="runs-tick" style={{ left: percent(tick) }} />)}
          {at < 1 && <span className="runs-now" style={{ left: percent(at) }} />}
        </span>
        <span className="runs-facts">
          {row.n_runs > 1 && <span className="quiet">{RUNS.runs(row.n_runs)}</span>}
          <span className="quiet" title={row.isTakenOver ? RUNS.takenOverHint : undefined}>{row.isTakenOver ? RUNS.takenOver : length(row.busy_ms)}</span>
          <StateBadge state={row.status} />
        </span>
      </button>
    </li>
  );
}

type ScrubberProps = { from: number; to: number; shown: number | null; onShow: (at: number | null) => void };

function Scrubber({ from, to, shown, onShow }: ScrubberProps) {
  const [isPlaying, setPlaying] = useState(false);
  const value = shown === null ? STEPS : Math.round(((shown - from) / (to - from)) * STEPS);
  const show = (step: number) => onShow(step >= STEPS ? null : from + ((to - from) * step) / STEPS);
  const latest = useRef(show);
  useEffect(() => {
    latest.current = show;
  });
  useEffect(() => {
    if (!isPlaying) return;
    const begin = performance.now();
    const first = value >= STEPS ? 0 : value;
    let frame = requestAnimationFrame(function next(now) {
      const step = first + ((now - begin) / REPLAY_MS) * STEPS;
      latest.current(step);
      if (step >= STEPS) setPlaying(false);
      else frame = requestAnimationFrame(next);
    });
    return () => cancelAnimationFrame(frame);
    // The replay goes on from where it began; the handle follows it.
  }, [isPlaying]);
  const text = shown === null ? RUNS.now : RUNS.atText(length(shown - from));
  return (
    <div className="runs-scrubber">
      <IconButton name={isPlaying ? RUNS.pause : RUNS.play} onClick={() => setPlaying(!isPlaying)}>
        {isPlaying ? <Pause size={16} aria-hidden /> : <Play size={16} aria-hidden />}
      </IconButton>
      <input type="range" aria-label={RUNS.atTime} aria-valuetext={text} min={0} max={STEPS} value={value}
        onChange={(e) => { setPlaying(false); show(Number(e.target.value)); }} />
      <span className="runs-clock">{text}</span>
    </div>
  );
}

/** The time, while something runs: every half second. */
function useNow(isRunning: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [isRunning]);
  return now;
}
