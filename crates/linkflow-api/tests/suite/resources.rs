//! Variables, tags, credentials, API keys, node kinds, health.

use serde_json::{Value, json};

use super::world::{World, node};

#[tokio::test]
async fn variables_are_made_changed_and_removed() {
    let world = World::new().await;
    let made = world.call("POST /variables", json!({"name": "region", "value": "eu"})).await.is(201);
    let path = format!("/variables/{}", made["id"].as_str().unwrap());
    world
        .call("POST /variables", json!({"name": "region", "value": "us"}))
        .await
        .is_problem(409, "same `name`");
    world
        .call("POST /variables", json!({"name": "1x", "value": ""}))
        .await
        .is_problem(422, "letters, digits");
    let changed = world.call(&format!("PUT {path}"), json!({"name": "zone", "value": "us"})).await.is(200);
    assert_eq!(changed["value"], "us");
    let list = world.call("GET /variables", Value::Null).await.is(200);
    assert_eq!(list["items"][0]["name"], "zone");
    assert_eq!(list["next"], Value::Null);
    world.call(&format!("DELETE {path}"), Value::Null).await.is(204);
    world.call(&format!("DELETE {path}"), Value::Null).await.is_problem(404, "there is no variable");
}

#[tokio::test]
async fn tags_follow_workflows_and_the_other_way_round() {
    let world = World::new().await;
    let made = world.call("POST /workflows", json!({"name": "a", "tags": ["red", "blue"]})).await.is(201);
    assert_eq!(made["tags"], json!(["blue", "red"]));
    let tags = world.call("GET /tags", Value::Null).await.is(200);
    let red = tags["items"][1]["id"].as_str().unwrap().to_owned();
    assert_eq!(tags["items"][1]["n_workflows"], 1);
    world.call(&format!("PATCH /tags/{red}"), json!({"name": "green"})).await.is(200);
    world.call(&format!("PATCH /tags/{red}"), json!({"name": "blue"})).await.is_problem(409, "same `name`");
    let path = format!("GET /workflows/{}", made["id"].as_str().unwrap());
    let shown = world.call(&path, Value::Null).await.is(200);
    assert_eq!(shown["workflow"]["tags"], json!(["blue", "green"]));
    let found = world.call("GET /workflows?tag=green", Value::Null).await.is(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    world.call(&format!("DELETE /tags/{red}"), Value::Null).await.is(204);
    assert_eq!(world.call(&path, Value::Null).await.is(200)["tags"], json!(["blue"]));
}

#[tokio::test]
async fn secrets_are_taken_and_never_shown_again() {
    let world = World::new().await;
    let data = json!({"user": "ada", "password": "hunter2-secret"});
    let body = json!({"name": "Site", "type": "http_basic", "data": data});
    let made = world.call("POST /credentials", body).await;
    assert!(!made.text.contains("hunter2"));
    let path = format!("/credentials/{}", made.is(201)["id"].as_str().unwrap());
    let shown = world.call(&format!("GET {path}"), Value::Null).await;
    assert_eq!(shown.is(200)["data"], json!({"user": "ada", "password": "***"}));
    assert_eq!(shown.header("etag"), "\"1\"");

    // What was hidden comes back as it was hidden, and stays.
    let change = json!({"name": "Site", "data": {"user": "bob", "password": "***"}});
    world.call_with(&format!("PUT {path}"), change.clone(), &[("if-match", "\"1\"")]).await.is(200);
    world
        .call_with(&format!("PUT {path}"), change, &[("if-match", "\"1\"")])
        .await
        .is_problem(412, "changed");
    let id = made.json()["id"].as_str().unwrap().parse().unwrap();
    let keyring = world.api.keyring.clone();
    let (_, fields) = world.store.open_credential(&keyring, world.workspace, id).await.unwrap().unwrap();
    assert_eq!(fields.0["password"], "hunter2-secret");
    assert_eq!(fields.0["user"], "bob");
    assert!(!format!("{fields:?}").contains("hunter2"));

    // Nothing of it lies in the files in the clear.
    world.store.close().await;
    for entry in std::fs::read_dir(world.dir.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(7).any(|w| w == b"hunter2"), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn a_credential_has_the_fields_of_its_type() {
    let world = World::new().await;
    let make = async |kind: &str, data: Value| {
        world.call("POST /credentials", json!({"name": "x", "type": kind, "data": data})).await
    };
    make("no_such", json!({})).await.is_problem(422, "must be one of");
    let problem = make("http_basic", json!({"token": "x"})).await.is_problem(422, "it has user, password");
    assert_eq!(problem["field"], "data.token");
    make("http_basic", json!({"user": 5})).await.is_problem(422, "expected a string");
    let types = world.call("GET /credential-types", Value::Null).await.is(200);
    let basic =
        types["items"].as_array().unwrap().iter().find(|t| t["type"] == "http_basic").unwrap().clone();
    assert_eq!(basic["fields"][1], json!({"name": "password", "secret": true}));
    assert!(basic["kinds"].as_array().unwrap().contains(&json!("webhook")));
}

#[tokio::test]
async fn a_key_is_shown_once_and_ends_in_time() {
    let world = World::new().await;
    let until = super::world::NOW + 60_000;
    let body = json!({"name": "ci", "scopes": ["read"], "expires_at": until});
    let made = world.call("POST /api-keys", body).await.is(201);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with(made["prefix"].as_str().unwrap()) && key.len() == 67, "{key}");
    let list = world.call("GET /api-keys", Value::Null).await;
    assert!(!list.text.contains(key));
    let bearer = format!("Bearer {key}");
    let read = async || world.send("GET /api/v1/tags", &[("authorization", &bearer)], "").await.status;
    assert_eq!(read().await, 200);
    world.pass_ms(60_000);
    assert_eq!(read().await, 401);
    let past = json!({"name": "ci", "scopes": ["read"], "expires_at": 1});
    world.call("POST /api-keys", past).await.is_problem(422, "in the future");
    world.call("POST /api-keys", json!({"name": "ci", "scopes": []})).await.is_problem(422, "at least one");
}

#[tokio::test]
async fn a_key_that_was_taken_back_opens_nothing() {
    let world = World::new().await;
    let made = world.call("POST /api-keys", json!({"name": "ci", "scopes": ["read"]})).await.is(201);
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    let path = format!("DELETE /api-keys/{}", made["id"].as_str().unwrap());
    world.call(&path, Value::Null).await.is(204);
    assert_eq!(world.send("GET /api/v1/tags", &[("authorization", &bearer)], "").await.status, 401);
}

#[tokio::test]
async fn node_kinds_tell_all_that_a_form_needs() {
    let world = World::new().await;
    let all = world.call("GET /node-kinds", Value::Null).await.is(200);
    assert_eq!(all["items"].as_array().unwrap().len(), linkflow_nodes::ALL.len());
    let limit = world.call("GET /node-kinds/limit", Value::Null).await.is(200);
    assert_eq!(limit["schema"]["properties"]["maxItems"]["type"], "number");
    assert_eq!(limit["trigger"], Value::Null);
    assert_eq!(limit["examples"][0]["params"], json!({"maxItems": 2}));
    let hook = world.call("GET /node-kinds/webhook", Value::Null).await.is(200);
    assert_eq!(hook["trigger"], "webhook");
    let wait = world.call("GET /node-kinds/wait", Value::Null).await.is(200);
    assert_eq!(wait["trigger"], Value::Null, "a wait starts nothing");
    world.call("GET /node-kinds/none", Value::Null).await.is_problem(404, "node kind none");
}

#[tokio::test]
async fn health_says_what_is_wrong() {
    let world = World::new().await;
    let health = world.send("GET /health", &[], "").await.is(200);
    assert_eq!(health["status"], "ok");
    assert_eq!(health["checks"]["database"]["status"], "ok");
    assert_eq!(health["checks"]["queue"]["status"], "ok");
    world.send("GET /health/ready", &[], "").await.is(200);
    *world.runtime.is_ready.lock().unwrap() = false;
    world.send("GET /health/ready", &[], "").await.is(503);
    world.send("GET /health/live", &[], "").await.is(200);
    world.store.close().await;
    assert_eq!(world.send("GET /health", &[], "").await.is(503)["checks"]["database"]["status"], "down");
}

#[tokio::test]
async fn what_another_workspace_has_is_not_there() {
    let world = World::new().await;
    let id = world.workflow("mine", json!([node("Start", "manual_trigger", json!({}))])).await;
    let other = linkflow_model::WorkspaceId(uuid::Uuid::new_v4());
    let id = id.parse().unwrap();
    assert!(world.store.workflow(other, id).await.unwrap().is_none());
    assert!(world.store.workflow_version(other, id, 1).await.unwrap().is_none());
    assert!(world.store.delete_workflow(other, id).await.is_err());
    assert!(world.store.variables(other).await.unwrap().is_empty());
    assert!(world.store.workflow(world.workspace, id).await.unwrap().is_some());
}
