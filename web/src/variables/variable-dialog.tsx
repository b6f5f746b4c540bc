// A variable is made or changed.

import { useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call, messageOf } from "../api";
import { VARIABLES } from "../texts/workspace";
import { TEXTS } from "../texts/ui";
import { Button, Dialog, Labeled, problemOfField, say } from "../ui";

export type Variable = { id: string; name: string; value: string; created_at: number; updated_at: number };

export function VariableDialog({ variable, onClose }: { variable: Variable | null; onClose: () => void }) {
  const cache = useQueryClient();
  const [name, setName] = useState(variable?.name ?? "");
  const [value, setValue] = useState(variable?.value ?? "");
  const save = useMutation({
    mutationFn: () => call<Variable>(variable === null ? "/variables" : `/variables/${variable.id}`, { method: variable === null ? "POST" : "PUT", body: { name, value } }),
    onSuccess: async (row) => {
      say(VARIABLES.saved(row.name));
      onClose();
      await cache.invalidateQueries({ queryKey: ["variables"] });
    },
  });
  const problem = (field: string) => problemOfField(save.error, field);
  const footer = (
    <>
      <Button onClick={onClose}>{TEXTS.cancel}</Button>
      <Button look="primary" type="submit" disabled={save.isPending}>{TEXTS.save}</Button>
    </>
  );
  return (
    <Dialog title={variable === null ? VARIABLES.make : VARIABLES.change(variable.name)} onClose={onClose} footer={footer} onSubmit={() => save.mutate()}>
      <Labeled label={VARIABLES.name} hint={VARIABLES.nameHint} problem={problem("name")}>
        {(control) => <input {...control} required autoFocus autoComplete="off" spellCheck={false} value={name} onChange={(e) => setName(e.target.value)} />}
      </Labeled>
      <Labeled label={VARIABLES.value} problem={problem("value")}>
        {(control) => <textarea {...control} rows={4} spellCheck={false} value={value} onChange={(e) => setValue(e.target.value)} />}
      </Labeled>
      {save.isError && problem("name") === undefined && problem("value") === undefined && <p className="problem" role="alert">{messageOf(save.error)}</p>}
    </Dialog>
  );
}
