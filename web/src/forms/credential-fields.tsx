// The credentials that a step asks for: chosen among those that are there, made anew, or changed.

import { useState } from "react";
import { KeyRound } from "lucide-react";
import { CredentialDialog } from "../credentials/credential-dialog";
import { useCredentials } from "../credentials/queries";
import type { CredentialRow } from "../credentials/types";
import { FORMS } from "../texts/forms";
import { Button } from "../ui/button";
import { Labeled } from "../ui/field";
import { Select } from "../ui/select";
import { useForm } from "./context";
import { slotsOf } from "./hints";
import type { CredentialRef, CredentialSlot, FormProps } from "./types";

type CredentialFieldsProps = { credentials: Record<string, CredentialRef>; onCredentials: FormProps["onCredentials"] };

export function CredentialFields({ credentials, onCredentials }: CredentialFieldsProps) {
  const { kind, params } = useForm();
  const wanted = slotsOf(kind.kind, kind.credentials.map((slot) => slot.name), params);
  const slots = kind.credentials.filter((slot) => wanted.includes(slot.name));
  return slots.map((slot) => (
    <SlotField key={slot.name} slot={slot} chosen={credentials[slot.name]} onChoose={(ref) => {
      const { [slot.name]: _, ...others } = credentials;
      onCredentials?.(ref === null ? others : { ...others, [slot.name]: ref });
    }} />
  ));
}

function SlotField({ slot, chosen, onChoose }: { slot: CredentialSlot; chosen: CredentialRef | undefined; onChoose: (ref: CredentialRef | null) => void }) {
  const form = useForm();
  const list = useCredentials();
  const [open, setOpen] = useState<"new" | "change" | null>(null);
  const fitting = (list.data?.items ?? []).filter((row) => row.type === slot.name);
  const id = chosen?.id ?? "";
  const isGone = id !== "" && list.isSuccess && !fitting.some((row) => row.id === id);
  const choose = (row: CredentialRow | undefined) => onChoose(row === undefined ? null : { id: row.id, name: row.name });
  return (
    <>
      <Labeled label={<><KeyRound size={13} aria-hidden /> {slot.title}</>} problem={isGone ? FORMS.credentialGone : form.problems[`credentials.${slot.name}`]}>
        {(control) => (
          <div className="form-credential">
            <Select {...control} disabled={form.isReadOnly} value={id} options={[{ value: "", label: FORMS.chooseCredential }, ...fitting.map((row) => ({ value: row.id, label: row.name }))]} onPick={(next) => choose(fitting.find((row) => row.id === next))} />
            {id !== "" && !isGone && <Button disabled={form.isReadOnly} onClick={() => setOpen("change")}>{FORMS.editCredential}</Button>}
            <Button disabled={form.isReadOnly} onClick={() => setOpen("new")}>{FORMS.newCredential}</Button>
          </div>
        )}
      </Labeled>
      {open !== null && <CredentialDialog id={open === "change" ? id : null} type={slot.name} onClose={() => setOpen(null)} onSaved={choose} />}
    </>
  );
}
