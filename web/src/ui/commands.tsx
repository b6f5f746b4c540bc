// The command palette: everything that can be done here and now, found by its name. Pages add their
// commands with `useCommands` while they are on the screen.

import { useEffect, useId, useMemo, useRef, useState, useSyncExternalStore, type KeyboardEvent } from "react";
import { TEXTS } from "../texts/ui";
import { Dialog } from "./dialog";
import { target } from "./menu";

export type Command = { id: string; title: string; group?: string; keys?: string; words?: string; isDisabled?: boolean; run: () => void };

let sets: { owner: symbol; commands: Command[] }[] = [];
let all: Command[] = [];
const listeners = new Set<() => void>();

function put(owner: symbol, commands: Command[]): void {
  sets = [...sets.filter((set) => set.owner !== owner), ...(commands.length === 0 ? [] : [{ owner, commands }])];
  // What the page on top has added last comes first.
  all = [...sets].reverse().flatMap((set) => set.commands);
  for (const listener of listeners) listener();
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Adds commands while the component is on the screen. Keep the list by `useMemo`. */
export function useCommands(commands: Command[]): void {
  const owner = useMemo(() => Symbol("commands"), []);
  useEffect(() => {
    put(owner, commands);
    return () => put(owner, []);
  }, [owner, commands]);
}

const OPEN = "linkflow:commands";

/** Opens the palette, for buttons. */
export function openCommands(): void {
  window.dispatchEvent(new Event(OPEN));
}

/** Opens by Ctrl+K, wherever the focus is. */
export function CommandPalette() {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const open = () => setOpen(true);
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
      event.preventDefault();
      setOpen((was) => !was);
    };
    window.addEventListener(OPEN, open);
    window.addEventListener("keydown", onKey, true);
    return () => {
      window.removeEventListener(OPEN, open);
      window.removeEventListener("keydown", onKey, true);
    };
  }, []);
  return isOpen ? <Palette onClose={() => setOpen(false)} /> : null;
}

const SHOWN_MAX = 60;

function Palette({ onClose }: { onClose: () => void }) {
  const commands = useSyncExternalStore(listen, () => all);
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

/** Those that have every word, the ones whose title begins with the text first. */
export function findCommands(commands: Command[], text: string): Command[] {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const isFitting = (command: Command) => {
    const all = `${command.title} ${command.group ?? ""} ${command.words ?? ""}`.toLowerCase();
    return command.isDisabled !== true && words.every((word) => all.includes(word));
  };
  const begins = (command: Command) => (command.title.toLowerCase().startsWith(text.toLowerCase()) ? 0 : 1);
  return commands.filter(isFitting).sort((a, b) => begins(a) - begins(b));
}
