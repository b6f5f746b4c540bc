// On or off.

import { useForm, type WidgetProps } from "../context";

export function BooleanWidget({ value, set, control }: WidgetProps) {
  const { isReadOnly } = useForm();
  return <input type="checkbox" role="switch" {...control} checked={value === true} disabled={isReadOnly} onChange={(e) => set(e.target.checked)} />;
}
