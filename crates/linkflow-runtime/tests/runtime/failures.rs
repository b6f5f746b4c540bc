//! The workflow that starts when another one fails.

use linkflow_model::*;
use linkflow_runtime::contract::*;
use serde_json::json;

use crate::world::*;

async fn handler(w: &World) -> WorkflowId {
    w.save(&flow("S>H").kind("S", "failed")).await
}

fn failing(handler: WorkflowId) -> Flow {
    flow("S>A, A>B").does("B", "wrong").set(|s| s.error_workflow = Some(handler.to_string()))
}

async fn started(w: &World, workflow: WorkflowId) -> ExecutionId {
    w.until("the error workflow was started", async |w| !w.executions_of(workflow).await.is_empty()).await;
    w.executions_of(workflow).await[0]
}

#[tokio::test(start_paused = true)]
async fn a_failure_starts_the_error_workflow_with_what_happened() {
    let w = World::new().await;
    let handler = handler(&w).await;
    let workflow = w.save(&failing(handler)).await;
    let id = w.start(workflow).await;
    let started = started(&w, handler).await;
    assert_eq!(w.ended(started).await.mode, Mode::Error);
    assert_eq!(
        w.last_items(started).await,
        json!([{
            "execution": {
                "id": id,
                "url": format!("http://here/executions/{id}"),
                "error": {"message": "it is wrong", "node": "B"},
                "lastNodeExecuted": "B",
                "mode": "api",
            },
            "workflow": {"id": workflow, "name": "flow"},
            "by": "H",
        }])
    );
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_fails_says_what_it_repeats() {
    let w = World::new().await;
    let handler = handler(&w).await;
    let id = w.run(&failing(handler)).await;
    w.ended(id).await;
    let again = w.shell.retry(w.workspace, id, RetryFrom::Start.into()).await.unwrap();
    w.ended(again).await;
    w.until("both failures were told", async |w| w.executions_of(handler).await.len() == 2).await;
    // Both may be of the same millisecond, so their order says nothing.
    let mut repeats = Vec::new();
    for handled in w.executions_of(handler).await {
        repeats.push(w.last_items(handled).await[0]["execution"]["retryOf"].clone());
    }
    assert!(repeats.contains(&json!(id)) && repeats.contains(&serde_json::Value::Null), "{repeats:?}");
}

#[tokio::test(start_paused = true)]
async fn a_workflow_with_an_error_trigger_of_its_own_looks_after_itself() {
    let w = World::new().await;
    let own = w.save(&flow("S>A, E>H").does("A", "wrong").kind("E", "failed")).await;
    let id = w.start(own).await;
    w.ended(id).await;
    w.until("it was started", async |w| w.executions_of(own).await.len() == 2).await;
    let handled = w.executions_of(own).await.into_iter().find(|e| *e != id).unwrap();
    assert_eq!(w.last_items(handled).await[0]["execution"]["id"], json!(id));
}

#[tokio::test(start_paused = true)]
async fn neither_manual_executions_nor_error_workflows_start_one() {
    let w = World::new().await;
    let handler = handler(&w).await;
    let workflow = w.save(&failing(handler)).await;
    let mut manual = w.request(workflow, json!([{}]));
    manual.mode = Mode::Manual;
    let id = w.shell.start(manual, None).await.unwrap().execution;
    w.ended(id).await;
    w.turn(3_000).await;
    assert!(w.executions_of(handler).await.is_empty());

    let sick = flow("S>H").kind("S", "failed").does("H", "wrong");
    let sick = w.save(&sick.set(|s| s.error_workflow = Some(handler.to_string()))).await;
    let id = w.run(&failing(sick)).await;
    w.ended(id).await;
    let started = started(&w, sick).await;
    assert_eq!(w.ended(started).await.status, Status::Error);
    w.turn(3_000).await;
    assert!(w.executions_of(handler).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_error_workflow_that_is_not_there_keeps_nobody_from_ending() {
    let w = World::new().await;
    let id = w.run(&failing(WorkflowId::new(START, 5))).await;
    assert_eq!(w.ended(id).await.status, Status::Error);
    let no_trigger = w.save(&flow("S>A")).await;
    let id = w.run(&failing(no_trigger)).await;
    assert_eq!(w.ended(id).await.status, Status::Error);
}

/// The end and what it starts are one transaction: no moment in which a crash could come between.
#[tokio::test(start_paused = true)]
async fn when_the_end_is_on_disk_the_error_workflow_is_owed() {
    let mut w = World::new().await;
    let handler = handler(&w).await;
    let id = w.run(&failing(handler)).await;
    w.until("it has ended", async |w| w.status(id).await.is_terminal()).await;
    w.stop_dead();
    assert_eq!(w.executions_of(handler).await.len(), 1);
    w.restart().await;
    let started = started(&w, handler).await;
    w.is(started, Status::Success).await;
}
