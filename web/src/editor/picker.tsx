// A list to choose from by typing: the palette, what to connect to, the search. Arrows move, Enter chooses.

import { useId, useMemo, useRef, useState, useEffect, type KeyboardEvent, type ReactNode } from "react";
import { Dialog } from "../ui/dialog";
import { target } from "../ui/menu";
import { EDITOR } from "../texts/editor";

export type Entry = { id: string; title: string; hint?: string; group?: string; words?: string; icon?: ReactNode };
type PickerProps = { title: string; placeholder: string; entries: readonly Entry[]; onChoose: (id: string) => void; onClose: () => void; children?: ReactNode };

const SHOWN_MAX = 80;

export function Picker({ title, placeholder, entries, onChoose, onClose, children }: PickerProps) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const list = useRef<HTMLUListElement>(null);
  const found = useMemo(() => findEntries(entries, text).slice(0, SHOWN_MAX), [entries, text]);
  useEffect(() => {
    // In braces: some browsers answer with a promise, which is no way to end an effect.
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at, found]);
  const choose = (entry: Entry | undefined) => {
    if (entry === undefined) return;
    onClose();
    // The dialog gives the focus back first.
    setTimeout(() => onChoose(entry.id));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") {
      event.preventDefault();
      choose(found[at]);
    }
    const to = ["ArrowDown", "ArrowUp"].includes(event.key) ? target(event.key, at, found.map((entry) => entry.title)) : null;
    if (to === null) return;
    event.preventDefault();
    setAt(to);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <input role="combobox" aria-expanded aria-controls={`${id}-list`} aria-autocomplete="list" aria-label={placeholder} autoFocus className="commands-input"
        aria-activedescendant={found.length === 0 ? undefined : `${id}-${at}`} placeholder={placeholder} autoComplete="off" spellCheck={false} value={text}
        onChange={(event) => { setText(event.target.value); setAt(0); }} onKeyDown={onKeyDown} />
      {found.length === 0 && <p className="quiet" role="status">{EDITOR.nothingFits}</p>}
      <ul ref={list} id={`${id}-list`} role="listbox" aria-label={title} className="commands-list">
        {found.map((entry, i) => (
          <li key={`${entry.group ?? ""}${entry.id}`} id={`${id}-${i}`} role="option" aria-selected={i === at} className="menu-item editor-entry" onClick={() => choose(entry)} onPointerMove={() => setAt(i)}>
            {entry.icon}
            <span>{entry.title}{entry.hint !== undefined && <small className="quiet">{entry.hint}</small>}</span>
            {entry.group !== undefined && <small className="quiet">{entry.group}</small>}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

/** Those that have every word: in the title at its beginning first, then in the title, then elsewhere. */
export function findEntries(entries: readonly Entry[], text: string): Entry[] {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) return [...entries];
  const seen = new Set<string>();
  const ranked = entries.flatMap((entry) => {
    const title = entry.title.toLowerCase();
    const all = `${title} ${entry.words ?? ""} ${entry.hint ?? ""} ${entry.group ?? ""}`.toLowerCase();
    if (seen.has(entry.id) || !words.every((word) => all.includes(word))) return [];
    seen.add(entry.id);
    const first = words[0] ?? "";
    const rank = title.startsWith(first) ? 0 : title.includes(first) ? 1 : (entry.words ?? "").toLowerCase().includes(first) ? 2 : 3;
    return [{ entry, rank }];
  });
  return ranked.sort((a, b) => a.rank - b.rank).map(({ entry }) => entry);
}
