// Names with values, a row each: headers, parameters of a query, fields that get another name.

import { Plus, X } from "lucide-react";
import { FORMS } from "../../texts/forms";
import { Button, IconButton } from "../../ui/button";
import { useForm, type WidgetProps } from "../context";
import { at, isShown, put } from "../values";
import { nounOf, words } from "../words";
import { FieldView } from "./field-view";
import { InlineValue } from "./inline-value";
import { entriesOf } from "./list-widget";
import { Section } from "./section";

export function PairsWidget({ field, path, value }: WidgetProps) {
  const form = useForm();
  if (field.shape.is !== "pairs") return null;
  const { list, name, value: valueKey, item } = field.shape;
  const inside = [...path, list];
  const entries = entriesOf(at(value, [list]));
  const noun = nounOf(field.key);
  const change = (next: unknown[]) => form.set(inside, next, field.label);
  const others = item.filter((f) => f.key !== name && f.key !== valueKey);
  return (
    <Section field={field}>
      {entries.map((entry, i) => (
        <div key={i} className="form-pair" role="group" aria-label={FORMS.nth(noun, i + 1)}>
          <InlineValue label={`${words(name)} ${i + 1}`} placeholder={words(name)} value={at(entry, [name]) ?? ""} set={(next) => change(entries.map((e, n) => (n === i ? put(e, [name], next) : e)))} />
          <InlineValue label={`${words(valueKey)} ${i + 1}`} placeholder={words(valueKey)} value={at(entry, [valueKey]) ?? ""} set={(next) => change(entries.map((e, n) => (n === i ? put(e, [valueKey], next) : e)))} />
          {!form.isReadOnly && <IconButton name={FORMS.remove(FORMS.nth(noun, i + 1))} onClick={() => change(entries.filter((_, n) => n !== i))}><X size={14} aria-hidden /></IconButton>}
          {others.filter((f) => isShown(f, entry, form.params, item, form.roots)).map((f) => <FieldView key={f.key} field={f} beside={entry} path={[...inside, i]} />)}
        </div>
      ))}
      {!form.isReadOnly && <Button isSmall className="form-add" onClick={() => change([...entries, { [name]: "", [valueKey]: "" }])}><Plus size={14} aria-hidden />{FORMS.add(noun)}</Button>}
    </Section>
  );
}
