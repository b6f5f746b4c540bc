// The palette of commands, opened.

import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { TEXTS } from "../texts/ui";
import { findCommands, useAllCommands, type Command } from "./commands";
import { Dialog } from "./dialog";
import { target } from "./menu";

const SHOWN_MAX = 60;

export default function Palette({ onClose }: { onClose: () => void }) {
  const commands = useAllCommands();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const list = useRef<HTMLUListElement>(null);
  const found = useMemo(() => findCommands(commands, text).slice(0, SHOWN_MAX), [commands, text]);
  useEffect(() => {
    // In braces: some browsers answer with a promise, which is no way to end an effect.
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at, found]);
  const run = (command: Command | undefined) => {
    if (command === undefined) return;
    onClose();
    // The dialog gives the focus back first, so that a command may put it elsewhere.
    setTimeout(command.run);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") { event.preventDefault(); run(found[at]); }
    const to = ["ArrowDown", "ArrowUp"].includes(event.key) ? target(event.key, at, found.map((c) => c.title)) : null;
    if (to === null) return;
    event.preventDefault();
    setAt(to);
  };
  return (
    <Dialog title={TEXTS.commands} onClose={onClose}>
      <input role="combobox" aria-expanded aria-controls={`${id}-list`} aria-autocomplete="list" aria-label={TEXTS.searchCommands} autoFocus
        aria-activedescendant={found.length === 0 ? undefined : `${id}-${at}`} placeholder={TEXTS.searchCommands} autoComplete="off" spellCheck={false}
        className="commands-input" value={text} onChange={(e) => { setText(e.target.value); setAt(0); }} onKeyDown={onKeyDown} />
      {found.length === 0 && <p className="quiet" role="status">{TEXTS.noCommand}</p>}
      <ul ref={list} id={`${id}-list`} role="listbox" aria-label={TEXTS.commands} className="commands-list">
        {found.map((command, i) => (
          <li key={command.id} id={`${id}-${i}`} role="option" aria-selected={i === at} className="menu-item" onClick={() => run(command)} onPointerMove={() => setAt(i)}>
            <span>{command.title}</span>
            {command.group !== undefined && <small className="quiet">{command.group}</small>}
            {command.keys !== undefined && <kbd>{command.keys}</kbd>}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
