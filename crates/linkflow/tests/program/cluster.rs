//! A cluster on this machine, as `scripts/cluster.sh` starts it, with processes that die in the
//! middle of their work.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// More than one worker can run at once, and no more than two can.
const N_SLOW: usize = 16;
/// How long the outside service takes.
const SLOW: Duration = Duration::from_secs(2);
/// A dead worker's lease is over after 20 s.
const ENDED_WITHIN: Duration = Duration::from_secs(60);

struct Cluster {
    // Servers that run as another user must be able to enter it.
    dir: PathBuf,
    processes: BTreeMap<String, (String, u32)>,
    environment: Vec<(String, String)>,
    _parent: tempfile::TempDir,
}

fn script(word: &str, dir: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/cluster.sh");
    Command::new("bash")
        .arg(script)
        .arg(word)
        .arg(dir)
        .env("LINKFLOW_BIN", env!("CARGO_BIN_EXE_linkflow"))
        .envs([("CLUSTER_NGINX", "no"), ("LEADER_TTL", "2s"), ("EGRESS_ALLOW", "127.0.0.1")])
        .envs([("LOG", "warn"), ("SHUTDOWN_GRACE_SECONDS", "2")])
        .output()
        .expect("bash runs")
}

impl Cluster {
    fn up() -> Cluster {
        let parent = tempfile::tempdir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(parent.path(), open).unwrap();
        let dir = parent.path().join("cluster");
        let output = script("up", &dir);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let addresses = std::fs::read_to_string(dir.join("addresses")).unwrap();
        let process = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[0].to_owned(), (words[1].to_owned(), words[2].parse().unwrap()))
        };
        let processes = addresses.lines().map(process).collect();
        let pair = |line: &str| line.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
        let environment =
            std::fs::read_to_string(dir.join("env")).unwrap().lines().filter_map(pair).collect();
        Cluster { dir, processes, environment, _parent: parent }
    }

    fn address(&self, name: &str) -> &str {
        &self.processes[name].0
    }

    fn kill(&self, name: &str) {
        let status = Command::new("kill").args(["-9", &self.processes[name].1.to_string()]).status().unwrap();
        assert!(status.success(), "{name} could not be killed");
    }

    fn command(&self, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linkflow"));
        let output = command.args(words).envs(self.environment.clone()).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn publish(&self, name: &str, workflow: &Value) {
        let file = self.dir.join(format!("{name}.json"));
        std::fs::write(&file, workflow.to_string()).unwrap();
        self.command(&["import", "--publish", file.to_str().unwrap()]);
    }

    /// How many executions are in each state.
    fn states(&self) -> BTreeMap<String, usize> {
        let list = self.command(&["executions", "list", "--limit", "1000", "--json"]);
        let list: Value = serde_json::from_str(&list).unwrap();
        let rows = list.as_array().or_else(|| list["executions"].as_array()).expect("a list of executions");
        let mut states = BTreeMap::new();
        for row in rows {
            *states.entry(row["status"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        states
    }

    /// The scheduler that leads, once there is one among these.
    async fn leader(&self, among: &[&str]) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            for name in among {
                let metrics = reqwest::get(format!("{}/metrics", self.address(name))).await.unwrap();
                if metrics.text().await.unwrap().lines().any(|line| line == "linkflow_leader 1") {
                    return (*name).to_owned();
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("none of {among:?} leads")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        script("down", &self.dir);
    }
}

fn node(name: &str, kind: &str, version: f64, parameters: Value) -> Value {
    json!({"id": name, "name": name, "type": format!("n8n-nodes-base.{kind}"), "typeVersion": version,
           "position": [0, 0], "parameters": parameters})
}

/// A workflow in n8n's format whose nodes follow one another.
fn chain(name: &str, nodes: Vec<Value>) -> Value {
    let names: Vec<&str> = nodes.iter().map(|n| n["name"].as_str().unwrap()).collect();
    let next = |pair: &[&str]| {
        (pair[0].to_owned(), json!({"main": [[{"node": pair[1], "type": "main", "index": 0}]]}))
    };
    let connections: serde_json::Map<String, Value> = names.windows(2).map(next).collect();
    json!({"name": name, "nodes": nodes, "connections": connections, "settings": {}})
}

fn webhook(path: &str, mode: &str) -> Value {
    node("Webhook", "webhook", 2.0, json!({"path": path, "httpMethod": "POST", "responseMode": mode}))
}

/// A service outside that takes its time, and how many calls it has in hand.
async fn slow_service() -> (String, Arc<AtomicUsize>) {
    let in_hand = Arc::new(AtomicUsize::new(0));
    let counted = in_hand.clone();
    let answer = move || {
        let counted = counted.clone();
        async move {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(SLOW).await;
            counted.fetch_sub(1, Ordering::SeqCst);
            "{}"
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/", axum::routing::post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, in_hand)
}

async fn until(what: &str, within: Duration, is_so: impl Fn() -> bool) {
    let until = Instant::now() + within;
    while !is_so() {
        assert!(Instant::now() < until, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_answers_and_ends_everything_once_although_a_worker_and_the_leader_die() {
    let cluster = Cluster::up();
    let (service, in_hand) = slow_service().await;
    let body = json!({"respondWith": "json", "responseBody": "={{ { \"got\": $json.body.x } }}"});
    let answer = node("Answer", "respondToWebhook", 1.1, body);
    cluster.publish("reply", &chain("reply", vec![webhook("reply", "responseNode"), answer]));
    let call = node("Call", "httpRequest", 4.2, json!({"method": "POST", "url": service}));
    cluster.publish("slow", &chain("slow", vec![webhook("slow", "onReceived"), call]));

    // Either instance answers with what a worker elsewhere says.
    let client = reqwest::Client::new();
    let post = |api: &str, path: &str, body: Value| {
        client
            .post(format!("{}/webhook/{path}", cluster.address(api)))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
    };
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
