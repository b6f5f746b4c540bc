//! What a node's failure means for the rest, and what its settings do to its items.

use linkflow_model::*;
use linkflow_runtime::contract::Runtime;
use serde_json::json;

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn a_failure_stops_the_execution_unless_the_node_says_otherwise() {
    check(flow("S>A, A>B").does("A", "wrong"), "A fails; error").await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_goes_on_hands_its_input_on() {
    let on = flow("S>A, A>B").does("A", "wrong").on_error("A", OnError::ContinueRegular);
    check(on, "A fails and goes on [1]; B gives [1]; success").await;
}

#[tokio::test(start_paused = true)]
async fn a_node_with_an_error_output_sends_its_input_there_with_the_error() {
    let w = World::new().await;
    let on = flow("S>A, A>B, A.1>C").does("A", "wrong").on_error("A", OnError::ContinueErrorOutput);
    let id = w.run(&on).await;
    assert_eq!(w.last_items(id).await, json!([{"n": 1, "error": "it is wrong", "by": "C"}]));
    assert_eq!(w.story(id).await, "A fails and goes on [0, 1]; C gives [1]; success");
}

#[tokio::test(start_paused = true)]
async fn in_the_imported_order_a_failed_node_with_an_error_output_uses_its_first_one() {
    let on = flow("S>A, A>B, A.1>C").does("A", "wrong").on_error("A", OnError::ContinueErrorOutput);
    check(on.order(Order::V1), "A fails and goes on [1, 0]; B gives [1]; success").await;
}

#[tokio::test(start_paused = true)]
async fn items_that_failed_leave_by_the_error_output_with_their_fields() {
    let w = World::new().await;
    let half = flow("S>A, A>B, A.1>C").does("A", "half").on_error("A", OnError::ContinueErrorOutput);
    let id = w.start_with(w.save(&half.order(Order::V1)).await, json!([{"n": 1}, {"n": 2}, {"n": 3}])).await;
    assert_eq!(w.last_items(id).await, json!([{"n": 2, "error": "odd", "by": "C"}]));
    assert_eq!(w.story(id).await, "A gives [2, 1]; B gives [2]; C gives [1]; success");
}

#[tokio::test(start_paused = true)]
async fn tries_come_before_going_on() {
    let on = flow("S>A, A>B").does("A", "fail").retry("A", 2, 10, 1);
    check(
        on.on_error("A", OnError::ContinueRegular),
        "A fails, again after 10; A fails and goes on [1]; B gives [1]; success",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_to_give_something_gives_an_empty_item() {
    let none = flow("S>A, A>B").does("A", "none");
    check(none.clone(), "A gives [0]; success").await;
    check(none.with("A", |n| n.always_output = true), "A gives [1]; B gives [1]; success").await;
}

#[tokio::test(start_paused = true)]
async fn a_node_can_take_the_first_item_only() {
    let w = World::new().await;
    let once = w.save(&flow("S>A").with("A", |n| n.execute_once = true)).await;
    let id = w.start_with(once, json!([{"n": 1}, {"n": 2}])).await;
    assert_eq!(w.last_items(id).await, json!([{"n": 1, "by": "A"}]));
}

#[tokio::test(start_paused = true)]
async fn a_disabled_node_hands_everything_on() {
    let w = World::new().await;
    let id = w.run(&flow("S>A, A>B").does("A", "wrong").with("A", |n| n.disabled = true)).await;
    assert_eq!(w.last_items(id).await, json!([{"n": 1, "by": "B"}]));
    assert!(w.seen.of_node("A").is_empty());
}

#[tokio::test(start_paused = true)]
async fn pinned_items_count_in_manual_executions_only() {
    let w = World::new().await;
    let mut pinned = flow("S>A, A>B").effect("A");
    pinned.0.pinned.insert("A".to_owned(), vec![json!({"json": {"pinned": true}})]);
    let workflow = w.save(&pinned).await;
    let mut manual = w.request(workflow, json!([{"n": 1}]));
    manual.mode = Mode::Manual;
    let manual = w.shell.start(manual, None).await.unwrap().execution;
    assert_eq!(w.last_items(manual).await, json!([{"pinned": true, "by": "B"}]));
    assert!(w.seen.of_node("A").is_empty());
    let real = w.start(workflow).await;
    assert_eq!(w.last_items(real).await, json!([{"n": 1, "by": "B"}]));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_panics_fails_like_any_other() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "panic")).await;
    let record = w.ended(id).await;
    assert_eq!(record.error.as_deref(), Some("the node broke: on purpose"));
    assert_eq!(record.error_node.as_deref(), Some("A"));
}

#[tokio::test(start_paused = true)]
async fn a_workflow_whose_version_is_gone_ends_its_executions_and_says_why() {
    let mut w = World::new().await;
    w.stop_dead();
    let workflow = w.save(&flow("S>A")).await;
    let id = w.start(workflow).await;
    w.store.delete_workflow(w.workspace, workflow).await.unwrap();
    w.restart().await;
    let record = w.ended(id).await;
    assert_eq!(record.status, Status::Error);
    assert_eq!(record.error.as_deref(), Some("the version of the workflow is gone"));
    assert!(record.ended_at.unwrap() >= START, "{:?}", record.ended_at);
}
