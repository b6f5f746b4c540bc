// Options: those that were added, and a menu of the others.

import { Plus, X } from "lucide-react";
import { FORMS } from "../../texts/forms";
import { IconButton } from "../../ui/button";
import { Menu } from "../../ui/menu";
import { useForm, type WidgetProps } from "../context";
import { at, isShown } from "../values";
import { FieldView } from "./field-view";
import { Section } from "./section";

export function OptionalWidget({ field, path, value }: WidgetProps) {
  const form = useForm();
  const all = field.shape.is === "optional" ? field.shape.fields : [];
  const given = at(form.params, path);
  const isThere = (key: string) => at(given, [key]) !== undefined;
  const shown = all.filter((option) => isThere(option.key) && isShown(option, given, form.params, all, form.roots));
  const others = all.filter((option) => !isThere(option.key) && !option.isRare && isShown(option, value, form.params, all, form.roots));
  if (shown.length === 0 && others.length === 0) return null;
  const items = others.map((option) => ({ label: option.label, hint: "", onChoose: () => form.set([...path, option.key], firstValue(option.fallback), option.label) }));
  return (
    <Section field={field}>
      {shown.map((option) => (
        <div key={option.key} className="form-option">
          <FieldView field={option} beside={given} path={path} />
          {!form.isReadOnly && (
            <IconButton name={FORMS.remove(option.label)} onClick={() => form.set([...path, option.key], undefined, option.label)}><X size={14} aria-hidden /></IconButton>
          )}
        </div>
      ))}
      {!form.isReadOnly && items.length > 0 && (
        <Menu label={`${FORMS.addOption}: ${field.label}`} className="small form-add" items={items.map(({ label, onChoose }) => ({ label, onChoose }))}><Plus size={14} aria-hidden />{FORMS.addOption}</Menu>
      )}
    </Section>
  );
}

/** What an option holds when it was just added; nothing would take it away again. */
function firstValue(fallback: unknown): unknown {
  return fallback === undefined || fallback === null ? "" : fallback;
}
