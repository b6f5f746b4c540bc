//! Whose turn it is: workspaces beside each other, limits of concurrency, and memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use linkflow_model::*;
use linkflow_runtime::Memory;
use linkflow_runtime::contract::*;
use linkflow_store::{NewExecution, Options};

use crate::world::*;

/// An execution of a workspace that has no workflows: it ends as soon as it is taken.
async fn accepted_for(w: &World, workspace: WorkspaceId) -> ExecutionId {
    let new = NewExecution {
        id: ExecutionId::new(w.now(), uuid::Uuid::new_v4().as_u128()),
        workspace,
        workflow: WorkflowId::new(w.now(), 1),
        version: 1,
        mode: Mode::Api,
        parent: None,
        retry_of: None,
        idempotency: None,
        queue: "default".to_owned(),
        created_at: w.now(),
        entries: Vec::new(),
    };
    w.store.accept(new).await.unwrap().id
}

#[tokio::test(start_paused = true)]
async fn the_single_execution_of_a_workspace_does_not_wait_for_the_hundreds_of_another() {
    let w = World::with(Options::default(), 1).await;
    let busy = w.save(&flow("S>A").does("A", "take 100")).await;
    for _ in 0..200 {
        w.start(busy).await;
    }
    let quiet = WorkspaceId::new(w.now(), 7);
    let id = accepted_for(&w, quiet).await;
    let has_ended = async |w: &World| w.store.status_of(quiet, id).await.unwrap().unwrap().is_terminal();
    w.until("the quiet one has its turn", has_ended).await;
    let n_before = w.seen.of_node("A").len();
    assert!(n_before < 20, "{n_before} of the other workspace went first");
}

/// How many run side by side until all have ended, at most.
async fn side_by_side(w: &World, ids: &[ExecutionId]) -> u64 {
    let mut most = 0;
    w.until("all have ended", async |w| {
        let counts = w.store.status_counts().await.unwrap();
        most = most.max(counts.get("running").copied().unwrap_or(0));
        let mut n_open = 0;
        for id in ids {
            n_open += usize::from(!w.status(*id).await.is_terminal());
        }
        n_open == 0
    })
    .await;
    most
}

#[tokio::test(start_paused = true)]
async fn no_more_of_a_workflow_run_side_by_side_than_it_allows_and_all_of_them_run() {
    let w = World::new().await;
    let limited = w.save(&flow("S>A").does("A", "take 300")).await;
    w.store.set_places(limited, Some(2)).await.unwrap();
    w.turn(1_100).await;
    let mut ids = Vec::new();
    for _ in 0..11 {
        ids.push(w.start(limited).await);
    }
    assert_eq!(side_by_side(&w, &ids).await, 2);
    assert_eq!(w.seen.of_node("A").len(), 11, "each once");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_place_holds_no_slot_and_can_be_canceled() {
    let w = World::with(Options::default(), 2).await;
    let limited = w.save(&flow("S>A").does("A", "hang")).await;
    w.store.set_places(limited, Some(1)).await.unwrap();
    w.turn(1_100).await;
    let (runs, waits) = (w.start(limited).await, w.start(limited).await);
    w.until("one runs", async |w| !w.seen.of_node("A").is_empty()).await;
    let free = w.run(&flow("S>B")).await;
    w.is(free, Status::Success).await;
    let (other, mut canceled) =
        if w.status(runs).await == Status::Running { (runs, waits) } else { (waits, runs) };
    w.shell.cancel(w.workspace, canceled).await.unwrap();
    w.is(canceled, Status::Canceled).await;
    canceled = other;
    w.shell.cancel(w.workspace, canceled).await.unwrap();
    w.is(canceled, Status::Canceled).await;
    assert_eq!(w.seen.of_node("A").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_again_when_its_worker_has_died() {
    let mut w = World::new().await;
    let limited = w.save(&flow("S>A").does("A", "take 5000")).await;
    w.store.set_places(limited, Some(1)).await.unwrap();
    w.turn(1_100).await;
    let ids = [w.start(limited).await, w.start(limited).await];
    w.until("one runs", async |w| !w.seen.of_node("A").is_empty()).await;
    w.restart().await;
    assert_eq!(side_by_side(&w, &ids).await, 1);
}

#[tokio::test(start_paused = true)]
async fn over_its_budget_of_memory_a_worker_takes_one_when_none_runs_and_no_more() {
    let mut w = World::new().await;
    w.stop_dead();
    let used = Arc::new(AtomicU64::new(200));
    let told = used.clone();
    let memory =
        Memory { budget_bytes: Some(100), used: Arc::new(move || Some(told.load(Ordering::Relaxed))) };
    w.shell = w.shell_within(memory);
    let slow = w.save(&flow("S>A").does("A", "take 5000")).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(w.start(slow).await);
    }
    w.begin();
    w.until("one runs", async |w| !w.seen.of_node("A").is_empty()).await;
    w.turn(3_000).await;
    assert_eq!(w.seen.of_node("A").len(), 1, "there is no room for others");
    used.store(50, Ordering::Relaxed);
    w.until("all run", async |w| w.seen.of_node("A").len() == 4).await;
    for id in ids {
        w.is(id, Status::Success).await;
    }
}
