// Days of the week; 0 is Sunday.

import { FORMS } from "../../texts/forms";
import { useForm, type WidgetProps } from "../context";
import { AboutField } from "./about-field";

export function WeekdaysWidget({ field, value, set }: WidgetProps) {
  const { isReadOnly } = useForm();
  const chosen = (Array.isArray(value) ? value : []).map((day) => Number(day) % 7);
  const toggle = (day: number) => set([0, 1, 2, 3, 4, 5, 6].filter((d) => (d === day ? !chosen.includes(d) : chosen.includes(d))));
  return (
    <fieldset className="form-field form-choices">
      <legend>{field.label} <AboutField field={field} /></legend>
      {[1, 2, 3, 4, 5, 6, 0].map((day) => (
        <label key={day} className="check">
          <input type="checkbox" disabled={isReadOnly} checked={chosen.includes(day)} onChange={() => toggle(day)} />{FORMS.weekdays[day]}
        </label>
      ))}
    </fieldset>
  );
}
