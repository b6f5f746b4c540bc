// One field: its label, whether it is fixed or an expression, and the widget of its shape.

import type { ComponentType } from "react";
import { Labeled } from "../../ui/field";
import { FORMS } from "../../texts/forms";
import { useForm, useProblem, type WidgetProps } from "../context";
import { ExpressionInput } from "../expression/expression-input";
import type { Field, Shape } from "../types";
import { isExpression, valueOf, type Key } from "../values";
import { AboutField } from "./about-field";
import { AnyWidget } from "./any-widget";
import { AssignmentsWidget } from "./assignments-widget";
import { BooleanWidget } from "./boolean-widget";
import { ChoiceWidget } from "./choice-widget";
import { ChoicesWidget } from "./choices-widget";
import { CodeWidget } from "./code-widget";
import { ConditionsWidget } from "./conditions-widget";
import { CronWidget } from "./cron-widget";
import { DateWidget } from "./date-widget";
import { ExpressionSwitch } from "./expression-switch";
import { GroupWidget } from "./group-widget";
import { JsonWidget } from "./json-widget";
import { ListWidget } from "./list-widget";
import { MappingWidget } from "./mapping-widget";
import { NumberWidget } from "./number-widget";
import { OptionalWidget } from "./optional-widget";
import { PairsWidget } from "./pairs-widget";
import { TableWidget, WorkflowWidget } from "./resource-widgets";
import { TextWidget } from "./text-widget";
import { TextsWidget } from "./texts-widget";
import { WeekdaysWidget } from "./weekdays-widget";
import { ZoneWidget } from "./zone-widget";

const WIDGETS: Record<Shape["is"], ComponentType<WidgetProps>> = {
  text: TextWidget, code: CodeWidget, number: NumberWidget, boolean: BooleanWidget, choice: ChoiceWidget, choices: ChoicesWidget, any: AnyWidget, json: JsonWidget,
  date: DateWidget, zone: ZoneWidget, weekdays: WeekdaysWidget, cron: CronWidget, workflow: WorkflowWidget, table: TableWidget, texts: TextsWidget, mapping: MappingWidget,
  conditions: ConditionsWidget, assignments: AssignmentsWidget, pairs: PairsWidget, list: ListWidget, group: GroupWidget, optional: OptionalWidget,
};

/** Shapes that are many fields: they have a heading in place of a label, and no expression of their own. */
const MANY: ReadonlySet<Shape["is"]> = new Set(["mapping", "conditions", "assignments", "pairs", "list", "group", "optional", "weekdays", "choices"]);
/** Of these nobody wants to compute the text. */
const NEVER_EXPRESSION: ReadonlySet<Shape["is"]> = new Set(["cron"]);

export function FieldView({ field, beside, path }: { field: Field; beside: unknown; path: Key[] }) {
  const form = useForm();
  const own = [...path, field.key];
  const problem = useProblem(own);
  const value = valueOf(field, beside);
  const set = (next: unknown) => form.set(own, next, field.label);
  const Widget = WIDGETS[field.shape.is];
  const isByExpression = isExpression(value) && !isScript(field.shape);
  if (MANY.has(field.shape.is) && !isByExpression) {
    const control = { id: "", "aria-describedby": undefined, "aria-invalid": undefined };
    return <Widget field={field} path={own} value={value} set={set} control={control} />;
  }
  const canSwitch = !NEVER_EXPRESSION.has(field.shape.is) && !isScript(field.shape);
  const aside = canSwitch ? <ExpressionSwitch field={field} value={value} set={set} /> : undefined;
  return (
    <Labeled label={field.label} problem={problem} aside={<span className="form-aside"><AboutField field={field} />{aside}</span>}
      className={field.shape.is === "boolean" && !isByExpression ? "form-field form-boolean" : "form-field"}>
      {(control) =>
        isByExpression ? (
          <ExpressionInput source={value.slice(1)} onChange={(source) => set(`=${source}`)} scope={form.scope} isReadOnly={form.isReadOnly} {...control} aria-label={`${field.label}, ${FORMS.expression}`} />
        ) : (
          <Widget field={field} path={own} value={value} set={set} control={control} />
        )
      }
    </Labeled>
  );
}

/** Programs begin with a sign of equality by chance only, and are never expressions. */
function isScript(shape: Shape): boolean {
  return shape.is === "code" && (shape.language === "javascript" || shape.language === "python");
}
