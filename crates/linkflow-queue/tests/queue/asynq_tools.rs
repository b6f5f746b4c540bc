//! asynq itself on the same queues: its client, its server and its inspector (the library behind
//! its command line), and the web UI asynqmon.

use linkflow_queue::{Clock, Queue, RedisQueue, Taken};
use serde_json::{Value, json};

use crate::servers::{Process, Redis, free_port, go_tool, http, peer, until};
use crate::stage::{Stage, execution, jobs, numbers, settings, soon, tickets};

fn id(n: u128) -> String {
    execution(n).to_string()
}

fn redis(stage: &Stage) -> &Redis {
    stage.redis.as_ref().unwrap()
}

/// Runs the peer away from the runtime's thread, which goes on meanwhile.
async fn run(stage: &Stage, command: &'static str, args: &[&str]) -> String {
    let redis = redis(stage);
    tokio::task::block_in_place(|| peer(redis, command, args))
}

/// The ids that asynq's inspector finds in a state.
async fn listed(stage: &Stage, state: &str) -> Vec<String> {
    let tasks: Value = serde_json::from_str(&run(stage, "tasks", &["-state", state]).await).unwrap();
    tasks.as_array().unwrap().iter().map(|task| task["ID"].as_str().unwrap().to_owned()).collect()
}

/// A stage whose clock is the world's: asynq has no other.
async fn stage() -> Stage {
    let (redis, clock) = (Redis::start(), Clock::System);
    let queue = Queue::Redis(RedisQueue::open(settings(&redis.url(), &clock)).await.unwrap());
    Stage { queue, clock, redis: Some(redis) }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_inspector_sees_our_jobs_in_every_state() {
    let stage = stage().await;
    stage.push(jobs(1..=5)).await;
    let held = stage.take(3).await;
    stage.queue.retry(held[1].ticket().clone(), "the database was away", 0).await;
    stage.queue.archive(held[2].ticket().clone(), "no such workflow").await;
    assert_eq!(listed(&stage, "active").await, [id(1)]);
    assert_eq!(listed(&stage, "retry").await, [id(2)]);
    assert_eq!(listed(&stage, "pending").await, [id(4), id(5)]);
    let archived: Value = serde_json::from_str(&run(&stage, "tasks", &["-state", "archived"]).await).unwrap();
    assert_eq!(archived[0]["LastErr"], "no such workflow");
    assert_eq!(archived[0]["Type"], "workflow:execute");
    let payload: Value = serde_json::from_str(archived[0]["Payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload["execution_id"], json!(id(3)));
    let queues: Value = serde_json::from_str(&run(&stage, "queues", &[]).await).unwrap();
    let default = &queues[0];
    for (field, want) in
        [("Size", 5), ("Pending", 2), ("Active", 1), ("Retry", 1), ("Archived", 1), ("Failed", 2)]
    {
        assert_eq!(default[field], json!(want), "{field} of {default}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_commands_pause_archive_run_and_delete_our_jobs() {
    let stage = stage().await;
    stage.push(jobs(1..=3)).await;
    run(&stage, "pause", &[]).await;
    assert!(stage.take_if_any(9).await.is_empty());
    run(&stage, "archive", &["-id", &id(1)]).await;
    run(&stage, "delete", &["-id", &id(2)]).await;
    run(&stage, "unpause", &[]).await;
    assert_eq!(numbers(&stage.take(9).await), [3]);
    run(&stage, "run", &["-id", &id(1)]).await;
    let held = stage.take(9).await;
    assert_eq!(numbers(&held), [1]);
    stage.queue.archive(held[0].ticket().clone(), "no").await;
    run(&stage, "run", &["-id", &id(1)]).await;
    assert_eq!(numbers(&stage.take(9).await), [1], "what we archived can be run again as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sees_our_process_and_what_it_works_on() {
    let stage = stage().await;
    stage.push(jobs([1, 2])).await;
    let held = stage.take(2).await;
    stage.queue.maintain().await;
    let servers: Value = serde_json::from_str(&run(&stage, "servers", &[]).await).unwrap();
    assert_eq!(servers.as_array().unwrap().len(), 1);
    assert_eq!(servers[0]["PID"], json!(std::process::id()));
    assert_eq!((&servers[0]["Status"], &servers[0]["Concurrency"]), (&json!("active"), &json!(10)));
    assert_eq!(servers[0]["Queues"], json!({"critical": 6, "default": 3, "low": 1}));
    let mut working = [format!("default {}", id(1)), format!("default {}", id(2))];
    working.sort_unstable();
    assert_eq!(servers[0]["Workers"], json!(working));
    stage.queue.done(tickets(&held)).await;
    stage.queue.close().await;
    assert_eq!(run(&stage, "servers", &[]).await, "[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_cancels_what_we_work_on() {
    let stage = stage().await;
    let mut cancelled = stage.queue.cancellations();
    let id = id(1);
    let heard = async {
        loop {
            run(&stage, "cancel", &["-id", &id]).await;
            let waited = std::time::Duration::from_millis(300);
            if let Ok(heard) = tokio::time::timeout(waited, cancelled.recv()).await {
                return heard.unwrap();
            }
        }
    };
    assert_eq!(*soon(heard).await, *id);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_tasks_come_to_us_as_they_were_sent() {
    let stage = stage().await;
    let payload = r#"{"workflow_id":"w1","input":{"x":[1,2]}}"#;
    run(&stage, "enqueue", &["-id", "order-17", "-payload", payload]).await;
    let taken = stage.take(1).await;
    let Taken::Foreign(job) = &taken[0] else { panic!("a task of another program") };
    assert_eq!((job.id.as_str(), job.kind.as_str()), ("order-17", "workflow:execute"));
    let request = job.request().unwrap();
    assert_eq!((request.workflow_id.as_str(), request.input), ("w1", json!({"x": [1, 2]})));
    stage.queue.done(tickets(&taken)).await;
    assert_eq!(listed(&stage, "active").await.len() + listed(&stage, "pending").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_tasks_of_another_type_are_shown_and_can_be_refused() {
    let stage = stage().await;
    run(&stage, "enqueue", &["-type", "mail:send", "-payload", "hello"]).await;
    let taken = stage.take(1).await;
    let Taken::Foreign(job) = &taken[0] else { panic!("a task of another program") };
    let refusal = job.request().unwrap_err().to_string();
    assert_eq!(refusal, "`type` must be `workflow:execute`, got \"mail:send\"");
    stage.queue.archive(job.ticket.clone(), &refusal).await;
    let archived: Value = serde_json::from_str(&run(&stage, "tasks", &["-state", "archived"]).await).unwrap();
    assert_eq!(archived[0]["LastErr"], refusal.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn its_locks_are_released_and_its_completed_tasks_kept_as_it_asked() {
    let stage = stage().await;
    let args = ["-id", "u1", "-unique", "1h", "-retention", "1h"];
    run(&stage, "enqueue", &args).await;
    let taken = stage.take(1).await;
    assert_eq!(redis(&stage).ask::<Vec<String>>(&["KEYS", "*unique*"]).len(), 1);
    stage.queue.done(tickets(&taken)).await;
    assert!(redis(&stage).ask::<Vec<String>>(&["KEYS", "*unique*"]).is_empty());
    assert_eq!(listed(&stage, "completed").await, ["u1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_tasks_for_later_come_when_they_are_due() {
    let stage = stage().await;
    run(&stage, "enqueue", &["-id", "later", "-in", "2s"]).await;
    assert!(stage.take_if_any(1).await.is_empty());
    let due = async {
        loop {
            stage.queue.maintain().await;
            let taken = stage.take_if_any(1).await;
            if !taken.is_empty() {
                return taken;
            }
        }
    };
    assert_eq!(soon(due).await[0].ticket().id(), "later");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_failures_go_the_way_of_asynq() {
    let stage = stage().await;
    run(&stage, "enqueue", &["-id", "f1"]).await;
    let taken = stage.take(1).await;
    stage.queue.retry(taken[0].ticket().clone(), "no luck", 0).await;
    let retry: Value = serde_json::from_str(&run(&stage, "tasks", &["-state", "retry"]).await).unwrap();
    let one = &retry[0];
    assert_eq!((&one["ID"], &one["Retried"], &one["MaxRetry"]), (&json!("f1"), &json!(1), &json!(25)));
    assert_eq!(one["LastErr"], "no luck");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_server_works_on_our_jobs() {
    let stage = stage().await;
    stage.push(jobs(1..=3)).await;
    let said = run(&stage, "consume", &["-count", "3"]).await;
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 3);
    let (kind, id_and_payload) = lines[0].split_once(' ').unwrap();
    let (first, payload) = id_and_payload.split_once(' ').unwrap();
    assert_eq!((kind, first), ("workflow:execute", id(1).as_str()));
    let payload: Value = serde_json::from_str(payload).unwrap();
    assert_eq!(payload["execution_id"], json!(id(1)));
    assert_eq!(stage.push(jobs([1])).await, 1, "what it finished is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_work_on_one_queue_and_each_task_is_done_once() {
    let stage = stage().await;
    stage.push(jobs(0..60)).await;
    run(&stage, "enqueue", &["-count", "60", "-id", "go"]).await;
    let go = tokio::task::spawn_blocking({
        let address = redis(&stage).address();
        move || {
            let args = ["consume", "-redis", &address, "-count", "40", "-workers", "4"];
            std::process::Command::new(go_tool("asynq-peer")).args(args).output().unwrap()
        }
    });
    let mut ours = Vec::new();
    // The other one ends when it has done 40, so 80 are all that we may take.
    while ours.len() < 80 && redis(&stage).ask::<u64>(&["LLEN", "asynq:{default}:pending"]) > 0 {
        let taken = stage.take_if_any(3.min(80 - ours.len())).await;
        ours.extend(taken.iter().map(|t| t.ticket().id().to_owned()));
        stage.queue.done(tickets(&taken)).await;
    }
    let theirs = soon(go).await.unwrap();
    let theirs = String::from_utf8(theirs.stdout).unwrap();
    let mut all: Vec<String> = ours;
    all.extend(theirs.lines().map(|line| line.split(' ').nth(1).unwrap().to_owned()));
    all.sort_unstable();
    let n = all.len();
    all.dedup();
    assert_eq!((n, all.len()), (120, 120), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn asynqmon_shows_and_changes_our_queues() {
    let stage = stage().await;
    stage.push(jobs([1, 2])).await;
    let held = stage.take(1).await;
    stage.queue.maintain().await;
    let folder = tempfile::tempdir().unwrap();
    let (port, address) = (free_port(), redis(&stage).address());
    let (program, port_arg) = (go_tool("asynqmon"), format!("--port={port}"));
    let _asynqmon = Process::start(&program, &[&port_arg, &format!("--redis-addr={address}")], folder.path());
    until("asynqmon answers", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let get = |path: &str| -> Value {
        let (status, body) = http(port, "GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    };
    let post = |path: &str| assert!(http(port, "POST", path, "").0 < 300, "{path}");
    let queue = get("/api/queues/default");
    assert_eq!((&queue["current"]["pending"], &queue["current"]["active"]), (&json!(1), &json!(1)));
    assert_eq!(get("/api/queues/default/pending_tasks")["tasks"][0]["id"], json!(id(2)));
    let active = get("/api/queues/default/active_tasks");
    assert_eq!(active["tasks"][0]["id"], json!(id(1)));
    assert_eq!(get("/api/servers")["servers"][0]["active_workers"][0]["task_id"], json!(id(1)));
    let noon = linkflow_model::Millis(crate::stage::NOON.0);
    let schedule = linkflow_queue::ShownSchedule {
        id: "s1".to_owned(),
        spec: "every day at 12:00 (UTC)".to_owned(),
        payload: br#"{"workflow_id":"w"}"#.to_vec(),
        queue: linkflow_queue::QueueName::default(),
        next: noon,
        previous: None,
    };
    let minute = std::time::Duration::from_secs(60);
    stage.queue.show_schedules(vec![schedule.clone(), schedule], minute).await.unwrap();
    let entries = get("/api/scheduler_entries");
    assert_eq!(entries["entries"].as_array().map(Vec::len), Some(2), "{entries}");
    let entry = &entries["entries"][0];
    assert_eq!((&entry["id"], &entry["task_type"]), (&json!("s1"), &json!("workflow:execute")));
    assert_eq!(entry["spec"], json!("every day at 12:00 (UTC)"));
    post("/api/queues/default:pause");
    assert_eq!(stage.queue.open_queues().await.unwrap().len(), 2, "critical and low");
    assert!(stage.take_if_any(1).await.is_empty());
    post("/api/queues/default:resume");
    post(&format!("/api/queues/default/pending_tasks/{}:archive", id(2)));
    assert!(stage.take_if_any(1).await.is_empty());
    post(&format!("/api/queues/default/archived_tasks/{}:run", id(2)));
    assert_eq!(numbers(&stage.take(1).await), [2]);
    stage.queue.done(tickets(&held)).await;
}
