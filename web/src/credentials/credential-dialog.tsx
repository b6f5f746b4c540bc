// The way to a credential from anywhere: a new one, of a type that is given or chosen, or one that is there.

import { useState } from "react";
import { CredentialEditor } from "./credential-editor";
import { useCredentialTypes } from "./queries";
import { TypeChooser } from "./type-chooser";
import type { CredentialRow } from "./types";

type CredentialDialogProps = { id?: string | null; type?: string; onClose: () => void; onSaved?: (row: CredentialRow) => void };

export function CredentialDialog({ id = null, type, onClose, onSaved = () => undefined }: CredentialDialogProps) {
  const types = useCredentialTypes();
  const [chosen, setChosen] = useState<string | null>(type ?? null);
  if (types.data === undefined) return null;
  const found = types.data.items.find((one) => one.type === chosen);
  if (found === undefined) return <TypeChooser types={types.data.items} onChoose={(one) => setChosen(one.type)} onClose={onClose} />;
  return <CredentialEditor type={found} id={id} firstName={found.title} onClose={onClose} onSaved={onSaved} />;
}
