//! How things end: shutdown, removal, keys that turn.

use linkflow_model::Millis;
use linkflow_store::Keyring;
use serde_json::{Value, json};

use super::runtime::Course;
use super::world::{World, node};

#[tokio::test]
async fn what_a_workflow_kept_goes_with_it() {
    let world = World::new().await;
    let id = world.workflow("w", json!([node("Start", "manual_trigger", json!({}))])).await;
    world.call(&format!("POST /workflows/{id}/execute"), Value::Null).await.is(202);
    let workflow = id.parse().unwrap();
    let keep = async |value: Value, at: i64| {
        world.store.keep(world.workspace, workflow, "global".to_owned(), value, Millis(at)).await.unwrap();
        world.store.kept(world.workspace, workflow, "global".to_owned()).await.unwrap()
    };
    assert_eq!(keep(json!({"n": 1}), 1).await, Some(json!({"n": 1})));
    assert_eq!(keep(json!({"n": 2}), 2).await, Some(json!({"n": 2})));
    assert_eq!(keep(Value::Null, 3).await, None);
    keep(json!(5), 4).await;
    world.call(&format!("DELETE /workflows/{id}"), Value::Null).await.is(204);
    assert_eq!(keep(json!(6), 5).await, None, "nothing is kept for what is gone");
    let far_future = Millis(4_000_000_000_000);
    world.store.retain(far_future, None, None).await.unwrap();
    let list = world.call("GET /executions", Value::Null).await.is(200);
    assert_eq!(list["items"], json!([]), "its executions are gone too");
}

#[tokio::test]
async fn after_turning_the_key_the_new_one_alone_opens_credentials() {
    let world = World::new().await;
    let body = json!({"name": "x", "type": "http_basic", "data": {"user": "a", "password": "b"}});
    let made = world.call("POST /credentials", body).await.is(201);
    let id = made["id"].as_str().unwrap().parse().unwrap();
    let (old, new) = ("a secret of tests that is long enough", "another secret that is long enough too");
    let both = Keyring::new(new, &[old]).unwrap();
    assert_eq!(world.store.rewrap_credentials(&both).await.unwrap(), 1);
    assert_eq!(world.store.rewrap_credentials(&both).await.unwrap(), 0);
    let new = Keyring::new(new, &[]).unwrap();
    let (_, fields) = world.store.open_credential(&new, world.workspace, id).await.unwrap().unwrap();
    assert_eq!(fields.0["password"], "b");
    let old = Keyring::new(old, &[]).unwrap();
    let refused = world.store.open_credential(&old, world.workspace, id).await.unwrap_err().to_string();
    assert!(refused.contains("SECRET_KEY"), "{refused}");
}

#[tokio::test]
async fn a_server_that_ends_answers_what_has_begun() {
    let world = World::new().await;
    world.webhook("w", json!({"path": "w", "responseMode": "lastNode"})).await;
    world.goes(Course::Hangs);
    let (client, url) = (world.client.clone(), format!("{}/webhook/w", world.base));
    let call = tokio::spawn(async move { client.get(url).send().await.unwrap().status().as_u16() });
    while world.runtime.started.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let runtime = world.runtime.clone();
    let (client, url) = (world.client.clone(), format!("{}/health/live", world.base));
    drop(world);
    while client.get(&url).send().await.is_ok() {}
    runtime.let_go();
    assert_eq!(call.await.unwrap(), 200);
}
