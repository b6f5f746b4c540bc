//! What one execution costs in the store: accept, claim and the final append, by many callers.
//!
//! `cargo run --release -p linkflow-store --example cost -- [EXECUTIONS] [CALLERS] [sqlite|postgres|pooler]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use linkflow_engine::{Event, Outcome};
use linkflow_model::*;
use linkflow_store::*;
use serde_json::json;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or: u64| arguments.next().map_or(or, |a| a.parse().expect("a number"));
    let (n, callers) = (number(20_000), number(64));
    let on = arguments.next().unwrap_or_else(|| "sqlite".to_owned());
    let dir = tempfile::tempdir().expect("a temporary directory");
    let servers = (on != "sqlite").then(|| Servers::start(dir.path()));
    let store = match &servers {
        None => Store::open(dir.path(), Options::default()).expect("a new store opens"),
        Some(servers) => {
            let url = servers.url(if on == "pooler" { servers.pgbouncer } else { servers.postgres });
            let direct_url = Some(servers.url(servers.postgres));
            let options = PgOptions { direct_url, ..PgOptions::new(url, dir.path().join("files")) };
            Store::connect(options).expect("the new server takes connections")
        }
    };
    let key = store.register_worker(Millis(0), 1 << 40, json!({})).await.expect("a worker registers");
    let next = Arc::new(AtomicU64::new(0));
    for _ in 0..4 {
        let (begin, before) = (Instant::now(), Spent::now(servers.as_ref()));
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (store, key) = (store.clone(), key.clone());
                let next = next.clone();
                tokio::spawn(async move {
                    for _ in 0..n / callers {
                        // In the order of time, as ids are.
                        one(&store, &key, next.fetch_add(1, Ordering::Relaxed)).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no caller fails");
        }
        let n = n / callers * callers;
        let after = Spent::now(servers.as_ref());
        println!(
            "{n} executions, {:.1} us of time each; CPU each: {}; {:?}",
            begin.elapsed().as_micros() as f64 / n as f64,
            after.since(&before, n),
            store.size().await.expect("the size is known"),
        );
    }
    store.close().await;
}

/// PostgreSQL and PgBouncer of this run; they end with it.
struct Servers {
    child: std::process::Child,
    postgres: u16,
    pgbouncer: u16,
    postmaster_pid: u32,
    pooler_pid: u32,
}

impl Servers {
    fn start(dir: &std::path::Path) -> Servers {
        use std::io::BufRead;
        let dir = dir.join("servers");
        let mut child = std::process::Command::new("bash")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/postgres.sh"))
            .arg("serve")
            .arg(&dir)
            .env("POSTGRES_FSYNC", "on")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("bash starts");
        let lines = std::io::BufReader::new(child.stdout.take().expect("its output is read")).lines();
        let lines: Vec<String> = lines.map_while(Result::ok).take_while(|line| line != "ready").collect();
        let port = |name: &str| {
            let found = lines.iter().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            found.unwrap_or_else(|| panic!("scripts/postgres.sh started no {name}"))
        };
        let pid = |file: &str| {
            let text = std::fs::read_to_string(dir.join(file)).expect("a server leaves its number");
            text.lines().next().and_then(|line| line.parse().ok()).expect("a number")
        };
        Servers {
            postgres: port("postgres"),
            pgbouncer: port("pgbouncer"),
            postmaster_pid: pid("data/postmaster.pid"),
            pooler_pid: pid("pooler/pgbouncer.pid"),
            child,
        }
    }

    fn url(&self, port: u16) -> String {
        format!("postgres://linkflow@127.0.0.1:{port}/postgres?sslmode=disable")
    }
}

impl Drop for Servers {
    /// They end when their input does; the directory they are in goes after them.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// CPU time so far, in microseconds.
struct Spent {
    client: u64,
    pooler: u64,
    postgres: u64,
}

impl Spent {
    fn now(servers: Option<&Servers>) -> Spent {
        let client = cpu_us("self").unwrap_or_default().0;
        let Some(servers) = servers else { return Spent { client, pooler: 0, postgres: 0 } };
        let (own, ended) = cpu_us(&servers.postmaster_pid.to_string()).unwrap_or_default();
        let children = std::fs::read_dir("/proc").expect("/proc is there").flatten().filter_map(|entry| {
            let pid = entry.file_name().into_string().ok().filter(|n| n.parse::<u32>().is_ok())?;
            let (cpu, _) = cpu_us(&pid).filter(|_| parent_of(&pid) == Some(servers.postmaster_pid))?;
            Some(cpu)
        });
        Spent {
            client,
            pooler: cpu_us(&servers.pooler_pid.to_string()).unwrap_or_default().0,
            postgres: own + ended + children.sum::<u64>(),
        }
    }

    fn since(&self, before: &Spent, n: u64) -> String {
        let each = |now: u64, before: u64| now.saturating_sub(before) as f64 / n as f64;
        let parts = [
            each(self.client, before.client),
            each(self.pooler, before.pooler),
            each(self.postgres, before.postgres),
        ];
        let sum: f64 = parts.iter().sum();
        format!("{sum:.1} us (client {:.1}, PgBouncer {:.1}, PostgreSQL {:.1})", parts[0], parts[1], parts[2])
    }
}

/// The numbers of a process behind its name: the state comes first.
fn stat(pid: &str) -> Option<Vec<i64>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().skip(1).map(|field| field.parse().unwrap_or(0)).collect())
}

fn parent_of(pid: &str) -> Option<u32> {
    u32::try_from(*stat(pid)?.first()?).ok()
}

/// CPU time of a process, and of those children of it that have ended.
fn cpu_us(pid: &str) -> Option<(u64, u64)> {
    let fields = stat(pid)?;
    // In ticks of 10 ms.
    let sum =
        |range: std::ops::Range<usize>| fields.get(range).map(|f| f.iter().sum::<i64>() as u64 * 10_000);
    Some((sum(10..12)?, sum(12..14)?))
}

async fn one(store: &Store, key: &WorkerKey, i: u64) {
    let at = Millis(1_700_000_000_000 + i as i64 / 100);
    let id = ExecutionId::new(at, u128::from(i));
    let item = Item::from_value(json!({"headers": {"host": "localhost", "user-agent": "bench/1.0",
        "content-type": "application/json"}, "params": {}, "query": {}, "body": {"id": i, "name": "Order"}}));
    let outputs = Some(vec![Arc::new(vec![item])]);
    let data = EntryData { outputs, ..EntryData::default() };
    let new = NewExecution {
        id,
        workspace: WorkspaceId(uuid::Uuid::from_u128(1)),
        workflow: WorkflowId(uuid::Uuid::from_u128(2)),
        version: 1,
        mode: Mode::Webhook,
        parent: None,
        retry_of: None,
        idempotency: None,
        queue: "default".to_owned(),
        created_at: at,
        entries: vec![Entry { event: Event::Started { at, node: 0, outputs: vec![1] }, data: data.clone() }],
    };
    store.accept(new).await.expect("it is accepted");
    let claimed = store.claim(key, vec![id], at).await.expect("the lease holds").remove(0);
    let mut entries: Vec<Entry> = (1..4)
        .map(|step| Entry {
            event: Event::Done { at, step, attempt: 1, outputs: vec![1], failed: false },
            data: data.clone(),
        })
        .collect();
    entries.push(Entry::of(Event::Finished { at, outcome: Outcome::Success }));
    let then = Then::Finish {
        status: Status::Success,
        error: None,
        error_node: None,
        keep_data: true,
        custom_data: None,
    };
    let append = Append {
        execution: id,
        claim: claimed.claim,
        takes: false,
        seq: claimed.seq,
        entries,
        then,
        started_at: None,
    };
    store.append(key, append).await.expect("it is appended");
}
