// Any of several values.

import { useForm, type WidgetProps } from "../context";
import { AboutField } from "./about-field";

export function ChoicesWidget({ field, value, set }: WidgetProps) {
  const { isReadOnly } = useForm();
  const choices = field.shape.is === "choices" ? field.shape.choices : [];
  const chosen = Array.isArray(value) ? value.map(String) : value === undefined || value === null || value === "" ? [] : [String(value)];
  const toggle = (one: string) => set(chosen.includes(one) ? chosen.filter((other) => other !== one) : choices.map((c) => c.value).filter((v) => v === one || chosen.includes(v)));
  return (
    <fieldset className="form-field form-choices">
      <legend>{field.label} <AboutField field={field} /></legend>
      {choices.map((choice) => (
        <label key={choice.value} className="check" title={choice.about === "" ? undefined : choice.about}>
          <input type="checkbox" disabled={isReadOnly} checked={chosen.includes(choice.value)} onChange={() => toggle(choice.value)} />{choice.label}
        </label>
      ))}
    </fieldset>
  );
}
