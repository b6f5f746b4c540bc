// What an expression gives with the current item, or why it gives nothing.

import { CircleAlert, CornerDownRight } from "lucide-react";
import { FORMS } from "../../texts/forms";
import type { Scope } from "../types";
import { useEvaluation, type Evaluated } from "./evaluate";
import { whyNothing } from "./paths";

const SHOWN_MAX = 400;

export function Preview({ source, scope }: { source: string; scope: Scope }) {
  const evaluation = useEvaluation(`=${source}`, scope);
  if (evaluation.at === "asking") return <p className="form-preview quiet">…</p>;
  if (evaluation.at === "failed") return <Wrong text={evaluation.why} />;
  const { given } = evaluation;
  if (given.error !== null) return <Wrong text={scope.json === null && /\$(json|\()/.test(source) ? FORMS.noItem : given.error} isCalm={scope.json === null} />;
  const isNothing = given.type === "undefined" || given.value === null || given.value === undefined;
  if (isNothing && scope.json === null) return <Wrong text={FORMS.noItem} isCalm />;
  const why = isNothing ? whyNothing(source, scope) : null;
  if (why !== null) return <Wrong text={why} />;
  return (
    <p className="form-preview" role="status">
      <CornerDownRight size={12} aria-label={FORMS.preview} />
      <output>{shownOf(given)}</output>
      {given.type !== null && <small className="quiet">{given.type}</small>}
    </p>
  );
}

function Wrong({ text, isCalm = false }: { text: string; isCalm?: boolean }) {
  return (
    <p className={isCalm ? "form-preview quiet" : "form-preview form-wrong"} role="status">
      {!isCalm && <CircleAlert size={12} aria-hidden />}
      <span>{text}</span>
    </p>
  );
}

function shownOf({ value, type }: Evaluated): string {
  if (type === "undefined") return FORMS.undefinedValue;
  if (value === "") return FORMS.emptyText;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
