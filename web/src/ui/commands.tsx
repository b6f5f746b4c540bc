// The command palette: everything that can be done here and now, found by its name. Pages add their
// commands with `useCommands` while they are on the screen.

import { Suspense, lazy, useEffect, useMemo, useState, useSyncExternalStore } from "react";

/** Loaded when it is opened for the first time. */
const Palette = lazy(() => import("./palette"));

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

/** All commands that can be given now. */
export function useAllCommands(): Command[] {
  return useSyncExternalStore(listen, () => all);
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
  return isOpen ? <Suspense><Palette onClose={() => setOpen(false)} /></Suspense> : null;
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
