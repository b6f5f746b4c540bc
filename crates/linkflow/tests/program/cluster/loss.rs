//! Processes that die in the middle of their work.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Cluster, answer, call, chain, slow_service, until, webhook};

/// More than one worker can run at once, and no more than two can.
const N_SLOW: usize = 16;
/// How long the outside service takes.
const SLOW: Duration = Duration::from_secs(2);
/// A dead worker's lease is over after 20 s.
const ENDED_WITHIN: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_answers_and_ends_everything_once_although_a_worker_and_the_leader_die() {
    let cluster = Cluster::up(&[]);
    let (service, in_hand) = slow_service(SLOW).await;
    let body = json!({"respondWith": "json", "responseBody": "={{ { \"got\": $json.body.x } }}"});
    cluster.publish("reply", &chain("reply", vec![webhook("reply", "responseNode"), answer(body)]));
    cluster.publish("slow", &chain("slow", vec![webhook("slow", "onReceived"), call(&service)]));

    // Either instance answers with what a worker elsewhere says.
    let post = async |api: &str, path: &str, body: Value| cluster.post(api, path, &body).send().await;
    for (n, api) in ["api-1", "api-2"].into_iter().enumerate() {
        let answer = post(api, "reply", json!({"x": n})).await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer, json!({"got": n}), "{api}");
    }

    for n in 0..N_SLOW {
        let api = if n % 2 == 0 { "api-1" } else { "api-2" };
        assert_eq!(post(api, "slow", json!({})).await.unwrap().status(), 200);
    }
    // Ten at most run at one worker, so both have some in hand.
    until("both workers are busy", Duration::from_secs(10), || in_hand.load(Ordering::SeqCst) > 10).await;
    cluster.kill("worker-1");
    let schedulers = ["scheduler-1", "scheduler-2"];
    let dead = cluster.leader(&schedulers).await;
    cluster.kill(&dead);
    let others: Vec<&str> = schedulers.into_iter().filter(|name| *name != dead).collect();
    cluster.leader(&others).await;

    let all = BTreeMap::from([("success".to_owned(), N_SLOW + 2)]);
    until("all have ended well, each once", ENDED_WITHIN, || cluster.states() == all).await;
}
