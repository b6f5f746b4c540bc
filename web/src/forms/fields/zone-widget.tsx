// A time zone by its IANA name.

import { useMemo } from "react";
import { Combobox } from "../../ui/select";
import { useForm, type WidgetProps } from "../context";

export function zones(): string[] {
  try {
    return ["UTC", ...Intl.supportedValuesOf("timeZone")];
  } catch {
    return ["UTC"];
  }
}

export function ZoneWidget({ value, set, control }: WidgetProps) {
  const { isReadOnly } = useForm();
  const options = useMemo(() => zones().map((zone) => ({ value: zone, label: zone })), []);
  return <Combobox id={control.id} aria-describedby={control["aria-describedby"]} disabled={isReadOnly} options={options} value={typeof value === "string" ? value : ""} onPick={set} onType={set} placeholder="Europe/Berlin" />;
}
