//! Workflows that call others.

use linkflow_model::*;
use linkflow_runtime::contract::Runtime;
use serde_json::json;

use crate::world::*;

/// A workflow that calls `called` from its node `A`.
fn caller(called: WorkflowId, word: &str) -> Flow {
    flow("S>A").does("A", word).param("A", "workflow", json!(called.to_string()))
}

async fn with_child(w: &World, child: Flow) -> WorkflowId {
    w.save(&child.kind("S", "called")).await
}

#[tokio::test(start_paused = true)]
async fn a_called_workflow_gives_its_last_items_to_the_caller() {
    let w = World::new().await;
    let child = with_child(&w, flow("S>X")).await;
    let id = w.run(&caller(child, "invoke")).await;
    assert_eq!(w.last_items(id).await, json!([{"child": [{"n": 1, "by": "X"}]}]));
    assert_eq!(w.story(id).await, "A waits; A hears of its children; A gives [1]; success");
    let called = w.executions_of(child).await;
    assert_eq!(called.len(), 1);
    assert_eq!(w.ended(called[0]).await.mode, Mode::Workflow);
}

#[tokio::test(start_paused = true)]
async fn a_workflow_is_called_for_each_item_and_answers_in_their_order() {
    let w = World::new().await;
    let child = with_child(&w, flow("S>X").does("X", "take 100")).await;
    let each = w.save(&caller(child, "invoke").param("A", "each", json!(true))).await;
    let id = w.start_with(each, json!([{"n": 1}, {"n": 2}, {"n": 3}])).await;
    let child = |n| json!({"child": [{"n": n, "by": "X"}]});
    assert_eq!(w.last_items(id).await, json!([child(1), child(2), child(3)]));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_wait_goes_on_at_once() {
    let w = World::new().await;
    let child = with_child(&w, flow("S>X").does("X", "park 60000, ok")).await;
    let id = w.run(&caller(child, "launch")).await;
    assert_eq!(w.last_items(id).await, json!([{"told": "started", "n": 1}]));
    let called = w.executions_of(child).await;
    w.is(called[0], Status::Waiting).await;
    w.turn(61_000).await;
    w.is(called[0], Status::Success).await;
}

#[tokio::test(start_paused = true)]
async fn a_called_workflow_that_fails_tells_its_caller_why() {
    let w = World::new().await;
    let child = with_child(&w, flow("S>X").does("X", "wrong")).await;
    let id = w.run(&caller(child, "invoke")).await;
    assert_eq!(w.last_items(id).await, json!([{"child": "it is wrong"}]));
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_is_not_there_fails_the_node_that_calls_it() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "invoke").param("A", "workflow", json!("nowhere"))).await;
    assert_eq!(w.ended(id).await.error.as_deref(), Some("there is no workflow with the id \"nowhere\""));
}

#[tokio::test(start_paused = true)]
async fn called_workflows_begin_although_another_branch_still_runs() {
    let w = World::new().await;
    let child = with_child(&w, flow("S>X")).await;
    let both = flow("S>A, S>B").does("A", "invoke").param("A", "workflow", json!(child.to_string()));
    let id = w.run(&both.does("B", "take 8000")).await;
    w.until("the child has ended", async |w| {
        let called = w.executions_of(child).await;
        !called.is_empty() && w.status(called[0]).await == Status::Success
    })
    .await;
    assert_eq!(w.status(id).await, Status::Running, "B takes its time");
    w.ended(id).await;
    assert_eq!(w.story(id).await, "A waits; B gives [1]; A hears of its children; A gives [1]; success");
}

/// What the journal says of a call and the called executions come to disk together.
#[tokio::test(start_paused = true)]
async fn a_crash_after_a_call_loses_no_called_workflow() {
    let mut w = World::new().await;
    let child = with_child(&w, flow("S>X")).await;
    let both = flow("S>A, S>B, B>E").does("A", "invoke").param("A", "workflow", json!(child.to_string()));
    let id = w.run(&both.does("B", "take 500").effect("E").does("E", "take 900000, ok")).await;
    w.until("E runs", async |w| !w.seen.of_node("E").is_empty()).await;
    w.restart().await;
    w.turn(25_000).await;
    w.until("the child has ended", async |w| {
        let called = w.executions_of(child).await;
        called.len() == 1 && w.status(called[0]).await == Status::Success
    })
    .await;
    w.shell.cancel(w.workspace, id).await.unwrap();
    w.is(id, Status::Canceled).await;
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_cancel_reaches_called_workflows_wherever_they_are() {
    let w = World::new().await;
    for word in ["hang", "park 99999999, ok"] {
        let grandchild = with_child(&w, flow("S>X").does("X", word)).await;
        let child = with_child(&w, caller(grandchild, "invoke")).await;
        let id = w.run(&caller(child, "invoke")).await;
        w.until("X is at work", async |w| !w.executions_of(grandchild).await.is_empty()).await;
        w.turn(1_000).await;
        assert!(w.shell.cancel(w.workspace, id).await.unwrap());
        for workflow in [child, grandchild] {
            let called = w.executions_of(workflow).await;
            w.is(called[0], Status::Canceled).await;
        }
        w.is(id, Status::Canceled).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_calls_itself_for_ever_is_stopped() {
    let w = World::with(Default::default(), 50).await;
    let id = WorkflowId::new(START, 77);
    let endless = caller(id, "invoke").kind("S", "called");
    w.store.create_workflow(w.workspace, id, w.saved(&endless)).await.unwrap();
    let first = w.start(id).await;
    w.ended(first).await;
    let n = w.executions_of(id).await.len();
    assert_eq!(n, 257);
    let deepest = *w.executions_of(id).await.last().unwrap();
    let why = w.ended(deepest).await.error.unwrap();
    assert_eq!(why, "the limit of 256 for workflows that wait for each other is exceeded");
}

#[tokio::test(start_paused = true)]
async fn workflows_that_are_called_without_waiting_are_started_once_whatever_happens() {
    let mut w = World::new().await;
    let child = with_child(&w, flow("S>X")).await;
    let launch = flow("S>A, A>B").does("A", "launch").param("A", "workflow", json!(child.to_string()));
    // Nothing brings A's end to disk before B rests, so it begins anew after a crash.
    let id = w.run(&launch.does("B", "take 600000, ok")).await;
    w.until("B is at work", async |w| !w.seen.of_node("B").is_empty()).await;
    w.restart().await;
    w.turn(30_000).await;
    w.until("B is at work again", async |w| w.seen.of_node("B").len() == 2).await;
    w.turn(600_000).await;
    w.ended(id).await;
    assert_eq!(w.executions_of(child).await.len(), 1);
}

/// What is not on disk begins anew after a crash, and other branches may then be faster.
#[tokio::test(start_paused = true)]
async fn a_call_is_known_by_its_node_although_its_step_gets_another_number() {
    let mut w = World::new().await;
    let child = with_child(&w, flow("S>X")).await;
    let id = child.to_string();
    let both = flow("S>P, P>L, L>Q, S>M, M>N").does("L", "launch").param("L", "workflow", json!(id));
    let both =
        both.does("P", "take 500").does("M", "late 1000").does("Q", "late 900000").does("N", "late 900000");
    let id = w.run(&both).await;
    w.until("all are at work", async |w| !w.seen.of_node("N").is_empty()).await;
    assert_eq!(w.executions_of(child).await.len(), 1);
    w.restart().await;
    w.turn(30_000).await;
    w.ended(id).await;
    assert_eq!(w.executions_of(child).await.len(), 1);
}
