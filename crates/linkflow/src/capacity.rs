//! `linkflow capacity`: how many of each role a load needs, by the formulas and the table of the scaling
//! guide, from given numbers or from those that a running system shows at `/metrics`. It changes nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;
use serde_json::json;

use crate::args::Capacity;

/// The share of what an instance can do that is planned with; the rest is for moments.
const USED: f64 = 0.7;
const SECONDS_PER_HOUR: f64 = 3_600.0;
/// Below this share of its CPU an API server says little about how much it could do.
const BUSY_ENOUGH: f64 = 0.05;
/// One may be restarted, or die.
const ALWAYS: u64 = 2;
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// What is asked of a system.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Load {
    pub executions_per_hour: f64,
    /// How long an execution holds a slot of a worker.
    pub execution_seconds: f64,
    pub requests_per_second: f64,
    /// What one API server can answer.
    pub requests_per_instance_max: f64,
    pub worker_concurrency: u64,
}

/// A row of the guide's table.
#[derive(Debug, PartialEq, Serialize)]
pub struct Size {
    pub name: &'static str,
    pub api: u64,
    pub workers: u64,
    pub postgres: &'static str,
    pub redis: &'static str,
}

pub const SIZES: &[Size] = &[
    Size { name: "small", api: 2, workers: 2, postgres: "2 vCPU, 4 GB", redis: "1 vCPU, 2 GB" },
    Size { name: "medium", api: 4, workers: 5, postgres: "4 vCPU, 16 GB", redis: "2 vCPU, 8 GB" },
    Size { name: "large", api: 8, workers: 20, postgres: "8 vCPU, 32 GB", redis: "4 vCPU, 16 GB" },
];

/// What a load needs.
#[derive(Debug, PartialEq, Serialize)]
pub struct Plan {
    /// What the formulas say, before it is rounded up.
    pub workers_exact: f64,
    pub api_exact: f64,
    pub workers: u64,
    pub api: u64,
    /// Index of the row of the table in which both fit; the last one where they fit in none.
    #[serde(skip)]
    size: usize,
}

impl Load {
    /// # Errors
    /// When a number is not one that can be planned with; it is named.
    pub fn plan(&self) -> anyhow::Result<Plan> {
        let numbers = [
            ("executions-per-hour", self.executions_per_hour, 0.0),
            ("execution-seconds", self.execution_seconds, 0.0),
            ("requests-per-second", self.requests_per_second, 0.0),
            ("requests-per-instance-max", self.requests_per_instance_max, 1.0),
        ];
        for (name, value, min) in numbers {
            if !(min..=1e12).contains(&value) {
                bail!("`--{name}` must be a number from {min} to 1000000000000, got {value}");
            }
        }
        let workers_exact = self.executions_per_hour * self.execution_seconds
            / (SECONDS_PER_HOUR * self.worker_concurrency as f64);
        let api_exact = self.requests_per_second / (self.requests_per_instance_max * USED);
        let (workers, api) = (rounded_up(workers_exact), rounded_up(api_exact));
        let fits = SIZES.iter().position(|size| size.workers >= workers && size.api >= api);
        Ok(Plan { workers_exact, api_exact, workers, api, size: fits.unwrap_or(SIZES.len() - 1) })
    }
}

/// Whole instances, at least two of them; a hair above a whole number is that number.
fn rounded_up(exact: f64) -> u64 {
    ((exact - 1e-9).ceil().max(0.0) as u64).max(ALWAYS)
}

pub fn capacity(args: &Capacity) -> anyhow::Result<u8> {
    let mut load = Load {
        executions_per_hour: args.executions_per_hour.unwrap_or(0.0),
        execution_seconds: args.execution_seconds.unwrap_or(1.0),
        requests_per_second: args.requests_per_second.unwrap_or(0.0),
        requests_per_instance_max: args.requests_per_instance_max.unwrap_or(1_000.0),
        worker_concurrency: u64::from(args.concurrency),
    };
    if !args.from.is_empty() {
        let measured = measure(&args.from, Duration::from_secs(u64::from(args.over_seconds)))?;
        let or = |given: Option<f64>, measured: f64| given.unwrap_or(measured);
        load.executions_per_hour = or(args.executions_per_hour, measured.executions_per_hour);
        load.execution_seconds = or(args.execution_seconds, measured.execution_seconds);
        load.requests_per_second = or(args.requests_per_second, measured.requests_per_second);
        let can = measured.requests_per_instance_max.unwrap_or(load.requests_per_instance_max);
        load.requests_per_instance_max = or(args.requests_per_instance_max, can);
    }
    let plan = load.plan()?;
    if args.json {
        let size = &SIZES[plan.size];
        println!(
            "{}",
            json!({"load": load, "plan": plan, "size": size, "sizes": SIZES, "settings": settings(&load, &plan)})
        );
    } else {
        print!("{}", shown(&load, &plan));
    }
    Ok(0)
}

/// Values of the chart that bring the plan about.
fn settings(load: &Load, plan: &Plan) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("WORKER_CONCURRENCY", load.worker_concurrency.to_string()),
        ("api.autoscaling.minReplicas", plan.api.to_string()),
        ("api.autoscaling.maxReplicas", (plan.api * 3).max(10).to_string()),
        ("worker.keda.minReplicas", plan.workers.to_string()),
        ("worker.keda.maxReplicas", (plan.workers * 3).max(20).to_string()),
        ("scheduler.replicas", ALWAYS.to_string()),
    ])
}

fn shown(load: &Load, plan: &Plan) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "Workers        {:>4}   {} executions/h * {} s / (3600 s * {} at a time) = {:.2}\n\
         API servers    {:>4}   {} requests/s / ({} requests/s each * 0.7) = {:.2}\n\
         Schedulers     {:>4}   one leads, one stands by\n",
        plan.workers,
        number(load.executions_per_hour),
        number(load.execution_seconds),
        load.worker_concurrency,
        plan.workers_exact,
        plan.api,
        number(load.requests_per_second),
        number(load.requests_per_instance_max),
        plan.api_exact,
        ALWAYS,
    );
    let _ = writeln!(text, "  size    API  workers  PostgreSQL       Redis");
    for (n, size) in SIZES.iter().enumerate() {
        let (mark, more) =
            (if n == plan.size { ">" } else { " " }, if n + 1 == SIZES.len() { "+" } else { " " });
        let _ = writeln!(
            text,
            "{mark} {:<7} {:>2}{more}  {:>4}{more}    {:<15}  {}",
            size.name, size.api, size.workers, size.postgres, size.redis
        );
    }
    text.push_str("\nSettings, and values of the chart in deploy/helm:\n");
    for (name, value) in settings(load, plan) {
        let _ = writeln!(text, "  {name}={value}");
    }
    text
}

fn number(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{}", (value * 1_000.0).round() / 1_000.0) }
}

/// What a running system does, as its pages of metrics show.
#[derive(Debug, PartialEq)]
struct Measured {
    executions_per_hour: f64,
    execution_seconds: f64,
    requests_per_second: f64,
    /// What an API server could do at most, from what its requests cost; none when it has too little to do.
    requests_per_instance_max: Option<f64>,
}

fn measure(from: &[String], over: Duration) -> anyhow::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let progress = crate::progress::spinner("measuring");
    let read = runtime.block_on(async {
        let before = pages(from).await?;
        let began = Instant::now();
        tokio::time::sleep(over).await;
        let after = pages(from).await?;
        anyhow::Ok((before, after, began.elapsed().as_secs_f64()))
    });
    progress.finish_and_clear();
    let (before, after, seconds) = read?;
    Ok(measured(&before, &after, seconds))
}

async fn pages(from: &[String]) -> anyhow::Result<Vec<Page>> {
    let client = reqwest::Client::builder().timeout(ANSWERS_WITHIN).build()?;
    let mut pages = Vec::new();
    for address in from {
        let url = format!("{}/metrics", address.trim_end_matches('/').trim_end_matches("/metrics"));
        let answer = client.get(&url).send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.with_context(|| format!("`--from {address}`: {url} gives no metrics"))?;
        let text =
            answer.text().await.with_context(|| format!("`--from {address}`: the answer broke off"))?;
        pages.push(Page::read(&text));
    }
    Ok(pages)
}

/// A page of metrics, by name; the values of all labels together.
#[derive(Debug, Default)]
struct Page(BTreeMap<String, f64>);

impl Page {
    fn read(text: &str) -> Page {
        let mut all = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let (Ok(value), Some(name)) = (value.parse::<f64>(), series.split('{').next()) else { continue };
            *all.entry(name.to_owned()).or_default() += value;
        }
        Page(all)
    }

    fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }
}

fn measured(before: &[Page], after: &[Page], seconds: f64) -> Measured {
    // A process that was started anew counts from 0.
    let grown = |n: usize, name: &str| (after[n].get(name) - before[n].get(name)).max(0.0);
    let all = |name: &str| (0..after.len()).map(|n| grown(n, name)).sum::<f64>();
    let ended = all("linkflow_executions_finished_total");
    let at_most = (0..after.len()).filter_map(|n| {
        let requests = grown(n, "http_request_duration_seconds_count") / seconds;
        let cores = after[n].get("linkflow_cpu_limit_cores");
        let busy = grown(n, "process_cpu_seconds_total") / seconds / cores;
        (requests > 0.0 && cores > 0.0 && busy >= BUSY_ENOUGH).then(|| requests / busy)
    });
    Measured {
        executions_per_hour: ended / seconds * SECONDS_PER_HOUR,
        execution_seconds: if ended > 0.0 { all("linkflow_slot_seconds_sum") / ended } else { 0.0 },
        requests_per_second: all("http_request_duration_seconds_count") / seconds,
        requests_per_instance_max: at_most.reduce(f64::min),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(executions_per_hour: f64, execution_seconds: f64, requests_per_second: f64) -> Load {
        Load {
            executions_per_hour,
            execution_seconds,
            requests_per_second,
            requests_per_instance_max: 1_000.0,
            worker_concurrency: 10,
        }
    }

    #[track_caller]
    fn check(load: Load, workers: u64, api: u64, size: &str) {
        let plan = load.plan().unwrap();
        assert_eq!((plan.workers, plan.api, SIZES[plan.size].name), (workers, api, size), "{plan:?}");
    }

    #[test]
    fn the_formulas_are_those_of_the_guide() {
        check(load(36_000.0, 5.0, 2_800.0), 5, 4, "medium");
        check(load(36_001.0, 5.0, 2_801.0), 6, 5, "large");
        check(load(720_000.0, 1.0, 0.0), 20, 2, "large");
    }

    #[test]
    fn there_are_two_of_everything_however_little_there_is_to_do() {
        check(load(0.0, 0.0, 0.0), 2, 2, "small");
        check(load(7_200.0, 10.0, 1_400.0), 2, 2, "small");
    }

    #[test]
    fn what_fits_in_no_row_is_large() {
        check(load(3_600_000.0, 10.0, 70_000.0), 1_000, 100, "large");
    }

    #[test]
    fn a_number_that_cannot_be_planned_with_is_named() {
        let error = load(-1.0, 1.0, 1.0).plan().unwrap_err().to_string();
        assert_eq!(error, "`--executions-per-hour` must be a number from 0 to 1000000000000, got -1");
        let nothing = Load { requests_per_instance_max: 0.0, ..load(1.0, 1.0, 1.0) };
        assert!(nothing.plan().unwrap_err().to_string().contains("--requests-per-instance-max"));
        assert!(load(f64::NAN, 1.0, 1.0).plan().is_err());
    }

    #[test]
    fn a_running_system_says_what_it_does_and_what_a_request_costs_it() {
        let before = "# TYPE x counter\nhttp_request_duration_seconds_count{route=\"/a\",status=\"200\"} 100\n\
            linkflow_cpu_limit_cores 2\nprocess_cpu_seconds_total 5\n";
        let after = "http_request_duration_seconds_count{route=\"/a\",status=\"200\"} 1100\n\
            http_request_duration_seconds_count{route=\"/b\",status=\"200\"} 1000\n\
            linkflow_cpu_limit_cores 2\nprocess_cpu_seconds_total 10\n";
        let worker =
            "linkflow_executions_finished_total{status=\"success\"} 50\nlinkflow_slot_seconds_sum 125\n";
        let pages = |api: &str, worker: &str| vec![Page::read(api), Page::read(worker)];
        let found = measured(&pages(before, ""), &pages(after, worker), 10.0);
        let expected = Measured {
            executions_per_hour: 18_000.0,
            execution_seconds: 2.5,
            requests_per_second: 200.0,
            requests_per_instance_max: Some(800.0),
        };
        assert_eq!(found, expected);
        let idle = measured(&pages(before, ""), &pages(before, ""), 10.0);
        assert_eq!((idle.execution_seconds, idle.requests_per_instance_max), (0.0, None));
    }

    #[test]
    fn the_answer_shows_the_sums_and_the_row() {
        let load = load(36_000.0, 5.0, 2_800.0);
        let text = shown(&load, &load.plan().unwrap());
        assert!(
            text.contains("Workers           5   36000 executions/h * 5 s / (3600 s * 10 at a time) = 5.00"),
            "{text}"
        );
        assert!(text.contains("> medium   4      5     4 vCPU, 16 GB    2 vCPU, 8 GB"), "{text}");
        assert!(text.contains("  large    8+    20+    8 vCPU, 32 GB    4 vCPU, 16 GB"), "{text}");
    }
}
