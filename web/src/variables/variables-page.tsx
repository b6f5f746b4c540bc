// Variables of the workspace.

import { useMemo, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { Braces, Plus, Trash2 } from "lucide-react";
import { call, type List } from "../api";
import { VARIABLES } from "../texts/workspace";
import { Ago, Button, Copy, Empty, Failure, IconButton, Loading, PageHead, Removal, Table, useCommands, useMay } from "../ui";
import { VariableDialog, type Variable } from "./variable-dialog";

export default function VariablesPage() {
  const list = useQuery({ queryKey: ["variables"], queryFn: () => call<List<Variable>>("/variables") });
  const canWrite = useMay("write");
  const [open, setOpen] = useState<Variable | "new" | null>(null);
  const [leaving, setLeaving] = useState<Variable | null>(null);
  useCommands(useMemo(() => (canWrite ? [{ id: "new variable", title: VARIABLES.make, run: () => setOpen("new") }] : []), [canWrite]));
  const rows = list.data?.items ?? [];
  const make = canWrite ? <Button look="primary" onClick={() => setOpen("new")}><Plus size={14} aria-hidden /> {VARIABLES.make}</Button> : undefined;
  return (
    <>
      <PageHead title={VARIABLES.title} about={VARIABLES.about}>{rows.length > 0 ? make : undefined}</PageHead>
      {list.isError && <Failure error={list.error} />}
      {list.isPending && <Loading what={VARIABLES.title} />}
      {list.isSuccess && rows.length === 0 && <Empty icon={<Braces size={28} aria-hidden />} title={VARIABLES.emptyTitle} action={make}>{VARIABLES.empty}</Empty>}
      {rows.length > 0 && (
        <Table caption={VARIABLES.title} rows={rows} keyOf={(row) => row.id} columns={[
          { label: VARIABLES.name, isName: true, cell: (row) => canWrite ? <button type="button" className="link" onClick={() => setOpen(row)}>{row.name}</button> : row.name },
          { label: VARIABLES.value, cell: (row) => <code className="wrap">{row.value}</code> },
          { label: VARIABLES.use, cell: (row) => <span className="row"><code>{`$vars.${row.name}`}</code><Copy text={`{{ $vars.${row.name} }}`} label={`$vars.${row.name}`} /></span> },
          { label: VARIABLES.changed, cell: (row) => <Ago at={row.updated_at} /> },
          { label: VARIABLES.remove, isHidden: true, cell: (row) => canWrite && <IconButton name={`${VARIABLES.remove}: ${row.name}`} onClick={() => setLeaving(row)}><Trash2 size={16} aria-hidden /></IconButton> },
        ]} />
      )}
      {open !== null && <VariableDialog variable={open === "new" ? null : open} onClose={() => setOpen(null)} />}
      {leaving !== null && (
        <Removal title={VARIABLES.removeAsk(leaving.name)} yes={VARIABLES.remove} path={`/variables/${leaving.id}`} done={VARIABLES.removed(leaving.name)} queries={["variables"]} onClose={() => setLeaving(null)}>
          <p>{VARIABLES.removeWarning}</p>
        </Removal>
      )}
    </>
  );
}
