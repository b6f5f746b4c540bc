// Fields that are set: a name, a type and a value each. Fields of the input can be dropped as they are.

import { Plus, X } from "lucide-react";
import { FORMS, VALUE_TYPES } from "../../texts/forms";
import { Button, IconButton } from "../../ui/button";
import { Select } from "../../ui/select";
import { useForm, type WidgetProps } from "../context";
import { hasPath, pathOn } from "../expression/drag";
import { at, put } from "../values";
import { InlineValue } from "./inline-value";
import { entriesOf } from "./list-widget";
import { Section } from "./section";

const TYPES = Object.entries(VALUE_TYPES).map(([value, label]) => ({ value, label }));

export function AssignmentsWidget({ field, path, value }: WidgetProps) {
  const form = useForm();
  const inside = [...path, "assignments"];
  const entries = entriesOf(at(value, ["assignments"]));
  const change = (next: unknown[]) => form.set(inside, next, field.label);
  const set = (i: number, key: string, next: unknown) => change(entries.map((entry, n) => (n === i ? put(entry, [key], next) : entry)));
  const add = (name: string, given: string) => change([...entries, { id: newId(), name, value: given, type: "string" }]);
  return (
    <Section field={field}>
      {entries.map((entry, i) => (
        <div key={i} className="form-assignment" role="group" aria-label={FORMS.field(i + 1)}>
          <input type="text" aria-label={`${FORMS.name} ${i + 1}`} placeholder={FORMS.name} autoComplete="off" spellCheck={false} readOnly={form.isReadOnly} value={String(at(entry, ["name"]) ?? "")} onChange={(e) => set(i, "name", e.target.value)} />
          <Select aria-label={`${FORMS.type} ${i + 1}`} disabled={form.isReadOnly} options={TYPES} value={String(at(entry, ["type"]) ?? "string")} onPick={(next) => set(i, "type", next)} />
          <InlineValue label={`${FORMS.value} ${i + 1}`} placeholder={FORMS.value} value={at(entry, ["value"]) ?? ""} set={(next) => set(i, "value", next)} />
          {!form.isReadOnly && <IconButton name={FORMS.remove(FORMS.field(i + 1))} onClick={() => change(entries.filter((_, n) => n !== i))}><X size={14} aria-hidden /></IconButton>}
        </div>
      ))}
      {!form.isReadOnly && (
        <div className="form-drop" onDragOver={(e) => { if (hasPath(e)) e.preventDefault(); }}
          onDrop={(e) => {
            const dropped = pathOn(e);
            if (dropped === null) return;
            e.preventDefault();
            add(/([\w$]+)(?:"?\])?$/.exec(dropped)?.[1] ?? "field", `={{ ${dropped} }}`);
          }}>
          <Button isSmall className="form-add" onClick={() => add("", "")}><Plus size={14} aria-hidden />{FORMS.addField}</Button>
          <small className="quiet">{FORMS.dropHere}</small>
        </div>
      )}
    </Section>
  );
}

function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("");
}
