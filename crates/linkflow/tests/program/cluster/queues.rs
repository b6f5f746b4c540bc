//! The queues of a cluster, with real workers: what becomes of a job that its worker took and died
//! with, of queues that nobody takes from, of wishes to cancel, of a clock that is wrong, and of lists
//! from a replica.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Cluster, chain, node, slow_service, until, webhook};

/// How long the outside service takes.
const SLOW: Duration = Duration::from_secs(2);

/// A session on the database that keeps a lock for as long as it lives.
struct Lock(Child);

impl Lock {
    /// Nobody who works can write anything: each of them shows its row first.
    fn on_workers(cluster: &Cluster) -> Lock {
        let mut session = Command::new("psql")
            .args(["-qAt", "-v", "ON_ERROR_STOP=1", &primary(cluster)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql runs");
        let stdin = session.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "BEGIN; SELECT 1 FROM workers FOR UPDATE; \\echo locked").expect("psql reads");
        let mut said = std::io::BufReader::new(session.stdout.as_mut().expect("a pipe"));
        let mut line = String::new();
        while !line.contains("locked") {
            let n = std::io::BufRead::read_line(&mut said, &mut line).expect("psql answers");
            assert!(n > 0, "psql said no more than {line:?}");
        }
        Lock(session)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What Redis answers.
fn redis(cluster: &Cluster, words: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-u", cluster.setting("REDIS_URL")]).args(words).output();
    String::from_utf8_lossy(&output.expect("redis-cli runs").stdout).trim().to_owned()
}

/// How many jobs of the default queue somebody holds.
fn n_held(cluster: &Cluster) -> u64 {
    redis(cluster, &["LLEN", "asynq:{default}:active"]).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_took_and_could_not_claim_before_it_was_killed_is_claimed_elsewhere_in_seconds() {
    let cluster = Cluster::up(&[]);
    let set = node("Set", "noOp", 1.0, json!({}));
    cluster.publish("quick", &chain("quick", vec![webhook("quick", "onReceived"), set]));
    cluster.signal("worker-2", "-STOP");
    let lock = Lock::on_workers(&cluster);
    let client = reqwest::Client::new();
    for _ in 0..3 {
        let accepted =
            client.post(format!("{}/webhook/quick", cluster.address("api-1"))).send().await.unwrap();
        assert_eq!(accepted.status(), 200);
    }
    // It takes no more before it has claimed what it took first.
    until("worker-1 has taken some", Duration::from_secs(20), || n_held(&cluster) > 0).await;
    cluster.kill("worker-1");
    // Its claim is not to be carried out after its death.
    cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
    drop(lock);
    cluster.signal("worker-2", "-CONT");
    let before = Instant::now();
    // Without the queue's help they would wait for a lease of 30 s, and longer for who looks for it.
    until("worker-2 has run them", Duration::from_secs(25), || {
        cluster.states() == [("success".to_owned(), 3)].into()
    })
    .await;
    println!("what the dead worker had taken was done after {:?}", before.elapsed());
}

/// Puts a job into a queue as another process would; a worker that looks at it finds nothing to do.
async fn push(cluster: &Cluster, queue: &str) {
    let mut settings = linkflow_queue::Settings::new(cluster.setting("REDIS_URL"));
    settings.is_worker = false;
    let job = linkflow_queue::Job::new(
        linkflow_queue::QueueName::new(queue).unwrap(),
        linkflow_model::ExecutionId::new(linkflow_model::Millis(1), 2),
        linkflow_model::WorkspaceId::new(linkflow_model::Millis(1), 3),
    );
    linkflow_queue::RedisQueue::open(settings).await.unwrap().push(vec![job]).await.unwrap();
}

async fn metrics(cluster: &Cluster, name: &str) -> String {
    reqwest::get(format!("{}/metrics", cluster.address(name))).await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_worker_for_each_partition_nothing_is_stranded_and_what_nobody_takes_is_seen() {
    let only =
        [("QUEUE_PARTITIONS", "1"), ("QUEUE_NAME", "workflow:partition:0"), ("WORKSPACE_CONCURRENCY", "3")];
    let cluster = Cluster::up(&only);
    let (service, in_hand) = slow_service(SLOW).await;
    let call = node("Call", "httpRequest", 4.2, json!({"method": "POST", "url": service}));
    cluster.publish("slow", &chain("slow", vec![webhook("slow", "onReceived"), call]));
    let hour = node("Wait", "wait", 1.1, json!({"amount": 1, "unit": "hours"}));
    cluster.publish("long", &chain("long", vec![webhook("long", "onReceived"), hour]));
    let leader = cluster.leader(&["scheduler-1", "scheduler-2"]).await;
    push(&cluster, "nobodys").await;
    push(&cluster, "workflow:partition:7").await;
    let start = |path: &str| cluster.post("api-1", path, &json!({})).send();
    for _ in 0..9 {
        assert_eq!(start("slow").await.unwrap().status(), 200);
    }
    let mut most = 0;
    let all = || {
        most = most.max(in_hand.load(Ordering::SeqCst));
        cluster.states().get("success") == Some(&9)
    };
    until_mut("all have run, three side by side", Duration::from_secs(60), all).await;
    assert_eq!(most, 3, "at both workers together");

    // Somebody cancels with asynq's tools.
    assert_eq!(start("long").await.unwrap().status(), 200);
    until("it waits", Duration::from_secs(20), || cluster.states().contains_key("waiting")).await;
    let list: serde_json::Value =
        serde_json::from_str(&cluster.command(&["executions", "list", "--json"])).unwrap();
    let rows = list.as_array().or_else(|| list["executions"].as_array()).expect("a list of executions");
    let waits = rows.iter().find(|row| row["status"] == "waiting").expect("it waits");
    redis(&cluster, &["PUBLISH", "asynq:cancel", waits["id"].as_str().unwrap()]);
    until("it is canceled", Duration::from_secs(20), || cluster.states().contains_key("canceled")).await;

    let left = || redis(&cluster, &["LLEN", "asynq:{workflow:partition:7}:pending"]) == "0";
    until("the partition that is none any more is emptied", Duration::from_secs(40), left).await;
    let is_seen = "linkflow_queue_unserved{queue=\"nobodys\"} 1";
    let by = Instant::now() + Duration::from_secs(30);
    while !metrics(&cluster, &leader).await.lines().any(|line| line == is_seen) {
        assert!(Instant::now() < by, "nobody sees that a queue is not served");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(redis(&cluster, &["LLEN", "asynq:{nobodys}:pending"]), "1", "it is seen, and not taken over");
    assert_eq!(redis(&cluster, &["ZCARD", "asynq:schedulers"]), "1", "the leader shows its schedules");
}

async fn until_mut(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + within;
    while !is_so() {
        assert!(Instant::now() < until, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A library that sets the clock of the program it is loaded into back by a minute.
fn slow_clock(dir: &std::path::Path) -> std::path::PathBuf {
    let (source, library) = (dir.join("clock.c"), dir.join("clock.so"));
    let text = "#define _GNU_SOURCE\n#include <time.h>\n#include <unistd.h>\n#include <sys/syscall.h>\n\
        int clock_gettime(clockid_t id, struct timespec *t) {\n\
        int r = syscall(SYS_clock_gettime, id, t); if (!r && id == CLOCK_REALTIME) t->tv_sec -= 60; return r; }\n";
    std::fs::write(&source, text).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).output();
    let built = built.expect("cc runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    library
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_whose_clock_is_behind_by_a_minute_keep_their_leases() {
    let dir = tempfile::tempdir().unwrap();
    let library = slow_clock(dir.path());
    let cluster = Cluster::up(&[]);
    let (service, _) = slow_service(SLOW).await;
    let call =
        |n: u32| node(&format!("Call {n}"), "httpRequest", 4.2, json!({"method": "POST", "url": service}));
    let nodes = vec![webhook("slow", "onReceived"), call(1), call(2), call(3), call(4)];
    cluster.publish("slow", &chain("slow", nodes));
    // The only worker lives in the past, by its own clock.
    cluster.kill("worker-1");
    cluster.kill("worker-2");
    let _late = cluster.role("worker", &[("LD_PRELOAD", library.to_str().unwrap())]);
    let client = reqwest::Client::new();
    for _ in 0..3 {
        let accepted =
            client.post(format!("{}/webhook/slow", cluster.address("api-1"))).send().await.unwrap();
        assert_eq!(accepted.status(), 200);
    }
    let all = || cluster.states() == [("success".to_owned(), 3)].into();
    until("all have ended well", Duration::from_secs(60), all).await;
    // Nobody took its executions away, as from one whose lease had ended.
    assert_eq!(cluster.sql("SELECT max(claim) FROM executions"), ["1"]);
}

/// What a database answers.
fn ask(url: &str, sql: &str) -> String {
    let output = Command::new("psql").args(["-qAt", url, "-c", sql]).output().expect("psql runs");
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn primary(cluster: &Cluster) -> String {
    format!("{}/linkflow?user=linkflow", cluster.address("postgres"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_come_from_a_replica_that_has_what_their_reader_wrote() {
    let cluster = Cluster::up(&[("CLUSTER_STANDBY", "yes")]);
    let behind = format!("{}/linkflow?user=linkflow", cluster.address("standby"));
    let replicas = behind.replace("postgres://", "postgres://linkflow@").replace("?user=linkflow", "");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let _api = cluster.role("api", &[("DATABASE_REPLICA_URLS", &replicas), ("PORT", &port)]);
    let at = format!("http://127.0.0.1:{port}/api/v1/workflows");
    let made =
        cluster.command(&["apikey", "create", "lists", "--scope", "read", "--scope", "write", "--json"]);
    let key: serde_json::Value = serde_json::from_str(&made).unwrap();
    let key = key["key"].as_str().unwrap().to_owned();
    let client = reqwest::Client::new();
    let by = Instant::now() + Duration::from_secs(30);
    while client.get(&at).bearer_auth(&key).send().await.map(|answer| answer.status().as_u16()).ok()
        != Some(200)
    {
        assert!(Instant::now() < by, "the instance with a replica is not ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ask(&behind, "SELECT pg_wal_replay_pause()");
    let name = json!({"name": "new", "nodes": [], "edges": []});
    let answer = client
        .post(&at)
        .bearer_auth(&key)
        .header("content-type", "application/json")
        .body(name.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    let written = answer.headers()["linkflow-written"].to_str().unwrap().to_owned();
    let n_listed = async |written: Option<&str>| {
        let mut request = client.get(&at).bearer_auth(&key);
        if let Some(written) = written {
            request = request.header("linkflow-written", written);
        }
        let text = request.send().await.unwrap().text().await.unwrap();
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        list["items"].as_array().unwrap_or_else(|| panic!("{list}")).len()
    };
    assert_eq!(n_listed(Some(&written)).await, 1, "who made it sees it");
    assert_eq!(n_listed(None).await, 0, "others read what the replica has");
    ask(&behind, "SELECT pg_wal_replay_resume()");
    let by = Instant::now() + Duration::from_secs(20);
    while n_listed(None).await == 0 {
        assert!(Instant::now() < by, "the replica does not catch up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
