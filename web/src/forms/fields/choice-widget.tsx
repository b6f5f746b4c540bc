// One of several values, with the sentence about the chosen one.

import { useForm, type WidgetProps } from "../context";
import { Select } from "../../ui/select";

export function ChoiceWidget({ field, value, set, control }: WidgetProps) {
  const { isReadOnly } = useForm();
  const choices = field.shape.is === "choice" ? field.shape.choices : [];
  const text = value === undefined || value === null ? "" : String(value);
  const about = choices.find((choice) => choice.value === text)?.about ?? "";
  return (
    <>
      <Select {...control} value={text} disabled={isReadOnly} options={choices} onPick={set} />
      {about !== "" && <small className="quiet">{about.replace(/`/g, "")}</small>}
    </>
  );
}
