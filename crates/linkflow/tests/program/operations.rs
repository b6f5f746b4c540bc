//! What an operator sees of a server: its log for machines, its metrics, and what they say about capacity.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::server::{Owner, Server};

/// A workflow that answers at once; its node fails where it is asked to.
fn workflow() -> Value {
    json!({"name": "seen", "nodes": [
        {"name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2, "position": [0, 0],
         "parameters": {"path": "seen", "httpMethod": "POST", "responseMode": "lastNode"}},
        {"name": "Set", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "position": [200, 0],
         "parameters": {"assignments": {"assignments": [
             {"id": "a", "name": "a", "value": "b", "type": "string"}]}}}],
        "connections": {"Webhook": {"main": [[{"node": "Set", "type": "main", "index": 0}]]}}})
}

async fn metrics(server: &Server) -> String {
    reqwest::get(format!("{}/metrics", server.base)).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_server_shows_what_it_does_by_names_with_help_and_capacity_is_computed_from_them() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let (status, body) = owner.post(&server, "/api/v1/workflows/import?publish=true", &workflow()).await;
    assert!(status < 300, "{body}");
    let url = format!("{}/webhook/seen", server.base);
    let measuring = Command::new(env!("CARGO_BIN_EXE_linkflow"))
        .args(["capacity", "--json", "--over-seconds", "3", "--from", &server.base])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // They go on until it has measured.
    let asking = tokio::spawn(async move {
        loop {
            reqwest::Client::new().post(&url).send().await.expect("the server answers");
        }
    });
    let output = tokio::task::spawn_blocking(move || measuring.wait_with_output().unwrap()).await.unwrap();
    asking.abort();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |name: &str| found["load"][name].as_f64().unwrap();
    assert!(number("executions_per_hour") > 0.0 && number("requests_per_second") > 0.0, "{found}");
    assert!((0.0..3.0).contains(&number("execution_seconds")), "{found}");
    assert!(found["plan"]["workers"].as_u64().unwrap() >= 2, "{found}");
    let text = metrics(&server).await;
    for line in [
        "# HELP linkflow_slot_seconds ",
        "# TYPE linkflow_slot_seconds histogram",
        "linkflow_steps_total{kind=\"set\",outcome=\"ok\"} ",
        "linkflow_cache_lookups_total{cache=\"versions\",level=\"memory\"} ",
        "linkflow_execution_wait_seconds_bucket{le=\"0.001\"} ",
        "linkflow_build_info{version=",
        "linkflow_worker_slots 10",
        "process_resident_memory_bytes ",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[tokio::test]
async fn a_log_for_machines_is_json_to_its_last_line() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).unwrap().port();
    let mut child = Command::new(env!("CARGO_BIN_EXE_linkflow"))
        .args(["serve", "--port", &port.to_string(), "--data-dir"])
        .arg(dir.path().join("data"))
        .env("LOG_FORMAT", "json")
        .stderr(std::fs::File::create(&log).unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let is_ready = async || reqwest::get(format!("http://127.0.0.1:{port}/health/ready")).await.is_ok();
    while !is_ready().await {
        assert!(child.try_wait().unwrap().is_none(), "{}", std::fs::read_to_string(&log).unwrap());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(child.wait().unwrap().success());
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let ready =
        lines.iter().find(|line| line["message"].as_str().unwrap_or("").contains("is ready at")).unwrap();
    assert_eq!((ready["level"].as_str(), ready["timestamp"].is_string()), (Some("INFO"), true));
}
