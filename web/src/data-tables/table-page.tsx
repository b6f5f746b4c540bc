// One data table: its rows in a grid, and what can be done with it.

import { useRef, useState } from "react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Ellipsis, Plus, Trash2 } from "lucide-react";
import { call, query, type List } from "../api";
import { go, useParam } from "../router";
import type { PageProps } from "../router/places";
import { TABLES } from "../texts/tables";
import { Back, Button, Failure, Loading, Menu, More, PageHead, Removal, complain, say, useMay, type MenuItem } from "../ui";
import { NameDialog } from "./column-dialog";
import { Grid } from "./grid";
import "./data-tables.css";
import type { Column, DataTable, Row } from "./types";

type Open = { what: "rename" } | { what: "remove" } | { what: "add column" } | { what: "rename column" | "remove column"; column: Column };
const one = (id: number) => ({ conditions: [{ column: "id", test: "eq", value: id }] });

export default function TablePage({ params }: PageProps) {
  const id = params["id"] ?? "";
  const found = useQuery({ queryKey: ["data-table", id], queryFn: () => call<DataTable>(`/data-tables/${id}`) });
  if (found.isError) return <><Back to="/data-tables" label={TABLES.all} /><Failure error={found.error} /></>;
  if (found.data === undefined) return <Loading what={TABLES.title} />;
  return <Opened table={found.data} />;
}

function useRows(table: DataTable, sort: string) {
  return useInfiniteQuery({
    queryKey: ["data-rows", table.id, sort],
    queryFn: ({ pageParam }) => call<List<Row>>(`/data-tables/${table.id}/rows${query({ limit: 100, cursor: pageParam, sort })}`),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
  });
}

function Opened({ table }: { table: DataTable }) {
  const cache = useQueryClient();
  const canWrite = useMay("write");
  const file = useRef<HTMLInputElement>(null);
  const [sort, setSort] = useParam("sort");
  const [open, setOpen] = useState<Open | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const list = useRows(table, sort);
  const rows = list.data?.pages.flatMap((page) => page.items) ?? [];
  const path = `/data-tables/${table.id}`;
  const reread = () => Promise.all(["data-table", "data-rows", "data-tables"].map((key) => cache.invalidateQueries({ queryKey: [key] })));
  const act = useMutation({ mutationFn: (what: () => Promise<unknown>) => what(), onError: complain, onSettled: reread });
  const change = (row: Row, column: Column, value: unknown) => act.mutate(() => call(`${path}/rows`, { method: "PATCH", body: { filter: one(row.id), values: { [column.name]: value } } }));
  const removeRows = () => act.mutate(async () => {
    const conditions = [...chosen].map((rowId) => ({ column: "id", test: "eq", value: rowId }));
    // A filter has at most a hundred conditions.
    for (let i = 0; i < conditions.length; i += 100) await call(`${path}/rows/delete`, { method: "POST", body: { filter: { any: true, conditions: conditions.slice(i, i + 100) } } });
    say(TABLES.rowsRemoved(chosen.size));
    setChosen(new Set());
  });
  const importCsv = (given: File | undefined) => given !== undefined && act.mutate(async () => {
    const response = await fetch(`/api/v1${path}/csv`, { method: "POST", credentials: "same-origin", headers: { "content-type": "text/csv" }, body: given });
    const body = (await response.json()) as { n_rows?: number; detail?: string };
    if (!response.ok) throw new Error(body.detail ?? String(response.status));
    say(TABLES.imported(body.n_rows ?? 0));
  });
  const menuOf = (column: Column): MenuItem[] => [
    { label: TABLES.sortUp, onChoose: () => setSort(column.name) },
    { label: TABLES.sortDown, onChoose: () => setSort(`-${column.name}`) },
    ...(canWrite ? (["line", { label: TABLES.rename, onChoose: () => setOpen({ what: "rename column", column }) }, { label: TABLES.remove, isDanger: true, onChoose: () => setOpen({ what: "remove column", column }) }] satisfies MenuItem[]) : []),
  ];
  const items: MenuItem[] = [
    { label: TABLES.exportCsv, onChoose: () => { location.href = `/api/v1${path}/csv`; } },
    ...(canWrite ? ([{ label: TABLES.importCsv, onChoose: () => file.current?.click() }, { label: TABLES.rename, onChoose: () => setOpen({ what: "rename" }) }, "line", { label: TABLES.remove, isDanger: true, onChoose: () => setOpen({ what: "remove" }) }] satisfies MenuItem[]) : []),
  ];
  return (
    <>
      <Back to="/data-tables" label={TABLES.all} />
      <PageHead title={table.name} about={canWrite && rows.length > 0 ? TABLES.hint : undefined}>
        {canWrite && chosen.size > 0 && <Button look="danger" onClick={removeRows}><Trash2 size={14} aria-hidden /> {TABLES.removeRows(chosen.size)}</Button>}
        {canWrite && <Button onClick={() => setOpen({ what: "add column" })}><Plus size={14} aria-hidden /> {TABLES.addColumn}</Button>}
        {canWrite && <Button look="primary" disabled={act.isPending} onClick={() => act.mutate(() => call(`${path}/rows`, { method: "POST", body: { rows: [{}] } }))}><Plus size={14} aria-hidden /> {TABLES.addRow}</Button>}
        <Menu label={TABLES.more(table.name)} items={items}><Ellipsis size={16} aria-hidden /></Menu>
      </PageHead>
      <input ref={file} type="file" accept=".csv,text/csv" hidden onChange={(e) => { importCsv(e.target.files?.[0]); e.target.value = ""; }} />
      {list.isError && <Failure error={list.error} />}
      {list.isSuccess && rows.length === 0 && <p className="card pad" role="status">{TABLES.noRows}</p>}
      {rows.length > 0 && <Grid table={table} rows={rows} canWrite={canWrite} chosen={chosen} onChoose={setChosen} onChange={change} menuOf={menuOf} />}
      {rows.length > 0 && <More hasMore={list.hasNextPage} isBusy={list.isFetchingNextPage} onMore={() => void list.fetchNextPage()} n={rows.length} what={TABLES.rowsShown} />}
      <Dialogs table={table} open={open} onClose={() => setOpen(null)} onDone={() => void reread()} />
    </>
  );
}

function Dialogs({ table, open, onClose, onDone }: { table: DataTable; open: Open | null; onClose: () => void; onDone: () => void }) {
  const path = `/data-tables/${table.id}`;
  const shared = { onClose, onDone };
  switch (open?.what) {
    case "rename":
      return <NameDialog title={TABLES.rename} first={table.name} path={path} method="PUT" {...shared} />;
    case "add column":
      return <NameDialog title={TABLES.addColumn} first="" path={`${path}/columns`} method="POST" hasType {...shared} />;
    case "rename column":
      return <NameDialog title={TABLES.rename} first={open.column.name} path={`${path}/columns/${open.column.id}`} method="PUT" {...shared} />;
    case "remove column":
      return <Removal title={TABLES.removeColumnAsk(open.column.name)} yes={TABLES.remove} path={`${path}/columns/${open.column.id}`} done={TABLES.removed(open.column.name)} queries={["data-table", "data-rows"]} onClose={onClose}><p>{TABLES.removeColumnWarning}</p></Removal>;
    case "remove":
      return <Removal title={TABLES.removeAsk(table.name)} yes={TABLES.remove} path={path} done={TABLES.removed(table.name)} queries={["data-tables"]} onClose={onClose} onDone={() => go("/data-tables")}><p>{TABLES.removeWarning(table.n_rows)}</p></Removal>;
    default:
      return null;
  }
}
