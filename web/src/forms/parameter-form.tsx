// The parameters of a step as a form, made of the schema of its kind.

import { useCallback, useMemo, useRef } from "react";
import { FORMS } from "../texts/forms";
import { CredentialFields } from "./credential-fields";
import { FormContext, type Form } from "./context";
import { FieldList } from "./fields/field-list";
import "./forms.css";
import { NextTimes } from "./next-times";
import { fieldsOf } from "./schema";
import { NOTHING, type FormProps, type Params } from "./types";
import { put, type Key } from "./values";

const NO_PROBLEMS = {};

export function ParameterForm({ kind, params, onParams, credentials = {}, onCredentials, scope = NOTHING, isReadOnly = false, problems = NO_PROBLEMS, timezone }: FormProps) {
  const roots = useMemo(() => fieldsOf(kind), [kind]);
  const latest = useRef({ params, onParams });
  latest.current = { params, onParams };
  const set = useCallback((path: Key[], value: unknown, what: string) => {
    const { params: before, onParams: tell } = latest.current;
    const after = put(before, path, value) as Params;
    latest.current.params = after;
    tell(after, what);
  }, []);
  const form = useMemo<Form>(() => ({ kind, params, roots, scope, isReadOnly, problems, timezone, set }), [kind, params, roots, scope, isReadOnly, problems, timezone, set]);
  return (
    <FormContext value={form}>
      <div className="form" role="group" aria-label={FORMS.parameters(kind.title)}>
        <CredentialFields credentials={credentials} onCredentials={onCredentials} />
        {roots.length === 0 && kind.credentials.length === 0 && <p className="quiet">{FORMS.none}</p>}
        <FieldList fields={roots} beside={params} path={[]} />
        {kind.trigger === "schedule" && <NextTimes kind={kind.kind} params={params} timezone={timezone} />}
      </div>
    </FormContext>
  );
}
