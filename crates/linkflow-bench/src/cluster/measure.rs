//! What is measured in a cluster, one after the other.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;

use super::report::{Report, Round};
use super::{Cluster, Cpu, fill};
use crate::Args;
use crate::cases::{self, Case};
use crate::client;

const ONE_OF_EACH: &str = "api-1 worker-1 scheduler-1";
/// What each execution waits for when one worker is compared with two.
const WAIT: Duration = Duration::from_millis(50);
/// How long schedules tick while they are watched.
const TICKING: Duration = Duration::from_secs(60);

pub async fn run(args: &Args) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let wanted = |name: &str| args.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let cases = cases::all();
    let reply = cases.first().context("there is a first case")?;
    if ["reply", "at once", "stored", "idle", "schedules"].into_iter().any(wanted) {
        let cluster = Cluster::up(&args.program, ONE_OF_EACH, &[])?;
        for case in &cases[..2] {
            cluster.publish(case.name, &case.workflow)?;
        }
        for case in cases[..2].iter().filter(|c| wanted(c.name)) {
            report.add(case.name, rounds(args, &cluster, case).await?);
        }
        if wanted("idle") {
            report.idle_ms = idle(&cluster, reply).await?;
        }
        if wanted("stored") && args.stored > 0 {
            report.add("stored: none", rounds(args, &cluster, reply).await?);
            fill::stored(&cluster, args.stored)?;
            report.add(&format!("stored: {}", args.stored), rounds(args, &cluster, reply).await?);
        }
        if wanted("schedules") && args.schedules > 0 {
            ticking(args, &cluster, &mut report).await?;
        }
        report.worker_mb = cluster.memory("worker-1")?;
    }
    if wanted("waiting") && args.waiting > 0 {
        waiting(args, &cases[1], &mut report).await?;
    }
    if wanted("workers") {
        workers(args, &mut report).await?;
    }
    Ok(report)
}

async fn rounds(args: &Args, cluster: &Cluster, case: &Case) -> anyhow::Result<Vec<Round>> {
    let mut rounds = Vec::new();
    for round in 1..=args.rounds {
        eprintln!("{}, round {round} of {}", case.name, args.rounds);
        rounds.push(loaded(args, cluster, case).await?);
    }
    Ok(rounds)
}

async fn loaded(args: &Args, cluster: &Cluster, case: &Case) -> anyhow::Result<Round> {
    let port = cluster.port("api-1")?;
    let n = args.requests;
    let finished = cluster.n_finished().await?;
    client::load(port, case, n / 10 + 10, args.connections).await?;
    let warm = finished + (n / 10 + 10) as f64;
    cluster.wait_until_finished(warm).await?;
    let (before, begun) = (cluster.cpu()?, Instant::now());
    let latencies = client::load(port, case, n, args.connections).await?;
    cluster.wait_until_finished(warm + n as f64).await?;
    Ok(Round::new(n, begun.elapsed(), &before, &cluster.cpu()?, latencies))
}

/// How long after an execution was accepted a worker with nothing to do has taken it, in
/// milliseconds, by the database's rows: half of them are taken within that.
async fn idle(cluster: &Cluster, case: &Case) -> anyhow::Result<f64> {
    eprintln!("idle");
    for _ in 0..200 {
        client::load(cluster.port("api-1")?, case, 1, 1).await?;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let took = "started_at - ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint";
    let sql = format!(
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took) FROM \
         (SELECT {took} AS took FROM executions ORDER BY id DESC LIMIT 200) AS rows"
    );
    Ok(cluster.sql(&sql)?.parse()?)
}

/// The same executions taken from a short queue and from a long one.
async fn waiting(args: &Args, case: &Case, report: &mut Report) -> anyhow::Result<()> {
    let n = args.requests;
    for (name, extra) in
        [("waiting: few".to_owned(), 0), (format!("waiting: {}", args.waiting), args.waiting)]
    {
        eprintln!("{name}");
        let cluster = Cluster::up(&args.program, ONE_OF_EACH, &[])?;
        cluster.publish(case.name, &case.workflow)?;
        client::load(cluster.port("api-1")?, case, 100, args.connections).await?;
        cluster.wait_until_finished(100.0).await?;
        cluster.hold("worker", true);
        // Not so long that the others take the worker for dead.
        fill::waiting(&cluster, n + extra)?;
        cluster.hold("worker", false);
        cluster.wait_until_finished(100.0 + (n / 10) as f64).await?;
        let (from, before, begun) = (cluster.n_finished().await?, cluster.cpu()?, Instant::now());
        cluster.wait_until_finished(from + (n * 8 / 10) as f64).await?;
        let taken = (cluster.n_finished().await? - from) as usize;
        report.add(&name, vec![Round::new(taken, begun.elapsed(), &before, &cluster.cpu()?, Vec::new())]);
    }
    Ok(())
}

async fn ticking(args: &Args, cluster: &Cluster, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("schedules, for {} s", TICKING.as_secs());
    let trigger = json!({"rule": {"interval": [{"field": "hours"}]}});
    let node = |name: &str, kind: &str, version: f64, parameters| {
        json!({"id": name, "name": name, "type": format!("n8n-nodes-base.{kind}"), "typeVersion": version,
               "position": [0, 0], "parameters": parameters})
    };
    let nodes = [node("Each hour", "scheduleTrigger", 1.2, trigger), node("End", "noOp", 1.0, json!({}))];
    let connections = json!({"Each hour": {"main": [[{"node": "End", "type": "main", "index": 0}]]}});
    let workflow = json!({"name": "ticks", "nodes": nodes, "connections": connections, "settings": {}});
    cluster.publish("ticks", &workflow)?;
    fill::schedules(cluster, args.schedules)?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let fires =
        || -> anyhow::Result<usize> { Ok(cluster.sql("SELECT count(*) FROM schedule_fires")?.parse()?) };
    let (n, before, begun) = (fires()?, cluster.cpu()?, Instant::now());
    tokio::time::sleep(TICKING).await;
    let (ticks, took) = (fires()? - n, begun.elapsed());
    let round = Round::new(ticks.max(1), took, &before, &cluster.cpu()?, Vec::new());
    let scheduler: Duration = [&before, &cluster.cpu()?]
        .map(|cpu: &Cpu| cpu["scheduler"])
        .into_iter()
        .rev()
        .reduce(|after, before| after - before)
        .unwrap_or_default();
    report.scheduler_share = scheduler.as_secs_f64() / took.as_secs_f64();
    report.add(&format!("schedules: {}", args.schedules), vec![round]);
    Ok(())
}

/// Executions that wait for somebody else, with one worker and with two.
async fn workers(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let slow = tokio::spawn(client::answer_slowly(listener, WAIT));
    let case = cases::calling(&url);
    for (name, roles) in [("one worker", ONE_OF_EACH), ("two workers", "api-1 worker-1 worker-2 scheduler-1")]
    {
        let cluster = Cluster::up(&args.program, roles, &[])?;
        cluster.publish(case.name, &case.workflow)?;
        let fewer = Args { requests: args.requests / 2, connections: 60, ..args.clone() };
        report.add(name, rounds(&fewer, &cluster, &case).await?);
    }
    slow.abort();
    Ok(())
}
