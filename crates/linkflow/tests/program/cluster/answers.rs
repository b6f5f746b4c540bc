//! Requests that wait at one process for what a worker elsewhere says: large answers, and answers
//! with Redis gone.

use serde_json::{Value, json};

use super::{Cluster, answer, chain, node, webhook};

/// A text of this size twice makes the large answer.
const HALF_BYTES: usize = 10 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_reaches_who_waits_for_it_however_large_it_is_and_although_redis_is_gone() {
    let cluster = Cluster::up(&[]);
    let rests = || node("Rest", "wait", 1.1, json!({"resume": "timeInterval", "amount": 1, "unit": "hours"}));
    let twice = json!({"respondWith": "text", "responseBody": "={{ $json.body.x + $json.body.x }}"});
    cluster.publish("twice", &chain("twice", vec![webhook("twice", "responseNode"), answer(twice), rests()]));
    let short = json!({"respondWith": "text", "responseBody": "={{ 'got ' + $json.body.x }}"});
    let ends = vec![webhook("short", "responseNode"), answer(short.clone())];
    cluster.publish("short", &chain("short", ends));
    let goes_on = vec![webhook("goes-on", "responseNode"), answer(short), rests()];
    cluster.publish("goes-on", &chain("goes-on", goes_on));
    let same = vec![webhook("same", "lastNode"), node("Same", "noOp", 1.0, json!({}))];
    cluster.publish("same", &chain("same", same));
    let nothing_kept = json!({"saveDataSuccessExecution": "none", "saveDataErrorExecution": "none"});
    for (path, mode, last) in [
        ("unkept", "lastNode", node("Same", "noOp", 1.0, json!({}))),
        ("unkept-reply", "responseNode", answer(json!({"respondWith": "allIncomingItems"}))),
    ] {
        let mut file = chain(path, vec![webhook(path, mode), last]);
        file["settings"] = nothing_kept.clone();
        cluster.publish(path, &file);
    }
    let ask = async |path: &str, x: &str| {
        let answer = cluster.post("api-1", path, &json!({"x": x})).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };

    let half = "ab".repeat(HALF_BYTES / 2);
    let (status, text) = ask("twice", &half).await;
    assert_eq!((status, text.len()), (200, 2 * HALF_BYTES), "{}", &text[..text.len().min(200)]);
    let (status, text) = ask("same", &half[..HALF_BYTES / 10]).await;
    let item: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, item["body"]["x"].as_str().map(str::len)), (200, Some(HALF_BYTES / 10)));

    for path in ["unkept", "unkept-reply"] {
        let (status, text) = ask(path, "u").await;
        assert_eq!((status, text.contains("\"u\"")), (200, true), "{path}: {text}");
    }

    cluster.kill("redis");
    assert_eq!(ask("short", "a").await, (200, "got a".to_owned()), "an execution that has ended");
    assert_eq!(ask("goes-on", "b").await, (200, "got b".to_owned()), "one that goes on");
    for path in ["same", "unkept", "unkept-reply"] {
        let (status, text) = ask(path, "c").await;
        assert_eq!((status, text.contains("\"c\"")), (200, true), "{path}: {text}");
    }
}
