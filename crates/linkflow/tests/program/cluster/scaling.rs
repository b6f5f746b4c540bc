//! A cluster that grows and shrinks while it works, on Redis as a cluster and with sockets that stick
//! to their instance; and another number of partitions while jobs are in them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use super::live::{Watcher, key};
use super::{Cluster, call, chain, node, script, slow_service, until, webhook};

const ENDED_WITHIN: Duration = Duration::from_secs(120);
/// How long the outside service takes: an execution is in hand whenever a process is asked to end.
const SLOW: Duration = Duration::from_millis(300);

/// Clients that order one after the other, and count what was accepted.
struct Load {
    is_over: Arc<AtomicBool>,
    n_accepted: Arc<AtomicUsize>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn of(n: usize, url: &str) -> Load {
        let (is_over, n_accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients = (0..n)
            .map(|_| {
                let (url, is_over, n_accepted) = (url.to_owned(), is_over.clone(), n_accepted.clone());
                tokio::spawn(async move {
                    let http = reqwest::Client::new();
                    while !is_over.load(Ordering::SeqCst) {
                        let answer = http.post(&url).body("{}").send().await.map(|a| a.status().as_u16());
                        assert_eq!(answer.as_ref().ok(), Some(&200), "{answer:?}");
                        n_accepted.fetch_add(1, Ordering::SeqCst);
                        tokio::time::sleep(Duration::from_millis(30)).await;
                    }
                })
            })
            .collect();
        Load { is_over, n_accepted, clients }
    }

    /// Waits until `n` more have been accepted.
    async fn goes_on(&self, n: usize) {
        let before = self.n_accepted.load(Ordering::SeqCst);
        until("orders are accepted", ENDED_WITHIN, || self.n_accepted.load(Ordering::SeqCst) >= before + n)
            .await;
    }

    /// Ends it, and gives how many were accepted.
    async fn over(self) -> usize {
        self.is_over.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.await.expect("every request was answered");
        }
        self.n_accepted.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_come_and_go_and_a_master_of_the_redis_cluster_dies_and_every_order_ends_once() {
    let shape = [("REDIS", "cluster"), ("CLUSTER_NGINX", "yes"), ("CLUSTER_STICKY", "yes")];
    let cluster = Cluster::up(&shape);
    let (service, _) = slow_service(SLOW).await;
    cluster.publish("order", &chain("order", vec![webhook("order", "onReceived"), call(&service)]));
    let load = Load::of(4, &format!("{}/webhook/order", cluster.address("nginx")));
    load.goes_on(10).await;

    let key = key(&cluster);
    let mut watcher = Watcher::at(&cluster, "nginx", &key, None).await;
    let instance = watcher.hello["instance"].clone();
    for _ in 0..3 {
        let again = Watcher::at(&cluster, "nginx", &key, None).await;
        assert_eq!(again.hello["instance"], instance, "who comes from one address stays at one instance");
    }

    // One more, which takes its share, and is asked to end while it has work in hand.
    let more = cluster.role("worker", &[("SHUTDOWN_GRACE_SECONDS", "10")]);
    let registered = format!("SELECT 1 FROM workers WHERE info::json ->> 'pid' = '{}'", more.pid());
    until("it is there", ENDED_WITHIN, || !cluster.sql(&registered).is_empty()).await;
    let has_run = format!(
        "SELECT 1 FROM executions e JOIN workers w ON w.id = e.owner WHERE w.info::json ->> 'pid' = '{}' LIMIT 1",
        more.pid()
    );
    until("it works", ENDED_WITHIN, || !cluster.sql(&has_run).is_empty()).await;
    assert!(more.asked_to_end().await.success(), "it ends in good order");

    cluster.kill("redis-1");
    load.goes_on(60).await;
    let late = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    // The socket stays, and what happens after the death is told at it.
    while watcher.next().await["at"].as_u64().is_none_or(|at| u128::from(at) < late) {}

    let n = load.over().await;
    let all = BTreeMap::from([("success".to_owned(), n)]);
    until("each was run once, and all of them ended well", ENDED_WITHIN, || cluster.states() == all).await;
    let attempts = cluster.sql("SELECT count(*) FROM executions WHERE attempt > 1");
    assert_eq!(attempts, ["0"], "nothing was cut off and begun anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_number_of_partitions_is_brought_in_process_by_process_and_strands_no_job() {
    let (before, after) = ([("QUEUE_PARTITIONS", "5")], [("QUEUE_PARTITIONS", "2")]);
    let mut cluster = Cluster::up(&before);
    let set = node("Set", "noOp", 1.0, json!({}));
    cluster.publish("order", &chain("order", vec![webhook("order", "onReceived"), set]));
    let load = Load::of(4, &format!("{}/webhook/order", cluster.address("api-2")));
    load.goes_on(30).await;

    cluster.environment = after.to_vec();
    let restart = |name: &str| {
        let output = script(&["restart", name], &cluster.dir, &cluster.environment);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    };
    // While processes differ, jobs go to partitions that some do not know of.
    for name in ["worker-1", "scheduler-1", "worker-2", "scheduler-2", "api-1"] {
        tokio::task::block_in_place(|| restart(name));
        load.goes_on(10).await;
    }
    let n = load.over().await;
    tokio::task::block_in_place(|| restart("api-2"));
    let since = Instant::now();
    let all = BTreeMap::from([("success".to_owned(), n)]);
    until("each was run once, and all of them ended well", ENDED_WITHIN, || cluster.states() == all).await;
    println!("{n} orders; the last of them ended {:?} after the last change", since.elapsed());
}
