// Saving and publishing. A save names the version that was edited; when somebody saved before, both sides' changes
// are brought together on a screen of its own, and nothing is overwritten.

import { useCallback, useState } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { Problem, call, type WorkflowDetail, type WorkflowRow } from "../api";
import { readFile, writeFile } from "../document/file";
import { isRefusal, type Doc } from "../document/types";
import { EDITOR } from "../texts/editor";
import { complain, say } from "../ui/toast";
import { dropDraft } from "./drafts";
import { isDirty, type Base, type EditorStore } from "./store";

export type Saving = {
  isBusy: boolean;
  /** Gives whether the server has now what is on the screen. */
  save: () => Promise<boolean>;
  publish: () => Promise<void>;
  unpublish: () => Promise<void>;
  /** Reads the newest version: takes it when nothing was changed here, else asks how to merge. */
  bringIn: () => Promise<void>;
};

export function baseOf(detail: WorkflowDetail): Base {
  const doc = readFile(detail.workflow);
  if (isRefusal(doc)) throw new Error(doc.refused);
  return { doc: { ...doc, name: detail.name }, version: detail.version, published: detail.published_version };
}

export async function readBase(id: string): Promise<Base> {
  return baseOf(await call<WorkflowDetail>(`/workflows/${id}`));
}

/** The document of an old version; null when it is gone. */
export async function readVersion(id: string, version: number): Promise<Doc | null> {
  try {
    const { workflow } = await call<{ workflow: unknown }>(`/workflows/${id}/versions/${version}`);
    const doc = readFile(workflow);
    return isRefusal(doc) ? null : doc;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

async function put(store: EditorStore): Promise<"saved" | "conflict"> {
  const { id, doc, base } = store.getState();
  try {
    const detail = await call<WorkflowDetail>(`/workflows/${id}`, { method: "PUT", body: writeFile(doc), headers: { "if-match": `"${base.version}"` } });
    store.getState().set({ base: { doc, version: detail.version, published: detail.published_version } });
    return "saved";
  } catch (error) {
    if (error instanceof Problem && error.status === 412) return "conflict";
    throw error;
  }
}

export function useSaving(store: EditorStore): Saving {
  const cache = useQueryClient();
  const [isBusy, setBusy] = useState(false);
  const busily = useCallback(async <T,>(work: () => Promise<T>): Promise<T | undefined> => {
    setBusy(true);
    try {
      return await work();
    } catch (error) {
      complain(error);
      return undefined;
    } finally {
      setBusy(false);
    }
  }, []);
  const bringIn = useCallback(async () => {
    const theirs = await readBase(store.getState().id);
    if (isDirty(store.getState())) store.getState().ask({ for: "merge", theirs });
    else store.getState().load(theirs);
  }, [store]);
  const saveNow = useCallback(async (): Promise<boolean> => {
    if (!isDirty(store.getState())) return true;
    if ((await put(store)) === "conflict") {
      await bringIn();
      return false;
    }
    const { id, base } = store.getState();
    if (!isDirty(store.getState())) dropDraft(id);
    void cache.invalidateQueries({ queryKey: ["workflows"] });
    say(EDITOR.savedAs(base.version));
    return true;
  }, [store, cache, bringIn]);
  const setPublished = useCallback(async (how: "publish" | "unpublish") => {
    const { id, base } = store.getState();
    const body = how === "publish" ? { version: base.version } : undefined;
    const row = await call<WorkflowRow>(`/workflows/${id}/${how}`, { method: "POST", body });
    store.getState().set({ base: { ...store.getState().base, published: row.published_version } });
    void cache.invalidateQueries({ queryKey: ["workflows"] });
    say(row.published_version === null ? EDITOR.unpublished : EDITOR.published(row.published_version));
  }, [store, cache]);
  return {
    isBusy,
    save: useCallback(async () => (await busily(saveNow)) ?? false, [busily, saveNow]),
    publish: useCallback(async () => {
      await busily(async () => {
        if (!(await saveNow())) return;
        await setPublished("publish").catch((error: unknown) => {
          // What keeps it from running stands in the list of problems.
          if (error instanceof Problem && error.errors.length > 0) store.getState().show("problems");
          throw error;
        });
      });
    }, [busily, saveNow, setPublished, store]),
    unpublish: useCallback(async () => void (await busily(() => setPublished("unpublish"))), [busily, setPublished]),
    bringIn: useCallback(async () => void (await busily(bringIn)), [busily, bringIn]),
  };
}
