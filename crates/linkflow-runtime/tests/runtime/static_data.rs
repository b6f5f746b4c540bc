//! Static data: what executions keep for later ones.

use linkflow_model::*;
use linkflow_runtime::contract::Runtime;
use serde_json::{Value, json};

use crate::world::*;

async fn kept(w: &World, workflow: WorkflowId) -> Option<Value> {
    w.store.kept(w.workspace, workflow, "global".to_owned()).await.unwrap()
}

/// Starts a workflow several times, one after the other, and says what the last node gave each time.
async fn counts(w: &World, workflow: WorkflowId, n: usize) -> Vec<Value> {
    let mut found = Vec::new();
    for _ in 0..n {
        let id = w.start(workflow).await;
        found.push(w.last_items(id).await[0]["n"].clone());
    }
    found
}

#[tokio::test(start_paused = true)]
async fn what_nodes_keep_is_there_for_the_next_node_and_the_next_execution() {
    let w = World::new().await;
    let workflow = w.save(&flow("S>A, A>B").does("A", "count").does("B", "count")).await;
    assert_eq!(counts(&w, workflow, 2).await, [json!(2), json!(4)]);
    assert_eq!(kept(&w, workflow).await, Some(json!({"n": 4})));
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_fails_keeps_what_it_changed() {
    let w = World::new().await;
    let id = w.save(&flow("S>A, A>B").does("A", "count").does("B", "wrong")).await;
    let execution = w.start(id).await;
    assert_eq!(w.ended(execution).await.status, Status::Error);
    assert_eq!(kept(&w, id).await, Some(json!({"n": 1})));
}

#[tokio::test(start_paused = true)]
async fn an_execution_by_hand_keeps_nothing() {
    let w = World::new().await;
    let workflow = w.save(&flow("S>A, A>B").does("A", "count").does("B", "count")).await;
    let mut request = w.request(workflow, json!([{}]));
    request.mode = Mode::Manual;
    let id = w.shell.start(request, None).await.unwrap().execution;
    assert_eq!(w.last_items(id).await[0]["n"], json!(2));
    assert_eq!(kept(&w, workflow).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_change_outlives_the_worker_and_is_kept_only_at_the_end() {
    let mut w = World::new().await;
    let flow = flow("S>A, A>B, B>C").does("A", "count").does("B", "park 3600000, ok").does("C", "count");
    let workflow = w.save(&flow).await;
    let id = w.start(workflow).await;
    w.is(id, Status::Waiting).await;
    assert_eq!(kept(&w, workflow).await, None);
    w.restart().await;
    w.turn(3_602_000).await;
    assert_eq!(w.last_items(id).await[0]["n"], json!(2));
    assert_eq!(kept(&w, workflow).await, Some(json!({"n": 2})));
}

#[tokio::test(start_paused = true)]
async fn a_workflow_goes_on_with_the_data_that_its_file_brought_along() {
    let w = World::new().await;
    let mut flow = flow("S>A").does("A", "count");
    flow.0.origin = Some(serde_json::from_value(json!({"staticData": {"global": {"n": 40}}})).unwrap());
    let workflow = w.save(&flow).await;
    assert_eq!(counts(&w, workflow, 2).await, [json!(41), json!(42)]);
}
