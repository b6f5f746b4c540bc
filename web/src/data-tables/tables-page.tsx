// All data tables of the workspace.

import { useMemo, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { Plus, Table2 } from "lucide-react";
import { call, type List } from "../api";
import { Link } from "../router";
import { TABLES } from "../texts/tables";
import { Ago, Button, Empty, Failure, Loading, PageHead, Table, useCommands, useMay } from "../ui";
import { NewTableDialog } from "./new-table-dialog";
import type { DataTable } from "./types";

export function size(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / (1 << 20)).toFixed(1)} MB`;
}

export default function TablesPage() {
  const list = useQuery({ queryKey: ["data-tables"], queryFn: () => call<List<DataTable>>("/data-tables") });
  const canWrite = useMay("write");
  const [isOpen, setOpen] = useState(false);
  useCommands(useMemo(() => (canWrite ? [{ id: "new table", title: TABLES.make, run: () => setOpen(true) }] : []), [canWrite]));
  const rows = list.data?.items ?? [];
  const make = canWrite ? <Button look="primary" onClick={() => setOpen(true)}><Plus size={14} aria-hidden /> {TABLES.make}</Button> : undefined;
  return (
    <>
      <PageHead title={TABLES.title} about={TABLES.about}>{rows.length > 0 ? make : undefined}</PageHead>
      {list.isError && <Failure error={list.error} />}
      {list.isPending && <Loading what={TABLES.title} />}
      {list.isSuccess && rows.length === 0 && <Empty icon={<Table2 size={28} aria-hidden />} title={TABLES.emptyTitle} action={make}>{TABLES.empty}</Empty>}
      {rows.length > 0 && (
        <Table caption={TABLES.title} rows={rows} keyOf={(row) => row.id} columns={[
          { label: TABLES.name, isName: true, cell: (row) => <Link to={`/data-tables/${row.id}`}>{row.name}</Link> },
          { label: TABLES.columns, cell: (row) => <span className="quiet">{row.columns.map((column) => column.name).join(", ")}</span> },
          { label: TABLES.rows, cell: (row) => row.n_rows.toLocaleString() },
          { label: TABLES.size, cell: (row) => size(row.n_bytes) },
          { label: TABLES.changed, cell: (row) => <Ago at={row.updated_at} /> },
        ]} />
      )}
      {isOpen && <NewTableDialog onClose={() => setOpen(false)} />}
    </>
  );
}
