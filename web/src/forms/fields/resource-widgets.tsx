// Things that the server has: workflows and data tables, chosen by name and kept by id.

import { useQuery } from "@tanstack/react-query";
import { call, type List } from "../../api";
import { FORMS } from "../../texts/forms";
import { Combobox } from "../../ui/select";
import { useForm, type WidgetProps } from "../context";
import { at } from "../values";

type Named = { id: string; name: string };
const LISTED_MAX = 200;

export function WorkflowWidget(props: WidgetProps) {
  return <ResourceWidget {...props} of={`/workflows?limit=${LISTED_MAX}`} placeholder={FORMS.chooseWorkflow} />;
}

export function TableWidget(props: WidgetProps) {
  return <ResourceWidget {...props} of="/data-tables" placeholder={FORMS.chooseTable} />;
}

function ResourceWidget({ value, set, control, of, placeholder }: WidgetProps & { of: string; placeholder: string }) {
  const { isReadOnly } = useForm();
  const list = useQuery({ queryKey: ["resources", of], queryFn: () => call<List<Named>>(of), staleTime: 30_000 });
  // Imported files have an object that says how it was chosen.
  const id = typeof value === "string" ? value : String(at(value, ["value"]) ?? "");
  const options = (list.data?.items ?? []).map((one) => ({ value: one.id, label: one.name, hint: one.id.slice(-6) }));
  return <Combobox id={control.id} aria-describedby={control["aria-describedby"]} disabled={isReadOnly} options={options} value={id} placeholder={placeholder} onPick={set} onType={set} />;
}
