// The list of executions, newest first. Filters are in the address; new ones are announced and
// never push the list away under the reader.

import { useState } from "react";
import { useInfiniteQuery, useQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { call, query, type Execution, type List, type WorkflowRow } from "../api";
import { rowWithEvent } from "../graph";
import { useIsLive, useLive, type LiveEvent } from "../live";
import { Link, useParam, useRested } from "../router";
import { length } from "../time";
import { Ago, Failure, Loading, More, StateBadge } from "../ui";

const STATES = [
  ["", "Any state"],
  ["ready,running,waiting", "Not ended"],
  ["running", "Running"],
  ["waiting", "Waiting"],
  ["success", "Success"],
  ["error,dead", "Failed"],
  ["canceled", "Canceled"],
] as const;

export default function ExecutionsPage() {
  const [status, setStatus] = useParam("status");
  const [workflow, setWorkflow] = useParam("workflow");
  const [search, setSearch] = useParam("search");
  const workflows = useQuery({
    queryKey: ["workflow-names"],
    queryFn: () => call<List<WorkflowRow>>("/workflows?sort=name&limit=200"),
  });
  const names = workflows.data?.items ?? [];
  const isListed = workflow === "" || names.some((row) => row.id === workflow);
  return (
    <>
      <h1>Executions</h1>
      <div className="row filters" role="search">
        <select aria-label="State" value={status} onChange={(e) => setStatus(e.target.value)}>
          {STATES.map(([value, word]) => <option key={value} value={value}>{word}</option>)}
          {STATES.every(([value]) => value !== status) && <option value={status}>{status}</option>}
        </select>
        <select aria-label="Workflow" value={workflow} onChange={(e) => setWorkflow(e.target.value)}>
          <option value="">Any workflow</option>
          {names.map((row) => <option key={row.id} value={row.id}>{row.name}</option>)}
          {!isListed && <option value={workflow}>{workflow}</option>}
        </select>
        <input type="search" aria-label="Search" placeholder="Name, error or id" value={search}
          onChange={(e) => setSearch(e.target.value, "replace")} />
      </div>
      <Executions status={status} workflow={workflow} search={search} />
    </>
  );
}

type Pages = InfiniteData<List<Execution>, string>;

function inPages(old: Pages, event: LiveEvent): Pages {
  const pages = old.pages.map((page) => ({ ...page, items: page.items.map((row) => rowWithEvent(row, event)) }));
  return { ...old, pages };
}

type Filter = { status: string; workflow: string; search: string };

/** Whether an execution that is not in the list would be, as far as its event tells. */
function fits(event: LiveEvent, filter: Filter): boolean {
  if (filter.search !== "" || (filter.workflow !== "" && event.workflow_id !== filter.workflow)) return false;
  if (filter.status === "") return event.type === "execution.accepted";
  const status = event.data["status"];
  return typeof status === "string" && filter.status.split(",").includes(status);
}

/** The executions that a filter lets through, with those that came meanwhile. */
export function Executions({ status, workflow, search }: Filter) {
  const cache = useQueryClient();
  const isLive = useIsLive();
  const rested = useRested(search, 300);
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const key = ["executions", status, workflow, rested];
  const list = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) =>
      call<List<Execution>>(`/executions${query({ status, workflow, search: rested, limit: 50, cursor: pageParam })}`, { signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    // Events keep the rows up to date; without them the first page is asked for again, as reading
    // many pages anew costs more than it tells.
    refetchInterval: (q) => (isLive || (q.state.data?.pages.length ?? 0) > 1 ? false : 4_000),
    refetchOnWindowFocus: false,
  });
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  const refresh = () => {
    setFresh(new Set());
    void cache.resetQueries({ queryKey: key });
  };
  useLive("executions", (event) => note(event), refresh);
  const note = (event: LiveEvent) => {
    const id = event.execution_id;
    const isKnown = id === null || items.some((row) => row.id === id);
    if (isKnown) cache.setQueryData<Pages>(key, (old) => old && inPages(old, event));
    else if (fits(event, { status, workflow, search })) setFresh((old) => new Set([...old, id].slice(-999)));
  };
  const n = [...fresh].filter((id) => items.every((row) => row.id !== id)).length;
  if (list.isError && items.length === 0) return <Failure error={list.error} />;
  if (list.isPending) return <Loading what="executions" />;
  return (
    <>
      {n > 0 && <p><button type="button" onClick={refresh}>{n} new since – show</button></p>}
      {items.length === 0 ? <Nothing isFiltered={status + workflow + rested !== ""} /> : <Table items={items} />}
      <More hasMore={list.hasNextPage} isBusy={list.isFetchingNextPage} onMore={() => void list.fetchNextPage()}
        n={items.length} what={items.length === 1 ? "execution" : "executions"} />
    </>
  );
}

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) return <p className="card pad">No execution fits. <Link to="/executions">Show all</Link></p>;
  return <p className="card pad">Nothing has run yet. <Link to="/workflows">Open a workflow and run it</Link></p>;
}

function Table({ items }: { items: Execution[] }) {
  return (
    <table className="cards">
      <caption className="hidden">Executions, newest first</caption>
      <thead>
        <tr><th>Workflow</th><th>State</th><th>Began by</th><th>When</th><th>Took</th><th>Error</th></tr>
      </thead>
      <tbody>
        {items.map((row) => (
          <tr key={row.id}>
            <th scope="row"><Link to={`/executions/${row.id}`}>{row.workflow_name ?? "(removed workflow)"}</Link></th>
            <td data-label="State"><StateBadge state={row.status} /></td>
            <td data-label="Began by">{row.mode}</td>
            <td data-label="When"><Ago at={row.created_at} /></td>
            <td data-label="Took">{row.duration_ms === null ? "–" : length(row.duration_ms)}</td>
            <td data-label="Error" className="clip" data-empty={row.error === null || undefined}>{errorOf(row)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function errorOf(row: Execution): string {
  if (row.error === null) return "–";
  return row.error.node === undefined ? row.error.message : `${row.error.node}: ${row.error.message}`;
}
