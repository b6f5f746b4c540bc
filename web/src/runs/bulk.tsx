// What is done with many executions at once.

import { useState } from "react";
import { useMutation } from "@tanstack/react-query";
import { call, hasEnded, type Execution } from "../api";
import { go } from "../router";
import { RUNS } from "../texts/runs";
import { Ask, Button, complain, say, useMay } from "../ui";

/** The most that one request may name. */
const PART = 200;

type Many = { done: number; refused: { id: string; detail: string }[] };
type Props = { picked: Execution[]; onDone: () => void; onNone: () => void };

/** Sends the ids in parts and adds up what became of them. */
async function many(path: string, ids: string[], more: object = {}): Promise<Many> {
  const sum: Many = { done: 0, refused: [] };
  for (let i = 0; i < ids.length; i += PART) {
    const answer = await call<Many>(path, { method: "POST", body: { ids: ids.slice(i, i + PART), ...more } });
    sum.done += answer.done;
    sum.refused.push(...answer.refused);
  }
  return sum;
}

export function Bulk({ picked, onDone, onNone }: Props) {
  const mayRun = useMay("execute");
  const mayWrite = useMay("write");
  const [asks, setAsks] = useState<"stop" | "delete" | null>(null);
  const ids = picked.map((row) => row.id);
  const tell = (text: (n: number) => string) => (many: Many) => {
    say(text(many.done));
    const first = many.refused[0];
    if (first !== undefined) complain(new Error(RUNS.refused(many.refused.length, first.detail)));
    onDone();
  };
  const settled = { onError: complain, onSettled: () => setAsks(null) };
  const retry = useMutation({ mutationFn: (from: "start" | "failed") => many("/executions/retry", ids, { from }), onSuccess: tell(RUNS.retried), ...settled });
  const stop = useMutation({ mutationFn: () => many("/executions/cancel", ids), onSuccess: tell(RUNS.stopped), ...settled });
  const remove = useMutation({
    mutationFn: () => call<{ deleted: number }>("/executions/delete", { method: "POST", body: { ids } }),
    onSuccess: ({ deleted }) => tell(RUNS.deleted)({ done: deleted, refused: [] }),
    ...settled,
  });
  const isBusy = retry.isPending || stop.isPending || remove.isPending;
  const ended = picked.every((row) => hasEnded(row.status));
  const failed = picked.every((row) => row.status === "error" || row.status === "dead");
  const [a, b] = ids;
  return (
    <div className="runs-bulk card" role="region" aria-label={RUNS.picked(ids.length)}>
      <strong>{RUNS.picked(ids.length)}</strong>
      {mayRun && ended && <Button isSmall disabled={isBusy} onClick={() => retry.mutate("start")}>{RUNS.retryMany}</Button>}
      {mayRun && failed && <Button isSmall disabled={isBusy} onClick={() => retry.mutate("failed")}>{RUNS.retryManyFailed}</Button>}
      {mayRun && !ended && <Button isSmall disabled={isBusy} onClick={() => setAsks("stop")}>{RUNS.stopMany}</Button>}
      {mayWrite && <Button isSmall look="danger" disabled={isBusy} onClick={() => setAsks("delete")}>{RUNS.deleteMany}</Button>}
      {ids.length === 2 && <Button isSmall onClick={() => go(`/executions/compare?a=${b}&b=${a}`)}>{RUNS.compareTwo}</Button>}
      <Button isSmall look="bare" onClick={onNone}>{RUNS.pickNone}</Button>
      {asks === "delete" && <Ask title={RUNS.deleteAsk(ids.length)} yes={RUNS.deleteMany} isBusy={isBusy} onYes={() => remove.mutate()} onNo={() => setAsks(null)}><p>{RUNS.deleteAbout}</p></Ask>}
      {asks === "stop" && <Ask title={RUNS.stopAsk(ids.length)} yes={RUNS.stopMany} isBusy={isBusy} onYes={() => stop.mutate()} onNo={() => setAsks(null)}><p>{RUNS.stopAbout}</p></Ask>}
    </div>
  );
}
