//! Workflows that start by themselves.

use linkflow_model::*;
use linkflow_node::schedule::Rule;
use linkflow_runtime::contract::*;
use linkflow_store::Misfire;
use serde_json::{Value, json};

use crate::world::*;

fn scheduled(rules: &[Rule]) -> Flow {
    flow("S>A").kind("S", "ticks").param("S", "rules", json!(rules))
}

async fn publish(w: &World, flow: &Flow) -> WorkflowId {
    let id = w.save(flow).await;
    w.store.publish_workflow(w.workspace, id, 1, Vec::new(), w.now()).await.unwrap();
    w.shell.published_changed(w.workspace, id).await.unwrap();
    id
}

async fn publish_again(w: &World, id: WorkflowId, flow: &Flow) {
    let version = w.store.save_workflow(w.workspace, id, None, w.saved(flow)).await.unwrap().version;
    w.store.publish_workflow(w.workspace, id, version, Vec::new(), w.now()).await.unwrap();
    w.shell.published_changed(w.workspace, id).await.unwrap();
}

/// The times for which it was started.
async fn ticks(w: &World, id: WorkflowId) -> Vec<i64> {
    let mut times = Vec::new();
    for execution in w.executions_of(id).await {
        let items: Value = w.last_items(execution).await;
        times.push(items[0]["at"].as_i64().unwrap());
    }
    times.sort_unstable();
    times
}

fn minutely() -> Flow {
    scheduled(&[Rule::Every { ms: 60_000 }])
}

fn after(minutes: &[i64]) -> Vec<i64> {
    minutes.iter().map(|m| START.0 + m * 60_000).collect()
}

async fn jump(w: &World, ms: u64) {
    tokio::time::advance(std::time::Duration::from_millis(ms)).await;
    w.settle().await;
}

/// Lets time pass in which nobody works, and begins again.
async fn asleep(w: &mut World, ms: u64, misfire: Misfire) {
    let schedule = w.store.schedules(w.workspace, None).await.unwrap().remove(0);
    w.store.set_schedule_misfire(w.workspace, schedule.id, misfire).await.unwrap();
    w.stop_dead();
    jump(w, ms).await;
    w.begin();
    w.turn(2_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_tick_starts_one_execution_however_many_workers_look() {
    let w = World::new().await;
    let _other = Worker::new(w.another_shell(), 1_000);
    let id = publish(&w, &minutely()).await;
    w.turn(185_000).await;
    assert_eq!(ticks(&w, id).await, after(&[1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn missed_ticks_are_made_up_for_by_one_unless_the_schedule_says_otherwise() {
    for (misfire, expected) in
        [(Misfire::Once, vec![1]), (Misfire::Skip, vec![]), (Misfire::All, (1..=10).collect::<Vec<i64>>())]
    {
        let mut w = World::new().await;
        let id = publish(&w, &minutely()).await;
        asleep(&mut w, 10 * 60_000 + 5_000, misfire).await;
        assert_eq!(ticks(&w, id).await, after(&expected), "{misfire:?}");
        w.turn(60_000).await;
        let next = [expected, vec![11]].concat();
        assert_eq!(ticks(&w, id).await, after(&next), "{misfire:?} goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_than_a_hundred_missed_ticks_are_made_up_for() {
    let mut w = World::with(Default::default(), 100).await;
    let id = publish(&w, &minutely()).await;
    asleep(&mut w, 500 * 60_000 + 5_000, Misfire::All).await;
    assert_eq!(ticks(&w, id).await.len(), 100);
    w.turn(60_000).await;
    assert_eq!(ticks(&w, id).await.last(), after(&[501]).last());
}

#[tokio::test(start_paused = true)]
async fn a_time_that_the_clock_skips_in_spring_is_fired_at_the_change_and_one_that_comes_twice_once() {
    // Europe/Berlin: 2026-03-29 02:00 becomes 03:00, 2026-10-25 03:00 becomes 02:00.
    for (day_before, expected) in [
        ("2026-03-28T00:00:00Z", ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        ("2026-10-24T00:00:00Z", ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
    ] {
        let ms = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let w = World::new().await;
        jump(&w, Millis(ms(day_before)).since(START)).await;
        let daily = scheduled(&[Rule::Days { every: 1, hour: 2, minute: 30 }]);
        let id = publish(&w, &daily.set(|s| s.timezone = Some("Europe/Berlin".to_owned()))).await;
        for at in expected {
            jump(&w, Millis(ms(at)).since(w.now()).saturating_sub(1_000)).await;
            w.turn(2_000).await;
        }
        jump(&w, 3_600_000).await;
        w.turn(2_000).await;
        assert_eq!(ticks(&w, id).await, expected.map(ms), "after {day_before}");
    }
}

#[tokio::test(start_paused = true)]
async fn publishing_again_keeps_rhythm_pause_and_misfire_policy() {
    let w = World::new().await;
    let id = publish(&w, &minutely()).await;
    let before = w.store.schedules(w.workspace, Some(id)).await.unwrap().remove(0);
    w.store.set_schedule_misfire(w.workspace, before.id, Misfire::All).await.unwrap();
    w.turn(30_000).await;
    publish_again(&w, id, &minutely()).await;
    let after = w.store.schedules(w.workspace, Some(id)).await.unwrap().remove(0);
    assert_eq!((after.id, after.next_run_at, after.version), (before.id, before.next_run_at, 2));
    assert_eq!(after.misfire, Misfire::All);

    w.store.enable_schedule(w.workspace, after.id, false, None).await.unwrap();
    let faster = scheduled(&[Rule::Every { ms: 1_000 }]);
    publish_again(&w, id, &faster).await;
    let paused = w.store.schedules(w.workspace, Some(id)).await.unwrap().remove(0);
    assert_eq!((paused.enabled, paused.misfire), (false, Misfire::All));
    w.turn(10_000).await;
    assert!(w.executions_of(id).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_published_does_not_tick() {
    let w = World::new().await;
    let id = publish(&w, &minutely()).await;
    w.turn(61_000).await;
    w.store.unpublish_workflow(w.workspace, id, w.now()).await.unwrap();
    w.shell.published_changed(w.workspace, id).await.unwrap();
    w.turn(180_000).await;
    assert_eq!(ticks(&w, id).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_whose_workflow_is_gone_or_broken_keeps_no_other_from_ticking() {
    let w = World::new().await;
    let id = publish(&w, &minutely()).await;
    let schedule = |version| linkflow_store::NewSchedule {
        id: ScheduleId::new(START, u128::from(uuid::Uuid::new_v4().as_u128())),
        workspace: w.workspace,
        version,
        node: "S".to_owned(),
        rule_index: 0,
        rule: json!(Rule::Every { ms: 30_000 }),
        timezone: "UTC".to_owned(),
        anchor: START,
        next_run_at: Some(START),
        misfire: Misfire::Once,
        enabled: true,
    };
    w.store.replace_schedules(WorkflowId::new(START, 1), vec![schedule(1)]).await.unwrap();
    // Its first node fails on every tick.
    let sick = w.save(&minutely().does("S", "wrong")).await;
    w.store.replace_schedules(sick, vec![schedule(1)]).await.unwrap();
    w.turn(61_000).await;
    w.until("it ticked", async |w| !ticks(w, id).await.is_empty()).await;
    assert_eq!(ticks(&w, id).await, after(&[1]));
    for gone in w.store.schedules(w.workspace, None).await.unwrap() {
        assert!(gone.next_run_at.unwrap() > w.now(), "{gone:?} stands still");
    }
    assert!(w.executions_of(sick).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tick_says_its_nominal_time_and_its_zone() {
    let w = World::new().await;
    let id = publish(&w, &minutely().set(|s| s.timezone = Some("Asia/Tokyo".to_owned()))).await;
    w.turn(62_000).await;
    let execution = w.executions_of(id).await[0];
    let items = w.last_items(execution).await;
    assert_eq!(items, json!([{"at": START.0 + 60_000, "timezone": "Asia/Tokyo", "by": "A"}]));
}
