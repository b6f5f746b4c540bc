// One node of an execution: which run, what went wrong, which tries failed before, what it took and gave.

import { useState } from "react";
import { InputItems, OutputItems } from "../items/run-items";
import { Icon } from "../icons";
import { RUNS } from "../texts/runs";
import { date, length } from "../time";
import { Button, Copy, Select, StateBadge, Words } from "../ui";
import type { NodeRun } from "./run-model";
import type { RunStore } from "./run-store";
import { useRunVersion } from "./use-run";

type Props = { store: RunStore; execution: string; node: string; began: number; onRetry: ((node: string, run: number) => void) | null };

export function StepPanel({ store, execution, node, began, onRetry }: Props) {
  useRunVersion(store);
  const all = store.runs();
  const runs = all.filter((run) => run.node === node);
  const [chosen, setChosen] = useState<number | null>(null);
  const run = runs.find((one) => one.run === chosen) ?? runs.at(-1);
  return (
    <section className="runs-step card" aria-label={node}>
      <div className="row">
        <h2>{node}</h2>
        {run !== undefined && <StateBadge state={run.status} />}
        {runs.length > 1 && run !== undefined && <RunPicker node={node} runs={runs} run={run} onPick={setChosen} />}
        {run !== undefined && onRetry !== null && <Button isSmall onClick={() => onRetry(node, run.run)}>{RUNS.retryNode}</Button>}
      </div>
      {run === undefined ? <p className="quiet">{RUNS.notRun}</p> : <Run key={run.run} run={run} all={all} execution={execution} began={began} />}
    </section>
  );
}

const OPTIONS_MAX = 200;

/** A list of the runs, or their number where a loop made more than a list can show. */
function RunPicker({ node, runs, run, onPick }: { node: string; runs: NodeRun[]; run: NodeRun; onPick: (run: number) => void }) {
  const label = RUNS.runLabel(node);
  if (runs.length > OPTIONS_MAX) {
    return <input type="number" className="runs-number" aria-label={label} min={1} max={runs.length} value={run.run + 1} onChange={(e) => onPick(Number(e.target.value) - 1)} />;
  }
  const options = runs.map((one) => ({ value: String(one.run), label: RUNS.runOption(one.run + 1, runs.length, one.status) }));
  return <Select aria-label={label} value={String(run.run)} onPick={(value) => onPick(Number(value))} options={options} />;
}

function Run({ run, all, execution, began }: { run: NodeRun; all: NodeRun[]; execution: string; began: number }) {
  const from = run.inputs.filter((input) => input !== null).map((input) => RUNS.source(input.node, input.output));
  const isTakenOver = run.ended_at !== null && run.ended_at < began;
  return (
    <>
      <p className="quiet facts">
        {run.started_at !== null && run.ended_at !== null && <span>{RUNS.took(length(run.ended_at - run.started_at))}</span>}
        {from.length > 0 && <span>{RUNS.fedBy(from.join("; "))}</span>}
        {isTakenOver && <span title={RUNS.takenOverHint}>{RUNS.takenOver}</span>}
      </p>
      {run.error !== null && (
        <div className="note note-error">
          <p><Icon name="cross" /><span><Words text={run.error} /></span></p>
          <Copy text={run.error} label={RUNS.copyError} />
        </div>
      )}
      <Tries run={run} />
      {run.logs.length > 0 && (
        <details open={run.logs.length < 20}>
          <summary>{RUNS.log}</summary>
          <pre tabIndex={0} role="region" aria-label={RUNS.logs(run.node)}><code>{run.logs.join("\n")}</code></pre>
        </details>
      )}
      <Sides run={run} all={all} execution={execution} />
    </>
  );
}

/** Input and output side by side; the output alone for what begins an execution. */
function Sides({ run, all, execution }: { run: NodeRun; all: NodeRun[]; execution: string }) {
  const sources = new Set(run.inputs.map((input) => input?.node));
  const runs = new Map([...sources].map((name) => [name ?? "", all.filter((one) => one.node === name)]));
  const isOver = run.ended_at !== null || run.status === "success" || run.status === "error";
  const isFed = run.inputs.some((input) => input !== null);
  return (
    <div className={isFed ? "runs-sides" : undefined}>
      {isFed && <section aria-label={RUNS.input}><h3>{RUNS.input}</h3><InputItems execution={execution} run={run} runs={runs} /></section>}
      <section aria-label={RUNS.output}>
        <h3>{RUNS.output}</h3>
        {isOver ? <OutputItems execution={execution} run={run} /> : <p className="quiet" role="status">{RUNS.itemsLater}</p>}
      </section>
    </div>
  );
}

function Tries({ run }: { run: NodeRun }) {
  if (run.attempts.length === 0) return null;
  return (
    <details className="note" open>
      <summary>{RUNS.tries(run.attempts.length)}</summary>
      <ol className="plain" aria-label={RUNS.triesTitle}>
        {run.attempts.map((tried) => <li key={tried.attempt}><Words text={RUNS.tried(tried.attempt, date(tried.ended_at), tried.error)} /></li>)}
      </ol>
    </details>
  );
}
