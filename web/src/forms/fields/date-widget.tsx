// A date with its time, as text in ISO form. Other texts that mean a date are left as they are.

import { useForm, type WidgetProps } from "../context";
import { TextWidget } from "./text-widget";

const LOCAL = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?)?$/;

export function DateWidget(props: WidgetProps) {
  const { isReadOnly } = useForm();
  const { value, set, control } = props;
  const text = value === undefined || value === null ? "" : String(value);
  const found = LOCAL.exec(text);
  if (text !== "" && found === null) return <TextWidget {...props} />;
  const local = found === null ? "" : `${found[1]}T${found[2] ?? "00:00"}${found[3] ?? ""}`;
  return <input type="datetime-local" step={1} {...control} readOnly={isReadOnly} value={local} onChange={(e) => set(e.target.value === "" ? undefined : e.target.value)} />;
}
