// Columns of a table: by their names, or each by itself.

import { Plus, X } from "lucide-react";
import { FORMS } from "../../texts/forms";
import { Button, IconButton } from "../../ui/button";
import { Select } from "../../ui/select";
import { useForm, type WidgetProps } from "../context";
import { isRecord } from "../schema";
import { at } from "../values";
import { InlineValue } from "./inline-value";
import { Section } from "./section";
import { textsOf } from "./texts-widget";

const MODES = [{ value: "defineBelow", label: FORMS.mapEach }, { value: "autoMapInputData", label: FORMS.mapAuto }];

export function MappingWidget({ field, path, value }: WidgetProps) {
  const form = useForm();
  const mode = String(at(value, ["mappingMode"]) ?? "defineBelow") || "defineBelow";
  const given = at(value, ["value"]);
  const columns = Object.entries(isRecord(given) ? given : {});
  const matching = at(value, ["matchingColumns"]);
  const set = (key: string, next: unknown) => form.set([...path, key], next, field.label);
  const rename = (i: number, name: string) => set("value", Object.fromEntries(columns.map(([key, v], n) => [n === i ? name : key, v])));
  return (
    <Section field={field}>
      <Select aria-label={FORMS.mapping} disabled={form.isReadOnly} options={MODES} value={mode} onPick={(next) => set("mappingMode", next)} />
      {mode === "defineBelow" && columns.map(([name, v], i) => (
        <div key={i} className="form-pair" role="group" aria-label={`${FORMS.column} ${i + 1}`}>
          <input type="text" aria-label={`${FORMS.column} ${i + 1}`} placeholder={FORMS.column} readOnly={form.isReadOnly} value={name} onChange={(e) => rename(i, e.target.value)} />
          <InlineValue label={`${FORMS.value} ${i + 1}`} placeholder={FORMS.value} value={v} set={(next) => set("value", Object.fromEntries(columns.map(([key, old], n) => [key, n === i ? next : old])))} />
          {!form.isReadOnly && <IconButton name={FORMS.remove(`${FORMS.column} ${i + 1}`)} onClick={() => set("value", Object.fromEntries(columns.filter((_, n) => n !== i)))}><X size={14} aria-hidden /></IconButton>}
        </div>
      ))}
      {mode === "defineBelow" && !form.isReadOnly && (
        <Button isSmall className="form-add" disabled={columns.some(([name]) => name === "")} onClick={() => set("value", { ...Object.fromEntries(columns), "": "" })}><Plus size={14} aria-hidden />{FORMS.add("column")}</Button>
      )}
      {matching !== undefined && (
        <label className="field">{FORMS.matching}
          <input type="text" readOnly={form.isReadOnly} value={textsOf(matching).join(", ")} onChange={(e) => set("matchingColumns", textsOf(e.target.value))} />
        </label>
      )}
    </Section>
  );
}
