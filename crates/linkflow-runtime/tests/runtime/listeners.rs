//! Triggers that listen.

use linkflow_model::*;
use linkflow_runtime::contract::*;
use linkflow_store::Listener;
use serde_json::Value;

use crate::kinds::say;
use crate::world::*;

fn hearing() -> Flow {
    flow("S>A").kind("S", "hears")
}

async fn publish(w: &World, flow: &Flow) -> WorkflowId {
    let id = w.save(flow).await;
    w.store.publish_workflow(w.workspace, id, 1, Vec::new(), w.now()).await.unwrap();
    w.shell.published_changed(w.workspace, id).await.unwrap();
    id
}

async fn the_listener(w: &World) -> Option<Listener> {
    w.store.listeners(w.workspace).await.unwrap().pop()
}

async fn listens(w: &World) {
    w.until("it listens", async |w| the_listener(w).await.is_some_and(|l| l.since.is_some())).await;
}

/// What the executions were started with.
async fn heard(w: &World, id: WorkflowId) -> Vec<i64> {
    let mut numbers = Vec::new();
    for execution in w.executions_of(id).await {
        let items: Value = w.last_items(execution).await;
        numbers.push(items[0]["n"].as_i64().unwrap());
    }
    numbers.sort_unstable();
    numbers
}

#[tokio::test(start_paused = true)]
async fn what_is_heard_starts_an_execution_each_also_after_the_connection_ended() {
    let mut w = World::new().await;
    let id = publish(&w, &hearing()).await;
    listens(&w).await;
    (1..=200).for_each(|n| say(w.workspace, n));
    // The connection ends, and comes back.
    say(w.workspace, 0);
    let why = async |w: &World| the_listener(w).await.unwrap().error;
    w.until("it does not listen", async |w| why(w).await.is_some()).await;
    assert_eq!(why(&w).await.as_deref(), Some("the connection ended"));
    listens(&w).await;
    assert_eq!(why(&w).await, None);
    say(w.workspace, 201);
    w.until("all have started", async |w| w.executions_of(id).await.len() == 201).await;
    let before = the_listener(&w).await.unwrap().holder;
    w.restart().await;
    w.until("another one listens", async |w| the_listener(w).await.unwrap().holder != before).await;
    listens(&w).await;
    say(w.workspace, 202);
    w.until("one more has started", async |w| w.executions_of(id).await.len() == 202).await;
    assert_eq!(heard(&w, id).await, (1..=202).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn two_that_lead_at_once_start_nothing_twice() {
    let w = World::new().await;
    let other = Worker::new(w.another_shell(), 5_000);
    let id = publish(&w, &hearing()).await;
    w.until("both have listened", async |w| w.seen.of_node("S").len() >= 2).await;
    listens(&w).await;
    for n in 1..=100 {
        say(w.workspace, n);
        w.turn(500).await;
    }
    drop(other);
    let numbers = heard(&w, id).await;
    let mut once = numbers.clone();
    once.dedup();
    assert_eq!(numbers, once);
    assert!(numbers.len() > 50, "hardly anything was heard: {numbers:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_connect_says_why_and_tries_again_later_each_time() {
    let w = World::new().await;
    publish(&w, &hearing().does("S", "first fail")).await;
    let failed = async |w: &World| the_listener(w).await.is_some_and(|l| l.error.is_some());
    w.until("it has failed", failed).await;
    let found = the_listener(&w).await.unwrap();
    assert_eq!((found.error.as_deref(), found.since), (Some("it is down"), None));
    listens(&w).await;
    let at: Vec<i64> = w.seen.of_node("S").iter().map(|go| go.at.0).collect();
    assert_eq!(at.len(), 3, "{at:?}");
    assert!(at[1] - at[0] >= 700 && at[2] - at[1] >= 1_400, "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn what_one_has_made_elsewhere_is_taken_back_when_its_workflow_is_gone() {
    let w = World::new().await;
    let id = publish(&w, &hearing()).await;
    listens(&w).await;
    w.store.delete_workflow(w.workspace, id).await.unwrap();
    w.shell.published_changed(w.workspace, id).await.unwrap();
    let is_gone = async |w: &World| w.store.all_listeners(10).await.unwrap().is_empty();
    w.until("it has been taken back", is_gone).await;
    let n_tries = w.seen.all().iter().filter(|go| go.is_effect).count();
    assert_eq!(n_tries, 2, "the first try fails");
    say(w.workspace, 1);
    w.turn(2_000).await;
    assert_eq!(w.executions_of(id).await, []);
}

#[tokio::test(start_paused = true)]
async fn an_unpublished_one_hears_nothing_and_a_published_one_waits_for_what_was_there_before() {
    let w = World::new().await;
    let id = publish(&w, &hearing()).await;
    listens(&w).await;
    w.store.unpublish_workflow(w.workspace, id, w.now()).await.unwrap();
    w.shell.published_changed(w.workspace, id).await.unwrap();
    say(w.workspace, 1);
    w.until("it has been taken back", async |w| w.store.all_listeners(10).await.unwrap().is_empty()).await;
    assert_eq!(w.executions_of(id).await, []);
    w.store.publish_workflow(w.workspace, id, 1, Vec::new(), w.now()).await.unwrap();
    w.shell.published_changed(w.workspace, id).await.unwrap();
    listens(&w).await;
    say(w.workspace, 2);
    w.until("it hears again", async |w| w.executions_of(id).await.len() == 1).await;
    assert_eq!(heard(&w, id).await, [2]);
}
