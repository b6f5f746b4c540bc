// What a step that has not run yet would get: what the steps before it gave in the execution that is shown.

import { useState } from "react";
import type { NodeRun } from "../runs/run-model";
import { ITEMS } from "../texts/items";
import { Select } from "../ui";
import { ItemsView } from "./items-view";

type Props = {
  execution: string;
  runs: ReadonlyMap<string, NodeRun[]>;
  /** The outputs that lead to the step, by the name of their node. */
  parents: readonly { node: string; output: number }[];
};

export function ParentItems({ execution, runs, parents }: Props) {
  const [chosen, setChosen] = useState(0);
  const given = parents.flatMap(({ node, output }) => {
    const last = runs.get(node)?.at(-1);
    return last === undefined ? [] : [{ node, output, run: last.run, n: last.counts[output] ?? 0 }];
  });
  const at = given[chosen] ?? given[0];
  if (at === undefined) return <p className="quiet">{ITEMS.notYet}</p>;
  const { n, ...where } = at;
  return (
    <ItemsView key={`${at.node}/${at.output}/${at.run}`} where={{ execution, ...where }} n={n} isDirect>
      {given.length > 1 && (
        <Select aria-label={ITEMS.from} value={String(chosen)} onPick={(value) => setChosen(Number(value))}
          options={given.map((one, i) => ({ value: String(i), label: ITEMS.fromNode(one.node, one.output) }))} />
      )}
    </ItemsView>
  );
}
