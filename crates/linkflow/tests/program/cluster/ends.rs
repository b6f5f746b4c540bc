//! How processes show themselves, and how they end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Cluster, call, chain, slow_service, until, webhook};

/// Longer than the story.
const SLOW: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_shows_how_it_is_and_ends_in_good_order_or_at_once() {
    let environment = [("SHUTDOWN_GRACE_SECONDS", "300"), ("SHUTDOWN_DRAIN_SECONDS", "1")];
    let cluster = Cluster::up(&environment);
    for name in ["api-1", "worker-1", "scheduler-1"] {
        for path in ["/health", "/health/live", "/health/ready", "/metrics"] {
            assert_eq!(cluster.status(name, path).await, Some(200), "{name} {path}");
        }
    }
    let seen: Value = serde_json::from_str(&cluster.command(&["doctor", "--json"])).unwrap();
    let state = |name: &str| {
        let checks = seen["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name);
        check.unwrap_or_else(|| panic!("no {name}: {seen}"))["status"].as_str().unwrap().to_owned()
    };
    let names = ["postgres", "pooler", "direct", "standby", "redis"];
    assert_eq!(names.map(state), ["ok", "ok", "ok", "warning", "warning"], "{seen}");

    let (service, in_hand) = slow_service(SLOW).await;
    cluster.publish("slow", &chain("slow", vec![webhook("slow", "lastNode"), call(&service)]));
    let waits = tokio::spawn(cluster.post("api-1", "slow", &json!({})).send());
    until("it runs", SOON, || in_hand.load(Ordering::SeqCst) == 1).await;

    // Asked to end, a process with work in hand lives, is not ready, and goes on.
    let busy = if cluster.is_busy("worker-1").await { "worker-1" } else { "worker-2" };
    for name in ["api-1", busy] {
        cluster.signal(name, "-TERM");
    }
    until("nginx would look elsewhere", SOON, || !cluster.is_ready("api-1")).await;
    until("no more work is taken", SOON, || !cluster.is_ready(busy)).await;
    assert_eq!(cluster.status(busy, "/health/live").await, Some(200));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(cluster.is_alive("api-1") && cluster.is_alive(busy), "somebody waits for both");
    assert!(!waits.is_finished());

    // Asked again, it ends at once.
    for name in ["api-1", busy] {
        cluster.signal(name, "-TERM");
        until("it is gone", SOON, || !cluster.is_alive(name)).await;
    }
    assert!(waits.await.unwrap().is_err(), "the request was cut off");

    // Without anything in hand, once is enough.
    let idle = if busy == "worker-1" { "worker-2" } else { "worker-1" };
    for name in ["api-2", "scheduler-1", "scheduler-2"] {
        cluster.signal(name, "-TERM");
    }
    for name in ["api-2", "scheduler-1", "scheduler-2"] {
        until("it has ended", SOON, || !cluster.is_alive(name)).await;
    }
    assert!(cluster.is_alive(idle));
    cluster.signal(idle, "-TERM");
    // Whatever it has taken over meanwhile is left as it is.
    tokio::time::sleep(Duration::from_millis(500)).await;
    if cluster.is_alive(idle) {
        cluster.signal(idle, "-TERM");
    }
    until("it has ended", SOON, || !cluster.is_alive(idle)).await;
}

impl Cluster {
    /// Whether a worker has an execution in hand.
    async fn is_busy(&self, name: &str) -> bool {
        let metrics = reqwest::get(format!("{}/metrics", self.address(name))).await.unwrap();
        metrics.text().await.unwrap().lines().any(|line| line == "linkflow_executions_running 1")
    }

    fn is_ready(&self, name: &str) -> bool {
        let url = format!("{}/health/ready", self.address(name));
        let asked =
            std::process::Command::new("curl").args(["-sf", "-m", "5", "-o", "/dev/null", &url]).status();
        asked.is_ok_and(|status| status.success())
    }
}
