//! From a file to an answered request.

use serde_json::{Value, json};

use crate::server::{Owner, Server};

/// A webhook that greets, in n8n's format; `response` is the webhook's response mode.
pub fn greeting(response: &str) -> Value {
    json!({
        "name": "Greeting",
        "nodes": [
            {"id": "w", "name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2, "position": [0, 0],
             "webhookId": "w", "parameters": {"httpMethod": "POST", "path": "greet", "responseMode": response}},
            {"id": "s", "name": "Set", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "position": [200, 0],
             "parameters": {"options": {}, "assignments": {"assignments": [
                {"id": "1", "name": "hello", "value": "={{ $json.body.name }}", "type": "string"}]}}}
        ],
        "connections": {"Webhook": {"main": [[{"node": "Set", "type": "main", "index": 0}]]}},
        "settings": {"executionOrder": "v1"}
    })
}

async fn call(owner: &Owner, server: &Server, body: &Value) -> (u16, Value) {
    owner.post(server, "/webhook/greet", body).await
}

#[tokio::test]
async fn an_n8n_file_is_imported_published_called_and_answers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    owner.publish(&server, &greeting("lastNode")).await;
    let (status, answer) = call(&owner, &server, &json!({"name": "Ada"})).await;
    assert_eq!((status, answer), (200, json!({"hello": "Ada"})));
    let (_, list) = owner.get(&server, "/api/v1/executions").await;
    assert_eq!(list["items"][0]["status"], "success", "{list}");
    let id = list["items"][0]["id"].as_str().unwrap();
    let (status, shown) = owner.get(&server, &format!("/api/v1/executions/{id}")).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["order"], json!(["Webhook", "Set"]));
    let (_, data) = owner.get(&server, &format!("/api/v1/executions/{id}/data?node=Set")).await;
    assert_eq!(data["items"][0]["json"], json!({"hello": "Ada"}), "{data}");
}

#[tokio::test]
async fn a_workflow_runs_on_demand_and_is_retried() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let workflow = json!({
        "name": "Fails",
        "nodes": [
            {"id": "m", "name": "Start", "kind": "manual_trigger"},
            {"id": "f", "name": "Stop", "kind": "stop_and_error", "params": {"errorMessage": "no stock"}}
        ],
        "edges": [{"from": {"node": "m"}, "to": {"node": "f"}}]
    });
    let (status, made) = owner.post(&server, "/api/v1/workflows", &workflow).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap();
    let run = format!("/api/v1/workflows/{id}/execute?wait=20");
    let (status, ended) = owner.post(&server, &run, &json!({})).await;
    assert_eq!(status, 200, "{ended}");
    assert_eq!(ended["status"], "error", "{ended}");
    assert!(ended["error"].to_string().contains("no stock"), "{ended}");
    let execution = ended["execution_id"].as_str().unwrap();
    let again = format!("/api/v1/executions/{execution}/retry");
    let (status, retried) = owner.post(&server, &again, &json!({"from": "failed"})).await;
    assert_eq!(status, 202, "{retried}");
    assert_ne!(retried["execution_id"], ended["execution_id"]);
}
