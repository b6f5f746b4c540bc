//! Requests that wait for an execution.

use linkflow_model::*;
use linkflow_node::ReplyBody;
use linkflow_runtime::contract::*;
use serde_json::json;
use tokio::sync::oneshot;

use crate::world::*;

/// Starts it, with somebody who waits.
async fn ask(w: &World, workflow: WorkflowId, key: Option<&str>) -> (Started, Answers) {
    let (sender, answer) = oneshot::channel();
    let mut request = w.request(workflow, json!([{"n": 1}]));
    request.idempotency_key = key.map(str::to_owned);
    (w.shell.start(request, Some(sender)).await.unwrap(), answer)
}

#[tokio::test(start_paused = true)]
async fn a_node_that_replies_is_heard_before_the_execution_ends() {
    let w = World::new().await;
    let workflow = w.save(&flow("S>R, R>A").does("R", "reply").does("A", "park 60000, ok")).await;
    let (started, mut answer) = ask(&w, workflow, None).await;
    w.is(started.execution, Status::Waiting).await;
    let Ok(Answer::Reply(reply)) = answer.try_recv() else { panic!("no reply") };
    assert_eq!(reply.body, ReplyBody::Json(json!("hello")));
}

#[tokio::test(start_paused = true)]
async fn a_reply_to_nobody_is_told_to_the_node_and_harms_nobody() {
    let w = World::new().await;
    let replies = w.save(&flow("S>R").does("R", "reply")).await;
    let id = w.start(replies).await;
    assert_eq!(w.last_items(id).await, json!([{"heard": false}]));
    let (started, answer) = ask(&w, replies, None).await;
    drop(answer);
    w.ended(started.execution).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_reply_the_end_is_the_answer() {
    let w = World::new().await;
    for (word, status) in [("ok", Status::Success), ("wrong", Status::Error)] {
        let workflow = w.save(&flow("S>A").does("A", word)).await;
        let (_, mut answer) = ask(&w, workflow, None).await;
        w.turn(500).await;
        let Ok(Answer::Finished(end)) = answer.try_recv() else { panic!("no end") };
        assert_eq!(end.status, status);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_request_with_a_key_hears_the_reply_and_a_repeated_one_the_end() {
    let w = World::new().await;
    let workflow = w.save(&flow("S>R").does("R", "reply")).await;
    let (first, mut answer) = ask(&w, workflow, Some("k")).await;
    assert!(first.is_new);
    w.ended(first.execution).await;
    assert!(matches!(answer.try_recv(), Ok(Answer::Reply(_))), "the first one hears the reply");
    let (again, mut answer) = ask(&w, workflow, Some("k")).await;
    assert_eq!(again, Started { execution: first.execution, is_new: false });
    let Ok(Answer::Finished(end)) = answer.try_recv() else { panic!("no end") };
    assert_eq!((end.execution, end.status), (first.execution, Status::Success));
    assert_eq!(w.executions_of(workflow).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_waits_for_the_first_ones_end() {
    let w = World::new().await;
    let workflow = w.save(&flow("S>A").does("A", "park 60000, ok")).await;
    let (first, _gone) = ask(&w, workflow, Some("k")).await;
    w.is(first.execution, Status::Waiting).await;
    let (_, mut answer) = ask(&w, workflow, Some("k")).await;
    assert!(answer.try_recv().is_err());
    w.turn(61_000).await;
    w.is(first.execution, Status::Success).await;
    w.settle().await;
    assert!(matches!(answer.try_recv(), Ok(Answer::Finished(_))));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_of_one_workflow_and_of_one_request() {
    let w = World::new().await;
    let (one, two) = (w.save(&flow("S>A")).await, w.save(&flow("S>A")).await);
    let (first, _) = ask(&w, one, Some("k")).await;
    let (second, _) = ask(&w, two, Some("k")).await;
    assert_ne!(first.execution, second.execution);
    let mut other = w.request(one, json!([{}]));
    (other.idempotency_key, other.idempotency_fingerprint) = (Some("k".to_owned()), "other".to_owned());
    assert!(matches!(w.shell.start(other, None).await, Err(StartError::Conflict(_))));
}

#[tokio::test(start_paused = true)]
async fn who_waits_gets_the_end_or_gives_up_in_time() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "take 3000")).await;
    let shell = w.shell.clone();
    let (workspace, wait) = (w.workspace, |ms| {
        let (shell, workspace) = (shell.clone(), w.workspace);
        tokio::spawn(async move { shell.wait(workspace, id, ms).await.unwrap() })
    });
    let (short, long) = (wait(500), wait(60_000));
    w.turn(1_000).await;
    assert!(short.await.unwrap().is_none());
    w.ended(id).await;
    w.settle().await;
    assert_eq!(long.await.unwrap().unwrap().status, Status::Success);
    let nobody = ExecutionId::new(START, 3);
    assert!(w.shell.wait(workspace, nobody, 0).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn those_who_give_up_or_go_away_leave_nothing_behind() {
    let w = World::new().await;
    let workflow = w.save(&flow("S>A").does("A", "call")).await;
    let (started, answer) = ask(&w, workflow, None).await;
    w.is(started.execution, Status::Waiting).await;
    let shell = w.shell.clone();
    let (workspace, id) = (w.workspace, started.execution);
    let gone = tokio::spawn(async move { shell.wait(workspace, id, 3_600_000).await.map(|_| ()) });
    w.settle().await;
    assert_eq!(w.shell.n_waiting(), 1);
    gone.abort();
    assert!(w.shell.wait(w.workspace, id, 0).await.unwrap().is_none());
    drop(answer);
    w.turn(5_000).await;
    assert_eq!(w.shell.n_waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_came_at_another_worker_is_told_as_well() {
    let w = World::new().await;
    let other = w.another_shell();
    let workflow = w.save(&flow("S>A").does("A", "take 2000")).await;
    let (sender, mut answer) = oneshot::channel();
    // The shell that asks works too, but the other one has the execution.
    let asks = w.request(workflow, json!([{}]));
    let id = other.start(asks, Some(sender)).await.unwrap().execution;
    w.until("the worker has found it", async |w| !w.seen.of_node("A").is_empty()).await;
    w.ended(id).await;
    let _worker = Worker::new(other.clone(), 1_000);
    w.turn(4_000).await;
    assert!(matches!(answer.try_recv(), Ok(Answer::Finished(_))));
}
