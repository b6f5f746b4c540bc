// A look around for those who are here for the first time. It waits to be asked, and is gone when it was seen.

import { Suspense, lazy, useMemo, useState } from "react";
import { TEXTS } from "../texts/ui";
import { useCommands } from "./commands";

const TourStep = lazy(() => import("./tour-step"));

const KEY = "linkflow-tour";

function wasSeen(): boolean {
  try {
    return localStorage.getItem(KEY) === "seen";
  } catch {
    return false; // Storage can be forbidden.
  }
}

function keepSeen(): void {
  try {
    localStorage.setItem(KEY, "seen");
  } catch {
    // Then it is offered again the next time.
  }
}

export function Tour() {
  const [isOffered, setOffered] = useState(() => !wasSeen());
  const [at, setAt] = useState<number | null>(null);
  useCommands(useMemo(() => [{ id: "tour", title: TEXTS.showAround, words: "help first", run: () => setAt(0) }], []));
  const end = () => {
    keepSeen();
    setOffered(false);
    setAt(null);
  };
  return (
    <>
      {isOffered && <button type="button" className="slim side-tour" onClick={() => setAt(0)}><span>{TEXTS.showAround}</span></button>}
      {at !== null && <Suspense><TourStep at={at} onMove={setAt} onEnd={end} /></Suspense>}
    </>
  );
}
