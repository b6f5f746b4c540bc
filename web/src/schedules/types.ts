// Schedules as the server shows them.

export type Misfire = "skip" | "once" | "all";
export type Schedule = {
  id: string;
  workflow_id: string;
  workflow_name: string | null;
  node: string;
  rule: Record<string, unknown>;
  timezone: string;
  next_run_at: number | null;
  last_run_at: number | null;
  misfire: Misfire;
  enabled: boolean;
};
