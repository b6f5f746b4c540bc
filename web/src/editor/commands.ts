// The editor's commands in the palette of commands.

import type { Alignment } from "../document/arrange";
import { EDITOR } from "../texts/editor";
import type { Command } from "../ui/commands";
import type { Actions } from "./actions";
import type { Verbs } from "./keys";
import type { EditorStore } from "./store";

export function commandsOf(actions: Actions, store: EditorStore, verbs: Verbs): Command[] {
  const get = store.getState;
  const entry = (title: string, run: () => void, keys?: string): Command => ({ id: `editor ${title}`, title, group: "Editor", run, ...(keys === undefined ? {} : { keys }) });
  const read = [
    entry(EDITOR.run, verbs.run, "Ctrl+Enter"),
    entry(EDITOR.search, actions.askSearch, "Ctrl+F"),
    entry(EDITOR.fit, actions.fit, "F"),
    entry(EDITOR.copy, actions.copy, "Ctrl+C"),
    entry(EDITOR.selectAll, actions.selectAll, "Ctrl+A"),
    entry(EDITOR.showOutline, () => get().set({ isOutlineOpen: !get().isOutlineOpen }), "O"),
    entry(EDITOR.showWorkbench, () => get().set({ isWorkbenchOpen: !get().isWorkbenchOpen }), "W"),
    entry(EDITOR.problems(0), () => get().show("problems")),
    entry(EDITOR.tabs.json, () => get().show("json")),
    entry(EDITOR.help, () => get().ask({ for: "keys" }), "?"),
  ];
  if (!get().canWrite) return read;
  return [
    entry(EDITOR.add, actions.askAdd, "A"),
    entry(EDITOR.connect, actions.askConnect, "C"),
    entry(EDITOR.save, verbs.save, "Ctrl+S"),
    entry(EDITOR.undo, get().undo, "Ctrl+Z"),
    entry(EDITOR.redo, get().redo, "Ctrl+Y"),
    entry(EDITOR.rename, verbs.rename, "F2"),
    entry(EDITOR.remove, actions.remove, "Delete"),
    entry(EDITOR.duplicate, actions.duplicate, "Ctrl+D"),
    entry(EDITOR.cut, actions.cut, "Ctrl+X"),
    entry(EDITOR.paste, () => void actions.pasteFromClipboard(), "Ctrl+V"),
    entry(EDITOR.toggle, actions.toggle, "D"),
    entry(EDITOR.note, actions.addNote, "N"),
    entry(EDITOR.layout, () => void actions.layOut(), "Shift+L"),
    ...(Object.keys(EDITOR.align) as Alignment[]).map((how) => entry(EDITOR.align[how], () => actions.align(how))),
    ...(["x", "y"] as const).map((along) => entry(EDITOR.spread[along], () => actions.spread(along))),
    ...read,
  ];
}
