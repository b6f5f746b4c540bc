// When published workflows start by themselves.

import { useState } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CalendarClock, CirclePause, CirclePlay, Ellipsis } from "lucide-react";
import { call, type List } from "../api";
import { inZone } from "../forms/next-times";
import { Link } from "../router";
import { SCHEDULES, ruleText } from "../texts/schedules";
import { Ago, Empty, Failure, Loading, Menu, PageHead, Select, Table, complain, useMay, type MenuItem } from "../ui";
import { BackfillDialog } from "./backfill-dialog";
import { NextDialog } from "./next-dialog";
import type { Misfire, Schedule } from "./types";

const MISFIRES = Object.entries(SCHEDULES.misfires).map(([value, label]) => ({ value, label }));

export function nameOf(schedule: Schedule): string {
  return schedule.workflow_name ?? schedule.workflow_id;
}

export default function SchedulesPage() {
  const cache = useQueryClient();
  const list = useQuery({ queryKey: ["schedules"], queryFn: () => call<List<Schedule>>("/schedules"), refetchInterval: 30_000 });
  const canWrite = useMay("write");
  const canRun = useMay("execute");
  const [open, setOpen] = useState<{ what: "next" | "backfill"; schedule: Schedule } | null>(null);
  const change = useMutation({
    mutationFn: ({ id, ...body }: { id: string; enabled?: boolean; misfire?: Misfire }) => call<Schedule>(`/schedules/${id}`, { method: "PATCH", body }),
    onError: complain,
    onSettled: () => cache.invalidateQueries({ queryKey: ["schedules"] }),
  });
  const rows = list.data?.items ?? [];
  const items = (schedule: Schedule): MenuItem[] => [
    { label: SCHEDULES.showNext, onChoose: () => setOpen({ what: "next", schedule }) },
    ...(canRun ? [{ label: SCHEDULES.backfill, onChoose: () => setOpen({ what: "backfill", schedule }) }] : []),
    ...(canWrite ? [{ label: schedule.enabled ? SCHEDULES.pause : SCHEDULES.resume, onChoose: () => change.mutate({ id: schedule.id, enabled: !schedule.enabled }) }] : []),
  ];
  return (
    <>
      <PageHead title={SCHEDULES.title} about={SCHEDULES.about} />
      {list.isError && <Failure error={list.error} />}
      {list.isPending && <Loading what={SCHEDULES.title} />}
      {list.isSuccess && rows.length === 0 && <Empty icon={<CalendarClock size={28} aria-hidden />} title={SCHEDULES.emptyTitle} action={<Link to="/templates">{SCHEDULES.templates}</Link>}>{SCHEDULES.empty}</Empty>}
      {rows.length > 0 && (
        <Table caption={SCHEDULES.title} rows={rows} keyOf={(row) => row.id} columns={[
          { label: SCHEDULES.workflow, isName: true, cell: (row) => <><Link to={`/workflows/${row.workflow_id}`}>{nameOf(row)}</Link><br /><small className="quiet">{row.node}</small></> },
          { label: SCHEDULES.rule, cell: (row) => <>{ruleText(row.rule)}<br /><small className="quiet">{row.timezone}</small></> },
          { label: SCHEDULES.next, cell: (row) => row.enabled && row.next_run_at !== null ? <time dateTime={new Date(row.next_run_at).toISOString()}>{inZone(row.next_run_at, row.timezone)}</time> : SCHEDULES.never },
          { label: SCHEDULES.last, cell: (row) => row.last_run_at === null ? SCHEDULES.never : <Ago at={row.last_run_at} /> },
          { label: SCHEDULES.missed, cell: (row) => <Select className="slim" aria-label={`${SCHEDULES.missed}: ${nameOf(row)}`} disabled={!canWrite} options={MISFIRES} value={row.misfire} onPick={(misfire) => change.mutate({ id: row.id, misfire: misfire as Misfire })} /> },
          { label: SCHEDULES.state, cell: (row) => <span className={`badge ${row.enabled ? "tone-ok" : "tone-quiet"}`}>{row.enabled ? <CirclePlay size={14} aria-hidden /> : <CirclePause size={14} aria-hidden />}{row.enabled ? SCHEDULES.on : SCHEDULES.paused}</span> },
          { label: SCHEDULES.more(""), isHidden: true, cell: (row) => <Menu label={SCHEDULES.more(nameOf(row))} items={items(row)}><Ellipsis size={16} aria-hidden /></Menu> },
        ]} />
      )}
      {open?.what === "next" && <NextDialog schedule={open.schedule} onClose={() => setOpen(null)} />}
      {open?.what === "backfill" && <BackfillDialog schedule={open.schedule} onClose={() => setOpen(null)} />}
    </>
  );
}
