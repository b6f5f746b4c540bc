// One workflow: its nodes in order, its addresses, its publication, and a run to watch.

import { useState, type FormEvent } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call, newKey, type List, type Webhook, type WorkflowDetail, type WorkflowRow } from "../api";
import { inOrder, starts } from "../graph";
import { Icon } from "../icons";
import { inputOf } from "../input";
import { useLive } from "../live";
import { Link, go, useParam } from "../router";
import type { PageProps } from "../router/places";
import { ExecutionView, executionsOf } from "../run-view";
import { Ago, Back, Confirm, Copy, Failure, Kind, Loading, PageFailure, StateBadge, VerdictBadge, isMissing, publishState } from "../ui";

export default function WorkflowPage({ params }: PageProps) {
  const id = params["id"] ?? "";
  return <Workflow key={id} id={id} />;
}

function Workflow({ id }: { id: string }) {
  const cache = useQueryClient();
  const found = useQuery({ queryKey: ["workflow", id], queryFn: () => call<WorkflowDetail>(`/workflows/${id}`) });
  const reread = () => void cache.invalidateQueries({ queryKey: ["workflow", id] });
  useLive(`workflow:${id}`, (event) => event.type.startsWith("workflow.") && reread(), reread);
  if (found.data === undefined) {
    if (found.isError) return <PageFailure title="Workflow" error={found.error} back={{ to: "/workflows", label: "All workflows" }} />;
    return <Loading what="the workflow" />;
  }
  const workflow = found.data;
  return (
    <>
      <Back to={`/workflows/${id}`} label="Back to the canvas" />
      <div className="row">
        <h1>{workflow.name}</h1>
        <StateBadge state={publishState(workflow)} />
      </div>
      <p className="quiet facts">
        <span>Version {workflow.version}{workflow.published_version !== null && `, published ${workflow.published_version}`}</span>
        <span>Changed <Ago at={workflow.updated_at} /></span>
        <Link to={executionsOf(id)}>Executions</Link>
        <a href={`/api/v1/workflows/${id}/export`} download>Download</a>
        <a href={`/api/v1/workflows/${id}/export?format=n8n`} download>Download for n8n</a>
      </p>
      {workflow.workflow.description !== undefined && <p>{workflow.workflow.description}</p>}
      <Publication workflow={workflow} />
      <Webhooks workflow={workflow} />
      <RunPart workflow={workflow} />
    </>
  );
}

function Publication({ workflow }: { workflow: WorkflowDetail }) {
  const cache = useQueryClient();
  const reread = () => {
    void cache.invalidateQueries({ queryKey: ["workflow", workflow.id] });
    void cache.invalidateQueries({ queryKey: ["workflows"] });
  };
  const set = useMutation({
    mutationFn: (how: "publish" | "unpublish") => {
      // The version on the screen is published, not one that was saved meanwhile.
      const body = how === "publish" ? { version: workflow.version } : undefined;
      return call<WorkflowRow>(`/workflows/${workflow.id}/${how}`, { method: "POST", body });
    },
    onSuccess: reread,
  });
  const remove = useMutation({
    mutationFn: () => call<void>(`/workflows/${workflow.id}`, { method: "DELETE" }),
    onSuccess: () => {
      void cache.invalidateQueries({ queryKey: ["workflows"] });
      go("/workflows");
    },
  });
  const state = publishState(workflow);
  return (
    <>
      <div className="row actions">
        {state !== "published" && (
          <button type="button" className="primary" disabled={set.isPending} onClick={() => set.mutate("publish")}>
            {state === "draft" ? "Publish" : `Publish version ${workflow.version}`}
          </button>
        )}
        {state !== "draft" && (
          <button type="button" disabled={set.isPending} onClick={() => set.mutate("unpublish")}>Unpublish</button>
        )}
        <Confirm label="Delete" question={`Delete “${workflow.name}”? Its versions and executions go with it.`} yes="Delete"
          isBusy={remove.isPending} onYes={() => remove.mutate()} />
      </div>
      {set.isError && <Failure error={set.error} />}
      {remove.isError && <Failure error={remove.error} />}
    </>
  );
}

function Webhooks({ workflow }: { workflow: WorkflowDetail }) {
  const found = useQuery({
    queryKey: ["webhooks", workflow.id, workflow.version],
    queryFn: () => call<List<Webhook>>(`/workflows/${workflow.id}/webhooks`),
  });
  if (found.isError) return <Failure error={found.error} />;
  const webhooks = found.data?.items ?? [];
  if (webhooks.length === 0) return null;
  return (
    <section className="card pad">
      <h2>Addresses</h2>
      {workflow.published_version === null && <p className="quiet">They answer as soon as the workflow is published.</p>}
      <ul className="plain">
        {webhooks.map((hook) => (
          <li key={`${hook.method} ${hook.url}`}>
            <span className="row"><strong>{hook.method}</strong> <code className="wrap">{hook.url}</code> <Copy text={hook.url} label={`address of ${hook.node}`} /></span>
            <small className="quiet">{hook.node}</small>
          </li>
        ))}
      </ul>
      <Listen workflow={workflow} />
    </section>
  );
}

type Listening = { urls: { method: string; url: string; node: string }[]; until: number };

function Listen({ workflow }: { workflow: WorkflowDetail }) {
  const open = useMutation({
    mutationFn: () => call<Listening>(`/workflows/${workflow.id}/listen`, { method: "POST" }),
  });
  return (
    <>
      <button type="button" disabled={open.isPending} onClick={() => open.mutate()}>Open test addresses for two minutes</button>
      {open.isError && <Failure error={open.error} />}
      {open.data !== undefined && (
        <div role="status" className="note note-ok">
          <p>Open until {new Date(open.data.until).toLocaleTimeString()}. They run version {workflow.version}, published or not.</p>
          <ul className="plain">
            {open.data.urls.map((url) => (
              <li key={`${url.method} ${url.url}`} className="row">
                <strong>{url.method}</strong> <code className="wrap">{url.url}</code> <Copy text={url.url} label={`test address of ${url.node}`} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

/** The form that starts a run; below it the run, or the nodes while there is none. */
function RunPart({ workflow }: { workflow: WorkflowDetail }) {
  const [run, setRun] = useParam("run");
  return (
    <>
      <RunForm workflow={workflow} onStarted={setRun} />
      {run === "" ? <Nodes workflow={workflow} /> : (
        <>
          <ExecutionView key={run} id={run} heading="h2" onStarted={setRun} />
          <button type="button" onClick={() => setRun("")}>Back to the nodes</button>
        </>
      )}
    </>
  );
}

function RunForm({ workflow, onStarted }: { workflow: WorkflowDetail; onStarted: (id: string) => void }) {
  const [text, setText] = useState("");
  const [trigger, setTrigger] = useState("");
  const input = inputOf(text);
  const start = useMutation({
    mutationFn: (items: Record<string, unknown>[]) =>
      call<{ execution_id: string }>(`/workflows/${workflow.id}/execute`, {
        method: "POST",
        body: { input: items, version: workflow.version, ...(trigger === "" ? {} : { trigger }) },
        headers: { "idempotency-key": newKey() },
      }),
    onSuccess: (started) => onStarted(started.execution_id),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (input.is === "good") start.mutate(input.items);
  };
  const nodes = starts(workflow.workflow).filter((node) => node.kind !== "sticky_note");
  return (
    <form className="card pad" onSubmit={submit}>
      <h2>Run it</h2>
      <div className="field">
        <label htmlFor="input">Input items as JSON</label>
        <textarea id="input" rows={3} spellCheck={false} placeholder='[{"name": "Ada"}]' value={text}
          aria-invalid={input.is === "bad"} aria-describedby="input-hint" onChange={(e) => setText(e.target.value)} />
        <small id="input-hint" className={input.is === "bad" ? "tone-error" : "quiet"}>
          {input.is === "bad" ? input.why : "An object, a list of objects, or nothing."}
        </small>
      </div>
      <div className="row">
        {nodes.length > 1 && (
          <select aria-label="Start at" value={trigger} onChange={(e) => setTrigger(e.target.value)}>
            <option value="">Start at the first trigger</option>
            {nodes.map((node) => <option key={node.id} value={node.name}>Start at {node.name}</option>)}
          </select>
        )}
        <button className="primary" disabled={start.isPending || input.is === "bad"}>{start.isPending ? "Starting …" : `Run version ${workflow.version}`}</button>
      </div>
      {start.isError && <Failure error={start.error} />}
    </form>
  );
}

function Nodes({ workflow }: { workflow: WorkflowDetail }) {
  const steps = inOrder(workflow.workflow).filter((step) => step.node.kind !== "sticky_note");
  const fed = new Set((workflow.workflow.edges ?? []).map((edge) => edge.to.node));
  const [chosen, setChosen] = useParam("node");
  if (steps.length === 0) return <p className="card pad quiet">This workflow has no nodes.</p>;
  return (
    <section aria-label="Nodes">
      <h2>Nodes</h2>
      <ol className="nodes">
        {steps.map(({ node, to }, i) => (
          <li key={node.id} className={`ticket ${isMissing(node.kind) ? "spine-error" : fed.has(node.id) ? "" : "spine-first"}`}>
            <button type="button" className="ticket-head" aria-expanded={chosen === node.id}
              onClick={() => setChosen(chosen === node.id ? "" : node.id, "replace")}>
              <Icon name="open" className="fold" />
              <span className="number">{i + 1}</span>
              <span className="ticket-name">{node.name}<Kind kind={node.kind} /></span>
              <span className="ticket-state">
                {to.length > 0 && <span className="quiet">then {to.join(", ")}</span>}
                {isMissing(node.kind) && <VerdictBadge verdict="missing" />}
                {node.disabled === true && <StateBadge state="disabled" />}
              </span>
            </button>
            {chosen === node.id && (
              <div className="ticket-body">
                {node.notes !== undefined && <p>{node.notes}</p>}
                <pre tabIndex={0} role="region" aria-label={`Parameters of ${node.name}`}><code>{JSON.stringify(node.params ?? {}, null, 2)}</code></pre>
              </div>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
