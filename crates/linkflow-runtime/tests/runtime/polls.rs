//! Triggers that ask what is new.

use linkflow_model::*;
use linkflow_node::schedule::Rule;
use linkflow_runtime::contract::*;
use serde_json::{Value, json};

use crate::world::*;

fn asking() -> Flow {
    flow("S>A").kind("S", "polls").param("S", "rules", json!([Rule::Every { ms: 60_000 }]))
}

async fn publish(w: &World, flow: &Flow) -> WorkflowId {
    let id = w.save(flow).await;
    w.store.publish_workflow(w.workspace, id, 1, Vec::new(), w.now()).await.unwrap();
    w.shell.published_changed(w.workspace, id).await.unwrap();
    id
}

/// What the executions were started with.
async fn found(w: &World, id: WorkflowId) -> Vec<i64> {
    let mut numbers = Vec::new();
    for execution in w.executions_of(id).await {
        let items: Value = w.last_items(execution).await;
        numbers.push(items[0]["n"].as_i64().unwrap());
    }
    numbers.sort_unstable();
    numbers
}

#[tokio::test(start_paused = true)]
async fn what_is_new_starts_one_execution_each_and_nothing_comes_twice() {
    let mut w = World::new().await;
    let id = publish(&w, &asking()).await;
    w.turn(1_000).await;
    assert_eq!(w.executions_of(id).await.len(), 0, "what was there before is not new");
    w.until("three are found", async |w| w.executions_of(id).await.len() >= 3).await;
    w.restart().await;
    w.until("two more are found", async |w| w.executions_of(id).await.len() >= 5).await;
    let numbers = found(&w, id).await;
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn two_that_lead_at_once_find_each_thing_once() {
    let w = World::new().await;
    let other = Worker::new(w.another_shell(), 5_000);
    let id = publish(&w, &asking()).await;
    w.until("five are found", async |w| w.executions_of(id).await.len() >= 5).await;
    drop(other);
    let numbers = found(&w, id).await;
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_ask_tries_again_at_its_next_time_and_forgets_nothing() {
    let w = World::new().await;
    let id = publish(&w, &asking().does("S", "every second fails")).await;
    w.until("two are found", async |w| w.executions_of(id).await.len() >= 2).await;
    assert_eq!(found(&w, id).await[..2], [1, 2]);
    assert!(w.seen.of_node("S").len() >= 4, "{:?}", w.seen.of_node("S").len());
}

#[tokio::test(start_paused = true)]
async fn nothing_new_starts_nothing() {
    let w = World::new().await;
    let id = publish(&w, &asking().does("S", "nothing new")).await;
    w.until("it has asked often", async |w| w.seen.of_node("S").len() >= 4).await;
    assert_eq!(w.executions_of(id).await.len(), 0);
}
