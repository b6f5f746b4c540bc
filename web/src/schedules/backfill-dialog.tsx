// Runs that did not come, or came before the workflow was there, are made up for.

import { useState } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call, messageOf } from "../api";
import { go, useRested } from "../router";
import { SCHEDULES } from "../texts/schedules";
import { TEXTS } from "../texts/ui";
import { Button, Dialog, Labeled, say } from "../ui";
import type { Schedule } from "./types";

type Backfilled = { times: number[]; execution_ids: string[] };
const DAY_MS = 86_400_000;

/** A moment as a field for local times has it. */
function local(at: number): string {
  return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

export function BackfillDialog({ schedule, onClose }: { schedule: Schedule; onClose: () => void }) {
  const cache = useQueryClient();
  const [opened] = useState(() => Date.now() - 1_000);
  const [from, setFrom] = useState(local(opened - DAY_MS));
  const [until, setUntil] = useState(local(opened));
  const span = useRested(JSON.stringify({ from: Date.parse(from), until: Date.parse(until) }), 300);
  const send = (isDry: boolean) => call<Backfilled>(`/schedules/${schedule.id}/backfill`, { method: "POST", body: { ...(JSON.parse(span) as object), dry_run: isDry } });
  const isComplete = !span.includes("null");
  const count = useQuery({ queryKey: ["backfill", schedule.id, span], queryFn: () => send(true), enabled: isComplete, retry: false, gcTime: 0 });
  const start = useMutation({
    mutationFn: () => send(false),
    onSuccess: (done) => {
      say(SCHEDULES.started(done.execution_ids.length), { label: SCHEDULES.seeThem, onChoose: () => go(`/executions?workflow=${schedule.workflow_id}`) });
      onClose();
      void cache.invalidateQueries({ queryKey: ["executions"] });
    },
  });
  const n = count.data?.times.length ?? 0;
  const error = start.error ?? count.error;
  const footer = (
    <>
      <Button onClick={onClose}>{TEXTS.cancel}</Button>
      <Button look="primary" type="submit" disabled={n === 0 || start.isPending || !count.isSuccess}>{SCHEDULES.start(n)}</Button>
    </>
  );
  return (
    <Dialog title={SCHEDULES.backfillOf(schedule.workflow_name ?? schedule.node)} onClose={onClose} footer={footer} onSubmit={() => start.mutate()}>
      <p className="quiet">{SCHEDULES.backfillAbout}</p>
      <div className="row">
        <Labeled label={SCHEDULES.from}>{(control) => <input {...control} type="datetime-local" step={1} required value={from} onChange={(e) => setFrom(e.target.value)} />}</Labeled>
        <Labeled label={SCHEDULES.until}>{(control) => <input {...control} type="datetime-local" step={1} required value={until} onChange={(e) => setUntil(e.target.value)} />}</Labeled>
      </div>
      {error !== null && <p className="problem" role="alert">{messageOf(error)}</p>}
      {error === null && <p role="status">{count.isSuccess ? SCHEDULES.count(n) : SCHEDULES.counting}</p>}
    </Dialog>
  );
}
