// The fields that narrow the list of executions.

import { useQuery } from "@tanstack/react-query";
import { call, type List, type WorkflowRow } from "../api";
import { RUNS } from "../texts/runs";
import { Select } from "../ui";
import type { Filters } from "./filters";

type Props = { filters: Filters; onChange: (name: keyof Filters, value: string) => void };

export function FilterBar({ filters, onChange }: Props) {
  const workflows = useQuery({
    queryKey: ["workflow-names"],
    queryFn: () => call<List<WorkflowRow>>("/workflows?sort=name&limit=200"),
    staleTime: 30_000,
  });
  const names = (workflows.data?.items ?? []).map((row) => ({ value: row.id, label: row.name }));
  const options = (pairs: readonly (readonly [string, string])[]) => pairs.map(([value, label]) => ({ value, label }));
  return (
    <div className="row filters" role="search">
      <Select aria-label={RUNS.state} value={filters.status} options={options(RUNS.states)} onPick={(value) => onChange("status", value)} />
      <Select aria-label={RUNS.workflow} value={filters.workflow} options={[{ value: "", label: RUNS.anyWorkflow }, ...names]} onPick={(value) => onChange("workflow", value)} />
      <Select aria-label={RUNS.time} value={filters.time} options={options(RUNS.times)} onPick={(value) => onChange("time", value)} />
      <input type="search" aria-label={RUNS.search} placeholder={RUNS.searchHint} value={filters.search} onChange={(e) => onChange("search", e.target.value)} />
      <input type="search" aria-label={RUNS.custom} placeholder={RUNS.customHint} value={filters.custom} onChange={(e) => onChange("custom", e.target.value)} className="runs-custom" />
    </div>
  );
}
