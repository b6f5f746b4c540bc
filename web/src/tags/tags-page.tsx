// Tags of the workspace, with the workflows that carry them.

import { useMemo, useState } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus, Tags, Trash2 } from "lucide-react";
import { call, messageOf, type List } from "../api";
import { Link } from "../router";
import { TAGS } from "../texts/workspace";
import { TEXTS } from "../texts/ui";
import { Button, Dialog, Empty, Failure, IconButton, Labeled, Loading, PageHead, Removal, Table, say, useCommands, useMay } from "../ui";

type Tag = { id: string; name: string; n_workflows: number; created_at: number };

export default function TagsPage() {
  const list = useQuery({ queryKey: ["tags"], queryFn: () => call<List<Tag>>("/tags") });
  const canWrite = useMay("write");
  const [open, setOpen] = useState<Tag | "new" | null>(null);
  const [leaving, setLeaving] = useState<Tag | null>(null);
  useCommands(useMemo(() => (canWrite ? [{ id: "new tag", title: TAGS.make, run: () => setOpen("new") }] : []), [canWrite]));
  const rows = list.data?.items ?? [];
  const make = canWrite ? <Button look="primary" onClick={() => setOpen("new")}><Plus size={14} aria-hidden /> {TAGS.make}</Button> : undefined;
  return (
    <>
      <PageHead title={TAGS.title} about={TAGS.about}>{rows.length > 0 ? make : undefined}</PageHead>
      {list.isError && <Failure error={list.error} />}
      {list.isPending && <Loading what={TAGS.title} />}
      {list.isSuccess && rows.length === 0 && <Empty icon={<Tags size={28} aria-hidden />} title={TAGS.emptyTitle} action={make}>{TAGS.empty}</Empty>}
      {rows.length > 0 && (
        <Table caption={TAGS.title} rows={rows} keyOf={(row) => row.id} columns={[
          { label: TAGS.name, isName: true, cell: (row) => canWrite ? <button type="button" className="link" onClick={() => setOpen(row)}>{row.name}</button> : row.name },
          { label: TAGS.workflows, cell: (row) => <Link to={`/workflows?tag=${encodeURIComponent(row.name)}`}>{String(row.n_workflows)}</Link> },
          { label: TAGS.remove, isHidden: true, cell: (row) => canWrite && <IconButton name={`${TAGS.remove}: ${row.name}`} onClick={() => setLeaving(row)}><Trash2 size={16} aria-hidden /></IconButton> },
        ]} />
      )}
      {open !== null && <TagDialog tag={open === "new" ? null : open} onClose={() => setOpen(null)} />}
      {leaving !== null && (
        <Removal title={TAGS.removeAsk(leaving.name)} yes={TAGS.remove} path={`/tags/${leaving.id}`} done={TAGS.removed(leaving.name)} queries={["tags", "workflows"]} onClose={() => setLeaving(null)}>
          <p>{TAGS.removeWarning(leaving.n_workflows)}</p>
        </Removal>
      )}
    </>
  );
}

function TagDialog({ tag, onClose }: { tag: Tag | null; onClose: () => void }) {
  const cache = useQueryClient();
  const [name, setName] = useState(tag?.name ?? "");
  const save = useMutation({
    mutationFn: () => call<Tag>(tag === null ? "/tags" : `/tags/${tag.id}`, { method: tag === null ? "POST" : "PATCH", body: { name } }),
    onSuccess: async (row) => {
      say(TAGS.saved(row.name));
      onClose();
      await cache.invalidateQueries({ queryKey: ["tags"] });
    },
  });
  const footer = (
    <>
      <Button onClick={onClose}>{TEXTS.cancel}</Button>
      <Button look="primary" type="submit" disabled={save.isPending}>{TEXTS.save}</Button>
    </>
  );
  return (
    <Dialog title={tag === null ? TAGS.make : TAGS.rename(tag.name)} onClose={onClose} footer={footer} size="small" onSubmit={() => save.mutate()}>
      <Labeled label={TAGS.name} problem={save.isError ? messageOf(save.error) : undefined}>
        {(control) => <input {...control} required maxLength={200} autoFocus autoComplete="off" value={name} onChange={(e) => setName(e.target.value)} />}
      </Labeled>
    </Dialog>
  );
}
