//! Executions that rest: until a time, or until somebody calls.

use linkflow_model::*;
use linkflow_node::trigger::Request;
use linkflow_runtime::contract::*;
use serde_json::{Value, json};

use crate::world::*;

fn waits_for_a_call() -> Flow {
    flow("S>A, A>B").does("A", "call, told")
}

fn call(word: &str) -> Request {
    let query = serde_json::from_value(json!({"word": word})).unwrap();
    Request { method: "GET".to_owned(), query, ..Request::default() }
}

async fn resume(w: &World, id: ExecutionId, word: &str) -> Resumption {
    w.shell.resume(id, call(word), None).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_wait_outlives_a_restart() {
    let mut w = World::new().await;
    let id = w.run(&flow("S>A, A>B").does("A", "park 3600000, told")).await;
    w.is(id, Status::Waiting).await;
    w.restart().await;
    w.turn(3_590_000).await;
    assert_eq!(w.status(id).await, Status::Waiting);
    w.turn(12_000).await;
    assert_eq!(w.last_items(id).await, json!([{"told": "time", "by": "B"}]));
    assert_eq!(w.seen.of_node("A").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn fifty_that_wait_leave_the_only_slot_to_others() {
    let w = World::with(Default::default(), 1).await;
    let waits = w.save(&flow("S>A").does("A", "park 600000, ok")).await;
    let mut waiting = Vec::new();
    for _ in 0..50 {
        waiting.push(w.start(waits).await);
    }
    let other = w.run(&flow("S>A")).await;
    w.is(other, Status::Success).await;
    for &id in &waiting {
        w.is(id, Status::Waiting).await;
    }
    w.turn(600_000).await;
    for id in waiting {
        w.is(id, Status::Success).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_resumes_what_waits_and_a_second_one_hears_that_it_came_too_late() {
    let w = World::new().await;
    let id = w.run(&waits_for_a_call()).await;
    w.is(id, Status::Waiting).await;
    let waiting = w.shell.waiting(id).await.unwrap().expect("it waits");
    assert_eq!((waiting.workspace, waiting.node.name.as_str()), (w.workspace, "A"));
    assert_eq!(resume(&w, id, "first").await, Resumption::Resumed);
    assert_eq!(resume(&w, id, "second").await, Resumption::NotWaiting);
    assert_eq!(w.last_items(id).await, json!([{"told": "call", "query": {"word": "first"}, "by": "B"}]));
    assert!(w.shell.waiting(id).await.unwrap().is_none());
    assert_eq!(resume(&w, id, "third").await, Resumption::NotWaiting);
}

#[tokio::test(start_paused = true)]
async fn only_the_right_signature_opens_a_resume_address() {
    let w = World::new().await;
    let id = w.run(&waits_for_a_call()).await;
    let other = w.run(&waits_for_a_call()).await;
    let services = services(w.dir.path(), std::sync::Arc::new(|| START));
    let signature = services.signature(id);
    assert!(w.shell.is_resume_signature(id, &signature));
    assert!(!w.shell.is_resume_signature(other, &signature));
    assert!(!w.shell.is_resume_signature(id, "not even hex"));
    let nobody = ExecutionId::new(START, 7);
    assert_eq!(resume(&w, nobody, "hello").await, Resumption::NotFound);
    assert!(w.shell.waiting(nobody).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_call_ends_by_time_where_it_has_one() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "call 5000, told")).await;
    w.is(id, Status::Waiting).await;
    w.turn(5_500).await;
    assert_eq!(w.last_items(id).await, json!([{"told": "time"}]));
}

/// The step waits, but the execution is still busy elsewhere and holds its slot.
#[tokio::test(start_paused = true)]
async fn a_call_that_comes_before_the_execution_rests_is_not_lost() {
    let w = World::new().await;
    let id = w.run(&flow("S>A, S>B, B>C").does("A", "call, told").does("B", "take 3000").effect("C")).await;
    // The effect behind B brings to disk that A waits.
    w.until("it is called in time", async |w| {
        w.shell.resume(id, call("early"), None).await.unwrap() == Resumption::Resumed
    })
    .await;
    w.ended(id).await;
    let told = w.story(id).await;
    assert_eq!(told, "A waits; B gives [1]; C gives [1]; A is called; A gives [1]; success");
}

#[tokio::test(start_paused = true)]
async fn several_branches_wait_at_once_each_for_its_own_time_and_call() {
    let w = World::new().await;
    let three = flow("S>A, S>B, S>C, A>J, B>J, C>J").does("A", "park 9000, told").does("B", "call, told");
    let id = w.run(&three.does("C", "park 5000, told")).await;
    w.is(id, Status::Waiting).await;
    w.turn(5_500).await;
    w.is(id, Status::Waiting).await;
    assert_eq!(resume(&w, id, "b").await, Resumption::Resumed);
    w.turn(5_000).await;
    w.ended(id).await;
    assert_eq!(
        w.story(id).await,
        "A waits; B waits; C waits; C gives [1]; B is called; B gives [1]; A gives [1]; \
         J gives [1]; J gives [1]; J gives [1]; success"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_refused_takes_nothing_from_the_one_that_waits_for_its_answer() {
    let w = World::new().await;
    let id =
        w.run(&flow("S>A, A>B, B>R").does("A", "call, told").does("B", "take 3000").does("R", "reply")).await;
    w.is(id, Status::Waiting).await;
    let (sender, mut first) = tokio::sync::oneshot::channel();
    assert_eq!(w.shell.resume(id, call("first"), Some(sender)).await.unwrap(), Resumption::Resumed);
    let (sender, mut second) = tokio::sync::oneshot::channel();
    assert_eq!(w.shell.resume(id, call("second"), Some(sender)).await.unwrap(), Resumption::NotWaiting);
    assert!(second.try_recv().is_err());
    w.ended(id).await;
    assert!(matches!(first.try_recv(), Ok(Answer::Reply(_))));
}

#[tokio::test(start_paused = true)]
async fn a_step_may_wait_more_than_once() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "call, call, told")).await;
    for word in ["one", "two"] {
        w.until("it takes the call", async |w| resume(w, id, word).await == Resumption::Resumed).await;
    }
    let told: Value = w.last_items(id).await;
    assert_eq!(told, json!([{"told": "call", "query": {"word": "two"}}]));
}
