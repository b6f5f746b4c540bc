//! Schedules: the list, pausing, missed ticks, the next times.

use linkflow_model::{Millis, ScheduleId};
use linkflow_store::{Misfire, NewSchedule};
use serde_json::{Value, json};

use super::world::{NOW, World, node};

/// A published workflow with one schedule at five past each hour; gives the schedule's path.
async fn scheduled(world: &World) -> String {
    let id = world.workflow("Hourly", json!([node("Clock", "schedule_trigger", json!({}))])).await;
    let id = id.parse().unwrap();
    world.store.publish_workflow(world.workspace, id, 1, Vec::new(), Millis(NOW)).await.unwrap();
    let schedule = NewSchedule {
        id: ScheduleId(uuid::Uuid::new_v4()),
        workspace: world.workspace,
        version: 1,
        node: "clock".to_owned(),
        rule_index: 0,
        rule: json!({"cron": {"expression": "5 * * * *"}}),
        timezone: "Europe/Berlin".to_owned(),
        anchor: Millis(NOW),
        next_run_at: Some(Millis(NOW + 1)),
        misfire: Misfire::Once,
        enabled: true,
    };
    let made = world.store.replace_schedules(id, vec![schedule]).await.unwrap();
    format!("/schedules/{}", made[0].id)
}

#[tokio::test]
async fn schedules_are_listed_paused_and_continued() {
    let world = World::new().await;
    let path = scheduled(&world).await;
    let list = world.call("GET /schedules", Value::Null).await.is(200);
    let first = &list["items"][0];
    assert_eq!((&first["workflow_name"], &first["node"]), (&json!("Hourly"), &json!("Clock")));
    assert_eq!((&first["misfire"], &first["enabled"]), (&json!("once"), &json!(true)));
    let paused =
        world.call(&format!("PATCH {path}"), json!({"enabled": false, "misfire": "all"})).await.is(200);
    assert_eq!((&paused["enabled"], &paused["next_run_at"]), (&json!(false), &Value::Null));
    assert_eq!(paused["misfire"], "all");
    world.pass_ms(10 * 3_600_000);
    let going_on = world.call(&format!("PATCH {path}"), json!({"enabled": true})).await.is(200);
    let next = going_on["next_run_at"].as_i64().unwrap();
    assert!(next > NOW + 10 * 3_600_000, "what came due meanwhile is not made up for");
    world
        .call(&format!("PATCH {path}"), json!({"misfire": "never"}))
        .await
        .is_problem(422, "unknown variant");
    let unknown = uuid::Uuid::new_v4();
    world.call(&format!("PATCH /schedules/{unknown}"), json!({})).await.is_problem(404, "no schedule");
}

#[tokio::test]
async fn the_next_times_follow_the_rule() {
    let world = World::new().await;
    let path = scheduled(&world).await;
    let times = world.call(&format!("GET {path}/next?n=3"), Value::Null).await.is(200);
    let times: Vec<i64> = times["items"].as_array().unwrap().iter().map(|t| t.as_i64().unwrap()).collect();
    // NOW is six minutes past the hour.
    let first = NOW - NOW % 3_600_000 + 3_600_000 + 5 * 60_000;
    assert_eq!(times, [first, first + 3_600_000, first + 7_200_000]);
    world.call(&format!("GET {path}/next?n=0"), Value::Null).await.is_problem(422, "from 1 to 100");
}

#[tokio::test]
async fn times_are_shown_while_a_schedule_is_filled_in() {
    let world = World::new().await;
    let ask = |params: Value, zone: &str| json!({"kind": "schedule_trigger", "params": params, "timezone": zone, "n": 3, "after": 1_774_656_000_000_i64});
    // On 29 March 2026 Berlin's clocks go from 2 to 3 at night; half past two is skipped that day.
    let cron = json!({"rule": {"interval": [{"field": "cronExpression", "expression": "30 2 * * *"}]}});
    let found = world.call("POST /schedules/times", ask(cron.clone(), "Europe/Berlin")).await.is(200);
    assert_eq!(
        found["items"][0]["times"],
        json!([1_774_661_400_000_i64, 1_774_746_000_000_i64, 1_774_830_600_000_i64])
    );
    let wrong = json!({"rule": {"interval": [{"field": "cronExpression", "expression": "61 * * * *"}]}});
    let found = world.call("POST /schedules/times", ask(wrong, "UTC")).await;
    assert!(found.text.contains("61 * * * *"), "{}", found.text);
    let nowhere = world.call("POST /schedules/times", ask(cron, "Mars/Base")).await.is(200);
    assert!(nowhere["items"][0]["error"].as_str().unwrap().contains("Mars/Base"));
    let other = json!({"kind": "webhook", "params": {}});
    world.call("POST /schedules/times", other).await.is_problem(422, "must be one with times");
}

#[tokio::test]
async fn past_ticks_are_made_up_for_once() {
    let world = World::new().await;
    let path = scheduled(&world).await;
    let hour = NOW - NOW % 3_600_000;
    let span = |dry_run: bool| json!({"from": hour - 3 * 3_600_000, "until": hour, "dry_run": dry_run});
    let line = format!("POST {path}/backfill");
    let tried = world.call(&line, span(true)).await.is(200);
    let five_past = |hours: i64| hour + hours * 3_600_000 + 300_000;
    assert_eq!(tried["times"], json!([five_past(-3), five_past(-2), five_past(-1)]));
    assert_eq!(tried["execution_ids"], json!([]));
    assert!(world.runtime.started.lock().unwrap().is_empty());
    let done = world.call(&line, span(false)).await.is(200);
    assert_eq!(done["execution_ids"].as_array().unwrap().len(), 3);
    let first = world.runtime.started.lock().unwrap()[0].clone();
    assert_eq!((first.trigger.as_str(), first.version), ("Clock", 1));
    let again = world.call(&line, span(false)).await.is(200);
    assert_eq!(again["execution_ids"], json!([]), "the same ticks start nothing more");
    let long = json!({"from": 0, "until": hour});
    world.call(&line, long).await.is_problem(422, "more than 500 ticks");
    let future = json!({"from": hour, "until": NOW + 1});
    world.call(&line, future).await.is_problem(422, "not be in the future");
    world.call(&line, json!({"from": 5, "until": 5})).await.is_problem(422, "must be after");
    let ancient = json!({"from": i64::MIN, "until": 5});
    world.call(&line, ancient).await.is_problem(422, "must not be before the year 1970");
}
