//! What a job costs: CPU time of Redis and of the worker for taking and settling, against asynq
//! itself on the same server. Jobs are pushed beforehand and not counted.
//!
//! `cargo bench -p linkflow-queue -- [--jobs N] [--out FILE]`; the table is on stdout, the figures
//! as JSON in the file.

#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../tests/queue/servers.rs"]
mod servers;

use std::time::{Duration, Instant};

use linkflow_model::{ExecutionId, Millis, WorkspaceId};
use linkflow_queue::{Job, Queue, QueueName, RedisQueue, Settings};
use serde_json::json;

use servers::{Redis, peer};

/// The kernel counts CPU time in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

struct Row {
    what: String,
    redis: Duration,
    worker: Duration,
    wall: Duration,
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let (mut n_jobs, mut out) = (20_000, None);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
        match arg.as_str() {
            "--jobs" => n_jobs = value().parse().expect("--jobs needs a number"),
            "--out" => out = Some(value()),
            other => panic!("{other} is unknown; there are --jobs N and --out FILE"),
        }
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let redis = Redis::start();
    let mut rows = Vec::new();
    for (batch, is_together) in [(1, false), (10, true), (100, true), (100, false)] {
        rows.push(runtime.block_on(ours(&redis, n_jobs, batch, is_together)));
    }
    for workers in [1, 10, 100] {
        rows.push(asynqs(&redis, n_jobs, workers));
    }
    print(&rows, n_jobs);
    if let Some(out) = out {
        let figures: Vec<_> = rows.iter().map(|row| row.figures(n_jobs)).collect();
        std::fs::write(&out, json!({ "jobs": n_jobs, "rows": figures }).to_string())
            .expect("--out can be written");
    }
}

/// Takes `batch` at once and settles them together, or each for itself, as they would end.
async fn ours(redis: &Redis, n_jobs: usize, batch: usize, is_together: bool) -> Row {
    redis.ask::<()>(&["FLUSHALL"]);
    let queue = Queue::Redis(RedisQueue::open(Settings::new(&redis.url())).await.expect("settings"));
    let workspace = WorkspaceId::new(Millis(0), 1);
    let job = |n| Job::new(QueueName::default(), ExecutionId::new(Millis(1), n), workspace);
    for first in (0..n_jobs).step_by(1000) {
        let last = n_jobs.min(first + 1000);
        queue.push((first..last).map(|n| job(n as u128)).collect()).await.expect("a push");
    }
    let began = Cost::now(redis);
    let mut left = n_jobs;
    while left > 0 {
        let taken = queue.take(batch).await.expect("jobs");
        left -= taken.len();
        let tickets = taken.iter().map(|taken| taken.ticket().clone());
        if is_together {
            queue.done(tickets.collect()).await;
        } else {
            futures_util::future::join_all(tickets.map(|ticket| queue.done(vec![ticket]))).await;
        }
    }
    let how = if is_together { "together" } else { "each for itself" };
    let row = began.row(redis, format!("ours, {batch} at once, done {how}"));
    queue.close().await;
    row
}

fn asynqs(redis: &Redis, n_jobs: usize, workers: usize) -> Row {
    redis.ask::<()>(&["FLUSHALL"]);
    let (n_jobs, workers) = (n_jobs.to_string(), workers.to_string());
    let payload = r#"{"workflow_id":"w","input":{}}"#;
    peer(redis, "enqueue", &["-count", &n_jobs, "-payload", payload]);
    let began = Cost::now(redis);
    peer(redis, "consume", &["-count", &n_jobs, "-workers", &workers]);
    began.row(redis, format!("asynq v0.26, concurrency {workers}"))
}

/// CPU time used so far.
struct Cost {
    redis: Duration,
    /// Of this process and of the programs that it has waited for.
    worker: Duration,
    at: Instant,
}

impl Cost {
    fn now(redis: &Redis) -> Self {
        let of = |pid: &str, fields: &[usize]| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
            let after_name = stat.rsplit_once(')').expect("a name").1;
            let values: Vec<&str> = after_name.split_whitespace().collect();
            let ticks: u32 = fields.iter().map(|i| values[*i].parse::<u32>().expect("a number")).sum();
            TICK * ticks
        };
        // utime and stime are the fields 14 and 15, those of children 16 and 17; the name is 2.
        Cost {
            redis: of(&redis.process.id().to_string(), &[11, 12]),
            worker: of("self", &[11, 12, 13, 14]),
            at: Instant::now(),
        }
    }

    fn row(self, redis: &Redis, what: String) -> Row {
        let now = Cost::now(redis);
        Row { what, redis: now.redis - self.redis, worker: now.worker - self.worker, wall: now.at - self.at }
    }
}

impl Row {
    fn figures(&self, n_jobs: usize) -> serde_json::Value {
        let per_job = |time: Duration| time.as_secs_f64() * 1e6 / n_jobs as f64;
        json!({
            "what": self.what,
            "redis_us_per_job": per_job(self.redis),
            "worker_us_per_job": per_job(self.worker),
            "jobs_per_cpu_second": n_jobs as f64 / (self.redis + self.worker).as_secs_f64(),
            "jobs_per_second": n_jobs as f64 / self.wall.as_secs_f64(),
        })
    }
}

fn print(rows: &[Row], n_jobs: usize) {
    println!(
        "{:<42} {:>9} {:>9} {:>12} {:>9}",
        "taking and settling", "Redis", "worker", "jobs per", "jobs/s"
    );
    println!("{:<42} {:>9} {:>9} {:>12}", format!("{n_jobs} jobs"), "us/job", "us/job", "CPU second");
    for row in rows {
        let figures = row.figures(n_jobs);
        let f = |name: &str| figures[name].as_f64().unwrap_or(0.0);
        println!(
            "{:<42} {:>9.1} {:>9.1} {:>12.0} {:>9.0}",
            row.what,
            f("redis_us_per_job"),
            f("worker_us_per_job"),
            f("jobs_per_cpu_second"),
            f("jobs_per_second")
        );
    }
}
