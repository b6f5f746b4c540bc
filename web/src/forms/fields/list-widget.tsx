// A list of objects: one card each.

import { ArrowUp, Plus, X } from "lucide-react";
import { FORMS } from "../../texts/forms";
import { Button, IconButton } from "../../ui/button";
import { useForm, type WidgetProps } from "../context";
import { at, newEntry } from "../values";
import { FieldList } from "./field-list";
import { Section } from "./section";

export function ListWidget({ field, path, value }: WidgetProps) {
  const form = useForm();
  if (field.shape.is !== "list") return null;
  const { list, item, noun } = field.shape;
  const inside = list === null ? path : [...path, list];
  const entries = entriesOf(list === null ? value : at(value, [list]));
  const change = (next: unknown[]) => form.set(inside, next, field.label);
  return (
    <Section field={field}>
      {entries.map((entry, i) => (
        <div key={i} className="form-entry" role="group" aria-label={FORMS.nth(noun, i + 1)}>
          <div className="form-entry-head">
            <span className="quiet">{FORMS.nth(noun, i + 1)}</span>
            {!form.isReadOnly && i > 0 && (
              <IconButton name={FORMS.up(FORMS.nth(noun, i + 1))} onClick={() => change(swapped(entries, i))}><ArrowUp size={14} aria-hidden /></IconButton>
            )}
            {!form.isReadOnly && (
              <IconButton name={FORMS.remove(FORMS.nth(noun, i + 1))} onClick={() => change(entries.filter((_, n) => n !== i))}><X size={14} aria-hidden /></IconButton>
            )}
          </div>
          <FieldList fields={item} beside={entry} path={[...inside, i]} />
        </div>
      ))}
      {!form.isReadOnly && <Button isSmall className="form-add" onClick={() => change([...entries, newEntry()])}><Plus size={14} aria-hidden />{FORMS.add(noun)}</Button>}
    </Section>
  );
}

export function entriesOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [value];
}

export function swapped(entries: unknown[], i: number): unknown[] {
  const next = [...entries];
  [next[i - 1], next[i]] = [next[i], next[i - 1]];
  return next;
}
