// The versions of a workflow: who saved what and when, what differs between two, and the way back to an old one.

import { useMemo, useState } from "react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call, query, type List, type WorkflowDetail, type WorkflowRow } from "../api";
import { compare, type Comparison, type FieldChange } from "../document/compare";
import type { Doc } from "../document/types";
import { go, Link } from "../router";
import type { PageProps } from "../router/places";
import { VERSIONS } from "../texts/editor";
import { Ago, Back, Failure, Loading, More, PageFailure, StateBadge } from "../ui/basics";
import { Button } from "../ui/button";
import { Ask } from "../ui/dialog";
import { useMay } from "../ui/session";
import { complain, say } from "../ui/toast";
import { linkWords, wordsOf } from "./field-words";
import { readVersion } from "./saving";
import "./editor.css";

type Version = { version: number; author: string | null; message: string; created_at: number; published: boolean };

export default function VersionsPage({ params }: PageProps) {
  const id = params["id"] ?? "";
  const [from, to] = rangeOf(params["range"]);
  const found = useQuery({ queryKey: ["workflow", id], queryFn: () => call<WorkflowDetail>(`/workflows/${id}`), refetchOnMount: "always" });
  const back = { to: `/workflows/${id}`, label: VERSIONS.back };
  if (found.isError) return <PageFailure title={VERSIONS.title} error={found.error} back={back} />;
  if (found.data === undefined) return <Loading what={VERSIONS.loading} />;
  return (
    <>
      <Back {...back} />
      <h1>{VERSIONS.title}</h1>
      <p className="quiet">{found.data.name}</p>
      {from !== null && to !== null && <Difference key={`${from}..${to}`} id={id} from={from} to={to} newest={found.data.version} />}
      <VersionList id={id} workflow={found.data} />
    </>
  );
}

/** `3..5` compares these two. */
export function rangeOf(text: string | undefined): [number | null, number | null] {
  const found = /^(\d+)\.\.(\d+)$/.exec(text ?? "");
  return found === null ? [null, null] : [Number(found[1]), Number(found[2])];
}

function VersionList({ id, workflow }: { id: string; workflow: WorkflowDetail }) {
  const list = useInfiniteQuery({
    queryKey: ["versions", id, workflow.version],
    queryFn: ({ pageParam }) => call<List<Version>>(`/workflows/${id}/versions${query({ limit: 50, cursor: pageParam })}`),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
  });
  const users = useQuery({ queryKey: ["users"], queryFn: () => call<List<{ id: string; name: string }>>("/users"), staleTime: 60_000 });
  const names = new Map((users.data?.items ?? []).map((user) => [user.id, user.name]));
  const versions = list.data?.pages.flatMap((page) => page.items) ?? [];
  if (list.isError) return <Failure error={list.error} />;
  if (list.isPending) return <Loading what={VERSIONS.loading} />;
  return (
    <>
      <ol className="nodes">
        {versions.map((version, i) => (
          <li key={version.version} className={`ticket pad ${version.published ? "spine-success" : ""}`}>
            <VersionRow id={id} version={version} before={versions[i + 1]?.version ?? null} newest={workflow.version} author={names.get(version.author ?? "") ?? null} published={workflow.published_version} />
          </li>
        ))}
      </ol>
      <More hasMore={list.hasNextPage} isBusy={list.isFetchingNextPage} onMore={() => void list.fetchNextPage()} n={versions.length} what="versions" />
    </>
  );
}

type RowProps = { id: string; version: Version; before: number | null; newest: number; author: string | null; published: number | null };

function VersionRow({ id, version, before, newest, author, published }: RowProps) {
  const canWrite = useMay("write");
  const [isAsking, setAsking] = useState(false);
  const { restore, publish } = useVersionChanges(id, version.version);
  return (
    <div className="row">
      <strong>{VERSIONS.version(version.version)}</strong>
      {version.published && <StateBadge state="published" />}
      <span className="quiet"><Ago at={version.created_at} />{author !== null && ` ${VERSIONS.by(author)}`}{version.message !== "" && `, ${version.message}`}</span>
      <span className="editor-gap" />
      {before !== null && <Link to={`/workflows/${id}/versions/${before}..${version.version}`}>{VERSIONS.compareWith} {before}..{version.version}</Link>}
      {version.version !== newest && <Link to={`/workflows/${id}/versions/${version.version}..${newest}`}>{VERSIONS.compareWith} {version.version}..{newest}</Link>}
      {canWrite && version.version !== newest && <Button isSmall onClick={() => setAsking(true)}>{VERSIONS.restore}</Button>}
      {canWrite && version.version !== published && <Button isSmall disabled={publish.isPending} onClick={() => publish.mutate()}>{VERSIONS.publish}</Button>}
      {isAsking && (
        <Ask title={VERSIONS.restoreAsk(version.version)} yes={VERSIONS.restore} isDanger={false} isBusy={restore.isPending} onNo={() => setAsking(false)}
          onYes={() => restore.mutate(undefined, { onSettled: () => setAsking(false) })}>
          <p>{VERSIONS.restoreWhat}</p>
        </Ask>
      )}
    </div>
  );
}

function useVersionChanges(id: string, version: number) {
  const cache = useQueryClient();
  const reread = () => {
    void cache.invalidateQueries({ queryKey: ["workflow", id] });
    void cache.invalidateQueries({ queryKey: ["versions", id] });
    void cache.invalidateQueries({ queryKey: ["workflows"] });
  };
  const restore = useMutation({
    mutationFn: () => call<WorkflowDetail>(`/workflows/${id}/versions/${version}/restore`, { method: "POST" }),
    onSuccess: (detail) => {
      reread();
      say(VERSIONS.restored(version, detail.version));
    },
    onError: complain,
  });
  const publish = useMutation({ mutationFn: () => call<WorkflowRow>(`/workflows/${id}/publish`, { method: "POST", body: { version } }), onSuccess: reread, onError: complain });
  return { restore, publish };
}

function Difference({ id, from, to, newest }: { id: string; from: number; to: number; newest: number }) {
  const [before, after] = [useVersion(id, from), useVersion(id, to)];
  const said = useMemo(() => (before.data == null || after.data == null ? null : compare(before.data, after.data)), [before.data, after.data]);
  const error = before.error ?? after.error;
  const numbers = Array.from({ length: newest }, (_, i) => i + 1);
  const choose = (a: number, b: number) => go(`/workflows/${id}/versions/${a}..${b}`, "replace");
  return (
    <section className="card pad" aria-label={VERSIONS.compareWith}>
      <div className="row">
        <label>{VERSIONS.from} <select value={from} onChange={(event) => choose(Number(event.target.value), to)}>{numbers.map((n) => <option key={n}>{n}</option>)}</select></label>
        <label>{VERSIONS.to} <select value={to} onChange={(event) => choose(from, Number(event.target.value))}>{numbers.map((n) => <option key={n}>{n}</option>)}</select></label>
      </div>
      {error !== null && <Failure error={error} />}
      {said === null ? error === null && <Loading what={VERSIONS.loading} /> : <Changes said={said} docs={[after.data, before.data].filter((doc) => doc != null)} />}
    </section>
  );
}

function useVersion(id: string, version: number) {
  return useQuery({ queryKey: ["version", id, version], queryFn: () => readVersion(id, version), staleTime: Infinity });
}

function Changes({ said, docs }: { said: Comparison; docs: Doc[] }) {
  if (said.nodes.length + said.links.length + said.rest.length === 0) return <p className="quiet">{VERSIONS.nothing}</p>;
  return (
    <>
      {said.nodes.map(({ id, name, state, fields }) => (
        <div key={id}>
          <h2><span className={`versions-state-${state}`}>{VERSIONS.states[state]}</span> {name}</h2>
          {state === "changed" && fields.map((field) => <Change key={field.path.join("/")} field={field} docs={docs} />)}
        </div>
      ))}
      {said.links.map(({ edge, state }, i) => <p key={i}><span className={`versions-state-${state}`}>{VERSIONS.states[state]}</span> {linkWords(edge, docs)}</p>)}
      {said.rest.map((field) => <Change key={field.path.join("/")} field={field} docs={docs} />)}
    </>
  );
}

function Change({ field, docs }: { field: FieldChange; docs: Doc[] }) {
  const shown = (value: unknown) => (value === undefined ? VERSIONS.none : typeof value === "string" ? value : JSON.stringify(value, null, 2));
  return (
    <div className="versions-change">
      <strong>{wordsOf(field.path, docs)}</strong>
      <div><small className="quiet">{VERSIONS.before}</small><pre tabIndex={0}>{shown(field.before)}</pre></div>
      <div><small className="quiet">{VERSIONS.after}</small><pre tabIndex={0}>{shown(field.after)}</pre></div>
    </div>
  );
}
