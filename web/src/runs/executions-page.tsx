// The list of executions. Filters are in the address; new ones are announced and never push the list
// away under the reader.

import { useState } from "react";
import type { Execution } from "../api";
import { Link, useParam, useRested } from "../router";
import { RUNS } from "../texts/runs";
import { date, length } from "../time";
import { Ago, Button, Failure, Loading, More, PageHead, StateBadge, Table, type Column } from "../ui";
import { Bulk } from "./bulk";
import { FilterBar } from "./filter-bar";
import { isNarrowed, type Filters } from "./filters";
import { errorLine } from "./row";
import { useExecutions } from "./use-list";
import "./runs.css";

export default function ExecutionsPage() {
  const [status, setStatus] = useParam("status");
  const [workflow, setWorkflow] = useParam("workflow");
  const [search, setSearch] = useParam("search");
  const [custom, setCustom] = useParam("custom");
  const [time, setTime] = useParam("time");
  const set = { status: setStatus, workflow: setWorkflow, search: setSearch, custom: setCustom, time: setTime };
  const isText = (name: keyof Filters) => name === "search" || name === "custom";
  return (
    <>
      <PageHead title={RUNS.title} about={RUNS.about} />
      <FilterBar filters={{ status, workflow, search, custom, time }} onChange={(name, value) => set[name](value, isText(name) ? "replace" : "push")} />
      <Listed filters={{ status, workflow, search: useRested(search, 300), custom: useRested(custom, 300), time }} />
    </>
  );
}

function Listed({ filters }: { filters: Filters }) {
  const { list, rows, n_fresh, refresh } = useExecutions(filters);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const picked = rows.filter((row) => chosen.has(row.id));
  const none = () => setChosen(new Set());
  if (list.isError && rows.length === 0) return <Failure error={list.error} />;
  if (list.isPending) return <Loading what="executions" />;
  return (
    <>
      {n_fresh > 0 && <p><Button onClick={refresh}>{RUNS.fresh(n_fresh)}</Button></p>}
      {picked.length > 0 && <Bulk picked={picked} onNone={none} onDone={() => { none(); refresh(); }} />}
      {rows.length === 0 ? <Nothing filters={filters} /> : <Rows rows={rows} chosen={chosen} onChoose={setChosen} />}
      <More hasMore={list.hasNextPage} isBusy={list.isFetchingNextPage} onMore={() => void list.fetchNextPage()} n={rows.length} what={RUNS.n(rows.length)} />
    </>
  );
}

function Nothing({ filters }: { filters: Filters }) {
  if (isNarrowed(filters)) return <p className="card pad">{RUNS.noneFits} <Link to="/executions">{RUNS.showAll}</Link></p>;
  return <p className="card pad">{RUNS.nothing} <Link to="/workflows">{RUNS.openWorkflow}</Link></p>;
}

type RowsProps = { rows: Execution[]; chosen: ReadonlySet<string>; onChoose: (ids: ReadonlySet<string>) => void };

function Rows({ rows, chosen, onChoose }: RowsProps) {
  const isAll = rows.every((row) => chosen.has(row.id));
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    onChoose(next);
  };
  const nameOf = (row: Execution) => row.workflow_name ?? `(${RUNS.removed.toLowerCase()})`;
  const { columns: names } = RUNS;
  const columns: Column<Execution>[] = [
    { label: names.pick, isHidden: true, className: "runs-pick", cell: (row) => <input type="checkbox" aria-label={RUNS.pick(nameOf(row), date(row.created_at))} checked={chosen.has(row.id)} onChange={() => toggle(row.id)} /> },
    { label: names.workflow, isName: true, cell: (row) => <Link to={`/executions/${row.id}`}>{nameOf(row)}</Link> },
    { label: names.state, cell: (row) => <StateBadge state={row.status} /> },
    { label: names.mode, cell: (row) => row.mode },
    { label: names.when, cell: (row) => <Ago at={row.created_at} /> },
    { label: names.took, cell: (row) => (row.duration_ms === null ? "–" : length(row.duration_ms)) },
    { label: names.error, className: "clip", cell: errorLine },
  ];
  return (
    <>
      <label className="check runs-pick-all">
        <input type="checkbox" checked={isAll} onChange={() => onChoose(isAll ? new Set() : new Set(rows.map((row) => row.id)))} />
        {RUNS.pickAll}
      </label>
      <Table caption={RUNS.caption} columns={columns} rows={rows} keyOf={(row) => row.id} />
    </>
  );
}
