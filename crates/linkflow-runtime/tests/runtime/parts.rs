//! Executions of a part of a workflow, and what they take over from an earlier one.

use linkflow_model::*;
use linkflow_runtime::contract::*;
use serde_json::json;

use crate::world::*;

fn at(name: &str) -> AtNode {
    AtNode { name: name.to_owned(), run: 0 }
}

/// Saves another version of a workflow and gives its number.
async fn save_again(w: &World, id: WorkflowId, flow: &Flow) -> u32 {
    w.store.save_workflow(w.workspace, id, None, w.saved(flow)).await.unwrap().version
}

/// Starts a part of a version; gives the execution once it has ended.
async fn part(
    w: &World,
    workflow: WorkflowId,
    version: u32,
    until: Option<&str>,
    reuse: Option<(ExecutionId, Option<&str>)>,
) -> ExecutionId {
    let reuse = reuse.map(|(execution, again)| Reuse { execution, again: again.map(at) });
    let request = w.request(workflow, json!([{"n": 1}]));
    let request =
        StartRequest { version, until: until.map(str::to_owned), reuse, mode: Mode::Manual, ..request };
    let id = w.shell.start(request, None).await.unwrap().execution;
    w.ended(id).await;
    id
}

#[tokio::test(start_paused = true)]
async fn a_run_up_to_a_node_leaves_out_what_does_not_lead_there() {
    let mut w = World::new().await;
    let workflow = w.save(&flow("S>A, A>B, B>C, S>D")).await;
    let id = part(&w, workflow, 1, Some("B"), None).await;
    assert_eq!(w.story(id).await, "A gives [1]; B gives [1]; success");
    w.restart().await;
    let again = w.shell.retry(w.workspace, id, RetryFrom::Start.into()).await.unwrap();
    w.ended(again).await;
    assert_eq!(w.story(again).await, "A gives [1]; B gives [1]; success", "a retry is one of the same part");
}

#[tokio::test(start_paused = true)]
async fn a_run_up_to_a_node_in_a_loop_ends_with_its_first_run() {
    let w = World::new().await;
    let workflow = w.save(&flow("S>A, A>B, B>A, A>C").order(Order::V1)).await;
    let id = part(&w, workflow, 1, Some("A"), None).await;
    assert_eq!(w.story(id).await, "A gives [1]; success");
}

#[tokio::test(start_paused = true)]
async fn one_node_runs_alone_on_what_an_earlier_execution_gave_it() {
    for order in [Order::Parallel, Order::V1] {
        let w = World::new().await;
        let workflow = w.save(&flow("S>A, A>B, B>C, S>D").order(order)).await;
        let id = w.start(workflow).await;
        w.ended(id).await;
        let alone = part(&w, workflow, 1, Some("B"), Some((id, Some("B")))).await;
        assert_eq!(w.story(alone).await, "A gives [1]; B gives [1]; success");
        let n = |name| w.seen.of_node(name).len();
        assert_eq!((n("A"), n("B"), n("C"), n("D")), (1, 2, 1, 1), "{order:?}");
        assert_eq!(w.last_items(alone).await, json!([{"n": 1, "by": "B"}]));
    }
}

#[tokio::test(start_paused = true)]
async fn from_a_node_on_everything_after_it_runs_anew() {
    let w = World::new().await;
    let workflow = w.save(&flow("S>A, A>B, B>C")).await;
    let id = w.start(workflow).await;
    w.ended(id).await;
    let from = part(&w, workflow, 1, None, Some((id, Some("B")))).await;
    assert_eq!(w.story(from).await, "A gives [1]; B gives [1]; C gives [1]; success");
    let n = |name| w.seen.of_node(name).len();
    assert_eq!((n("A"), n("B"), n("C")), (1, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn what_lies_behind_a_changed_node_runs_anew() {
    let w = World::new().await;
    let before = flow("S>A, A>B, B>C");
    let workflow = w.save(&before).await;
    let id = w.start(workflow).await;
    w.ended(id).await;
    let version = save_again(&w, workflow, &before.does("B", "ok, ok")).await;
    part(&w, workflow, version, Some("C"), Some((id, None))).await;
    let n = |name| w.seen.of_node(name).len();
    assert_eq!((n("A"), n("B"), n("C")), (1, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn pinned_items_that_came_meanwhile_count_as_a_change() {
    let w = World::new().await;
    let mut pinned = flow("S>A, A>B, B>C");
    let workflow = w.save(&pinned).await;
    let id = w.start(workflow).await;
    w.ended(id).await;
    pinned.0.pinned.insert("B".to_owned(), vec![json!({"json": {"pinned": true}})]);
    let version = save_again(&w, workflow, &pinned).await;
    let again = part(&w, workflow, version, Some("C"), Some((id, Some("C")))).await;
    assert_eq!(w.last_items(again).await, json!([{"pinned": true, "by": "C"}]));
    let n = |name| w.seen.of_node(name).len();
    assert_eq!((n("A"), n("B"), n("C")), (1, 1, 2), "a pinned node does not run");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_was_mended_is_retried_on_the_new_version() {
    let w = World::new().await;
    let broken = flow("S>A, A>B, B>C").does("B", "wrong");
    let workflow = w.save(&broken).await;
    let id = w.start(workflow).await;
    assert_eq!(w.ended(id).await.status, Status::Error);
    let version = save_again(&w, workflow, &broken.does("B", "ok")).await;
    let retry = RetryRequest { version: Some(version), ..RetryFrom::Failed.into() };
    let again = w.shell.retry(w.workspace, id, retry).await.unwrap();
    let record = w.ended(again).await;
    assert_eq!((record.status, record.version, record.retry_of), (Status::Success, 2, Some(id)));
    let n = |name| w.seen.of_node(name).len();
    assert_eq!((n("A"), n("B"), n("C")), (1, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_retry_from_any_node_takes_over_what_came_before_it() {
    let w = World::new().await;
    let id = w.run(&flow("S>A, A>B, B>C")).await;
    w.ended(id).await;
    let again = w.shell.retry(w.workspace, id, RetryFrom::Node(at("B")).into()).await.unwrap();
    w.ended(again).await;
    let n = |name| w.seen.of_node(name).len();
    assert_eq!((n("A"), n("B"), n("C")), (1, 2, 2));
    let nobody = w.shell.retry(w.workspace, id, RetryFrom::Node(at("X")).into()).await;
    assert!(matches!(&nobody, Err(StartError::Invalid { field, .. }) if field == "node"), "{nobody:?}");
    let other = RetryRequest { version: Some(7), ..RetryFrom::Start.into() };
    let other = w.shell.retry(w.workspace, id, other).await;
    assert!(matches!(&other, Err(StartError::Invalid { field, .. }) if field == "version"), "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_retry_asked_for_twice_is_one() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").does("A", "wrong")).await;
    w.ended(id).await;
    let retry = RetryRequest { idempotency_key: Some("k".to_owned()), ..RetryFrom::Failed.into() };
    let first = w.shell.retry(w.workspace, id, retry.clone()).await.unwrap();
    assert_eq!(w.shell.retry(w.workspace, id, retry).await.unwrap(), first);
}

#[tokio::test(start_paused = true)]
async fn parts_that_do_not_exist_are_refused_by_field() {
    let w = World::new().await;
    let workflow = w.save(&flow("S>A, B>C")).await;
    let other = w.run(&flow("S>A")).await;
    w.ended(other).await;
    let refused = async |until: Option<&str>, reuse: Option<ExecutionId>| {
        let request = w.request(workflow, json!([]));
        let reuse = reuse.map(|execution| Reuse { execution, again: None });
        let request = StartRequest { until: until.map(str::to_owned), reuse, ..request };
        w.shell.start(request, None).await.unwrap_err().to_string()
    };
    let unknown = refused(Some("X"), None).await;
    assert_eq!(unknown, "`until` must be the name of a node, there is no \"X\"");
    let apart = refused(Some("C"), None).await;
    assert_eq!(apart, "`until` must be a node to which \"S\" leads, \"C\" is not connected to it");
    let foreign = refused(None, Some(other)).await;
    assert_eq!(foreign, "`reuse.execution` must be an execution of the same workflow");
}

#[tokio::test(start_paused = true)]
async fn tries_that_failed_are_shown_with_what_they_said() {
    let w = World::new().await;
    let id = w.run(&flow("S>A").effect("A").does("A", "fail, fail, ok").retry("A", 3, 1_500, 1)).await;
    w.ended(id).await;
    let history = w.shell.history(w.workspace, id).await.unwrap().unwrap();
    let run = &history.runs.iter().find(|(name, _)| name == "A").unwrap().1[0];
    let tried: Vec<_> =
        run.failed_tries.iter().map(|t| (t.attempt, t.ended_at.since(START) / 1_000)).collect();
    assert_eq!(tried, [(1, 0), (2, 1)]);
    assert!(run.failed_tries.iter().all(|t| !t.error.message.is_empty() && t.started_at.is_some()));
    assert_eq!(run.status, RunStatus::Success);
}
