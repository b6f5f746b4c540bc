// Conditions: what is looked at, how it is tested, with what it is compared; and how several are combined.

import { Plus, X } from "lucide-react";
import { FORMS, TESTS } from "../../texts/forms";
import { Button, IconButton } from "../../ui/button";
import { Toggle } from "../../ui/field";
import { Select } from "../../ui/select";
import { useForm, type WidgetProps } from "../context";
import { at, put, type Key } from "../values";
import { InlineValue } from "./inline-value";
import { entriesOf } from "./list-widget";
import { Section } from "./section";

const OPERATORS = Object.entries(TESTS).flatMap(([type, { label, tests }]) => tests.map(([operation, test]) => ({ value: `${type}:${operation}`, label: `${label}: ${test}` })));
const COMBINATORS = [{ value: "and", label: FORMS.all }, { value: "or", label: FORMS.any }];

export function ConditionsWidget({ field, path, value }: WidgetProps) {
  const form = useForm();
  const conditions = entriesOf(at(value, ["conditions"]));
  const inside = [...path, "conditions"];
  const change = (next: unknown[]) => form.set(inside, next, field.label);
  const option = (name: string) => at(value, ["options", name]);
  const setOption = (name: string, next: unknown) => form.set([...path, "options", name], next, field.label);
  const isLoose = option("typeValidation") === "loose" || option("typeValidation") === "legacy";
  return (
    <Section field={field}>
      {conditions.length > 1 && (
        <label className="form-combine">
          {FORMS.combine}
          <Select disabled={form.isReadOnly} options={COMBINATORS} value={String(at(value, ["combinator"]) ?? "and")} onPick={(next) => form.set([...path, "combinator"], next, field.label)} />
        </label>
      )}
      {conditions.map((condition, i) => (
        <Condition key={i} condition={condition} n={i + 1} path={[...inside, i]} onChange={(next) => change(conditions.map((c, n) => (n === i ? next : c)))} onRemove={() => change(conditions.filter((_, n) => n !== i))} />
      ))}
      {!form.isReadOnly && (
        <Button isSmall className="form-add" onClick={() => change([...conditions, { leftValue: "", operator: { type: "string", operation: "equals" }, rightValue: "" }])}><Plus size={14} aria-hidden />{FORMS.addCondition}</Button>
      )}
      {conditions.length > 0 && (
        <div className="form-toggles">
          <Toggle label={FORMS.ignoreCase} isOn={option("caseSensitive") === false} isDisabled={form.isReadOnly} onChange={(isOn) => setOption("caseSensitive", !isOn)} />
          <Toggle label={FORMS.loose} isOn={isLoose} isDisabled={form.isReadOnly} onChange={(isOn) => setOption("typeValidation", isOn ? "loose" : "strict")} />
        </div>
      )}
    </Section>
  );
}

type ConditionProps = { condition: unknown; n: number; path: Key[]; onChange: (next: unknown) => void; onRemove: () => void };

function Condition({ condition, n, onChange, onRemove }: ConditionProps) {
  const form = useForm();
  const type = String(at(condition, ["operator", "type"]) ?? "");
  const operation = String(at(condition, ["operator", "operation"]) ?? "");
  const isCompared = TESTS[type]?.tests.find(([name]) => name === operation)?.[2] ?? true;
  const pick = (chosen: string) => {
    const [nextType = "", nextOperation = ""] = chosen.split(":");
    onChange(put(condition, ["operator"], { type: nextType, operation: nextOperation }));
  };
  return (
    <div className="form-condition" role="group" aria-label={FORMS.condition(n)}>
      <InlineValue label={`${FORMS.left} ${n}`} placeholder={FORMS.left} value={at(condition, ["leftValue"]) ?? ""} set={(next) => onChange(put(condition, ["leftValue"], next))} />
      <Select aria-label={`${FORMS.operator} ${n}`} disabled={form.isReadOnly} options={OPERATORS} value={`${type}:${operation}`} onPick={pick} />
      {isCompared && <InlineValue label={`${FORMS.right} ${n}`} placeholder={FORMS.right} value={at(condition, ["rightValue"]) ?? ""} set={(next) => onChange(put(condition, ["rightValue"], next))} />}
      {!form.isReadOnly && <IconButton name={FORMS.remove(FORMS.condition(n))} onClick={onRemove}><X size={14} aria-hidden /></IconButton>}
    </div>
  );
}
