//! The figures of a cluster, as a table and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Cpu;
use crate::report::{median, percentile};

/// One round of one case.
pub struct Round {
    n: usize,
    seconds: f64,
    /// Milliseconds per execution of each kind of process.
    cpu_ms: BTreeMap<String, f64>,
    latencies_us: Vec<u64>,
}

impl Round {
    pub fn new(n: usize, took: Duration, before: &Cpu, after: &Cpu, latencies: Vec<Duration>) -> Round {
        let share = |kind: &String| (after[kind] - before[kind]).as_secs_f64() * 1_000.0 / n as f64;
        Round {
            n,
            seconds: took.as_secs_f64(),
            cpu_ms: after.keys().map(|kind| (kind.clone(), share(kind))).collect(),
            latencies_us: latencies.iter().map(|l| l.as_micros() as u64).collect(),
        }
    }
}

#[derive(Default, Serialize)]
pub struct Report {
    rows: Vec<Row>,
    /// Half of the executions that come to an idle worker are taken within that, in milliseconds.
    pub idle_ms: f64,
    /// What the scheduler used of one core.
    pub scheduler_share: f64,
    /// Memory of the worker at the end and at most, in megabytes.
    pub worker_mb: (f64, f64),
}

/// Medians over the rounds of a case.
#[derive(Serialize)]
struct Row {
    case: String,
    executions_per_round: usize,
    executions_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Of all processes together, per execution.
    cpu_ms: f64,
    cpu_ms_of: BTreeMap<String, f64>,
}

impl Report {
    pub fn add(&mut self, case: &str, rounds: Vec<Round>) {
        let of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
        let kinds: Vec<String> = rounds.first().map_or(Vec::new(), |r| r.cpu_ms.keys().cloned().collect());
        self.rows.push(Row {
            case: case.to_owned(),
            executions_per_round: rounds.first().map_or(0, |r| r.n),
            executions_per_s: of(&|r| r.n as f64 / r.seconds),
            p50_ms: of(&|r| percentile(&r.latencies_us, 0.50)),
            p99_ms: of(&|r| percentile(&r.latencies_us, 0.99)),
            cpu_ms: of(&|r| r.cpu_ms.values().sum()),
            cpu_ms_of: kinds.into_iter().map(|kind| (kind.clone(), of(&|r| r.cpu_ms[&kind]))).collect(),
        });
    }

    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<20} {:>7} {:>8} {:>8} {:>8}   CPU ms of each kind of process\n",
            "case", "exec/s", "p50 ms", "p99 ms", "CPU ms"
        );
        for row in &self.rows {
            let parts: Vec<String> =
                row.cpu_ms_of.iter().map(|(kind, ms)| format!("{kind} {ms:.3}")).collect();
            text += &format!(
                "{:<20} {:>7.0} {:>8.2} {:>8.2} {:>8.3}   {}\n",
                row.case,
                row.executions_per_s,
                row.p50_ms,
                row.p99_ms,
                row.cpu_ms,
                parts.join(", ")
            );
        }
        text += &format!("from accepted to taken by an idle worker, p50: {:.1} ms\n", self.idle_ms);
        text += &format!("the scheduler used {:.1} % of a core\n", self.scheduler_share * 100.0);
        text + &format!(
            "memory of the worker: {:.0} MB at the end, {:.0} at most\n",
            self.worker_mb.0, self.worker_mb.1
        )
    }
}
