//! The metrics of all roles: their names, what they count, and which labels they have. They are counted where
//! things happen; here stand their names, from which docs/reference/metrics.md, the help in `/metrics` and
//! the checks of alerts and dashboards are made.

use std::time::Duration;

use anyhow::Context;
use linkflow_api::HTTP_SECONDS_BUCKETS;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// One metric.
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    /// Each with what bounds the number of its values.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reference page, which a test writes"))]
    pub labels: &'static [(&'static str, &'static str)],
    /// The roles that show it; `serve` shows all.
    pub roles: &'static [&'static str],
    pub help: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[cfg(test)]
impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

use Kind::{Counter, Gauge, Histogram};

const ALL_ROLES: &[&str] = &["api", "worker", "scheduler"];
const API: &[&str] = &["api"];
const WORKER: &[&str] = &["worker"];
const SCHEDULER: &[&str] = &["scheduler"];
const QUEUE: (&str, &str) = ("queue", "the queues that there are");
const POOL: (&str, &str) = ("pool", "`write`, `commit`, `read`, `replica`");

const fn metric(
    name: &'static str,
    kind: Kind,
    labels: &'static [(&'static str, &'static str)],
    roles: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind, labels, roles, help }
}

/// All of them, in the order of the reference page.
pub const METRICS: &[Metric] = &[
    metric(
        "http_request_duration_seconds",
        Histogram,
        &[
            ("route", "the patterns of the API, and `other`"),
            ("method", "seven, and `other`"),
            ("status", "those that are used"),
        ],
        API,
        "How long requests take.",
    ),
    metric(
        "linkflow_requests_refused_total",
        Counter,
        &[("reason", "`rate`, `busy`")],
        API,
        "Requests that were turned away: above a limit, or because too much is to be done.",
    ),
    metric("linkflow_ws_clients", Gauge, &[], API, "Those who watch at /ws."),
    metric(
        "linkflow_executions_accepted_total",
        Counter,
        &[],
        ALL_ROLES,
        "Executions that were accepted here.",
    ),
    metric(
        "linkflow_executions_finished_total",
        Counter,
        &[("status", "`success`, `error`, `canceled`, `dead`")],
        WORKER,
        "Executions that ended here.",
    ),
    metric("linkflow_executions_running", Gauge, &[], WORKER, "Executions that run here now."),
    metric(
        "linkflow_execution_wait_seconds",
        Histogram,
        &[],
        WORKER,
        "How long executions waited from being accepted to their first step.",
    ),
    metric(
        "linkflow_execution_seconds",
        Histogram,
        &[],
        WORKER,
        "How long executions took from their first step to their end, waits included.",
    ),
    metric(
        "linkflow_slot_seconds",
        Histogram,
        &[],
        WORKER,
        "How long executions held a slot of a worker, from being taken to their rest or end.",
    ),
    metric(
        "linkflow_steps_total",
        Counter,
        &[("kind", "the kinds of nodes that are used"), ("outcome", "`ok`, `error`")],
        WORKER,
        "Tries of nodes.",
    ),
    metric("linkflow_step_seconds", Histogram, &[], WORKER, "How long a try of a node takes."),
    metric("linkflow_worker_slots", Gauge, &[], WORKER, "Executions that may run side by side here."),
    metric("linkflow_worker_memory_bytes", Gauge, &[], WORKER, "Memory in use, as it was looked at last."),
    metric(
        "linkflow_worker_memory_budget_bytes",
        Gauge,
        &[],
        WORKER,
        "Memory above which nothing more is taken.",
    ),
    metric(
        "linkflow_worker_memory_over_budget",
        Gauge,
        &[],
        WORKER,
        "1 while nothing is taken for want of memory.",
    ),
    metric(
        "linkflow_taken_by_turns_total",
        Counter,
        &[],
        WORKER,
        "Executions that were taken because it was their workspace's turn.",
    ),
    metric(
        "linkflow_executions_held_back",
        Gauge,
        &[],
        SCHEDULER,
        "Executions that wait for a place of their workflow or workspace.",
    ),
    metric("asynq_queue_size", Gauge, &[QUEUE], SCHEDULER, "Entries of a queue in all states together."),
    metric(
        "asynq_tasks_enqueued_total",
        Gauge,
        &[QUEUE, ("state", "`pending`, `active`, `scheduled`, `retry`, `archived`, `completed`")],
        SCHEDULER,
        "Entries of a queue by state; a gauge in spite of its name.",
    ),
    metric(
        "asynq_queue_latency_seconds",
        Gauge,
        &[QUEUE],
        SCHEDULER,
        "How long the oldest entry that waits has waited.",
    ),
    metric(
        "asynq_queue_memory_usage_approx_bytes",
        Gauge,
        &[QUEUE],
        SCHEDULER,
        "What a queue takes in Redis, estimated.",
    ),
    metric("asynq_tasks_processed_total", Gauge, &[QUEUE], SCHEDULER, "Entries that were taken and settled."),
    metric("asynq_tasks_failed_total", Gauge, &[QUEUE], SCHEDULER, "Entries that failed."),
    metric("asynq_queue_paused_total", Gauge, &[QUEUE], SCHEDULER, "1 while nothing is taken from a queue."),
    metric(
        "linkflow_queue_unserved",
        Gauge,
        &[QUEUE],
        SCHEDULER,
        "1 where something waits and nobody takes.",
    ),
    metric(
        "linkflow_listeners",
        Gauge,
        &[],
        SCHEDULER,
        "Listeners that this process holds, such as watched folders; the leading scheduler has them.",
    ),
    metric("linkflow_leader", Gauge, &[], SCHEDULER, "1 while this scheduler leads."),
    metric(
        "linkflow_hints_dropped_total",
        Counter,
        &[],
        ALL_ROLES,
        "Hints that were left to the sweep because too many were on their way.",
    ),
    metric("linkflow_redis_up", Gauge, &[], SCHEDULER, "1 while Redis answers."),
    metric("linkflow_redis_latency_seconds", Gauge, &[], SCHEDULER, "How long Redis took to answer last."),
    metric(
        "linkflow_redis_memory_bytes",
        Gauge,
        &[],
        SCHEDULER,
        "What Redis keeps; of a cluster, all masters.",
    ),
    metric(
        "linkflow_redis_memory_max_bytes",
        Gauge,
        &[],
        SCHEDULER,
        "What Redis may keep; 0 where it has no limit.",
    ),
    metric("linkflow_database_connections", Gauge, &[POOL], ALL_ROLES, "Connections to PostgreSQL."),
    metric("linkflow_database_connections_max", Gauge, &[POOL], ALL_ROLES, "How many there may be."),
    metric("linkflow_database_connections_busy", Gauge, &[POOL], ALL_ROLES, "Those that are at work."),
    metric(
        "linkflow_database_reconnects_total",
        Counter,
        &[POOL],
        ALL_ROLES,
        "Tries to connect that had to be repeated.",
    ),
    metric(
        "linkflow_database_wait_seconds",
        Histogram,
        &[POOL],
        ALL_ROLES,
        "How long the first of a group waited for a connection.",
    ),
    metric(
        "linkflow_database_group_size",
        Histogram,
        &[],
        ALL_ROLES,
        "How many changes share one transaction.",
    ),
    metric(
        "linkflow_database_replica_fallbacks_total",
        Counter,
        &[],
        ALL_ROLES,
        "Reads that the primary answered because no replica had what their reader wrote.",
    ),
    metric(
        "linkflow_cache_lookups_total",
        Counter,
        &[
            ("cache", "`versions`, `webhooks`, `sessions`, `api_keys`, `variables`"),
            ("level", "`memory`, `shelf`, `database`"),
        ],
        ALL_ROLES,
        "What was looked up, and on which level it was found or looked for last. `shelf` is shared, in Redis.",
    ),
    metric(
        "linkflow_clock_ahead_seconds",
        Gauge,
        &[],
        ALL_ROLES,
        "How far this machine's clock is ahead of the database's, by which all go.",
    ),
    metric(
        "linkflow_build_info",
        Gauge,
        &[("version", "one"), ("role", "one")],
        ALL_ROLES,
        "1; the labels say what runs here.",
    ),
    metric("linkflow_cpu_limit_cores", Gauge, &[], ALL_ROLES, "Cores that this process may use."),
    metric("linkflow_memory_limit_bytes", Gauge, &[], ALL_ROLES, "Memory that this process may have."),
    metric(
        "process_cpu_seconds_total",
        Gauge,
        &[],
        ALL_ROLES,
        "CPU time of this process; it only grows, and has fractions.",
    ),
    metric("process_resident_memory_bytes", Gauge, &[], ALL_ROLES, "Memory of this process."),
    metric("process_open_fds", Gauge, &[], ALL_ROLES, "Open files and sockets."),
    metric("process_max_fds", Gauge, &[], ALL_ROLES, "How many may be open."),
    metric("process_threads", Gauge, &[], ALL_ROLES, "Threads of this process."),
    metric(
        "process_start_time_seconds",
        Gauge,
        &[],
        ALL_ROLES,
        "When this process began, in seconds since 1970.",
    ),
];

/// Upper ends of the buckets of what is no request: steps of a millisecond up to executions of a day.
const SECONDS_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0,
    86_400.0,
];
/// How often single measurements are added to their histograms.
const COUNTED_EVERY: Duration = Duration::from_secs(5);
const SIZE_BUCKETS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];

/// Begins to count; what happened before is lost, so it comes first in a process. Needs a runtime.
///
/// # Errors
/// When this process counts already.
pub fn install(role: &'static str) -> anyhow::Result<PrometheusHandle> {
    const BUCKETS: &str = "the buckets of a metric are wrong";
    let http = Matcher::Full("http_request_duration_seconds".to_owned());
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(http, HTTP_SECONDS_BUCKETS)
        .context(BUCKETS)?
        .set_buckets_for_metric(seconds, SECONDS_BUCKETS)
        .context(BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), SIZE_BUCKETS)
        .context(BUCKETS)?
        .install_recorder()
        .context("the metrics cannot be recorded")?;
    let is_shown = |metric: &&Metric| role == "serve" || metric.roles.contains(&role);
    for metric in METRICS.iter().filter(is_shown) {
        match metric.kind {
            Counter => metrics::describe_counter!(metric.name, metric.help),
            Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
    metrics::gauge!("linkflow_build_info", "version" => env!("CARGO_PKG_VERSION"), "role" => role).set(1.0);
    crate::process::measure_always();
    let kept = handle.clone();
    tokio::spawn(async move {
        // Where nobody reads the metrics, single measurements would be kept for ever.
        loop {
            tokio::time::sleep(COUNTED_EVERY).await;
            kept.run_upkeep();
        }
    });
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::METRICS;

    /// The names in the calls of the macros that count.
    fn counted(text: &str, names: &mut BTreeSet<String>) {
        let flat: String = text.split_whitespace().collect();
        let calls =
            ["counter!(\"", "gauge!(\"", "histogram!(\"", "show(\"asynq", "seconds(\"", "set(\"process"];
        for call in calls {
            for (at, _) in flat.match_indices(call) {
                let from = at + call.find('"').expect("each has one") + 1;
                let name = flat[from..].split('"').next().unwrap_or_default();
                names.insert(name.to_owned());
            }
        }
    }

    fn walk(dir: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, names);
            } else if path.extension().is_some_and(|end| end == "rs") {
                counted(&std::fs::read_to_string(&path).unwrap(), names);
            }
        }
    }

    #[test]
    fn what_is_counted_stands_in_the_table_and_what_stands_there_is_counted() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut names = BTreeSet::new();
        for name in [
            "linkflow",
            "linkflow-api",
            "linkflow-runtime",
            "linkflow-store",
            "linkflow-queue",
            "linkflow-node",
        ] {
            walk(&crates.join(name).join("src"), &mut names);
        }
        let of_metrics = |name: &String| {
            ["linkflow_", "asynq_", "http_", "process_"].iter().any(|prefix| name.starts_with(prefix))
        };
        let counted: Vec<String> = names.into_iter().filter(of_metrics).collect();
        let mut table: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        table.sort_unstable();
        assert_eq!(counted, table);
    }

    #[test]
    fn every_label_says_what_bounds_it() {
        for metric in METRICS {
            assert!(metric.help.ends_with('.') && !metric.roles.is_empty(), "{}", metric.name);
            assert!(metric.labels.iter().all(|(_, bound)| !bound.is_empty()), "{}", metric.name);
        }
    }
}
