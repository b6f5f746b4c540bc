// Which kind of credential a new one is.

import { useState } from "react";
import { CREDENTIALS } from "../texts/credentials";
import { Dialog } from "../ui";
import type { CredentialType } from "./types";

export function TypeChooser({ types, onChoose, onClose }: { types: CredentialType[]; onChoose: (type: CredentialType) => void; onClose: () => void }) {
  const [text, setText] = useState("");
  const fitting = types.filter((type) => `${type.title} ${type.type} ${type.kinds.join(" ")}`.toLowerCase().includes(text.trim().toLowerCase()));
  return (
    <Dialog title={CREDENTIALS.make} onClose={onClose} isDrawer>
      <p className="quiet">{CREDENTIALS.chooseType}</p>
      <input type="search" autoFocus aria-label={CREDENTIALS.searchTypes} placeholder={CREDENTIALS.searchTypes} className="commands-input" value={text} onChange={(e) => setText(e.target.value)} />
      {fitting.length === 0 && <p className="quiet" role="status">{CREDENTIALS.noType}</p>}
      <ul className="plain">
        {fitting.map((type) => (
          <li key={type.type}>
            <button type="button" className="credential-type" onClick={() => onChoose(type)}><strong>{type.title}</strong><small className="quiet">{type.kinds.map((kind) => kind.replace(/_/g, " ")).join(", ")}</small></button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
