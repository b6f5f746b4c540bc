// What goes on beside the gestures: drafts are kept, problems are asked for, what others save is noticed.

import { useEffect, useState } from "react";
import { call, type List } from "../api";
import { writeFile } from "../document/file";
import { useLive } from "../live";
import { complain } from "../ui/toast";
import { dropDraft, keepDraft } from "./drafts";
import { problemsOf, type Said } from "./problems";
import type { Saving } from "./saving";
import { isDirty, type EditorStore } from "./store";

const DRAFT_AFTER_MS = 400;
const CHECK_AFTER_MS = 900;

/** Calls once the document has rested for a while. */
function useRest(store: EditorStore, ms: number, work: () => void): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = store.subscribe((state, before) => {
      if (state.doc === before.doc && state.base === before.base) return;
      clearTimeout(timer);
      timer = setTimeout(work, ms);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [store, ms, work]);
}

export function useDrafts(store: EditorStore): void {
  const [keep] = useState(() => () => {
    const { id, doc, base } = store.getState();
    if (isDirty(store.getState())) keepDraft(id, base.version, doc, Date.now());
    else dropDraft(id);
  });
  useRest(store, DRAFT_AFTER_MS, keep);
  useEffect(() => {
    // The last moment before a tab is closed or loaded again.
    const last = () => isDirty(store.getState()) && keep();
    window.addEventListener("pagehide", last);
    return () => window.removeEventListener("pagehide", last);
  }, [store, keep]);
}

export function useChecks(store: EditorStore): void {
  const [check] = useState(() => () => {
    const { id, doc } = store.getState();
    const file = { ...writeFile(doc), name: doc.name === "" ? "-" : doc.name };
    call<List<Said>>(`/workflows/check?workflow=${id}`, { method: "POST", body: file })
      // An answer about an older document is of no use.
      .then(({ items }) => store.getState().doc === doc && store.getState().set({ problems: problemsOf(doc, items) }))
      .catch(complain);
  });
  useRest(store, CHECK_AFTER_MS, check);
  useEffect(check, [check]);
}

/** The version that somebody else has saved meanwhile; null when there is none. */
export function useOthers(store: EditorStore, saving: Saving): number | null {
  const [newer, setNewer] = useState<number | null>(null);
  const { bringIn, isBusy } = saving;
  useLive(`workflow:${store.getState().id}`, (event) => {
    const version = event.data["version"];
    if (event.type !== "workflow.saved" || typeof version !== "number" || version <= store.getState().base.version || isBusy) return;
    if (isDirty(store.getState())) setNewer(version);
    else void bringIn();
  }, () => {});
  useEffect(() => store.subscribe((state) => setNewer((known) => (known !== null && known <= state.base.version ? null : known))), [store]);
  return newer;
}
