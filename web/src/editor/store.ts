// What the editor holds: the document with its history, what is chosen, and which helper is open. The state of
// a run is not here: it changes hundreds of times a second, and would draw the document anew.

import { createContext, use } from "react";
import { createStore, useStore, type StoreApi } from "zustand";
import { begin, redo, take, undo, type History } from "../document/history";
import type { Kinds } from "../document/kinds";
import type { Tie } from "../document/nodes";
import { edgeKey, isRefusal, type Doc, type Edge, type Id, type Point, type Refusal } from "../document/types";
import { EDITOR } from "../texts/editor";
import type { Problem } from "./problems";

/** What the server had last: the document that was read or saved, and its version. */
export type Base = { doc: Doc; version: number; published: number | null };

/** Which helper lies over the canvas. */
export type Asking =
  | { for: "nothing" }
  | { for: "add"; tie?: Tie; at?: Point }
  | { for: "connect"; from: Id }
  | { for: "search" }
  | { for: "keys" }
  | { for: "merge"; theirs: Base };

export type Tab = "step" | "timeline" | "problems" | "json";

export type EditorState = {
  id: string;
  kinds: Kinds;
  canWrite: boolean;
  history: History;
  doc: Doc;
  base: Base;
  chosen: readonly Id[];
  chosenLinks: readonly string[];
  asking: Asking;
  tab: Tab;
  isWorkbenchOpen: boolean;
  isOutlineOpen: boolean;
  problems: readonly Problem[] | null;
  /** Said to those who listen to the page. */
  spoken: string;

  /** One named step. Refusals are said and change nothing; gives whether it was done. */
  change: (name: string, edit: (doc: Doc) => Doc | Refusal, same?: string) => boolean;
  undo: () => void;
  redo: () => void;
  choose: (ids: readonly Id[], links?: readonly string[]) => void;
  ask: (asking: Asking) => void;
  show: (tab: Tab) => void;
  set: (part: Partial<Pick<EditorState, "isWorkbenchOpen" | "isOutlineOpen" | "problems" | "base" | "spoken">>) => void;
  /** The document as the server has it; the steps so far are forgotten. */
  load: (base: Base) => void;
};

export type EditorStore = StoreApi<EditorState>;

export type NewEditor = { id: string; kinds: Kinds; base: Base; canWrite: boolean; complain: (why: string) => void; chosen?: readonly Id[]; tab?: Tab; isWide: boolean };

export function createEditor({ id, kinds, base, canWrite, complain, chosen = [], tab = "step", isWide }: NewEditor): EditorStore {
  return createStore<EditorState>()((set, get) => ({
    id,
    kinds,
    canWrite,
    history: begin(base.doc),
    doc: base.doc,
    base,
    chosen: chosen.filter((node) => base.doc.nodes[node] !== undefined),
    chosenLinks: [],
    asking: { for: "nothing" },
    tab,
    isWorkbenchOpen: chosen.length > 0 || tab !== "step",
    isOutlineOpen: isWide,
    problems: null,
    spoken: "",
    change: (name, edit, same) => {
      const { canWrite, history } = get();
      if (!canWrite) return refuse(complain, EDITOR.readOnly);
      const next = edit(history.doc);
      if (isRefusal(next)) return refuse(complain, next.refused);
      if (next === history.doc) return false;
      set(after(get(), take(history, name, next, Date.now(), same ?? null)));
      return true;
    },
    undo: () => set(stepped(get(), undo(get().history), "undo")),
    redo: () => set(stepped(get(), redo(get().history), "redo")),
    choose: (ids, links = []) => {
      const { chosen, chosenLinks } = get();
      if (isEqual(ids, chosen) && isEqual(links, chosenLinks)) return;
      set({ chosen: ids, chosenLinks: links });
    },
    ask: (asking) => set({ asking }),
    show: (tab) => set({ tab, isWorkbenchOpen: true }),
    set: (part) => set(part),
    load: (base) => set({ ...after(get(), begin(base.doc)), base }),
  }));
}

function refuse(complain: (why: string) => void, why: string): false {
  complain(why);
  return false;
}

/** What is chosen stays chosen as long as it is there. */
function after({ chosen, chosenLinks }: EditorState, history: History): Partial<EditorState> {
  const { doc } = history;
  const kept = chosen.filter((id) => doc.nodes[id] !== undefined);
  const keys = chosenLinks.length === 0 ? [] : chosenLinks.filter((key) => doc.edges.some((edge) => edgeKey(edge) === key));
  return { history, doc, chosen: kept.length === chosen.length ? chosen : kept, chosenLinks: keys.length === chosenLinks.length ? chosenLinks : keys };
}

function stepped(state: EditorState, history: History, way: "undo" | "redo"): Partial<EditorState> {
  if (history === state.history) return {};
  const step = way === "undo" ? state.history.past.at(-1) : state.history.future[0];
  const name = step?.name ?? "";
  return { ...after(state, history), spoken: way === "undo" ? EDITOR.undoStep(name) : EDITOR.redoStep(name) };
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((value, i) => value === b[i]));
}

export const EditorContext = createContext<EditorStore | null>(null);

/** The editor's store, for what happens in events. */
export function useEditorStore(): EditorStore {
  const store = use(EditorContext);
  if (store === null) throw new Error("this part is drawn within an editor");
  return store;
}

export function useEditor<T>(select: (state: EditorState) => T): T {
  return useStore(useEditorStore(), select);
}

/** Whether there is something that the server does not have. */
export function isDirty({ doc, base }: Pick<EditorState, "doc" | "base">): boolean {
  return doc !== base.doc;
}

export function chosenEdges({ doc, chosenLinks }: Pick<EditorState, "doc" | "chosenLinks">): Edge[] {
  return chosenLinks.length === 0 ? [] : doc.edges.filter((edge) => chosenLinks.includes(edgeKey(edge)));
}
