// Two executions side by side.

import { useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { call, type ExecutionDetail } from "../api";
import { OutputItems } from "../items/run-items";
import { Link, useParam } from "../router";
import { ITEMS } from "../texts/items";
import { RUNS } from "../texts/runs";
import { length } from "../time";
import { Ago, Back, Failure, Loading, PageHead, StateBadge, Table, Toggle, type Column } from "../ui";
import { pairsOf, type Difference, type Pair, type Side } from "./compare";
import { modelOf, type RunModel } from "./run-model";
import "./runs.css";

export default function ComparePage() {
  const [a] = useParam("a");
  const [b] = useParam("b");
  const left = useOne(a);
  const right = useOne(b);
  return (
    <>
      <Back to="/executions" label={RUNS.allExecutions} />
      <PageHead title={RUNS.compare} about={RUNS.compareAbout} />
      {(a === "" || b === "") && <p className="card pad">{RUNS.chooseTwo}</p>}
      {left.isError && <Failure error={left.error} />}
      {right.isError && <Failure error={right.error} />}
      {(left.isLoading || right.isLoading) && <Loading what="both executions" />}
      {left.data !== undefined && right.data !== undefined && <Both left={left.data} right={right.data} />}
    </>
  );
}

function useOne(id: string) {
  return useQuery({ queryKey: ["execution", id], queryFn: ({ signal }) => call<ExecutionDetail>(`/executions/${id}`, { signal }), enabled: id !== "" });
}

function Both({ left, right }: { left: ExecutionDetail; right: ExecutionDetail }) {
  const [isShort, setShort] = useState(false);
  const [chosen, setChosen] = useParam("node");
  const models = { left: modelOf(left), right: modelOf(right) };
  const all = pairsOf(models.left, models.right);
  const pairs = isShort ? all.filter((pair) => pair.differences.length > 0) : all;
  const { columnsCompare: names } = RUNS;
  const columns: Column<Pair>[] = [
    { label: names.node, isName: true, cell: (pair) => <button type="button" className="bare runs-pair" aria-pressed={pair.node === chosen} onClick={() => setChosen(pair.node === chosen ? "" : pair.node, "replace")}>{pair.node}</button> },
    { label: names.left, cell: (pair) => <SideCell side={pair.left} /> },
    { label: names.right, cell: (pair) => <SideCell side={pair.right} /> },
    { label: names.difference, cell: (pair) => (pair.differences.length === 0 ? <span className="quiet">{RUNS.same}</span> : pair.differences.map((one) => wordOf(one, pair)).join(", ")) },
  ];
  return (
    <>
      <div className="runs-heads">
        <HeadOf title={RUNS.left} execution={left} />
        <HeadOf title={RUNS.right} execution={right} />
      </div>
      <Toggle label={RUNS.sameOnly} isOn={isShort} onChange={setShort} />
      {pairs.length === 0 ? <p className="card pad">{RUNS.allSame}</p> : <Table caption={RUNS.compare} columns={columns} rows={pairs} keyOf={(pair) => pair.node} />}
      {chosen !== "" && <Given node={chosen} left={models.left} right={models.right} />}
    </>
  );
}

function HeadOf({ title, execution }: { title: string; execution: ExecutionDetail }) {
  return (
    <div className="card pad">
      <h2>{title}</h2>
      <p className="row"><Link to={`/executions/${execution.id}`}>{execution.workflow_name ?? RUNS.removed}</Link> <StateBadge state={execution.status} /></p>
      <p className="quiet facts">
        <span><Ago at={execution.created_at} /></span>
        <span>{RUNS.version(execution.version)}</span>
        {execution.duration_ms !== null && <span>{RUNS.took(length(execution.duration_ms))}</span>}
      </p>
    </div>
  );
}

function SideCell({ side }: { side: Side | null }) {
  if (side === null) return <span className="quiet">{RUNS.missing}</span>;
  return (
    <span className="runs-side">
      <StateBadge state={side.status} />
      <span className="quiet">{[...side.counts.map(ITEMS.count), ...(side.n_runs > 1 ? [RUNS.runs(side.n_runs)] : []), length(side.busy_ms)].join(", ")}</span>
      {side.error !== null && <span className="clip tone-error">{side.error}</span>}
    </span>
  );
}

function wordOf(difference: Difference, pair: Pair): string {
  const { differs } = RUNS;
  const by = (pair.right?.busy_ms ?? 0) - (pair.left?.busy_ms ?? 0);
  switch (difference) {
    case "only left": return differs.onlyLeft;
    case "only right": return differs.onlyRight;
    case "status": return differs.status;
    case "runs": return differs.runs;
    case "items": return differs.items;
    case "error": return differs.error;
    case "time": return by > 0 ? differs.slower(length(by)) : differs.faster(length(-by));
  }
}

/** What a node gave in its last run of each. */
function Given({ node, left, right }: { node: string; left: RunModel; right: RunModel }) {
  return (
    <section aria-label={RUNS.compareItems(node)}>
      <h2>{RUNS.compareItems(node)}</h2>
      <div className="runs-sides">
        {([[RUNS.left, left], [RUNS.right, right]] as const).map(([title, model]) => {
          const run = model.runs.get(node)?.at(-1);
          return (
            <section key={title} aria-label={title}>
              <h3>{title}</h3>
              {run === undefined ? <p className="quiet">{RUNS.missing}</p> : <OutputItems execution={model.head.id} run={run} />}
            </section>
          );
        })}
      </div>
    </section>
  );
}
