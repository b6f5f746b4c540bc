//! Time limits of nodes and of executions.

use linkflow_model::*;

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn a_node_that_takes_too_long_fails() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "hang").with("A", |n| n.time_limit_ms = Some(2_000))).await;
    let record = w.ended(id).await;
    assert_eq!(record.error.as_deref(), Some("the node took longer than 2000 ms"));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_took_too_long_may_be_tried_again() {
    let slow = flow("S>A").does("A", "hang, ok").retry("A", 2, 10, 1);
    check(slow.with("A", |n| n.time_limit_ms = Some(2_000)), "A fails, again after 10; A gives [1]; success")
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_takes_too_long_ends_with_an_error() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "hang").set(|s| s.time_limit_ms = Some(3_000))).await;
    let record = w.ended(id).await;
    assert_eq!(record.status, Status::Error);
    assert_eq!(record.error.as_deref(), Some("the execution took longer than its limit of 3000 ms"));
}

#[tokio::test(start_paused = true)]
async fn time_in_which_all_of_it_waits_does_not_count() {
    let w = World::new().await;
    let waits = flow("S>A, A>B").does("A", "park 60000, ok").set(|s| s.time_limit_ms = Some(3_000));
    let id = w.run(&waits).await;
    w.is(id, Status::Waiting).await;
    w.turn(61_000).await;
    w.is(id, Status::Success).await;
}

#[tokio::test(start_paused = true)]
async fn time_between_tries_counts_and_ends_the_execution_where_it_rests() {
    let w = World::new().await;
    let rests = flow("S>A").does("A", "fail").retry("A", 2, 60_000, 1).set(|s| s.time_limit_ms = Some(9_000));
    let id = w.run(&rests).await;
    w.is(id, Status::Waiting).await;
    w.turn(10_000).await;
    assert_eq!(w.ended(id).await.status, Status::Error);
    assert_eq!(w.story(id).await, "A fails, again after 60000; timed out");
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_runs_on_uses_up_the_limit_though_another_waits() {
    let both = flow("S>A, S>B").does("A", "park 60000, ok").does("B", "hang");
    check(both.set(|s| s.time_limit_ms = Some(3_000)), "A waits; timed out").await;
}
