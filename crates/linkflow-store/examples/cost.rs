//! What one execution costs in the store: accept, claim and the final append, by many callers.
//!
//! `cargo run --release -p linkflow-store --example cost -- [EXECUTIONS] [CALLERS]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use linkflow_engine::{Event, Outcome};
use linkflow_model::*;
use linkflow_store::*;
use serde_json::json;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<u64>().expect("a number"));
    let n = arguments.next().unwrap_or(20_000);
    let callers = arguments.next().unwrap_or(64);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path(), Options::default()).expect("a new store opens");
    let key = store.register_worker(Millis(0), 1 << 40, json!({})).await.expect("a worker registers");
    let next = Arc::new(AtomicU64::new(0));
    for _ in 0..4 {
        let (begin, cpu) = (Instant::now(), cpu_us());
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
        println!(
            "{n} executions: {:.1} us CPU and {:.1} us of time each; {:?}",
            (cpu_us() - cpu) as f64 / n as f64,
            begin.elapsed().as_micros() as f64 / n as f64,
            store.size().await.expect("the size is known"),
        );
    }
    store.close().await;
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
        claimed_by: None,
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
    let append = Append { execution: id, seq: claimed.seq, entries, then, started_at: None };
    store.append(key, append).await.expect("it is appended");
}

/// CPU time of this process so far, in microseconds.
fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<i64> =
        stat.rsplit(')').next().unwrap_or("").split_whitespace().filter_map(|f| f.parse().ok()).collect();
    // Without the state, which is no number: utime and stime are the 11th and 12th, in ticks of 10 ms.
    fields.get(10..12).map_or(0, |f| (f[0] + f[1]) as u64 * 10_000)
}
