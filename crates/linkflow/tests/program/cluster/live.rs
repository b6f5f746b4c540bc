//! Those who watch: the same events under the same numbers at every instance.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use super::{Cluster, chain, node, until, webhook};

/// Longer than anything here takes on the slowest machine.
const HEARD_WITHIN: Duration = Duration::from_secs(60);

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Someone who watches an instance.
pub struct Watcher {
    socket: Socket,
    pub hello: Value,
}

impl Watcher {
    /// Watches the executions; with `since`, also those after that number.
    pub async fn at(cluster: &Cluster, name: &str, key: &str, since: Option<u64>) -> Watcher {
        let url = format!("ws://127.0.0.1:{}/ws", cluster.port(name));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let mut watcher = Watcher { socket, hello: Value::Null };
        watcher.hello = watcher.next().await;
        let mut wish = json!({"type": "subscribe", "topics": ["executions"]});
        if let Some(since) = since {
            wish["since"] = json!(since);
        }
        watcher.say(wish).await;
        watcher
    }

    async fn say(&mut self, wish: Value) {
        self.socket.send(Message::Text(wish.to_string().into())).await.unwrap();
    }

    /// The next thing that is said; `closed` with the reason when the socket ends.
    pub async fn next(&mut self) -> Value {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                    Some(Ok(Message::Close(frame))) => {
                        let code = frame.map(|f| u16::from(f.code));
                        return json!({"type": "closed", "code": code});
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return json!({"type": "closed", "code": null}),
                }
            }
        };
        tokio::time::timeout(HEARD_WITHIN, next).await.expect("something is said in time")
    }

    /// Everything up to the next thing of this type, that included.
    pub async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            heard.push(self.next().await);
            if heard.last().is_some_and(|said| said["type"] == kind) {
                return heard;
            }
            assert!(heard.len() < 1_000, "no {kind} among {:?}", &heard[..10]);
        }
    }

    /// What was said before has been taken in when this is over. Gives what came meanwhile.
    pub async fn settled(&mut self) -> Vec<Value> {
        self.say(json!({"type": "ping"})).await;
        let mut heard = self.until("pong").await;
        heard.pop();
        heard
    }
}

pub fn key(cluster: &Cluster) -> String {
    let made = cluster.command(&["apikey", "create", "watch", "--scope", "read", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    made["key"].as_str().unwrap().to_owned()
}

fn seq(event: &Value) -> u64 {
    event["seq"].as_u64().unwrap_or_else(|| panic!("no number: {event}"))
}

/// Number, type and execution of each.
fn told(events: &[Value]) -> Vec<String> {
    events.iter().map(|e| format!("{} {} {}", e["seq"], e["type"], e["execution_id"])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_sees_one_order_at_every_instance_and_nobody_pays_when_nobody_does() {
    let cluster = Cluster::up(&[]);
    let key = key(&cluster);
    let set = node("Set", "noOp", 1.0, json!({}));
    cluster.publish("ends", &chain("ends", vec![webhook("ends", "lastNode"), set]));
    let run = async |name: &str| {
        let answer = cluster.post(name, "ends", &json!({})).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    };

    // Nobody watches: Redis hears of jobs and of ends, and of nothing that happens.
    for _ in 0..20 {
        run("api-1").await;
    }
    let commands = cluster.redis_commands("redis");
    let of_feed: u64 = ["xadd", "xread", "xrevrange"].iter().filter_map(|name| commands.get(*name)).sum();
    assert_eq!(of_feed, 0, "{commands:?}");

    // Two watch at two instances, and see the same under the same numbers.
    let mut one = Watcher::at(&cluster, "api-1", &key, None).await;
    let mut other = Watcher::at(&cluster, "api-2", &key, None).await;
    assert_eq!(one.hello["feed"], other.hello["feed"]);
    assert_ne!(one.hello["instance"], other.hello["instance"]);
    for watcher in [&mut one, &mut other] {
        watcher.settled().await;
    }
    // What happened just before the first one came, at a process that knew nothing of it, is a gap.
    run("api-1").await;
    let mut heard = one.until("execution.finished").await;
    heard.retain(|said| said["type"] != "resync");
    assert_eq!(heard.len(), 3, "accepted, started, finished: {heard:?}");
    assert!(heard.windows(2).all(|pair| seq(&pair[0]) < seq(&pair[1])), "{heard:?}");
    let mut same = other.until("execution.finished").await;
    same.retain(|said| said["type"] != "resync");
    assert_eq!(told(&heard), told(&same));

    // Who comes back elsewhere goes on where it was, although its instance is gone.
    drop(one);
    let last = seq(&heard[2]);
    run("api-2").await;
    let missed = other.until("execution.finished").await;
    cluster.kill("api-1");
    let mut back = Watcher::at(&cluster, "api-2", &key, Some(last)).await;
    assert_eq!(told(&back.until("execution.finished").await), told(&missed));
    let mut late = Watcher::at(&cluster, "api-2", &key, Some(1)).await;
    assert_eq!(late.next().await["type"], "resync", "that number is of another life");

    // Without Redis whoever watches has to ask, and hears when that is over.
    cluster.kill("redis");
    assert_eq!(other.next().await["type"], "away");
    run("api-2").await;
    let port = cluster.port("redis").to_string();
    let redis = std::process::Command::new("redis-server")
        .args(["--port", &port, "--bind", "127.0.0.1", "--save", ""])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let _ends = Ends(redis);
    assert_eq!(other.next().await["type"], "resync");
    until("what happens is heard again", HEARD_WITHIN, || {
        cluster.redis_commands("redis").contains_key("xread")
    })
    .await;
    let ran = tokio::time::timeout(HEARD_WITHIN, async {
        // A worker finds the new server a moment later than the instance does.
        loop {
            run("api-2").await;
            if other.settled().await.iter().any(|said| said["type"] == "execution.finished") {
                return;
            }
        }
    });
    ran.await.expect("events come again");
}

/// Ends a server with the story.
struct Ends(std::process::Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
