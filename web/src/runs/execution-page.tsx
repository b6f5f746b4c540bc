// One execution on the version that ran: the map, the timeline with its handle, and the node that is looked at.

import { useCallback, useEffect, useRef } from "react";
import { hasEnded, type ExecutionDetail } from "../api";
import { Icon } from "../icons";
import { useIsLive } from "../live";
import { Link, go, useParam } from "../router";
import type { PageProps } from "../router/places";
import { RUNS } from "../texts/runs";
import { length } from "../time";
import { Ago, Back, Loading, PageFailure, StateBadge, Words } from "../ui";
import { Actions, useRetry } from "./actions";
import { RunMap } from "./run-map";
import type { RunStore } from "./run-store";
import { StepPanel } from "./step-panel";
import { Timeline } from "./timeline";
import { useRun } from "./use-execution";
import { RunContext, useRunHead } from "./use-run";
import "./runs.css";

export default function ExecutionPage({ params }: PageProps) {
  const id = params["id"] ?? "";
  return <Page key={id} id={id} />;
}

function Page({ id }: { id: string }) {
  const { store, execution, error } = useRun(id);
  if (execution === null) {
    return (
      <div className="runs-page">
        {error === null ? <Loading what="the execution" /> : <PageFailure title={RUNS.execution} error={error} back={{ to: "/executions", label: RUNS.allExecutions }} />}
      </div>
    );
  }
  return (
    <RunContext value={store}>
      <Open execution={execution} store={store} />
    </RunContext>
  );
}

function Open({ execution, store }: { execution: ExecutionDetail; store: RunStore }) {
  const head = useRunHead(store);
  const [param, setNode] = useParam("node");
  const [t, setT] = useParam("t");
  // Before that nothing of this execution can have happened: earlier steps were taken over.
  const began = execution.created_at;
  const shown = t === "" ? null : began + Number(t);
  useEffect(() => store.show(shown), [store, shown]);
  const status = head?.status ?? execution.status;
  const error = head?.error ?? execution.error;
  const isOver = hasEnded(status);
  const node = param !== "" ? param : (error?.node ?? execution.order.at(-1) ?? "");
  const retry = useRetry(execution.id, (started) => go(`/executions/${started}`));
  const latest = useRef(setNode);
  useEffect(() => {
    latest.current = setNode;
  });
  // The same function always, or each event would draw the whole map.
  const choose = useCallback((name: string) => latest.current(name, "replace"), []);
  const hasData = execution.workflow !== null && (execution.order.length > 0 || !isOver);
  return (
    <div className="runs-page">
      <section aria-label={RUNS.execution}>
        <Back to="/executions" label={RUNS.allExecutions} />
        <Head execution={execution} status={status} finished_at={head?.finished_at ?? execution.finished_at} />
        {error !== null && (
          <div className="note note-error" role="alert">
            <p><Icon name="cross" /><span>{error.node !== undefined && <strong>{error.node}: </strong>}<Words text={error.message} /></span></p>
          </div>
        )}
        <Actions execution={execution} isOver={isOver} node={node} retry={retry} />
      </section>
      {execution.workflow !== null && <RunMap workflow={execution.workflow} chosen={node} onChoose={choose} />}
      {hasData ? (
        <>
          <Timeline store={store} began={began} chosen={node} onChoose={choose} shown={shown}
            onShow={(at) => setT(at === null ? "" : String(Math.round(at - began)), "replace")} />
          {node !== "" && <StepPanel key={node} store={store} execution={execution.id} node={node} began={began}
            onRetry={isOver ? (name, run) => retry.mutate({ from: "node", node: name, run }) : null} />}
        </>
      ) : <p className="quiet">{RUNS.dataGone}</p>}
      <Notes custom={execution.custom_data} />
    </div>
  );
}

type HeadProps = { execution: ExecutionDetail; status: ExecutionDetail["status"]; finished_at: number | null };

function Head({ execution, status, finished_at }: HeadProps) {
  const isLive = useIsLive();
  const began = execution.started_at ?? execution.created_at;
  return (
    <>
      <div className="row">
        <h1>{execution.workflow_name ?? RUNS.removed}</h1>
        <span role="status"><StateBadge state={status} /></span>
        {!isLive && !hasEnded(status) && <span className="quiet">{RUNS.liveGap}</span>}
      </div>
      <p className="quiet facts">
        <span>{RUNS.began} <Ago at={began} /> {RUNS.by(execution.mode)}</span>
        <span>{RUNS.version(execution.version)}</span>
        {finished_at !== null && <span>{RUNS.took(length(Math.max(0, finished_at - began)))}</span>}
        {execution.attempt > 1 && <span>{RUNS.attempt(execution.attempt)}</span>}
        <Link to={`/workflows/${execution.workflow_id}`}>{RUNS.workflow}</Link>
        {execution.retry_of !== null && <Link to={`/executions/${execution.retry_of}`}>{RUNS.retryOf}</Link>}
        {execution.parent !== null && <Link to={`/executions/${execution.parent}`}>{RUNS.calledBy}</Link>}
      </p>
    </>
  );
}

/** What the workflow noted about the execution: each leads to the others with the same. */
function Notes({ custom }: { custom: unknown }) {
  const pairs = typeof custom === "object" && custom !== null ? Object.entries(custom) : [];
  if (pairs.length === 0) return null;
  return (
    <section aria-label={RUNS.notes}>
      <h2>{RUNS.notes}</h2>
      <ul className="runs-notes">
        {pairs.map(([key, value]) => {
          const text = `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`;
          return <li key={key}><Link to={`/executions?${new URLSearchParams({ custom: text }).toString()}`}>{text}</Link></li>;
        })}
      </ul>
    </section>
  );
}
