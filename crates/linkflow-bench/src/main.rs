//! `make bench`: what one execution costs on the real program, started afresh for each case with
//! everything saved and durable.
//!
//! CPU is that of the server with its child processes, read from `/proc`; the load generator runs
//! beside it and is not counted. Times of requests depend on who else uses the machine; CPU per
//! execution does so far less.

mod cases;
mod client;
mod cluster;
mod expressions;
mod fill;
mod process;
mod report;
mod server;

use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;

use crate::cases::Case;
use crate::report::{Measured, Report};
use crate::server::Server;

#[derive(Clone, Parser)]
struct Args {
    /// The program to measure.
    #[arg(long, default_value = "target/release/linkflow")]
    program: PathBuf,
    /// Requests of each case that are measured.
    #[arg(long, default_value_t = 6_000)]
    requests: usize,
    /// Requests that are under way at a time.
    #[arg(long, default_value_t = 10)]
    connections: usize,
    /// Executions that a store holds already when the first case runs on it once more.
    #[arg(long, default_value_t = 100_000)]
    stored: usize,
    /// Measure a cluster on this machine instead: PostgreSQL, PgBouncer, Redis and a process of each role.
    #[arg(long)]
    cluster: bool,
    /// Of a cluster: executions that wait while others are taken.
    #[arg(long, default_value_t = 100_000)]
    waiting: usize,
    /// Of a cluster: schedules that tick once an hour.
    #[arg(long, default_value_t = 100_000)]
    schedules: usize,
    /// Only the cases whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// How often each case is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Where the figures go as JSON.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if args.cluster {
        let report = runtime.block_on(cluster::run(&args))?;
        return show(&args, "cluster.json", &report.table(), &report);
    }
    let report = runtime.block_on(run(&args))?;
    show(&args, "embedded.json", &report.table(), &report)
}

fn show(args: &Args, name: &str, table: &str, report: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{table}");
    std::fs::create_dir_all(&args.out)?;
    let path = args.out.join(name);
    std::fs::write(&path, serde_json::to_string_pretty(report)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("The figures are in {}.", path.display());
    Ok(())
}

async fn run(args: &Args) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let wanted = |name: &str| args.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    for case in cases::all().iter().filter(|c| wanted(c.name)) {
        let mut rounds = Vec::new();
        for round in 1..=args.rounds {
            eprintln!("{}, round {round} of {}", case.name, args.rounds);
            rounds.push(on_fresh_server(args, case).await?);
        }
        report.add(case, rounds);
    }
    if wanted("expressions") {
        report.expressions = expressions::measure()?;
    }
    if args.stored > 0 && wanted("stored") {
        compare_stores(args, &mut report).await?;
    }
    Ok(report)
}

/// The same case on an empty store and on a full one, by turns.
async fn compare_stores(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let case = cases::all().into_iter().next().context("there is a first case")?;
    let full = fill::filled(args, &case).await?;
    let (mut empty_rounds, mut full_rounds) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        eprintln!("empty against full store, round {round} of {}", args.rounds);
        empty_rounds.push(on_fresh_server(args, &case).await?);
        let server = Server::start(&args.program, full.path()).await?;
        full_rounds.push(measure(args, &case, &server).await?);
        server.stop().await?;
    }
    report.add(&Case { name: "stored: none", ..case.clone() }, empty_rounds);
    report.add(&Case { name: "stored: many", n_stored: args.stored, ..case }, full_rounds);
    Ok(())
}

async fn on_fresh_server(args: &Args, case: &Case) -> anyhow::Result<Measured> {
    let dir = tempfile::tempdir()?;
    let server = Server::start(&args.program, dir.path()).await?;
    server.publish(&case.workflow).await?;
    let measured = measure(args, case, &server).await?;
    server.stop().await?;
    Ok(measured)
}

/// Loads a server that has the case's workflow published.
async fn measure(args: &Args, case: &Case, server: &Server) -> anyhow::Result<Measured> {
    let n = (args.requests / case.weight).max(50);
    client::load(server.port, case, n / 10 + 10, args.connections).await?;
    server.wait_until_idle().await?;
    let before = server.usage()?;
    let begun = Instant::now();
    let watched = Cell::new(0.0_f64);
    let watch = async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            watched.set(watched.get().max(server.usage().map_or(0.0, |u| u.all_mb)));
        }
    };
    let latencies = tokio::select! {
        latencies = client::load(server.port, case, n, args.connections) => latencies?,
        () = watch => unreachable!("it watches for ever"),
    };
    server.wait_until_idle().await?;
    let took = begun.elapsed();
    let after = server.usage()?;
    Ok(Measured {
        n,
        seconds: took.as_secs_f64(),
        cpu_ms: (after.cpu - before.cpu).as_secs_f64() * 1_000.0 / n as f64,
        latencies_us: latencies.iter().map(Duration::as_micros).map(|us| us as u64).collect(),
        peak_mb: after.peak_mb,
        all_mb: watched.get().max(after.all_mb),
        start_ms: server.start_ms,
        idle_request_cpu_us: server.health_cost_us(10_000).await?,
    })
}
