//! A node that failed is tried again, as often and as late as its settings say.

use linkflow_model::*;

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn a_node_is_tried_again_after_the_same_wait_each_time() {
    check(
        flow("S>A").does("A", "fail, fail, ok").retry("A", 3, 1_500, 1),
        "A fails, again after 1500; A fails, again after 1500; A gives [1]; success",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn waits_can_grow_up_to_a_bound() {
    let grows = flow("S>A").does("A", "fail, fail, fail, ok").retry("A", 9, 1_000, 2);
    check(
        grows.with("A", |n| n.retry.as_mut().unwrap().max_wait_ms = Some(3_000)),
        "A fails, again after 1000; A fails, again after 2000; A fails, again after 3000; \
         A gives [1]; success",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_tries_end_and_so_does_the_execution() {
    check(flow("S>A").does("A", "fail").retry("A", 2, 5, 1), "A fails, again after 5; A fails; error").await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_says_when_to_come_again_is_heard() {
    check(
        flow("S>A").does("A", "fail 7000, fail 10, ok").retry("A", 3, 500, 1),
        "A fails, again after 7000; A fails, again after 500; A gives [1]; success",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_another_try_cannot_mend_is_not_tried_again() {
    check(flow("S>A").does("A", "wrong").retry("A", 5, 10, 1), "A fails; error").await;
}

#[tokio::test(start_paused = true)]
async fn in_the_imported_order_every_failure_is_tried_again() {
    let tried = flow("S>A").does("A", "wrong, ok").retry("A", 2, 10, 1).order(Order::V1);
    check(tried, "A fails, again after 10; A gives [1]; success").await;
}

#[tokio::test(start_paused = true)]
async fn an_item_with_an_error_in_front_counts_as_a_failure_while_tries_are_left() {
    check(
        flow("S>A").does("A", "sick, sick").retry("A", 2, 10, 1),
        "A fails, again after 10; A gives [1]; success",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_try_of_an_effect_has_the_same_key() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").effect("A").does("A", "fail, fail, ok").retry("A", 3, 2_000, 1)).await;
    w.ended(id).await;
    let goes = w.seen.of_node("A");
    assert_eq!(goes.iter().map(|g| g.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(goes.iter().all(|g| g.key == goes[0].key));
}

#[tokio::test(start_paused = true)]
async fn a_long_rest_between_tries_holds_no_slot_and_outlives_a_restart() {
    let mut w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "fail, ok").retry("A", 2, 60_000, 1)).await;
    w.is(id, Status::Waiting).await;
    w.restart().await;
    w.turn(58_000).await;
    assert_eq!(w.status(id).await, Status::Waiting);
    w.turn(3_000).await;
    w.ended(id).await;
    assert_eq!(w.story(id).await, "A fails, again after 60000; A gives [1]; success");
}
