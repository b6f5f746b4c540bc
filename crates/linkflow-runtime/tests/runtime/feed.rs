//! Those who watch.

use linkflow_runtime::contract::*;
use serde_json::json;

use crate::world::*;

fn told(events: &mut Subscription) -> Vec<String> {
    let mut told = Vec::new();
    while let Ok(event) = events.events.try_recv() {
        let node = event.data.get("node").and_then(|n| n.as_str()).map_or(String::new(), |n| format!(" {n}"));
        let status = event.data.get("status").and_then(|n| n.as_str()).unwrap_or("?");
        told.push(format!("{}{node} {status}", event.kind));
    }
    told
}

fn note(w: &World, n: u32) {
    w.shell.tell(NewFeedEvent {
        kind: "workflow.saved",
        workspace: w.workspace,
        execution: None,
        workflow: None,
        data: json!({"n": n}),
    });
}

#[tokio::test(start_paused = true)]
async fn an_execution_is_told_step_by_step() {
    let w = World::new().await;
    let mut events = w.shell.subscribe(None).await;
    let id = w.run(&flow("S>A, A>B").does("A", "park 2000, ok").does("B", "wrong")).await;
    w.ended(id).await;
    w.settle().await;
    assert_eq!(
        told(&mut events),
        [
            "execution.accepted ready",
            "execution.started running",
            "step.started A running",
            "step.finished A waiting",
            "execution.waiting waiting",
            "execution.started running",
            "step.started A running",
            "step.finished A success",
            "step.started B running",
            "step.finished B error",
            "execution.finished error",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn called_executions_are_told_of_as_well() {
    let w = World::new().await;
    let child = w.save(&flow("S>X").kind("S", "called")).await;
    let mut events = w.shell.subscribe(None).await;
    let id = w.run(&flow("S>A").does("A", "invoke").param("A", "workflow", json!(child.to_string()))).await;
    w.ended(id).await;
    let accepted = told(&mut events).iter().filter(|t| t.starts_with("execution.accepted")).count();
    assert_eq!(accepted, 2);
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_gets_what_was_missed_in_order_without_a_gap() {
    let w = World::new().await;
    let before = w.shell.subscribe(None).await.seq;
    (0..5).for_each(|n| note(&w, n));
    let mut again = w.shell.subscribe(Some(before + 2)).await;
    assert!(!again.is_gap);
    note(&w, 5);
    let mut seen = Vec::new();
    while let Ok(event) = again.events.try_recv() {
        seen.push(event.seq);
    }
    assert_eq!(seen, (before + 3..=before + 6).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_or_of_another_life_is_a_gap() {
    let w = World::new().await;
    (0..5_000).for_each(|n| note(&w, n));
    assert!(w.shell.subscribe(Some(1)).await.is_gap);
    assert!(w.shell.subscribe(Some(999_999)).await.is_gap);
    let now = w.shell.subscribe(None).await.seq;
    assert!(!w.shell.subscribe(Some(now)).await.is_gap);
}

#[tokio::test(start_paused = true)]
async fn who_falls_too_far_behind_is_let_go() {
    let w = World::new().await;
    let mut slow = w.shell.subscribe(None).await;
    (0..2_000).for_each(|n| note(&w, n));
    let mut n = 0;
    while slow.events.recv().await.is_some() {
        n += 1;
    }
    assert_eq!(n, 1_024, "then the channel is closed");
}
