//! The program is killed again and again under load; what it accepted ends, each once.
//!
//! What the clients were told, what the outside service saw and what the store holds are
//! collected apart from each other and compared at the end by [`problems`]. The size comes from
//! `LINKFLOW_CRASH_WEBHOOKS` (400 without it), the seed from `LINKFLOW_SEED`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use linkflow_engine::Event;
use linkflow_model::{ExecutionId, Millis, Status};
use linkflow_store::{ExecutionFilter, Options, Store};
use serde_json::{Value, json};

use crate::server::{Owner, Server};

/// Clients that send side by side.
const CLIENTS: u64 = 8;
/// An execution that a kill interrupted must have gone on within this time of the restart.
const RESUME_MS_MAX: u64 = 5_000;

/// Calls of the outside service: by request and place in the workflow, how often each
/// idempotency key came.
type Effects = BTreeMap<(u64, String), BTreeMap<String, u32>>;

/// What the clients were told: which execution each of their requests started.
type Told = BTreeMap<u64, ExecutionId>;

/// What the store holds about one execution.
#[derive(Clone, Debug)]
struct Kept {
    id: ExecutionId,
    status: Status,
    events: Vec<Event>,
}

/// When the program was killed, and when it was ready again.
#[derive(Clone, Copy, Debug)]
struct Restart {
    killed_at: Millis,
    ready_at: Millis,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_before_a_kill_ends_once_after_it() {
    let n = setting("LINKFLOW_CRASH_WEBHOOKS").unwrap_or(400);
    let seed = setting("LINKFLOW_SEED").unwrap_or_else(|| now().0 as u64);
    println!("LINKFLOW_SEED={seed} LINKFLOW_CRASH_WEBHOOKS={n}");
    let effects = Arc::new(Mutex::new(Effects::new()));
    let service = service(effects.clone()).await;
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let port = server.port();
    let owner = Owner::of(&server).await;
    owner.publish(&server, &order(&service)).await;

    let told = Arc::new(Mutex::new(Told::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let requests = (client..n).step_by(CLIENTS as usize).collect();
            tokio::spawn(send(format!("{}/webhook/order", server.base), requests, told.clone()))
        })
        .collect();
    let killer =
        tokio::spawn(kill_again_and_again(server, dir.path().to_owned(), port, seed, is_over.clone()));
    for client in clients {
        client.await.unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    let (server, restarts) = killer.await.unwrap();
    wait_for_ends(&owner, &server, n).await;
    server.kill();

    let kept = kept(dir.path()).await;
    let effects = effects.lock().unwrap().clone();
    let told = told.lock().unwrap().clone();
    let repeats: u32 = effects.values().flat_map(|keys| keys.values()).map(|n| n - 1).sum();
    println!(
        "{n} webhooks, {} kills, {} executions, {repeats} effects repeated with the same key, \
         slowest resume {} ms",
        restarts.len(),
        kept.len(),
        slowest_resume_ms(&kept, &restarts),
    );
    assert!(restarts.len() >= 3, "the program was killed {} times only", restarts.len());
    assert_eq!(problems(n, &told, &effects, &kept, &restarts), Vec::<String>::new(), "seed {seed}");
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|v| v.parse().expect("a number"))
}

fn now() -> Millis {
    Millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

/// Set, a call of the service, a rest for every tenth order, a second call.
fn order(service: &str) -> Value {
    let call = |id: &str, name: &str, path: &str| {
        json!({
            "id": id, "name": name, "kind": "http_request",
            "params": {"method": "POST", "url": format!("{service}/{path}"), "sendBody": true,
                       "specifyBody": "json", "jsonBody": "={{ { \"order\": $('Order').item.json.body.order } }}"}
        })
    };
    let edge =
        |from: &str, port: u32, to: &str| json!({"from": {"node": from, "port": port}, "to": {"node": to}});
    json!({
        "name": "Order",
        "nodes": [
            {"id": "w", "name": "Order", "kind": "webhook",
             "params": {"httpMethod": "POST", "path": "order", "responseMode": "onReceived"}},
            call("first", "Reserve", "reserve"),
            {"id": "if", "name": "Tenth?", "kind": "if", "params": {"conditions": {
                "combinator": "and", "options": {"typeValidation": "loose"},
                "conditions": [{"leftValue": "={{ $('Order').item.json.body.order % 10 }}", "rightValue": 0,
                                "operator": {"type": "number", "operation": "equals"}}]}}},
            {"id": "wait", "name": "Wait", "kind": "wait", "params": {"amount": 2, "unit": "seconds"}},
            {"id": "s", "name": "Note", "kind": "set", "params": {"mode": "raw", "jsonOutput": "{\"noted\": true}"}},
            call("second", "Ship", "ship"),
        ],
        "edges": [edge("w", 0, "first"), edge("first", 0, "if"), edge("if", 0, "wait"), edge("if", 1, "s"),
                  edge("wait", 0, "second"), edge("s", 0, "second")]
    })
}

/// The service that the workflow calls: it counts what it sees.
async fn service(effects: Arc<Mutex<Effects>>) -> String {
    let handler = move |path: axum::extract::Path<String>, headers: HeaderMap, body: String| {
        let effects = effects.clone();
        async move {
            let body: Value = serde_json::from_str(&body).unwrap();
            let order = body["order"].as_u64().expect("an order");
            let key = headers.get("idempotency-key").map_or("", |k| k.to_str().unwrap()).to_owned();
            // Slow enough that there is always a call that a kill cuts off.
            tokio::time::sleep(Duration::from_millis(order * 7 % 50)).await;
            let mut effects = effects.lock().unwrap();
            *effects.entry((order, path.0)).or_default().entry(key).or_default() += 1;
            r#"{"ok": true}"#
        }
    };
    let router = axum::Router::new().route("/{path}", axum::routing::post(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Sends each request until it is accepted; a repeat after a broken connection has the same key.
async fn send(url: String, requests: Vec<u64>, told: Arc<Mutex<Told>>) {
    let http = reqwest::Client::new();
    for order in requests {
        // Spreads the load over many kills.
        tokio::time::sleep(Duration::from_millis(40)).await;
        let body = json!({"order": order}).to_string();
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let request = http
                .post(&url)
                .header("content-type", "application/json")
                .header("idempotency-key", format!("order-{order}"))
                .body(body.clone());
            if let Ok(response) = request.send().await {
                let status = response.status().as_u16();
                let id = response.headers().get("linkflow-execution").cloned();
                if status == 200 && response.bytes().await.is_ok() {
                    let id = id.expect("the answer names the execution");
                    let id = id.to_str().unwrap().parse().expect("an id");
                    told.lock().unwrap().insert(order, ExecutionId(id));
                    break;
                }
                assert!(matches!(status, 200 | 503), "order {order} was refused with {status}");
            }
            assert!(Instant::now() < until, "order {order} was not accepted within 60 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Kills the program at random moments and starts it anew, until the load is over.
async fn kill_again_and_again(
    mut server: Server,
    dir: std::path::PathBuf,
    port: u16,
    seed: u64,
    is_over: Arc<AtomicBool>,
) -> (Server, Vec<Restart>) {
    let mut restarts = Vec::new();
    let mut random = Random(seed);
    while !is_over.load(Ordering::Relaxed) || restarts.len() < 3 {
        tokio::time::sleep(Duration::from_millis(150 + random.below(1_500))).await;
        let killed_at = now();
        server.kill();
        server = Server::start_on(&dir, port).await;
        restarts.push(Restart { killed_at, ready_at: now() });
    }
    (server, restarts)
}

/// A small generator (splitmix64): the moments of the kills need no better one.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

async fn wait_for_ends(owner: &Owner, server: &Server, n: u64) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        // One query for all: an execution that changes its state meanwhile is not missed.
        let path = "/api/v1/executions?limit=1&status=ready,running,waiting";
        let (code, page) = owner.get(server, path).await;
        assert_eq!(code, 200, "{page}");
        if page["items"].as_array().unwrap().is_empty() {
            return;
        }
        assert!(Instant::now() < until, "not all of {n} executions ended within 60 s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Everything the store holds, read by itself.
async fn kept(dir: &Path) -> Vec<Kept> {
    let store = Store::open(dir, Options::default()).unwrap();
    let workspace = store.workspaces().await.unwrap()[0];
    let mut kept = Vec::new();
    let mut cursor = None;
    loop {
        let filter = ExecutionFilter { limit: 100, cursor, ..ExecutionFilter::default() };
        let page = store.executions(workspace, filter).await.unwrap();
        for record in page.items {
            let loaded = store.load(workspace, record.id).await.unwrap().expect("it is listed");
            let events = loaded.entries.into_iter().map(|e| e.event).collect();
            kept.push(Kept { id: record.id, status: record.status, events });
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    store.close().await;
    kept
}

/// What is wrong: with what the clients were told, with the effects, with the journals, with the
/// time that executions took to go on.
fn problems(n: u64, told: &Told, effects: &Effects, kept: &[Kept], restarts: &[Restart]) -> Vec<String> {
    let mut found = Vec::new();
    let by_id: HashMap<ExecutionId, &Kept> = kept.iter().map(|k| (k.id, k)).collect();
    if told.len() as u64 != n {
        found.push(format!("{} of {n} requests were accepted", told.len()));
    }
    if kept.len() != told.len() {
        found.push(format!("{} executions for {} accepted requests", kept.len(), told.len()));
    }
    for (order, id) in told {
        if !by_id.contains_key(id) {
            found.push(format!("order {order}: execution {id} is lost"));
        }
        for place in ["reserve", "ship"] {
            match effects.get(&(*order, place.to_owned())) {
                None => found.push(format!("order {order}: {place} was never called")),
                Some(keys) if keys.len() > 1 || keys.contains_key("") => {
                    found.push(format!("order {order}: {place} was called with {} keys", keys.len()));
                }
                Some(_) => {}
            }
        }
    }
    found.extend(kept.iter().flat_map(journal_problems));
    let slowest = slowest_resume_ms(kept, restarts);
    if slowest > RESUME_MS_MAX {
        found.push(format!("an interrupted execution went on {slowest} ms after the restart"));
    }
    found
}

fn journal_problems(kept: &Kept) -> Vec<String> {
    let mut found = Vec::new();
    let mut say = |what: String| found.push(format!("{}: {what}", kept.id));
    if kept.status != Status::Success {
        say(format!("it is {}", kept.status.as_str()));
    }
    let mut done = BTreeMap::<u32, u32>::new();
    for event in &kept.events {
        if let Event::Done { step, .. } = event {
            *done.entry(*step).or_default() += 1;
        }
    }
    for (step, times) in done.iter().filter(|(_, times)| **times > 1) {
        say(format!("step {step} is recorded {times} times"));
    }
    // Reserve, If, Wait or Note, Ship.
    if done.len() != 4 {
        say(format!("{} steps are recorded, there are 4", done.len()));
    }
    let ends = kept.events.iter().filter(|e| matches!(e, Event::Finished { .. })).count();
    if ends != 1 {
        say(format!("it has {ends} ends"));
    }
    found
}

/// The longest that an execution which was under way at a kill took to record something after
/// the program was ready again. Those that rest do not count, nor those that had only been
/// accepted; another kill ends the time that an execution had.
fn slowest_resume_ms(kept: &[Kept], restarts: &[Restart]) -> u64 {
    let mut slowest = 0;
    for (i, restart) in restarts.iter().enumerate() {
        let next_kill = restarts.get(i + 1).map_or(Millis(i64::MAX), |r| r.killed_at);
        for kept in kept {
            let before = kept.events.iter().rev().find(|e| e.at() <= restart.killed_at);
            let after = kept.events.iter().find(|e| e.at() > restart.killed_at);
            let (Some(before), Some(after)) = (before, after) else { continue };
            if !matches!(before, Event::Parked { .. } | Event::Started { .. }) {
                slowest = slowest.max(after.at().min(next_kill).since(restart.ready_at));
            }
        }
    }
    slowest
}

// The checker itself, on runs that were made up: each thing that can go wrong is named.

fn good() -> (Told, Effects, Vec<Kept>, Vec<Restart>) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static CLOCK: AtomicU64 = AtomicU64::new(1_000);
    let (mut told, mut effects, mut kept) = (Told::new(), Effects::new(), Vec::new());
    for order in 0..3 {
        let start = CLOCK.fetch_add(10, Ordering::Relaxed) as i64;
        let id = ExecutionId::new(Millis(start), u128::from(NEXT.fetch_add(1, Ordering::Relaxed)));
        told.insert(order, id);
        for place in ["reserve", "ship"] {
            effects.insert((order, place.to_owned()), [(format!("{id}-{place}"), 2)].into());
        }
        let at = Millis(start);
        let done = |step| Event::Done { at, step, attempt: 1, outputs: vec![1], failed: false };
        let mut events = vec![Event::Started { at, node: 0, outputs: vec![1] }];
        events.extend((1..=4).map(done));
        events.push(Event::Finished { at, outcome: linkflow_engine::Outcome::Success });
        kept.push(Kept { id, status: Status::Success, events });
    }
    (told, effects, kept, Vec::new())
}

fn check(spoil: impl FnOnce(&mut Told, &mut Effects, &mut Vec<Kept>, &mut Vec<Restart>), expected: &[&str]) {
    let (mut told, mut effects, mut kept, mut restarts) = good();
    spoil(&mut told, &mut effects, &mut kept, &mut restarts);
    let found = problems(3, &told, &effects, &kept, &restarts);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, part) in found.iter().zip(expected) {
        assert!(found.contains(part), "{found} does not say {part}");
    }
}

#[test]
fn the_checker_names_each_thing_that_can_go_wrong() {
    check(|_, _, _, _| {}, &[]);
    check(|_, _, kept, _| drop(kept.pop()), &["2 executions for 3", "is lost"]);
    check(|_, _, kept, _| kept.push(good().2.remove(0)), &["4 executions for 3"]);
    check(|_, _, kept, _| kept[0].status = Status::Waiting, &["it is waiting"]);
    check(|_, _, kept, _| drop(kept[1].events.remove(2)), &["3 steps are recorded"]);
    check(
        |_, _, kept, _| {
            let again = kept[1].events[2].clone();
            kept[1].events.insert(3, again);
        },
        &["step 2 is recorded 2 times"],
    );
    check(|_, _, kept, _| drop(kept[2].events.pop()), &["it has 0 ends"]);
    check(
        |_, effects, _, _| drop(effects.remove(&(1, "ship".to_owned()))),
        &["order 1: ship was never called"],
    );
    check(
        |_, effects, _, _| {
            effects.get_mut(&(0, "reserve".to_owned())).unwrap().insert("another".to_owned(), 1);
        },
        &["order 0: reserve was called with 2 keys"],
    );
    check(
        |_, _, kept, restarts| {
            let first = kept[0].events[1].at();
            restarts.push(Restart { killed_at: first, ready_at: Millis(first.0 + 100) });
            let late = Millis(first.0 + 100 + 6_000);
            for event in &mut kept[0].events[2..] {
                match event {
                    Event::Done { at, .. } | Event::Finished { at, .. } => *at = late,
                    _ => {}
                }
            }
        },
        &["went on 6000 ms after the restart"],
    );
}
