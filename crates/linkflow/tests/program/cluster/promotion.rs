//! The primary database dies, and its standby takes its place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Cluster, chain, node, until, webhook};

/// From the promotion to the first execution that is accepted again.
const BACK_WITHIN: Duration = Duration::from_secs(30);
const ENDED_WITHIN: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_survives_the_primary_and_the_service_comes_back() {
    let environment = [("CLUSTER_STANDBY", "yes"), ("CLUSTER_NGINX", "yes"), ("REDIS", "sentinel")];
    let cluster = Arc::new(Cluster::up(&environment));
    let set = node("Set", "noOp", 1.0, json!({}));
    cluster.publish("quick", &chain("quick", vec![webhook("quick", "onReceived"), set]));

    let is_over = Arc::new(AtomicBool::new(false));
    let n_accepted = Arc::new(AtomicUsize::new(0));
    let load = tokio::spawn({
        let (is_over, n_accepted) = (is_over.clone(), n_accepted.clone());
        let url = format!("{}/webhook/quick", cluster.address("nginx"));
        async move {
            let http = reqwest::Client::new();
            let mut n_unknown = 0;
            while !is_over.load(Ordering::SeqCst) {
                let ask = http.post(&url).header("content-type", "application/json").body("{}");
                match ask.timeout(Duration::from_secs(20)).send().await.map(|answer| answer.status().as_u16())
                {
                    Ok(200) => _ = n_accepted.fetch_add(1, Ordering::SeqCst),
                    // Refused, or begun and not known how it went on: it may be there or not.
                    _ => n_unknown += 1,
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            n_unknown
        }
    });
    until("requests are accepted", ENDED_WITHIN, || n_accepted.load(Ordering::SeqCst) > 20).await;

    cluster.kill("postgres");
    let promoted = {
        let cluster = cluster.clone();
        tokio::task::spawn_blocking(move || cluster.ask(&["promote"])).await.unwrap();
        Instant::now()
    };
    let before = n_accepted.load(Ordering::SeqCst);
    until("requests are accepted again", BACK_WITHIN, || n_accepted.load(Ordering::SeqCst) > before + 5)
        .await;
    println!("accepted again {:?} after the promotion", promoted.elapsed());
    is_over.store(true, Ordering::SeqCst);
    let n_unknown: usize = load.await.unwrap();

    let n = n_accepted.load(Ordering::SeqCst);
    let all_ended = || {
        let states = cluster.states();
        let n_success = states.get("success").copied().unwrap_or(0);
        let others: BTreeMap<_, _> = states.into_iter().filter(|(state, _)| state != "success").collect();
        assert!(n_success <= n + n_unknown, "{n_success} of {n} and {n_unknown}");
        others.is_empty() && n_success >= n
    };
    until("all that was accepted has ended well", ENDED_WITHIN, all_ended).await;
}
