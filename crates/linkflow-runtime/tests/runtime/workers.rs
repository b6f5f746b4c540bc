//! Workers: what becomes of executions when one stops, dies, or loses its lease.

use linkflow_model::*;
use linkflow_runtime::contract::*;
use linkflow_store::Options;
use serde_json::json;

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_ends_what_it_can_within_its_grace_and_gives_back_the_rest() {
    let mut w = World::new().await;
    let short = w.run(&flow("S>A").does("A", "take 2000").effect("A")).await;
    let long = w.run(&flow("S>B").does("B", "take 900000").effect("B")).await;
    w.until("both run", async |w| w.seen.all().iter().filter(|g| g.node != "S").count() == 2).await;
    w.drain().await;
    assert_eq!(w.status(short).await, Status::Success);
    assert_eq!(w.status(long).await, Status::Ready);
    let record = w.store.execution(w.workspace, long).await.unwrap().unwrap();
    assert_eq!(record.attempt, 0, "a stop in good order is nobody's failure");
    let refused = w.shell.start(w.request(record.workflow, json!([{}])), None).await;
    assert!(matches!(refused, Err(StartError::Busy { .. })), "{refused:?}");

    w.shell = w.another_shell();
    w.begin();
    w.until("B runs again", async |w| w.seen.of_node("B").len() == 2).await;
    let goes = w.seen.of_node("B");
    assert_eq!(goes[0].key, goes[1].key);
    assert!(goes[1].began_before);
}

#[tokio::test(start_paused = true)]
async fn a_long_grace_does_not_cost_the_lease() {
    let mut w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "take 60000")).await;
    w.until("A runs", async |w| !w.seen.of_node("A").is_empty()).await;
    w.stop_dead();
    w.shell = w.another_shell();
    let worker = Worker::new(w.shell.clone(), 120_000);
    let _other = Worker::new(w.another_shell(), 0);
    w.turn(22_000).await;
    w.until("A runs again", async |w| w.seen.of_node("A").len() == 2).await;
    worker.stop.cancel();
    w.turn(70_000).await;
    w.is(id, Status::Success).await;
    assert_eq!(w.seen.of_node("A").len(), 2, "nobody took it away meanwhile");
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_worker_held_goes_on_elsewhere_after_its_lease() {
    let mut w = World::new().await;
    let id = w.run(&flow("S>A, A>B").effect("A").effect("B").does("B", "hang, ok")).await;
    w.until("B runs", async |w| !w.seen.of_node("B").is_empty()).await;
    w.stop_dead();
    w.shell = w.another_shell();
    w.begin();
    w.turn(10_000).await;
    assert_eq!(w.seen.of_node("B").len(), 1, "the lease has not ended yet");
    w.until("B runs again", async |w| w.seen.of_node("B").len() == 2).await;
    assert_eq!(w.seen.of_node("A").len(), 1, "what is on disk is not done again");
    w.shell.cancel(w.workspace, id).await.unwrap();
    w.is(id, Status::Canceled).await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_ends_its_workers_again_and_again_is_dead_and_says_why() {
    let mut w = World::with(Options { poison_limit: 2, ..Options::default() }, 10).await;
    let id = w.run(&flow("S>A").does("A", "hang")).await;
    for n in 1..=2 {
        w.until("A runs", async |w| w.seen.of_node("A").len() == n).await;
        w.is(id, Status::Running).await;
        w.restart().await;
        w.turn(26_000).await;
    }
    w.is(id, Status::Dead).await;
    let end = w.shell.wait(w.workspace, id, 0).await.unwrap().unwrap();
    assert!(end.error.unwrap().message.starts_with("given up: 2 workers in a row"), "that is the end");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_execution_that_is_given_up_is_told() {
    let mut w = World::with(Options { poison_limit: 0, ..Options::default() }, 10).await;
    w.stop_dead();
    let (sender, mut answer) = tokio::sync::oneshot::channel();
    let workflow = w.save(&flow("S>A")).await;
    // Too large to go along with its hint, so that it is claimed before it runs.
    let large: String = (1..1_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_string()).collect();
    w.shell.start(w.request(workflow, json!([{"large": large}])), Some(sender)).await.unwrap();
    w.begin();
    w.turn(6_000).await;
    let Ok(Answer::Finished(end)) = answer.try_recv() else { panic!("nobody said anything") };
    assert_eq!(end.status, Status::Dead);
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_free_again_however_an_execution_ended() {
    let w = World::with(Options::default(), 1).await;
    for word in ["ok", "wrong", "panic", "none", "park 1, ok", "park 5000, wrong"] {
        let id = w.run(&flow("S>A").does("A", word)).await;
        w.turn(100).await;
        w.turn(6_000).await;
        assert!(w.status(id).await.is_terminal(), "{word}");
    }
}

#[tokio::test(start_paused = true)]
async fn executions_that_lose_their_hint_are_found() {
    let mut w = World::new().await;
    w.stop_dead();
    let workflow = w.save(&flow("S>A")).await;
    // A process that accepts and never works: its queue is nobody's.
    let other = w.another_shell();
    let id = other.start(w.request(workflow, json!([{}])), None).await.unwrap().execution;
    w.begin();
    w.turn(4_000).await;
    w.is(id, Status::Success).await;
}
