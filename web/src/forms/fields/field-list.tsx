// The fields of an object, as far as they are shown.

import { useForm } from "../context";
import type { Field } from "../types";
import { isShown, type Key } from "../values";
import { FieldView } from "./field-view";

export function FieldList({ fields, beside, path }: { fields: Field[]; beside: unknown; path: Key[] }) {
  const { params, roots } = useForm();
  return fields
    .filter((field) => isShown(field, beside, params, fields, roots))
    .map((field) => <FieldView key={field.key} field={field} beside={beside} path={path} />);
}
