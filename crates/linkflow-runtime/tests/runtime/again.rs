//! Executions that have ended and are run once more.

use linkflow_model::*;
use linkflow_runtime::contract::*;
use serde_json::json;

use crate::world::*;

async fn retried(w: &World, id: ExecutionId, from: RetryFrom) -> ExecutionId {
    let again = w.shell.retry(w.workspace, id, from.into()).await.unwrap();
    let record = w.ended(again).await;
    assert_eq!((record.retry_of, record.mode), (Some(id), Mode::Retry));
    again
}

/// Fails once in all its executions, by saving another version of itself: so the words are those
/// of the second version.
async fn fails_first(w: &World, flow: Flow) -> (WorkflowId, ExecutionId) {
    let workflow = w.save(&flow).await;
    let id = w.start(workflow).await;
    assert_eq!(w.ended(id).await.status, Status::Error);
    (workflow, id)
}

#[tokio::test(start_paused = true)]
async fn from_its_start_everything_runs_again_on_the_same_first_items() {
    let w = World::new().await;
    let (_, id) = fails_first(&w, flow("S>A, A>B").does("B", "wrong")).await;
    let again = retried(&w, id, RetryFrom::Start).await;
    assert_eq!(w.story(again).await, "A gives [1]; B fails; error");
    assert_eq!(w.seen.of_node("A").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn from_its_failure_what_succeeded_is_not_run_again() {
    let w = World::new().await;
    let (_, id) = fails_first(&w, flow("S>A, A>B, B>C").does("B", "wrong")).await;
    let again = retried(&w, id, RetryFrom::Failed).await;
    assert_eq!(w.story(again).await, "A gives [1]; B fails; error");
    assert_eq!((w.seen.of_node("A").len(), w.seen.of_node("B").len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn tries_that_were_left_unused_are_there_again() {
    let w = World::new().await;
    let (_, id) = fails_first(&w, flow("S>A").does("A", "fail").retry("A", 2, 10, 1)).await;
    let again = retried(&w, id, RetryFrom::Failed).await;
    assert_eq!(w.story(again).await, "A fails, again after 10; A fails; error");
}

#[tokio::test(start_paused = true)]
async fn a_last_node_that_failed_and_may_go_on_is_run_again() {
    let w = World::new().await;
    let sick = flow("S>A, A>B").does("B", "wrong").on_error("B", OnError::ContinueRegular);
    let (_, id) = fails_first(&w, sick.order(Order::V1)).await;
    let again = retried(&w, id, RetryFrom::Failed).await;
    assert_eq!(w.story(again).await, "A gives [1]; B fails and goes on [1]; error");
    assert_eq!((w.seen.of_node("A").len(), w.seen.of_node("B").len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn branches_that_waited_when_it_failed_wait_anew() {
    let w = World::new().await;
    let child = w.save(&flow("S>X").kind("S", "called").does("X", "take 100")).await;
    let both = flow("S>A, S>B").does("A", "invoke").param("A", "workflow", json!(child.to_string()));
    let (_, id) = fails_first(&w, both.does("B", "wrong")).await;
    let again = w.shell.retry(w.workspace, id, RetryFrom::Failed.into()).await.unwrap();
    assert_eq!(w.ended(again).await.status, Status::Error, "it does not wait for the other one's child");
}

#[tokio::test(start_paused = true)]
async fn what_was_canceled_goes_on_where_it_stood() {
    let w = World::new().await;
    let id = w.run(&flow("S>A, A>B").does("B", "park 5000, told")).await;
    w.is(id, Status::Waiting).await;
    w.shell.cancel(w.workspace, id).await.unwrap();
    w.is(id, Status::Canceled).await;
    let again = w.shell.retry(w.workspace, id, RetryFrom::Failed.into()).await.unwrap();
    w.is(again, Status::Waiting).await;
    w.turn(6_000).await;
    w.is(again, Status::Success).await;
    assert_eq!(w.seen.of_node("A").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_has_not_ended_or_does_not_exist_cannot_be_run_again() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "call")).await;
    w.is(id, Status::Waiting).await;
    let early = w.shell.retry(w.workspace, id, RetryFrom::Start.into()).await;
    assert!(matches!(early, Err(StartError::Conflict(_))), "{early:?}");
    let nobody = w.shell.retry(w.workspace, ExecutionId::new(START, 1), RetryFrom::Start.into()).await;
    assert!(matches!(nobody, Err(StartError::NotFound(_))), "{nobody:?}");
}

#[tokio::test(start_paused = true)]
async fn without_its_data_nothing_can_be_run_again() {
    let w = World::new().await;
    let forgets = flow("S>A").does("A", "wrong").set(|s| s.save.error = false);
    let (_, id) = fails_first(&w, forgets).await;
    let gone = w.shell.retry(w.workspace, id, RetryFrom::Failed.into()).await;
    assert!(matches!(gone, Err(StartError::NotFound(_))), "{gone:?}");
}
