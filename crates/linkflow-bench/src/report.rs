//! The figures, as a table and as JSON.

use serde::Serialize;

use crate::cases::Case;
use crate::expressions::Evaluated;

/// One round of one case.
pub struct Measured {
    pub n: usize,
    pub seconds: f64,
    /// Per execution.
    pub cpu_ms: f64,
    pub latencies_us: Vec<u64>,
    pub peak_mb: f64,
    /// Most memory of the process and its children together.
    pub all_mb: f64,
    pub start_ms: f64,
    pub idle_request_cpu_us: f64,
}

#[derive(Default, Serialize)]
pub struct Report {
    rows: Vec<Row>,
    pub expressions: Vec<Evaluated>,
}

/// Medians over the rounds of a case.
#[derive(Serialize)]
struct Row {
    case: String,
    executions_per_round: usize,
    executions_stored_before: usize,
    rounds: usize,
    executions_per_s: f64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    cpu_ms: f64,
    cpu_ms_of_rounds: Vec<f64>,
    limit_cpu_ms: f64,
    peak_mb: f64,
    all_mb: f64,
    start_ms: f64,
    /// CPU of a request that reaches no workflow.
    http_floor_us: f64,
}

impl Report {
    pub fn add(&mut self, case: &Case, rounds: Vec<Measured>) {
        let of = |figure: &dyn Fn(&Measured) -> f64| median(rounds.iter().map(figure).collect());
        let at = |share: f64| of(&|m: &Measured| percentile(&m.latencies_us, share));
        self.rows.push(Row {
            case: case.name.to_owned(),
            executions_per_round: rounds.first().map_or(0, |m| m.n),
            executions_stored_before: case.n_stored,
            rounds: rounds.len(),
            executions_per_s: of(&|m| m.n as f64 / m.seconds),
            p50_ms: at(0.50),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            cpu_ms: of(&|m| m.cpu_ms),
            cpu_ms_of_rounds: rounds.iter().map(|m| m.cpu_ms).collect(),
            limit_cpu_ms: case.limit_cpu_ms,
            peak_mb: of(&|m| m.peak_mb),
            all_mb: of(&|m| m.all_mb),
            start_ms: of(&|m| m.start_ms),
            http_floor_us: of(&|m| m.idle_request_cpu_us),
        });
    }

    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<14} {:>7} {:>8} {:>8} {:>8} {:>9} {:>6} {:>8} {:>9} {:>9} {:>9}\n",
            "case",
            "exec/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "CPU ms",
            "limit",
            "peak MB",
            "all MB",
            "start ms",
            "HTTP us"
        );
        for row in &self.rows {
            text += &format!(
                "{:<14} {:>7.0} {:>8.2} {:>8.2} {:>8.2} {:>9.3} {:>6.1} {:>8.1} {:>9.1} {:>9.0} {:>9.0}\n",
                row.case,
                row.executions_per_s,
                row.p50_ms,
                row.p95_ms,
                row.p99_ms,
                row.cpu_ms,
                row.limit_cpu_ms,
                row.peak_mb,
                row.all_mb,
                row.start_ms,
                row.http_floor_us,
            );
        }
        for one in &self.expressions {
            let limit = one.limit_ns.map_or(String::new(), |ns| format!(" (limit {ns:.0})"));
            text += &format!("{:>9.0} ns{limit}  {}\n", one.ns, one.expression);
        }
        text
    }
}

pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// In milliseconds.
pub fn percentile(us: &[u64], share: f64) -> f64 {
    let mut sorted = us.to_vec();
    sorted.sort_unstable();
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default() as f64 / 1_000.0
}
