//! Clusters on this machine, as `scripts/cluster.sh` starts them: each story has one of its own, and
//! whoever is in it may die.

mod answers;
mod ends;
mod live;
mod loss;
mod promotion;
mod queues;
mod restarts;
mod rights;
mod scaling;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

struct Cluster {
    // Servers that run as another user must be able to enter it.
    dir: PathBuf,
    /// What other commands need to reach it.
    settings: Vec<(String, String)>,
    environment: Vec<(&'static str, &'static str)>,
    _parent: tempfile::TempDir,
}

fn script(words: &[&str], dir: &Path, environment: &[(&str, &str)]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/cluster.sh");
    Command::new("bash")
        .arg(script)
        .args(words)
        .arg(dir)
        .env("LINKFLOW_BIN", env!("CARGO_BIN_EXE_linkflow"))
        .envs([("CLUSTER_NGINX", "no"), ("CLUSTER_STANDBY", "no"), ("CLUSTER_PORT", "0"), ("REDIS", "alone")])
        .envs([("LEADER_TTL", "2s"), ("EGRESS_ALLOW", "127.0.0.1"), ("LOG", "warn")])
        .env("SHUTDOWN_GRACE_SECONDS", "2")
        .envs(environment.iter().copied())
        .output()
        .expect("bash runs")
}

impl Cluster {
    /// With Redis on its own, and without nginx and a standby, unless `environment` says otherwise.
    fn up(environment: &[(&'static str, &'static str)]) -> Cluster {
        let parent = tempfile::tempdir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(parent.path(), open).unwrap();
        let dir = parent.path().join("cluster");
        let output = script(&["up"], &dir, environment);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let pair = |line: &str| line.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
        let settings = std::fs::read_to_string(dir.join("env")).unwrap().lines().filter_map(pair).collect();
        Cluster { dir, settings, environment: environment.to_vec(), _parent: parent }
    }

    /// Asks the script for something.
    fn ask(&self, words: &[&str]) {
        let output = script(words, &self.dir, &self.environment);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Where a process listens, and its number.
    fn process(&self, name: &str) -> (String, u32) {
        let addresses = std::fs::read_to_string(self.dir.join("addresses")).unwrap();
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<String>>();
        let found = addresses.lines().map(words).find(|words| words[0] == name);
        let words = found.unwrap_or_else(|| panic!("there is no {name}"));
        (words[1].clone(), words[2].parse().unwrap())
    }

    fn address(&self, name: &str) -> String {
        self.process(name).0
    }

    fn port(&self, name: &str) -> u16 {
        self.address(name).rsplit(':').next().unwrap().parse().unwrap()
    }

    fn signal(&self, name: &str, signal: &str) {
        let status = Command::new("kill").args([signal, &self.process(name).1.to_string()]).status().unwrap();
        assert!(status.success(), "{name} could not be sent {signal}");
    }

    fn kill(&self, name: &str) {
        self.signal(name, "-9");
    }

    /// Whether a process is there still; one that nobody has fetched yet is not.
    fn is_alive(&self, name: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process(name).1));
        stat.is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or("Z").starts_with('Z'))
    }

    /// The status with which a process answers; none when it does not.
    async fn status(&self, name: &str, path: &str) -> Option<u16> {
        let answer = reqwest::get(format!("{}{path}", self.address(name))).await;
        answer.ok().map(|answer| answer.status().as_u16())
    }

    /// A webhook's answer at an instance, or before all of them at `nginx`.
    fn post(&self, name: &str, path: &str, body: &Value) -> reqwest::RequestBuilder {
        reqwest::Client::new()
            .post(format!("{}/webhook/{path}", self.address(name)))
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    /// How many commands Redis has carried out, by name.
    fn redis_commands(&self, name: &str) -> BTreeMap<String, u64> {
        let port = self.port(name).to_string();
        let output = Command::new("redis-cli").args(["-p", &port, "INFO", "commandstats"]).output().unwrap();
        let line = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
        };
        String::from_utf8_lossy(&output.stdout).lines().filter_map(line).collect()
    }

    /// A setting that all commands of the cluster share.
    fn setting(&self, name: &str) -> &str {
        self.settings.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).expect("it is set")
    }

    /// One process more, in a role, until it is dropped.
    fn role(&self, role: &str, settings: &[(&str, &str)]) -> Extra {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linkflow"));
        command.arg(role).envs(self.settings.clone()).env("PORT", "0").envs(settings.iter().copied());
        command.envs([("LOG", "warn"), ("EGRESS_ALLOW", "127.0.0.1")]);
        Extra(command.stderr(std::process::Stdio::null()).spawn().expect("the program starts"))
    }

    fn command(&self, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linkflow"));
        let output = command.args(words).envs(self.settings.clone()).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn publish(&self, name: &str, workflow: &Value) {
        let file = self.dir.join(format!("{name}.json"));
        std::fs::write(&file, workflow.to_string()).unwrap();
        self.command(&["import", "--publish", file.to_str().unwrap()]);
    }

    /// What the primary answers, a row a line.
    fn sql(&self, sql: &str) -> Vec<String> {
        let port = self.port("postgres").to_string();
        let output = Command::new("psql")
            .args(["-qAt", "-h", "127.0.0.1", "-p", &port, "-U", "linkflow", "linkflow", "-c", sql])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// How many executions are in each state.
    fn states(&self) -> BTreeMap<String, usize> {
        let rows = self.sql("SELECT status, count(*) FROM executions GROUP BY 1");
        let pair = |row: &String| {
            let (status, n) = row.split_once('|').unwrap();
            (status.to_owned(), n.parse().unwrap())
        };
        rows.iter().map(pair).collect()
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

/// A process beside those of the cluster.
struct Extra(std::process::Child);

impl Extra {
    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Asks it to end, and waits until it has.
    async fn asked_to_end(mut self) -> std::process::ExitStatus {
        assert!(Command::new("kill").arg(self.pid().to_string()).status().unwrap().success());
        let by = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < by, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Extra {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        script(&["down"], &self.dir, &self.environment);
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

/// A node that answers the webhook's caller.
fn answer(parameters: Value) -> Value {
    node("Answer", "respondToWebhook", 1.1, parameters)
}

/// A service outside that takes its time, and how many calls it has in hand.
async fn slow_service(takes: Duration) -> (String, Arc<AtomicUsize>) {
    let in_hand = Arc::new(AtomicUsize::new(0));
    let counted = in_hand.clone();
    let answer = move || {
        let counted = counted.clone();
        async move {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(takes).await;
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

/// A node that calls that service.
fn call(service: &str) -> Value {
    node("Call", "httpRequest", 4.2, json!({"method": "POST", "url": service}))
}

async fn until(what: &str, within: Duration, is_so: impl Fn() -> bool) {
    let until = Instant::now() + within;
    while !is_so() {
        assert!(Instant::now() < until, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
