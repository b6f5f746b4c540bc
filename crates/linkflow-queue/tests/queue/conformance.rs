//! What any queue must do, whichever it is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use linkflow_queue::{Job, QueueName, Taken};

use crate::stage::{Stage, execution, job, job_of, jobs, numbers, soon, tickets};

macro_rules! stories {
    ($($name:ident)*) => {
        mod in_memory {
            $(#[tokio::test] async fn $name() { super::$name(super::Stage::in_memory().await).await })*
        }
        mod in_redis {
            $(#[tokio::test] async fn $name() { super::$name(super::Stage::in_redis().await).await })*
        }
    };
}

stories! {
    jobs_come_out_once_in_the_order_in_which_they_came_in
    what_waits_already_is_not_taken_in_again
    what_is_pushed_while_it_is_held_comes_again_once_it_is_let_go
    what_an_execution_starts_with_is_given_to_its_first_taker_only
    what_is_given_back_comes_before_all_others_in_its_order
    what_failed_is_tried_again_after_a_while
    what_failed_is_tried_again_at_once_when_it_is_pushed
    what_was_pushed_while_it_failed_is_tried_at_once
    what_can_never_succeed_is_put_aside
    a_paused_queue_gives_nothing_until_it_goes_on
    a_taker_that_waits_is_woken
    nobody_who_asks_for_nothing_gets_something
    queues_get_their_shares_while_all_have_work
    the_slots_of_an_empty_queue_go_to_the_others
    workspaces_take_turns_within_a_batch
    takers_that_leave_lose_nothing
    letting_go_of_what_is_not_held_does_no_harm
    cancellations_reach_everybody
    the_numbers_say_what_is_where
}

async fn jobs_come_out_once_in_the_order_in_which_they_came_in(stage: Stage) {
    assert_eq!(stage.push(jobs([1, 2, 3])).await, 3);
    assert_eq!(numbers(&stage.take(2).await), [1, 2]);
    assert_eq!(numbers(&stage.take(5).await), [3]);
    assert!(stage.take_if_any(5).await.is_empty());
}

async fn what_waits_already_is_not_taken_in_again(stage: Stage) {
    assert_eq!(stage.push(jobs([1, 1, 2])).await, 2);
    assert_eq!(stage.push(jobs([2, 3])).await, 1);
    assert_eq!(numbers(&stage.take(9).await), [1, 2, 3]);
}

async fn what_is_pushed_while_it_is_held_comes_again_once_it_is_let_go(stage: Stage) {
    stage.push(jobs([1])).await;
    let held = stage.take(1).await;
    assert_eq!(stage.push(jobs([1])).await, 0);
    assert!(stage.take_if_any(1).await.is_empty(), "nobody else gets what is held");
    stage.queue.done(tickets(&held)).await;
    let again = stage.take(1).await;
    assert_eq!(numbers(&again), [1]);
    stage.queue.done(tickets(&again)).await;
    assert!(stage.take_if_any(1).await.is_empty());
}

async fn what_an_execution_starts_with_is_given_to_its_first_taker_only(stage: Stage) {
    let start: Arc<[u8]> = Arc::from(&b"\0\xff a start"[..]);
    let with_start = Job { start: Some(start.clone()), ..job(1) };
    let start_of = |taken: &[Taken]| match &taken[0] {
        Taken::Execution { job, .. } => job.start.clone(),
        Taken::Foreign(_) => panic!("the job is ours"),
    };
    stage.push(vec![with_start.clone()]).await;
    stage.push(vec![job(1)]).await;
    let first = stage.take(1).await;
    assert_eq!(start_of(&first), Some(start));
    stage.queue.give_back(tickets(&first)).await;
    let second = stage.take(1).await;
    assert_eq!(start_of(&second), None, "it was given back");
    // Nor when it was pushed once more meanwhile.
    stage.push(vec![with_start]).await;
    stage.queue.done(tickets(&second)).await;
    assert_eq!(start_of(&stage.take(1).await), None, "it was let go of");
}

async fn what_is_given_back_comes_before_all_others_in_its_order(stage: Stage) {
    stage.push(jobs([1, 2, 3, 4])).await;
    let held = stage.take(3).await;
    stage.queue.give_back(tickets(&held)).await;
    assert_eq!(numbers(&stage.take(9).await), [1, 2, 3, 4]);
}

async fn what_failed_is_tried_again_after_a_while(stage: Stage) {
    stage.push(jobs([1])).await;
    let held = stage.take(1).await;
    stage.queue.retry(held[0].ticket().clone(), "the database was away", 3).await;
    stage.clock.turn_ms(17_000);
    stage.queue.maintain().await;
    assert!(stage.take_if_any(1).await.is_empty(), "18 seconds are not over");
    stage.clock.turn_ms(1_000);
    stage.queue.maintain().await;
    assert_eq!(numbers(&stage.take(1).await), [1]);
}

async fn what_failed_is_tried_again_at_once_when_it_is_pushed(stage: Stage) {
    stage.push(jobs([1])).await;
    let held = stage.take(1).await;
    stage.queue.retry(held[0].ticket().clone(), "the database was away", 0).await;
    assert_eq!(stage.push(jobs([1])).await, 1);
    assert_eq!(numbers(&stage.take(1).await), [1]);
    stage.clock.turn_ms(60_000);
    assert!(stage.take_if_any(1).await.is_empty(), "and no second time when its time has come");
}

async fn what_was_pushed_while_it_failed_is_tried_at_once(stage: Stage) {
    stage.push(jobs([1])).await;
    let held = stage.take(1).await;
    stage.push(jobs([1])).await;
    stage.queue.retry(held[0].ticket().clone(), "the database was away", 0).await;
    let again = stage.take(1).await;
    stage.queue.done(tickets(&again)).await;
    stage.clock.turn_ms(60_000);
    stage.queue.maintain().await;
    assert!(stage.take_if_any(1).await.is_empty(), "and no second time");
}

async fn what_can_never_succeed_is_put_aside(stage: Stage) {
    stage.push(jobs([1, 2])).await;
    let held = stage.take(1).await;
    stage.queue.archive(held[0].ticket().clone(), "there is no such workflow").await;
    assert_eq!(stage.push(jobs([1])).await, 0, "what was put aside stays there");
    assert_eq!(numbers(&stage.take(9).await), [2]);
    let stats = stage.queue.stats().await.unwrap();
    let default = stats.iter().find(|s| s.queue == QueueName::default()).unwrap();
    assert_eq!((default.archived, default.failed), (1, 1));
}

async fn a_paused_queue_gives_nothing_until_it_goes_on(stage: Stage) {
    let queue = QueueName::default();
    stage.queue.pause(&queue).await.unwrap();
    stage.push(jobs([1])).await;
    stage.push(vec![job_of(1, "low", 2)]).await;
    assert_eq!(numbers(&stage.take(9).await), [2], "other queues go on");
    assert!(stage.take_if_any(9).await.is_empty());
    assert!(stage.queue.stats().await.unwrap().iter().any(|s| s.queue == queue && s.is_paused));
    let taking = stage.take(9);
    let (taken, unpaused) = tokio::join!(taking, stage.queue.unpause(&queue));
    unpaused.unwrap();
    assert_eq!(numbers(&taken), [1], "a taker that waits is woken");
}

async fn a_taker_that_waits_is_woken(stage: Stage) {
    for n in 0..20 {
        let (taken, _) = tokio::join!(stage.take(1), async {
            tokio::time::sleep(Duration::from_millis(n as u64 % 5)).await;
            stage.push(vec![job(n)]).await
        });
        assert_eq!(numbers(&taken), [n]);
    }
}

async fn nobody_who_asks_for_nothing_gets_something(stage: Stage) {
    stage.push(jobs([1])).await;
    assert!(stage.take(0).await.is_empty());
    assert_eq!(numbers(&stage.take(1).await), [1]);
}

/// Fills three queues with more than will be taken.
async fn saturate(stage: &Stage) {
    for (i, queue) in ["critical", "default", "low"].into_iter().enumerate() {
        let first = i as u128 * 10_000;
        stage.push((first..first + 700).map(|n| job_of(1, queue, n)).collect()).await;
    }
}

async fn queues_get_their_shares_while_all_have_work(stage: Stage) {
    saturate(&stage).await;
    let mut counts = [0; 3];
    for max in [1, 1, 1, 2, 3, 5, 7, 10, 20, 50, 100, 300] {
        let taken = stage.take(max).await;
        assert_eq!(taken.len(), max);
        for n in numbers(&taken) {
            counts[n as usize / 10_000] += 1;
        }
        let n: usize = counts.iter().sum();
        for (got, weight) in counts.iter().zip([6, 3, 1]) {
            let fair = n * weight / 10;
            assert!(got.abs_diff(fair) <= 1, "after {n}: {counts:?}");
        }
    }
    assert_eq!(counts, [300, 150, 50], "and nobody starves");
}

async fn the_slots_of_an_empty_queue_go_to_the_others(stage: Stage) {
    stage.push((0..30).map(|n| job_of(1, "low", n)).collect()).await;
    assert_eq!(stage.take(20).await.len(), 20);
    stage.push((30..40).map(|n| job_of(1, "critical", n)).collect()).await;
    assert_eq!(stage.take(20).await.len(), 20);
}

async fn workspaces_take_turns_within_a_batch(stage: Stage) {
    let mut all: Vec<_> = (1..=6).map(|n| job_of(1, "default", n)).collect();
    all.extend([job_of(2, "default", 7), job_of(3, "default", 8), job_of(2, "default", 9)]);
    stage.push(all).await;
    assert_eq!(numbers(&stage.take(9).await), [1, 7, 8, 2, 9, 3, 4, 5, 6]);
}

async fn takers_that_leave_lose_nothing(stage: Stage) {
    let n = 300;
    stage.push(jobs(0..n)).await;
    let mut got = BTreeSet::new();
    // Takers leave after the shortest times, mostly in the middle of what they do.
    for micros in (0..120).map(|i| i * 17) {
        let leaving = tokio::time::timeout(Duration::from_micros(micros), stage.queue.take(5)).await;
        if let Ok(taken) = leaving {
            let taken = taken.unwrap();
            got.extend(numbers(&taken));
            stage.queue.done(tickets(&taken)).await;
        }
    }
    while got.len() < n as usize {
        let taken = stage.take(50).await;
        got.extend(numbers(&taken));
        stage.queue.done(tickets(&taken)).await;
    }
}

async fn letting_go_of_what_is_not_held_does_no_harm(stage: Stage) {
    stage.push(jobs([1, 2])).await;
    let held = stage.take(1).await;
    stage.queue.done(tickets(&held)).await;
    stage.queue.done(tickets(&held)).await;
    stage.queue.give_back(tickets(&held)).await;
    stage.queue.archive(held[0].ticket().clone(), "late").await;
    assert_eq!(numbers(&stage.take(9).await), [2]);
    let stats = stage.queue.stats().await.unwrap();
    let default = stats.iter().find(|s| s.queue == QueueName::default()).unwrap();
    assert_eq!((default.processed, default.failed, default.active), (1, 0, 1));
}

async fn cancellations_reach_everybody(stage: Stage) {
    let queue = Arc::new(stage.queue);
    let (mut one, mut two) = (queue.cancellations(), queue.cancellations());
    let id = execution(7).to_string();
    // The first may come before anybody listens; hints may be repeated.
    let heard = async {
        loop {
            queue.cancel(&id).await.unwrap();
            let heard = tokio::time::timeout(Duration::from_millis(100), one.recv()).await;
            if let Ok(heard) = heard {
                return heard.unwrap();
            }
        }
    };
    assert_eq!(*soon(heard).await, *id);
    assert_eq!(*soon(two.recv()).await.unwrap(), *id);
}

async fn the_numbers_say_what_is_where(stage: Stage) {
    stage.push(jobs(1..=6)).await;
    let held = stage.take(4).await;
    stage.queue.done(tickets(&held[..1])).await;
    stage.queue.archive(held[1].ticket().clone(), "no").await;
    stage.queue.retry(held[2].ticket().clone(), "later", 0).await;
    stage.clock.turn_ms(3_500);
    let stats = stage.queue.stats().await.unwrap();
    let s = stats.iter().find(|s| s.queue == QueueName::default()).unwrap();
    assert_eq!((s.pending, s.active, s.retry, s.archived, s.scheduled), (2, 1, 1, 1, 0));
    assert_eq!((s.processed, s.failed, s.size(), s.wait_ms), (3, 2, 5, 3_500));
}
