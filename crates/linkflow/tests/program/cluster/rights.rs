//! What every request looks up, at two instances that share what they know: what is taken back at one
//! is refused at the other, and Redis is needed for none of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Cluster, chain, node, webhook};

/// Far longer than a message takes, and shorter than the shelf keeps what nobody takes from it.
const TOLD_WITHIN: Duration = Duration::from_secs(3);
/// How long what was not told is kept at the most, and time for a slow machine.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(20);

async fn status(cluster: &Cluster, name: &str, path: &str, key: &str) -> u16 {
    let url = format!("{}{path}", cluster.address(name));
    reqwest::Client::new().get(url).bearer_auth(key).send().await.unwrap().status().as_u16()
}

fn make_key(cluster: &Cluster, name: &str, scope: &str) -> (String, String) {
    let made = cluster.command(&["apikey", "create", name, "--scope", scope, "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

async fn take_back(cluster: &Cluster, name: &str, admin: &str, id: &str) {
    let url = format!("{}/api/v1/api-keys/{id}", cluster.address(name));
    let answer = reqwest::Client::new().delete(url).bearer_auth(admin).send().await.unwrap();
    assert_eq!(answer.status(), 204);
}

/// How lookups of this cache were answered: in memory, from the shelf, by the database.
async fn lookups(cluster: &Cluster, name: &str, cache: &str) -> [u64; 3] {
    let text =
        reqwest::get(format!("{}/metrics", cluster.address(name))).await.unwrap().text().await.unwrap();
    ["memory", "shelf", "database"].map(|level| {
        let wanted = format!("linkflow_cache_lookups_total{{cache=\"{cache}\",level=\"{level}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&wanted)?.parse().ok()).unwrap_or(0)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_instance_looked_up_serves_the_others_and_what_it_takes_back_is_refused_by_all() {
    let cluster = Cluster::up(&[]);
    let (_, admin) = make_key(&cluster, "admin", "admin");
    let (id, key) = make_key(&cluster, "reader", "read");
    let list = "/api/v1/workflows";
    for name in ["api-1", "api-2"] {
        for _ in 0..20 {
            assert_eq!(status(&cluster, name, list, &key).await, 200);
        }
    }
    let [memory, shelf, database] = lookups(&cluster, "api-2", "api_keys").await;
    assert!(memory >= 10 && shelf >= 1, "memory {memory}, shelf {shelf}, database {database}");

    take_back(&cluster, "api-1", &admin, &id).await;
    assert_eq!(status(&cluster, "api-1", list, &key).await, 401, "at once, where it was taken back");
    let refused = async { while status(&cluster, "api-2", list, &key).await != 401 {} };
    tokio::time::timeout(TOLD_WITHIN, refused).await.expect("the other instance hears of it");

    // A workflow that is published at one instance answers at the other.
    let set = node("Set", "noOp", 1.0, json!({}));
    let client = reqwest::Client::new();
    let ask = async |name: &str| {
        let url = format!("{}/webhook/hello", cluster.address(name));
        client.post(url).body("{}").send().await.unwrap().status().as_u16()
    };
    assert_eq!((ask("api-1").await, ask("api-2").await), (404, 404));
    let file = chain("hello", vec![webhook("hello", "onReceived"), set]);
    let (_, writer) = make_key(&cluster, "writer", "write");
    let url = format!("{}/api/v1/workflows/import?publish=true", cluster.address("api-1"));
    let file = client
        .post(url)
        .bearer_auth(&writer)
        .header("content-type", "application/json")
        .body(file.to_string());
    let published = file.send().await.unwrap();
    assert!(published.status().is_success(), "{}", published.text().await.unwrap());
    let answers = async { while ask("api-2").await != 200 {} };
    tokio::time::timeout(TOLD_WITHIN, answers).await.expect("the other instance hears of it");

    // Without Redis it takes as long as memory keeps it.
    let (id, key) = make_key(&cluster, "second", "read");
    assert_eq!(status(&cluster, "api-2", list, &key).await, 200);
    cluster.kill("redis");
    assert_eq!(status(&cluster, "api-2", list, &key).await, 200);
    take_back(&cluster, "api-1", &admin, &id).await;
    let refused = async {
        while status(&cluster, "api-2", list, &key).await != 401 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(FORGOTTEN_WITHIN, refused).await.expect("it is forgotten");
}
