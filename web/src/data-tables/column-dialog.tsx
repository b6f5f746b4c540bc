// A column is added, or renamed; a table is renamed.

import { useState } from "react";
import { useMutation } from "@tanstack/react-query";
import { call, messageOf } from "../api";
import { TABLES } from "../texts/tables";
import { TEXTS } from "../texts/ui";
import { Button, Dialog, Labeled, Select } from "../ui";

const TYPES = Object.entries(TABLES.types).map(([value, label]) => ({ value, label }));

/** `path` and `method` say what is named; a new column has a type as well. */
type NameDialogProps = { title: string; first: string; path: string; method: "POST" | "PUT"; hasType?: boolean; onClose: () => void; onDone: () => void };

export function NameDialog({ title, first, path, method, hasType = false, onClose, onDone }: NameDialogProps) {
  const [name, setName] = useState(first);
  const [type, setType] = useState("string");
  const save = useMutation({
    mutationFn: () => call<unknown>(path, { method, body: hasType ? { name, type } : { name } }),
    onSuccess: () => { onDone(); onClose(); },
  });
  const footer = (
    <>
      <Button onClick={onClose}>{TEXTS.cancel}</Button>
      <Button look="primary" type="submit" disabled={save.isPending}>{TEXTS.save}</Button>
    </>
  );
  return (
    <Dialog title={title} onClose={onClose} footer={footer} size="small" onSubmit={() => save.mutate()}>
      <Labeled label={TABLES.name} problem={save.isError ? messageOf(save.error) : undefined}>
        {(control) => <input {...control} required maxLength={200} autoFocus autoComplete="off" spellCheck={false} value={name} onChange={(e) => setName(e.target.value)} />}
      </Labeled>
      {hasType && <Labeled label={TABLES.type}>{(control) => <Select {...control} options={TYPES} value={type} onPick={setType} />}</Labeled>}
    </Dialog>
  );
}
