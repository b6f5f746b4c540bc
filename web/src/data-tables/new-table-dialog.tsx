// A data table is made, with its first columns.

import { useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call, messageOf } from "../api";
import { go } from "../router";
import { TABLES } from "../texts/tables";
import { TEXTS } from "../texts/ui";
import { Button, Dialog, Labeled, say } from "../ui";
import { readColumns, type DataTable } from "./types";

export function NewTableDialog({ onClose }: { onClose: () => void }) {
  const cache = useQueryClient();
  const [name, setName] = useState("");
  const [columns, setColumns] = useState("");
  const make = useMutation({
    mutationFn: () => call<DataTable>("/data-tables", { method: "POST", body: { name, columns: readColumns(columns) } }),
    onSuccess: (table) => {
      say(TABLES.saved(table.name));
      void cache.invalidateQueries({ queryKey: ["data-tables"] });
      onClose();
      go(`/data-tables/${table.id}`);
    },
  });
  const footer = (
    <>
      <Button onClick={onClose}>{TEXTS.cancel}</Button>
      <Button look="primary" type="submit" disabled={make.isPending}>{TEXTS.save}</Button>
    </>
  );
  return (
    <Dialog title={TABLES.make} onClose={onClose} footer={footer} onSubmit={() => make.mutate()}>
      <Labeled label={TABLES.name}>{(control) => <input {...control} required maxLength={200} autoFocus autoComplete="off" value={name} onChange={(e) => setName(e.target.value)} />}</Labeled>
      <Labeled label={TABLES.firstColumns} hint={TABLES.firstColumnsHint}>
        {(control) => <textarea {...control} rows={5} spellCheck={false} placeholder={"email\ntotal:number"} value={columns} onChange={(e) => setColumns(e.target.value)} />}
      </Labeled>
      {make.isError && <p className="problem" role="alert">{messageOf(make.error)}</p>}
    </Dialog>
  );
}
