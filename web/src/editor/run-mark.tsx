// How the last run of a step went, on its card: by icon, word and colour.

import { CircleCheck, CircleX, Hourglass, LoaderCircle, type LucideIcon } from "lucide-react";
import type { RunStatus } from "../api";
import { useNodeState } from "./run-source";
import { EDITOR } from "../texts/editor";

const LOOKS: Record<RunStatus, { picture: LucideIcon; word: string; tone: string }> = {
  success: { picture: CircleCheck, word: "Success", tone: "ok" },
  error: { picture: CircleX, word: "Error", tone: "error" },
  running: { picture: LoaderCircle, word: "Running", tone: "running" },
  waiting: { picture: Hourglass, word: "Waiting", tone: "waiting" },
};

export function RunMark({ id }: { id: string }) {
  const state = useNodeState(id);
  if (state === null) return null;
  const { picture: Picture, word, tone } = LOOKS[state.status];
  const n = state.items.reduce((sum, count) => sum + count, 0);
  const words = state.status === "success" ? EDITOR.items(n) : word;
  return (
    <span className={`editor-mark editor-run tone-${tone}`} title={state.error ?? word}>
      <Picture size={12} aria-hidden />
      {words}
      {state.n_runs > 1 && ` ×${state.n_runs}`}
    </span>
  );
}
