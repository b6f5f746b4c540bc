// All credentials of the workspace.

import { useMemo, useState } from "react";
import { Lock, Plus, Trash2 } from "lucide-react";
import { CREDENTIALS } from "../texts/credentials";
import { Ago, Button, Empty, Failure, IconButton, Loading, PageHead, Removal, Table, useCommands, useMay } from "../ui";
import { CredentialDialog } from "./credential-dialog";
import { useCredentialTypes, useCredentials } from "./queries";
import type { CredentialRow } from "./types";

type Open = { id: string | null; type?: string };

export default function CredentialsPage() {
  const list = useCredentials();
  const types = useCredentialTypes();
  const canWrite = useMay("write");
  const [open, setOpen] = useState<Open | null>(null);
  const [leaving, setLeaving] = useState<CredentialRow | null>(null);
  useCommands(useMemo(() => (canWrite ? [{ id: "new credential", title: CREDENTIALS.make, run: () => setOpen({ id: null }) }] : []), [canWrite]));
  const rows = list.data?.items ?? [];
  const typeOf = (row: CredentialRow) => types.data?.items.find((type) => type.type === row.type);
  const make = canWrite ? <Button look="primary" onClick={() => setOpen({ id: null })}><Plus size={14} aria-hidden /> {CREDENTIALS.make}</Button> : undefined;
  return (
    <>
      <PageHead title={CREDENTIALS.title} about={CREDENTIALS.about}>{rows.length > 0 ? make : undefined}</PageHead>
      {list.isError && <Failure error={list.error} />}
      {list.isPending && <Loading what={CREDENTIALS.title} />}
      {list.isSuccess && rows.length === 0 && <Empty icon={<Lock size={28} aria-hidden />} title={CREDENTIALS.emptyTitle} action={make}>{CREDENTIALS.empty}</Empty>}
      {rows.length > 0 && (
        <Table caption={CREDENTIALS.title} rows={rows} keyOf={(row) => row.id} columns={[
          { label: CREDENTIALS.name, isName: true, cell: (row) => canWrite ? <button type="button" className="link" onClick={() => setOpen({ id: row.id, type: row.type })}>{row.name}</button> : row.name },
          { label: CREDENTIALS.type, cell: (row) => typeOf(row)?.title ?? row.type },
          { label: CREDENTIALS.usedBy, cell: (row) => <span className="quiet">{(typeOf(row)?.kinds ?? []).map((kind) => kind.replace(/_/g, " ")).join(", ")}</span> },
          { label: CREDENTIALS.changed, cell: (row) => <Ago at={row.updated_at} /> },
          { label: CREDENTIALS.remove, isHidden: true, cell: (row) => canWrite && <IconButton name={`${CREDENTIALS.remove}: ${row.name}`} onClick={() => setLeaving(row)}><Trash2 size={16} aria-hidden /></IconButton> },
        ]} />
      )}
      {open !== null && <CredentialDialog id={open.id} {...(open.type === undefined ? {} : { type: open.type })} onClose={() => setOpen(null)} />}
      {leaving !== null && (
        <Removal title={CREDENTIALS.removeAsk(leaving.name)} yes={CREDENTIALS.remove} path={`/credentials/${leaving.id}`} done={CREDENTIALS.removed(leaving.name)} queries={["credentials"]} onClose={() => setLeaving(null)}>
          <p>{CREDENTIALS.removeWarning}</p>
        </Removal>
      )}
    </>
  );
}
