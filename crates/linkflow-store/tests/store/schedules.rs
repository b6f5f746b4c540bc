//! Schedules: one execution for one tick, whoever fires it.

use linkflow_model::*;
use linkflow_store::*;
use serde_json::json;

use super::*;

fn every(ms: i64, index: u32) -> NewSchedule {
    NewSchedule {
        id: ScheduleId(uuid::Uuid::new_v4()),
        workspace: workspace(),
        version: 1,
        node: "n1".to_owned(),
        rule_index: index,
        rule: json!({"every": {"ms": 60_000}}),
        timezone: "Europe/Berlin".to_owned(),
        anchor: t(0),
        next_run_at: Some(t(ms)),
        misfire: Misfire::Once,
        enabled: true,
    }
}

#[tokio::test]
async fn two_leaders_give_one_execution_for_a_tick() {
    let w = world();
    let schedule = w.replace_schedules(workflow(), vec![every(100, 0)]).await.unwrap().remove(0);
    assert!(w.due(t(99), 10).await.unwrap().is_empty());
    assert_eq!(w.due(t(100), 10).await.unwrap(), vec![schedule.clone()]);

    let (mine, theirs) = (new(id(100), 100), new(id(101), 101));
    let first = w.fire(schedule.id, t(100), Some(t(200)), vec![mine.clone()]).await.unwrap();
    let second = w.fire(schedule.id, t(100), Some(t(200)), vec![theirs.clone()]).await.unwrap();
    assert_eq!((first, second), (Fired::Started(vec![mine.id]), Fired::Already));
    assert_eq!(w.status_of(workspace(), theirs.id).await.unwrap(), None);
    assert_eq!(w.next_due().await.unwrap(), Some(t(200)));
}

#[tokio::test]
async fn a_tick_that_is_skipped_moves_the_schedule_on() {
    let w = world();
    let schedule = w.replace_schedules(workflow(), vec![every(100, 0)]).await.unwrap().remove(0);
    assert_eq!(w.fire(schedule.id, t(100), None, vec![]).await.unwrap(), Fired::Started(vec![]));
    assert!(w.due(t(999_999), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_schedule_that_was_paused_or_removed_does_not_fire() {
    let w = world();
    let schedule = w.replace_schedules(workflow(), vec![every(100, 0)]).await.unwrap().remove(0);
    assert!(w.enable_schedule(workspace(), schedule.id, false, None).await.unwrap());
    assert_eq!(w.fire(schedule.id, t(100), None, vec![new(id(0), 0)]).await.unwrap(), Fired::Already);
    w.enable_schedule(workspace(), schedule.id, true, Some(t(100))).await.unwrap();
    w.replace_schedules(workflow(), vec![]).await.unwrap();
    assert_eq!(w.fire(schedule.id, t(100), None, vec![new(id(0), 0)]).await.unwrap(), Fired::Already);
    assert!(w.schedules(workspace(), None).await.unwrap().is_empty());
    assert_eq!(w.status_counts().await.unwrap()["ready"], 0);
}

#[tokio::test]
async fn publishing_again_keeps_the_rhythm_of_rules_that_did_not_change() {
    let w = world();
    let old = w.replace_schedules(workflow(), vec![every(100, 0), every(100, 1)]).await.unwrap();
    let changed = NewSchedule { rule: json!({"every": {"ms": 5}}), ..every(700, 1) };
    let new = w
        .replace_schedules(workflow(), vec![NewSchedule { version: 2, ..every(700, 0) }, changed])
        .await
        .unwrap();
    assert_eq!((new[0].id, new[0].next_run_at, new[0].version), (old[0].id, Some(t(100)), 2));
    assert_ne!(new[1].id, old[1].id);
    assert_eq!(new[1].next_run_at, Some(t(700)));
    assert_eq!(w.schedules(workspace(), Some(workflow())).await.unwrap(), new);
}

#[tokio::test]
async fn a_schedule_never_goes_backwards() {
    let w = world();
    let schedule = w.replace_schedules(workflow(), vec![every(100, 0)]).await.unwrap().remove(0);
    let refused = w.fire(schedule.id, t(100), Some(t(100)), vec![]).await.unwrap_err();
    assert_eq!(refused.to_string(), "`next_run_at` must be later than the tick");
}
