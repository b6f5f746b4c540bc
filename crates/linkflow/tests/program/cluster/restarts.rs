//! Every process is restarted in turn while requests come in through nginx.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::live::{Watcher, key};
use super::{Cluster, call, chain, node, slow_service, until, webhook};

/// Clients that ask again as soon as they are answered.
const N_CLIENTS: usize = 4;
/// Longer than a worker that ends waits for its executions.
const SLOW: Duration = Duration::from_secs(6);
/// What a dead worker holds is free after 20 s; what is handed on need not wait for that.
const HANDED_ON_WITHIN: Duration = Duration::from_secs(18);
const ENDED_WITHIN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_under_load_fails_no_request_and_loses_no_execution() {
    let cluster = Arc::new(Cluster::up(&[("CLUSTER_NGINX", "yes"), ("SHUTDOWN_GRACE_SECONDS", "3")]));
    let (service, in_hand) = slow_service(SLOW).await;
    let set = node("Set", "noOp", 1.0, json!({}));
    cluster.publish("quick", &chain("quick", vec![webhook("quick", "lastNode"), set]));
    cluster.publish("slow", &chain("slow", vec![webhook("slow", "onReceived"), call(&service)]));

    let is_over = Arc::new(AtomicBool::new(false));
    let n_answered = Arc::new(AtomicUsize::new(0));
    let url = format!("{}/webhook/quick", cluster.address("nginx"));
    let load: Vec<_> = (0..N_CLIENTS)
        .map(|_| {
            let (url, is_over, n_answered) = (url.clone(), is_over.clone(), n_answered.clone());
            let log = cluster.dir.join("log/nginx.log");
            tokio::spawn(async move {
                let http = reqwest::Client::new();
                while !is_over.load(Ordering::SeqCst) {
                    let body = http.post(&url).header("content-type", "application/json").body("{}");
                    let answer = body.send().await.map(|answer| answer.status().as_u16());
                    let said = || std::fs::read_to_string(&log).unwrap_or_default();
                    assert_eq!(answer.as_ref().ok(), Some(&200), "{answer:?}; nginx said: {}", said());
                    n_answered.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            })
        })
        .collect();

    // A large request, and somebody who watches, come through nginx as well.
    let large = json!({"x": "y".repeat(8 << 20)});
    let answer = cluster.post("nginx", "quick", &large).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    n_answered.fetch_add(1, Ordering::SeqCst);
    let key = key(&cluster);
    let mut watcher = Watcher::at(&cluster, "nginx", &key, None).await;
    let instance = watcher.hello["instance"].clone();

    let restart = async |name: &'static str| {
        let cluster = cluster.clone();
        tokio::task::spawn_blocking(move || cluster.ask(&["restart", name])).await.unwrap();
    };
    for name in ["api-1", "api-2"] {
        restart(name).await;
    }
    assert_eq!(watcher.until("closed").await.last().unwrap()["code"], 1001, "it is told to go elsewhere");
    assert_ne!(Watcher::at(&cluster, "nginx", &key, None).await.hello["instance"], instance);
    // Something that takes longer than either worker waits is handed on at once.
    for _ in 0..2 {
        assert_eq!(cluster.post("nginx", "slow", &json!({})).send().await.unwrap().status(), 200);
    }
    until("they run", ENDED_WITHIN, || in_hand.load(Ordering::SeqCst) == 2).await;
    for name in ["worker-1", "worker-2"] {
        restart(name).await;
    }
    let ended = Instant::now();
    for name in ["scheduler-1", "scheduler-2"] {
        restart(name).await;
    }
    let slow = "SELECT id FROM executions WHERE status = 'success' AND workflow = \
                (SELECT id FROM workflows WHERE name = 'slow')";
    until("what was handed on has ended", HANDED_ON_WITHIN + SLOW, || cluster.sql(slow).len() == 2).await;
    assert!(ended.elapsed() < HANDED_ON_WITHIN + SLOW, "{:?}", ended.elapsed());

    is_over.store(true, Ordering::SeqCst);
    for client in load {
        client.await.expect("every request was answered");
    }
    let n = n_answered.load(Ordering::SeqCst);
    assert!(n > 50, "only {n} requests came in");
    let all = BTreeMap::from([("success".to_owned(), n + 2)]);
    until("each was run once, and all of them ended well", ENDED_WITHIN, || cluster.states() == all).await;
}
