// One execution, node by node, while it runs and afterwards.

import { useState } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call, hasEnded, newKey, query, type ExecutionDetail, type Run } from "./api";
import { errorText, namesOf, withEvent } from "./graph";
import { Icon } from "./icons";
import { Items, count } from "./items";
import { useIsLive, useLive, useSoon } from "./live";
import { Link } from "./router";
import { length } from "./time";
import { Ago, Back, Confirm, Failure, Kind, Loading, PageFailure, StateBadge, Words } from "./ui";

const POLL_MS = 1_500;
/** While events arrive, reading anew only guards against one that got lost. */
const GUARD_MS = 10_000;
const REREAD_MS = 400;

type View =
  | { at: "loading" }
  | { at: "failed"; error: unknown }
  | { at: "open"; execution: ExecutionDetail };

/** The execution as it is now: by events, and by HTTP when there are none. */
function useExecution(id: string): View {
  const cache = useQueryClient();
  const isLive = useIsLive();
  const key = ["execution", id];
  const found = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => call<ExecutionDetail>(`/executions/${id}`, { signal }),
    refetchInterval: (q) => {
      if (q.state.data !== undefined && hasEnded(q.state.data.status)) return false;
      return isLive ? GUARD_MS : POLL_MS;
    },
  });
  const reread = useSoon(() => void cache.invalidateQueries({ queryKey: key }), REREAD_MS);
  useLive(
    `execution:${id}`,
    (event) => {
      cache.setQueryData<ExecutionDetail>(key, (old) => old && withEvent(old, event));
      reread();
    },
    reread,
  );
  if (found.data !== undefined) return { at: "open", execution: found.data };
  return found.isError ? { at: "failed", error: found.error } : { at: "loading" };
}

type Props = { id: string; onStarted: (id: string) => void; heading: "h1" | "h2" };

export function ExecutionView({ id, onStarted, heading }: Props) {
  const view = useExecution(id);
  switch (view.at) {
    case "loading":
      return <Loading what="the execution" />;
    case "failed":
      if (heading === "h2") return <Failure error={view.error} />;
      return <PageFailure title="Execution" error={view.error} back={{ to: "/executions", label: "All executions" }} />;
    case "open":
      return (
        <section aria-label="Execution">
          {heading === "h1" && <Back to="/executions" label="All executions" />}
          <Head execution={view.execution} heading={heading} />
          <Actions execution={view.execution} onStarted={onStarted} />
          <Steps execution={view.execution} />
        </section>
      );
  }
}

function Head({ execution, heading: H }: { execution: ExecutionDetail; heading: "h1" | "h2" }) {
  const { error } = execution;
  return (
    <>
      <div className="row">
        <H>{H === "h1" ? (execution.workflow_name ?? "Removed workflow") : "Run"}</H>
        <span role="status"><StateBadge state={execution.status} /></span>
      </div>
      <p className="quiet facts">
        <span>Began <Ago at={execution.started_at ?? execution.created_at} /> by {execution.mode}</span>
        <span>Version {execution.version}</span>
        {execution.duration_ms !== null && <span>Took {length(execution.duration_ms)}</span>}
        {execution.attempt > 1 && <span>Attempt {execution.attempt}</span>}
        {H === "h1" && <Link to={`/workflows/${execution.workflow_id}`}>Workflow</Link>}
        {H === "h2" && <Link to={`/executions/${execution.id}`}>Own page</Link>}
        {execution.retry_of !== null && <Link to={`/executions/${execution.retry_of}`}>Retry of an earlier one</Link>}
        {execution.parent !== null && <Link to={`/executions/${execution.parent}`}>Called by another one</Link>}
      </p>
      {error !== null && (
        <div className="note note-error" role="alert">
          <p><Icon name="cross" /><span>{error.node !== undefined && <strong>{error.node}: </strong>}<Words text={error.message} /></span></p>
        </div>
      )}
    </>
  );
}

function Actions({ execution, onStarted }: { execution: ExecutionDetail; onStarted: (id: string) => void }) {
  const cache = useQueryClient();
  const read = () => cache.invalidateQueries({ queryKey: ["execution", execution.id] });
  const cancel = useMutation({
    mutationFn: () => call<unknown>(`/executions/${execution.id}/cancel`, { method: "POST" }),
    onSettled: read,
  });
  const retry = useMutation({
    mutationFn: (from: "start" | "failed") =>
      call<{ execution_id: string }>(`/executions/${execution.id}/retry`, {
        method: "POST",
        body: { from },
        headers: { "idempotency-key": newKey() },
      }),
    onSuccess: (started) => onStarted(started.execution_id),
  });
  const isFailed = execution.status === "error" || execution.status === "dead";
  return (
    <>
      <div className="row actions">
        {!hasEnded(execution.status) && (
          <Confirm label="Cancel" question="Cancel this execution? Nodes that ran are not undone." yes="Cancel it"
            isBusy={cancel.isPending} onYes={() => cancel.mutate()} />
        )}
        {isFailed && (
          <button type="button" className="primary" disabled={retry.isPending} onClick={() => retry.mutate("failed")}>Retry from the failed node</button>
        )}
        {hasEnded(execution.status) && (
          <button type="button" disabled={retry.isPending} onClick={() => retry.mutate("start")}>Retry from the start</button>
        )}
      </div>
      {cancel.isError && <Failure error={cancel.error} />}
      {retry.isError && <Failure error={retry.error} />}
    </>
  );
}

function Steps({ execution }: { execution: ExecutionDetail }) {
  const names = namesOf(execution);
  const [chosen, setChosen] = useState<string | null>(null);
  if (names.length === 0) return <p className="quiet">Its data was not kept.</p>;
  const open = chosen ?? execution.error?.node ?? null;
  return (
    <ol className="nodes">
      {names.map((name, i) => (
        <NodeRuns key={name} n={i + 1} name={name} runs={execution.runs[name] ?? []} execution={execution}
          isOpen={open === name} onToggle={() => setChosen(open === name ? "" : name)} />
      ))}
    </ol>
  );
}

type NodeRunsProps = { n: number; name: string; runs: Run[]; execution: ExecutionDetail; isOpen: boolean; onToggle: () => void };

function NodeRuns({ n, name, runs, execution, isOpen, onToggle }: NodeRunsProps) {
  const last = runs.at(-1);
  const node = execution.workflow?.nodes?.find((other) => other.name === name);
  if (node?.kind === "sticky_note") return null;
  const state = last?.status ?? (node?.disabled === true ? "disabled" : "not run");
  return (
    <li className={`ticket spine-${state.replace(" ", "-")}`}>
      <button type="button" className="ticket-head" aria-expanded={isOpen} onClick={onToggle}>
        <Icon name="open" className="fold" />
        <span className="number">{n}</span>
        <span className="ticket-name">{name}<Kind kind={node?.kind ?? ""} /></span>
        <span className="ticket-state">
          {last !== undefined && last.status === "success" && <span className="quiet">{given(last)}</span>}
          {runs.length > 1 && <span className="quiet">{runs.length} runs</span>}
          <StateBadge state={state} />
        </span>
      </button>
      {isOpen && <div className="ticket-body">{runs.length === 0 ? <p className="quiet">It has not run.</p> : <RunPanel runs={runs} name={name} execution={execution.id} />}</div>}
    </li>
  );
}

function given(run: Run): string {
  return run.outputs.map((output) => count(output.n_items)).join(" / ");
}

function RunPanel({ runs, name, execution }: { runs: Run[]; name: string; execution: string }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const run = runs.find((r) => r.run === chosen) ?? runs.at(-1);
  if (run === undefined) return null;
  const error = errorText(run.error);
  return (
    <>
      {runs.length > 1 && (
        <select aria-label={`Run of ${name}`} value={run.run} onChange={(e) => setChosen(Number(e.target.value))}>
          {runs.map((r) => <option key={r.run} value={r.run}>Run {r.run + 1} of {runs.length}: {r.status}</option>)}
        </select>
      )}
      <p className="quiet facts">
        {run.started_at !== null && run.ended_at !== null && <span>Took {length(run.ended_at - run.started_at)}</span>}
        <Sources run={run} />
      </p>
      {error !== null && <div className="note note-error"><p><Icon name="cross" /><span><Words text={error} /></span></p></div>}
      {run.logs.length > 0 && <pre tabIndex={0} role="region" aria-label={`Log of ${name}`}><code>{run.logs.join("\n")}</code></pre>}
      {run.status === "running" || run.status === "waiting" ? <p className="quiet" role="status">Items appear when it has ended.</p> : <Items key={run.run} execution={execution} node={name} run={run} />}
    </>
  );
}

function Sources({ run }: { run: Run }) {
  const from = run.inputs.filter((input) => input !== null).map((input) => `${input.node}, output ${input.output}`);
  return from.length === 0 ? null : <span>Fed by {from.join("; ")}</span>;
}

/** Address of the list of one workflow's executions. */
export function executionsOf(workflow: string): string {
  return `/executions${query({ workflow })}`;
}
