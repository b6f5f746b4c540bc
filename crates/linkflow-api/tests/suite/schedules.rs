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
