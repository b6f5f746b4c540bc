// An object with fields of its own.

import type { WidgetProps } from "../context";
import { FieldList } from "./field-list";
import { at } from "../values";
import { Section } from "./section";

export function GroupWidget({ field, path, value }: WidgetProps) {
  const fields = field.shape.is === "group" ? field.shape.fields : [];
  const [only] = fields;
  // An object around a single object says nothing that its heading does not.
  if (fields.length === 1 && only !== undefined && only.shape.is === "group") {
    const inside = at(value, [only.key]) ?? only.fallback;
    return <Section field={field}><FieldList fields={only.shape.fields} beside={inside} path={[...path, only.key]} /></Section>;
  }
  return <Section field={field}><FieldList fields={fields} beside={value} path={path} /></Section>;
}
