// A value in a row of its own: fixed or expression, without a label that is seen.

import { useForm } from "../context";
import { ExpressionInput } from "../expression/expression-input";
import type { Field } from "../types";
import { isExpression } from "../values";
import { AnyWidget } from "./any-widget";
import { ExpressionSwitch } from "./expression-switch";

type InlineValueProps = { label: string; value: unknown; set: (value: unknown) => void; placeholder?: string };

export function InlineValue({ label, value, set, placeholder }: InlineValueProps) {
  const form = useForm();
  const field: Field = { key: label, label, about: "", fallback: "", shape: { is: "any" }, when: undefined, placeholder, isRare: false };
  const control = { id: "", "aria-describedby": undefined, "aria-invalid": undefined };
  return (
    <div className="form-inline">
      {isExpression(value) ? (
        <ExpressionInput source={value.slice(1)} onChange={(source) => set(`=${source}`)} scope={form.scope} isReadOnly={form.isReadOnly} aria-label={label} />
      ) : (
        <span aria-label={label} role="group"><AnyWidget field={field} path={[]} value={value} set={set} control={{ ...control, "aria-label": label } as typeof control} /></span>
      )}
      <ExpressionSwitch field={field} value={value} set={set} />
    </div>
  );
}
