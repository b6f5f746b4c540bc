// The next runs of a schedule, in its own time zone.

import { useQuery } from "@tanstack/react-query";
import { call } from "../api";
import { inZone } from "../forms/next-times";
import { SCHEDULES, ruleText } from "../texts/schedules";
import { Dialog, Failure, Loading } from "../ui";
import type { Schedule } from "./types";

const SHOWN = 20;

export function NextDialog({ schedule, onClose }: { schedule: Schedule; onClose: () => void }) {
  const times = useQuery({ queryKey: ["schedule-next", schedule.id], queryFn: () => call<{ items: number[] }>(`/schedules/${schedule.id}/next?n=${SHOWN}`) });
  return (
    <Dialog title={SCHEDULES.nextOf(schedule.workflow_name ?? schedule.node)} onClose={onClose} size="small">
      <p className="quiet">{ruleText(schedule.rule)}, {schedule.timezone}</p>
      {times.isError && <Failure error={times.error} />}
      {times.isPending && <Loading what={SCHEDULES.showNext} />}
      <ol>{(times.data?.items ?? []).map((at) => <li key={at}><time dateTime={new Date(at).toISOString()}>{inZone(at, schedule.timezone)}</time></li>)}</ol>
    </Dialog>
  );
}
