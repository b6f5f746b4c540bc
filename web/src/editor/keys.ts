// Which key does what on the editor's page. Not where somebody types, and not while a dialog or a menu is open.

import { useEffect } from "react";
import type { Actions, Way } from "./actions";
import type { EditorStore } from "./store";

export type Key = { key: string; ctrl?: boolean; shift?: boolean };

const WAYS: Record<string, Way> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

export type Verbs = { save: () => void; run: () => void; rename: () => void };

export function useKeys(store: EditorStore, actions: Actions, verbs: Verbs): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey) return;
      const hasCtrl = event.ctrlKey || event.metaKey;
      const isSave = hasCtrl && event.key.toLowerCase() === "s";
      if (!isSave && isTyping(event.target)) return;
      if (act(event, store, actions, verbs)) event.preventDefault();
    };
    const onPaste = (event: ClipboardEvent) => {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (isTyping(event.target) || text === "") return;
      event.preventDefault();
      void actions.paste(text);
    };
    window.addEventListener("keydown", onKey);
    window.addEventListener("paste", onPaste);
    return () => {
      window.removeEventListener("keydown", onKey);
      window.removeEventListener("paste", onPaste);
    };
  }, [store, actions, verbs]);
}

/** Whether what has the focus takes keys for itself. */
function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  if (document.querySelector("dialog[open]") !== null) return true;
  return target.closest('input, textarea, select, [contenteditable="true"], [role="menu"], [role="tablist"], [role="separator"]') !== null;
}

/** Gives whether the key meant something. */
function act(event: KeyboardEvent, store: EditorStore, actions: Actions, verbs: Verbs): boolean {
  const state = store.getState();
  const way = WAYS[event.key];
  if (way !== undefined) {
    if (event.ctrlKey || event.metaKey) actions.nudge(way);
    else actions.go(way);
    return true;
  }
  const name = `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.shiftKey && event.key.length > 1 ? "Shift+" : ""}${event.key.length === 1 ? event.key.toLowerCase() : event.key}`;
  // A button keeps its own Enter.
  if (name === "Enter" && event.target instanceof HTMLElement && event.target.closest("button, a") !== null) return false;
  const verb = bound(name, event.shiftKey, state, actions, verbs);
  if (verb === undefined) return false;
  verb();
  return true;
}

function bound(name: string, hasShift: boolean, state: ReturnType<EditorStore["getState"]>, actions: Actions, verbs: Verbs): (() => void) | undefined {
  if (hasShift && name === "l") return () => void actions.layOut();
  if (hasShift && name === "Ctrl+z") return state.redo;
  const table: Record<string, () => void> = {
    a: actions.askAdd, c: actions.askConnect, n: actions.addNote, d: actions.toggle, f: actions.fit, Enter: actions.open, F2: verbs.rename,
    Delete: actions.remove, Backspace: actions.remove, Escape: actions.escape, "+": () => actions.zoom(1.25), "=": () => actions.zoom(1.25), "-": () => actions.zoom(0.8),
    o: () => state.set({ isOutlineOpen: !state.isOutlineOpen }), w: () => state.set({ isWorkbenchOpen: !state.isWorkbenchOpen }), "?": () => state.ask({ for: "keys" }), "/": () => state.ask({ for: "search" }),
    "Ctrl+z": state.undo, "Ctrl+y": state.redo, "Ctrl+a": actions.selectAll, "Ctrl+c": actions.copy, "Ctrl+x": actions.cut, "Ctrl+d": actions.duplicate,
    "Ctrl+f": () => state.ask({ for: "search" }), "Ctrl+s": verbs.save, "Ctrl+Enter": verbs.run,
  };
  // Ctrl+C of text that somebody marked is theirs.
  if (name === "Ctrl+c" && (state.chosen.length === 0 || String(getSelection()) !== "")) return undefined;
  return table[name];
}
