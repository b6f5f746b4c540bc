// One kind of step: what it does, a form to try, examples.

import { useMemo, useState } from "react";
import { ParameterForm } from "../forms/parameter-form";
import type { CredentialRef, Params, Scope } from "../forms/types";
import { SchemaView } from "../items/schema-view";
import "../items/items.css";
import type { PageProps } from "../router/places";
import { REFERENCE } from "../texts/reference";
import { Back, Failure, Loading, PageHead, useMay } from "../ui";
import { ExampleCard } from "./example-card";
import { firstItem, useKindList, type Kind } from "./kinds";
import "./reference.css";

export default function KindPage({ params }: PageProps) {
  const kinds = useKindList();
  if (kinds.isError) return <Failure error={kinds.error} />;
  if (kinds.data === undefined) return <Loading what={REFERENCE.title} />;
  const kind = kinds.data.items.find((one) => one.kind === params["kind"]);
  if (kind === undefined) return <><Back to="/reference" label={REFERENCE.all} /><p className="card pad" role="alert">{REFERENCE.none}</p></>;
  return <Shown key={kind.kind} kind={kind} />;
}

function Shown({ kind }: { kind: Kind }) {
  const canWrite = useMay("write");
  const [at, setAt] = useState(0);
  const [params, setParams] = useState<Params>(kind.examples[0]?.params ?? {});
  const [credentials, setCredentials] = useState<Record<string, CredentialRef>>({});
  const json = firstItem(kind.examples[at]?.input);
  const scope = useMemo<Scope>(() => ({ key: `${kind.kind} ${at}`, json, nodes: {} }), [kind.kind, at, json]);
  return (
    <>
      <Back to="/reference" label={REFERENCE.all} />
      <PageHead title={kind.title} about={kind.summary} />
      <p className="facts quiet">
        {kind.aliases.length > 0 && <span>{REFERENCE.also}: {kind.aliases.join(", ")}.</span>}
        {kind.outputs.length > 1 && <span>{REFERENCE.outputs}: {kind.outputs.join(", ")}.</span>}
        {kind.effects === "outside" && <span>{REFERENCE.outside}</span>}
      </p>
      <div className="reference-try">
        <section className="card pad">
          <h2>{REFERENCE.try}</h2>
          <p className="quiet">{REFERENCE.tryAbout}</p>
          <ParameterForm kind={kind} params={params} onParams={setParams} credentials={credentials} onCredentials={setCredentials} scope={scope} isReadOnly={!canWrite} />
        </section>
        <div>
          {json !== null && <section className="card pad"><h2>{REFERENCE.item}</h2><SchemaView items={[{ json }]} search="" node="" isDirect /></section>}
          <section className="card pad"><h2>{REFERENCE.json}</h2><pre tabIndex={0}>{JSON.stringify(params, null, 2)}</pre></section>
        </div>
      </div>
      <h2>{REFERENCE.examples}</h2>
      {kind.examples.length === 0 && <p className="quiet">{REFERENCE.noExamples}</p>}
      {kind.examples.map((example, i) => <ExampleCard key={i} example={example} onUse={() => { setParams(example.params); setAt(i); window.scrollTo(0, 0); }} />)}
    </>
  );
}
