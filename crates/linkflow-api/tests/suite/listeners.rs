//! Listeners: what listens, and what does not and why.

use linkflow_model::Millis;
use linkflow_store::{ListenerKey, NewListener};
use serde_json::{Value, json};

use super::world::{NOW, World, node};

#[tokio::test]
async fn a_listener_says_whether_it_listens_and_why_not() {
    let world = World::new().await;
    let nodes = json!([node("Ear", "redis_trigger", json!({"channels": "a"}))]);
    let id = world.workflow("Hearing", nodes.clone()).await.parse().unwrap();
    let listener = NewListener {
        workspace: world.workspace,
        version: 1,
        node: "ear".to_owned(),
        document: nodes[0].clone(),
    };
    world.store.replace_listeners(id, vec![listener]).await.unwrap();
    let shown = async || world.call("GET /listeners", Value::Null).await.is(200)["items"][0].clone();
    let first = shown().await;
    assert_eq!((&first["workflow_name"], &first["node"]), (&json!("Hearing"), &json!("Ear")));
    assert_eq!((&first["state"], &first["since"]), (&json!("connecting"), &Value::Null));

    let key = ListenerKey { workflow: id, node: "ear".to_owned(), version: 1 };
    let note = async |at: i64, error: Option<&str>| {
        let (holder, error) = ("a".to_owned(), error.map(str::to_owned));
        assert!(world.store.claim_listener(key.clone(), holder.clone()).await.unwrap());
        assert!(world.store.note_listener(key.clone(), holder, Millis(at), error).await.unwrap());
    };
    note(NOW, None).await;
    let listening = shown().await;
    assert_eq!((&listening["state"], &listening["since"]), (&json!("listening"), &json!(NOW)));
    note(NOW + 1, Some("it is down")).await;
    let failing = shown().await;
    assert_eq!((&failing["state"], &failing["error"]), (&json!("failing"), &json!("it is down")));
    assert_eq!((&failing["since"], &failing["failed_at"]), (&Value::Null, &json!(NOW + 1)));
}
