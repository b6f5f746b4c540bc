// The words of schedules.

export const SCHEDULES = {
  title: "Schedules",
  about: "When published workflows start by themselves. Rules are changed in the workflow; pausing them is done here.",
  emptyTitle: "Nothing is scheduled",
  empty: "Publish a workflow that begins with a schedule, and its next runs are listed here.",
  templates: "See the templates",
  workflow: "Workflow",
  rule: "Rule",
  zone: "Time zone",
  next: "Next run",
  last: "Last run",
  never: "never",
  missed: "Missed runs",
  misfires: { skip: "are left out", once: "are made up for once", all: "are all made up for" },
  state: "State",
  on: "On",
  paused: "Paused",
  pause: "Pause",
  resume: "Let it go on",
  more: (name: string) => `More about ${name}`,
  showNext: "Next runs",
  nextOf: (name: string) => `Next runs of ${name}`,
  backfill: "Make up for past runs",
  backfillOf: (name: string) => `Make up for past runs of ${name}`,
  backfillAbout: "Every tick in this time starts one execution, as if it had come then. A tick that was made up for before is left out.",
  from: "From",
  until: "Until",
  count: (n: number) => (n === 0 ? "There is no tick in this time." : `${n} ${n === 1 ? "tick" : "ticks"} in this time.`),
  start: (n: number) => `Start ${n} ${n === 1 ? "execution" : "executions"}`,
  started: (n: number) => `${n} ${n === 1 ? "execution was" : "executions were"} started.`,
  seeThem: "See them",
  counting: "Counting …",
} as const;

const UNITS: Record<string, string> = { second: "seconds", minute: "minutes", hour: "hours" };
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

function clock(hour: unknown, minute: unknown): string {
  return `${String(hour ?? 0).padStart(2, "0")}:${String(minute ?? 0).padStart(2, "0")}`;
}

function every(n: unknown, one: string, many: string): string {
  return n === 1 || n === undefined ? `every ${one}` : `every ${String(n)} ${many}`;
}

/** A rule in words; what is not known is shown as it is. */
export function ruleText(rule: Record<string, unknown>): string {
  const [name = "", given] = Object.entries(rule)[0] ?? [];
  const of = (typeof given === "object" && given !== null ? given : {}) as Record<string, unknown>;
  switch (name) {
    case "cron":
      return `cron ${String(of["expression"])}`;
    case "every": {
      const s = Number(of["ms"]) / 1_000;
      const [unit, n] = s % 3_600 === 0 ? ["hour", s / 3_600] : s % 60 === 0 ? ["minute", s / 60] : ["second", s];
      return every(n, String(unit), UNITS[String(unit)] ?? "");
    }
    case "hours":
      return `${every(of["every"], "hour", "hours")} at minute ${String(of["minute"] ?? 0)}`;
    case "days":
      return `${every(of["every"], "day", "days")} at ${clock(of["hour"], of["minute"])}`;
    case "weeks": {
      const days = Array.isArray(of["weekdays"]) ? of["weekdays"].map((day) => DAYS[Number(day) % 7] ?? "").join(", ") : "";
      return `${every(of["every"], "week", "weeks")} on ${days} at ${clock(of["hour"], of["minute"])}`;
    }
    case "months":
      return `${every(of["every"], "month", "months")} on day ${String(of["day"] ?? 1)} at ${clock(of["hour"], of["minute"])}`;
    default:
      return JSON.stringify(rule);
  }
}
