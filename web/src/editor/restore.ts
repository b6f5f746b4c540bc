// What was left unsaved is put back when the editor opens. Loaded after the page: most visits have no draft.

import { isSame } from "../document/compare";
import { merge } from "../document/merge";
import { EDITOR } from "../texts/editor";
import { readDraft } from "./drafts";
import { readVersion } from "./saving";
import type { EditorStore } from "./store";

/** Puts a draft back; gives when it was made, or null when there is none. */
export async function restore(store: EditorStore): Promise<number | null> {
  const { id, base, canWrite } = store.getState();
  const draft = canWrite ? readDraft(id) : null;
  if (draft === null || isSame(draft.doc, base.doc)) return null;
  const before = draft.version === base.version ? base.doc : await readVersion(id, draft.version);
  // Somebody has saved since: the draft's own changes are put onto the newer version.
  const doc = before === null || draft.version === base.version ? draft.doc : merge(before, draft.doc, base.doc).doc;
  store.getState().change(EDITOR.names.draft, () => doc);
  return draft.at;
}
