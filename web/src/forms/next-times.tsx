// When a trigger that goes by the clock is due next, as the server counts it.

import { useQuery } from "@tanstack/react-query";
import { CalendarClock } from "lucide-react";
import { call, messageOf, type List } from "../api";
import { useRested } from "../router";
import { FORMS } from "../texts/forms";
import type { Params } from "./types";

type RuleTimes = { times: number[]; error: string | null };
const REST_MS = 300;

export function NextTimes({ kind, params, timezone }: { kind: string; params: Params; timezone: string | undefined }) {
  const rested = useRested(params, REST_MS);
  const times = useQuery({
    queryKey: ["schedule-times", kind, rested, timezone],
    queryFn: () => call<List<RuleTimes>>("/schedules/times", { method: "POST", body: { kind, params: rested, ...(timezone === undefined ? {} : { timezone }), n: 5 } }),
    placeholderData: (before) => before,
    retry: false,
  });
  const rules = times.data?.items ?? [];
  return (
    <section className="form-next" aria-label={FORMS.next} aria-live="polite">
      <h3><CalendarClock size={14} aria-hidden />{FORMS.next}</h3>
      {times.isError && <p className="problem">{messageOf(times.error)}</p>}
      {times.isSuccess && rules.length === 0 && <p className="quiet">{FORMS.noRules}</p>}
      {rules.map((rule, i) => <Times key={i} rule={rule} timezone={timezone} />)}
    </section>
  );
}

function Times({ rule, timezone }: { rule: RuleTimes; timezone: string | undefined }) {
  if (rule.error !== null) return <p className="problem">{rule.error}</p>;
  if (rule.times.length === 0) return <p className="problem">{FORMS.noNext}</p>;
  return <ol>{rule.times.map((at) => <li key={at}><time dateTime={new Date(at).toISOString()}>{inZone(at, timezone)}</time></li>)}</ol>;
}

/** A time with its weekday, in the zone of the workflow. */
export function inZone(at: number, timezone: string | undefined): string {
  const form: Intl.DateTimeFormatOptions = { weekday: "short", year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
  try {
    return new Intl.DateTimeFormat(undefined, { ...form, timeZone: timezone ?? "UTC" }).format(at);
  } catch {
    return new Intl.DateTimeFormat(undefined, form).format(at);
  }
}
