// What a node gave in one of its runs: which run, which output, and its items.

import { useState } from "react";
import type { NodeRun } from "../runs/run-model";
import { ITEMS } from "../texts/items";
import { Select } from "../ui";
import { ItemsView, type View } from "./items-view";

type Props = {
  execution: string;
  run: NodeRun;
  isDirect?: boolean;
  view?: View;
  onView?: (view: View) => void;
};

/** The outputs of a run; the first that has items is shown first. */
export function OutputItems({ execution, run, ...rest }: Props) {
  const first = Math.max(0, run.counts.findIndex((n) => n > 0));
  const [chosen, setChosen] = useState<number | null>(null);
  const output = chosen ?? first;
  if (run.counts.length === 0) return <p className="quiet">{ITEMS.nothing}</p>;
  return (
    <ItemsView key={`${run.run}/${output}`} where={{ execution, node: run.node, run: run.run, output }} n={run.counts[output] ?? 0} {...rest}>
      {run.counts.length > 1 && (
        <Select aria-label={ITEMS.output} value={String(output)} onPick={(value) => setChosen(Number(value))}
          options={run.counts.map((n, i) => ({ value: String(i), label: ITEMS.outputOf(i, ITEMS.count(n)) }))} />
      )}
    </ItemsView>
  );
}

type InputProps = Props & { runs: ReadonlyMap<string, NodeRun[]> };

/** What a run was fed: the outputs of the runs that its inputs name. */
export function InputItems({ execution, run, runs, ...rest }: InputProps) {
  const fed = run.inputs.flatMap((source, input) => (source === null ? [] : [{ input, source }]));
  const [chosen, setChosen] = useState(0);
  const at = fed[chosen] ?? fed[0];
  if (at === undefined) return <p className="quiet">{ITEMS.nothing}</p>;
  const { source } = at;
  const n = runs.get(source.node)?.find((other) => other.run === source.run)?.counts[source.output] ?? 0;
  return (
    <ItemsView key={`${source.node}/${source.run}/${source.output}`} where={{ execution, ...source }} n={n} isDirect {...rest}>
      {fed.length > 1 && (
        <Select aria-label={ITEMS.input} value={String(chosen)} onPick={(value) => setChosen(Number(value))}
          options={fed.map((one, i) => ({ value: String(i), label: `${ITEMS.input} ${one.input}: ${one.source.node}` }))} />
      )}
    </ItemsView>
  );
}

