// The list of workflows, with what the last day brought.

import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { call, newKey, query, type List, type WorkflowRow } from "../api";
import { useIsLive, useLive, useSoon } from "../live";
import { Icon } from "../icons";
import { ImportButton } from "../import";
import { Link, go, useParam, useRested } from "../router";
import { Ago, Failure, Loading, More, StateBadge, publishState } from "../ui";

/** A busy server has many executions a second; the numbers of the last day can wait. */
const REREAD_MS = 2_000;

export default function WorkflowsPage() {
  const [search, setSearch] = useParam("search");
  const [active, setActive] = useParam("active");
  const rested = useRested(search, 250);
  const cache = useQueryClient();
  const isLive = useIsLive();
  const reread = useSoon(() => void cache.invalidateQueries({ queryKey: ["workflows"] }), REREAD_MS);
  useLive("executions", reread, reread);
  const list = useInfiniteQuery({
    queryKey: ["workflows", rested, active],
    queryFn: ({ pageParam, signal }) =>
      call<List<WorkflowRow>>(`/workflows${query({ search: rested, active, limit: 50, cursor: pageParam })}`, { signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: (q) => ((q.state.data?.pages.length ?? 0) > 1 ? false : isLive ? 60_000 : 5_000),
    placeholderData: (before) => before,
    // Nobody heard what happened while the list was not on the screen.
    refetchOnMount: "always",
  });
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  const isFiltered = rested + active !== "";
  const isEmpty = list.isSuccess && items.length === 0;
  return (
    <>
      <div className="row spread">
        <h1>Workflows</h1>
        {!(isEmpty && !isFiltered) && <ImportButton className="primary" />}
      </div>
      {!(isEmpty && !isFiltered) && (
        <div className="row filters" role="search">
          <input type="search" aria-label="Search workflows by name" placeholder="Part of the name" value={search}
            onChange={(e) => setSearch(e.target.value, "replace")} />
          <select aria-label="State" value={active} onChange={(e) => setActive(e.target.value)}>
            <option value="">Any state</option>
            <option value="true">Published</option>
            <option value="false">Draft</option>
          </select>
        </div>
      )}
      {list.isError && <Failure error={list.error} />}
      {list.isPending && <Loading what="workflows" />}
      {isEmpty && (isFiltered ? <NoneFits /> : <FirstSteps />)}
      {items.length > 0 && <Table items={items} />}
      {items.length > 0 && (
        <More hasMore={list.hasNextPage} isBusy={list.isFetchingNextPage} onMore={() => void list.fetchNextPage()}
          n={items.length} what={items.length === 1 ? "workflow" : "workflows"} />
      )}
    </>
  );
}

function NoneFits() {
  return <p className="card pad">No workflow fits. <Link to="/workflows">Show all</Link></p>;
}

/** A workflow that runs as it is, to look at. */
const EXAMPLE = {
  name: "First workflow",
  nodes: [
    { id: "start", name: "Start", kind: "manual_trigger", position: [0, 0] },
    { id: "pass", name: "Pass on", kind: "no_op", position: [240, 0] },
  ],
  edges: [{ from: { node: "start" }, to: { node: "pass" } }],
};

function FirstSteps() {
  const cache = useQueryClient();
  const make = useMutation({
    mutationFn: () =>
      call<WorkflowRow>("/workflows", { method: "POST", body: EXAMPLE, headers: { "idempotency-key": newKey() } }),
    onSuccess: (row) => {
      void cache.invalidateQueries({ queryKey: ["workflows"] });
      go(`/workflows/${row.id}`);
    },
  });
  return (
    <section className="first" aria-labelledby="first">
      <h2 id="first">There are no workflows yet</h2>
      <p className="quiet">Three ways to the first one:</p>
      <ul className="ways">
        <li className="card pad">
          <h3><Icon name="file" />Bring your own</h3>
          <p>Drop files of Linkflow or n8n anywhere on this page. A report says of every node whether it runs.</p>
          <ImportButton className="primary" />
        </li>
        <li className="card pad">
          <h3><Icon name="play" />Begin with an example</h3>
          <p>Two nodes, to run and to look at.</p>
          {make.isError && <Failure error={make.error} />}
          <button type="button" onClick={() => make.mutate()} disabled={make.isPending}>Make the example</button>
        </li>
        <li className="card pad">
          <h3><Icon name="command" />Try a file on the command line</h3>
          <p>Without a server. It prints what every node gave.</p>
          <pre><code>linkflow run workflow.json</code></pre>
        </li>
      </ul>
    </section>
  );
}

function Table({ items }: { items: WorkflowRow[] }) {
  return (
    <table className="cards">
      <caption className="hidden">Workflows, changed last first</caption>
      <thead>
        <tr><th>Name</th><th>State</th><th>Triggers</th><th>Runs 24 h</th><th>Errors 24 h</th><th>Last execution</th></tr>
      </thead>
      <tbody>
        {items.map((row) => (
          <tr key={row.id}>
            <th scope="row">
              <Link to={`/workflows/${row.id}`}>{row.name}</Link>
              <small className="quiet"> {row.n_nodes} {row.n_nodes === 1 ? "node" : "nodes"}</small>
              {row.tags.map((tag) => <small key={tag} className="tag">{tag}</small>)}
            </th>
            <td data-label="State">
              <StateBadge state={publishState(row)} />
              {row.problems > 0 && <small className="quiet"> {row.problems} to solve</small>}
            </td>
            <td data-label="Triggers">{row.triggers.length === 0 ? "none" : row.triggers.join(", ")}</td>
            <td data-label="Runs 24 h"><Link to={`/executions?workflow=${row.id}`}>{row.runs_24h}</Link></td>
            <td data-label="Errors 24 h">
              {row.errors_24h === 0 ? "0" : <Link className="tone-error" to={`/executions?workflow=${row.id}&status=error,dead`}>{row.errors_24h} failed</Link>}
            </td>
            <td data-label="Last execution"><Last row={row} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Last({ row }: { row: WorkflowRow }) {
  const last = row.last_execution;
  if (last === null) return <>never</>;
  return (
    <Link to={`/executions/${last.id}`} className="last">
      <StateBadge state={last.status} /> <Ago at={last.started_at} />
    </Link>
  );
}
