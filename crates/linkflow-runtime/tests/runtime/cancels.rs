//! Somebody wants an execution to end.

use linkflow_model::*;
use linkflow_runtime::contract::*;

use crate::world::*;

async fn cancel(w: &World, id: ExecutionId) -> bool {
    w.shell.cancel(w.workspace, id).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_that_nobody_has_taken_yet_ends_without_running() {
    let mut w = World::new().await;
    w.stop_dead();
    let id = w.run(&flow("S>A").effect("A")).await;
    assert!(cancel(&w, id).await);
    w.begin();
    w.is(id, Status::Canceled).await;
    assert!(w.seen.of_node("A").is_empty());
    assert!(!cancel(&w, id).await, "it has ended");
}

#[tokio::test(start_paused = true)]
async fn one_that_runs_is_interrupted() {
    let w = World::new().await;
    let id = w.run(&flow("S>A, A>B").does("A", "hang").effect("A")).await;
    w.until("A is at work", async |w| !w.seen.of_node("A").is_empty()).await;
    assert!(cancel(&w, id).await);
    w.is(id, Status::Canceled).await;
    assert_eq!(w.story(id).await, "cancel; canceled");
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_or_rests_between_tries_ends_at_once() {
    let w = World::new().await;
    for waits in [
        flow("S>A").does("A", "park 99999999"),
        flow("S>A").does("A", "call"),
        flow("S>A").does("A", "fail").retry("A", 5, 9_999_999, 1),
    ] {
        let id = w.run(&waits).await;
        w.is(id, Status::Waiting).await;
        assert!(cancel(&w, id).await);
        w.is(id, Status::Canceled).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_runs_at_another_worker_hears_of_it_too() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "hang")).await;
    w.until("A is at work", async |w| !w.seen.of_node("A").is_empty()).await;
    // A shell that executes nothing, as another process would be.
    let other = w.another_shell();
    assert!(other.cancel(w.workspace, id).await.unwrap());
    w.is(id, Status::Canceled).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_cancels_in_another_workspace() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "call")).await;
    let elsewhere = WorkspaceId::new(START, 9);
    assert!(!w.shell.cancel(elsewhere, id).await.unwrap());
    w.is(id, Status::Waiting).await;
}
