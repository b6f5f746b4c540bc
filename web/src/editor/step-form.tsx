// The parameters of the chosen step: as a form where the kind is known, else as they are.

import { Suspense, lazy, useMemo, useState } from "react";
import type { Node, Params } from "../document/types";
import { isRecord } from "../document/file";
import { STEP } from "../texts/editor";
import { FieldProblem } from "../ui/field";
import { Loading } from "../ui/basics";
import { byParam } from "./problems";
import { useEditor } from "./store";
import { useNodeChange } from "./step-tab";
import { useScope } from "./use-scope";

/** A chunk of its own: what it takes to fill in parameters is more than what it takes to draw a canvas. */
const ParameterForm = lazy(async () => ({ default: (await import("../forms/parameter-form")).ParameterForm }));

export function StepForm({ node }: { node: Node }) {
  const kind = useEditor((state) => state.kinds.get(node.kind));
  const canWrite = useEditor((state) => state.canWrite);
  const all = useEditor((state) => state.problems);
  const problems = useMemo(() => byParam(all ?? [], node.id), [all, node.id]);
  const change = useNodeChange(node.id);
  const scope = useScope(node.id);
  if (kind === undefined) return <ParamsText node={node} />;
  return (
    <Suspense fallback={<Loading what={STEP.json} />}>
      <ParameterForm kind={kind} params={node.params} onParams={(params, what) => change(what, { params })} credentials={node.credentials ?? {}}
        onCredentials={(credentials) => change("Credentials", { credentials })} isReadOnly={!canWrite} problems={problems} scope={scope} />
    </Suspense>
  );
}

/** The parameters as JSON: for kinds that this server does not know. */
function ParamsText({ node }: { node: Node }) {
  const change = useNodeChange(node.id);
  const canWrite = useEditor((state) => state.canWrite);
  const [text, setText] = useState<string | null>(null);
  const read = text === null ? node.params : parsed(text);
  const keep = (next: string) => {
    setText(next);
    const params = parsed(next);
    if (params !== null) change(STEP.json, { params });
  };
  return (
    <>
      <textarea rows={10} aria-label={STEP.json} spellCheck={false} readOnly={!canWrite} aria-invalid={read === null} value={text ?? JSON.stringify(node.params, null, 2)}
        onChange={(event) => keep(event.target.value)} onBlur={() => read !== null && setText(null)} />
      {read === null && <FieldProblem>This must be a JSON object.</FieldProblem>}
    </>
  );
}

function parsed(text: string): Params | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}
