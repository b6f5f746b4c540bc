//! Runs of a part, retries of any kind, many at once, and items as a screen shows them.

use linkflow_api::runtime::{AtNode, RetryFrom};
use linkflow_model::Item;
use serde_json::{Value, json};

use super::runtime::Course;
use super::world::{World, node};

async fn workflow(world: &World) -> String {
    let nodes = json!([
        node("Hook", "webhook", json!({"path": "x"})),
        node("Start", "manual_trigger", json!({})),
        node("Limit", "limit", json!({})),
        node("Alone", "limit", json!({}))
    ]);
    let edges = json!([{"from": {"node": "hook"}, "to": {"node": "limit"}}]);
    let made =
        world.call("POST /workflows", json!({"name": "w", "nodes": nodes, "edges": edges})).await.is(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn run(world: &World, workflow: &str) -> String {
    let started = world.call(&format!("POST /workflows/{workflow}/execute"), Value::Null).await.is(202);
    started["execution_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_run_up_to_a_node_starts_at_the_trigger_that_leads_there() {
    let world = World::new().await;
    let id = workflow(&world).await;
    let execute = format!("POST /workflows/{id}/execute");
    world.call(&execute, json!({"until": "Limit"})).await.is(202);
    let request = world.runtime.last_started();
    assert_eq!((request.trigger.as_str(), request.until.as_deref()), ("Hook", Some("Limit")));
    world.call(&execute, json!({"until": "Alone"})).await.is(202);
    assert_eq!(world.runtime.last_started().trigger, "Alone", "what nothing leads to starts by itself");
    let nobody = world.call(&execute, json!({"until": "Nobody"})).await;
    assert_eq!(nobody.is_problem(422, "there is no \"Nobody\"")["field"], "until");
}

#[tokio::test]
async fn a_run_of_one_node_names_the_execution_that_it_takes_over() {
    let world = World::new().await;
    let id = workflow(&world).await;
    let earlier = run(&world, &id).await;
    let execute = format!("POST /workflows/{id}/execute");
    let reuse = json!({"execution": earlier, "node": "Limit", "run": 2});
    world.call(&execute, json!({"until": "Limit", "mode": "manual", "reuse": reuse})).await.is(202);
    let reused = world.runtime.last_started().reuse.unwrap();
    assert_eq!(reused.execution.to_string(), earlier);
    assert_eq!(reused.again, Some(AtNode { name: "Limit".to_owned(), run: 2 }));
    let both = json!({"reuse": {"execution": earlier}, "input": [{"a": 1}]});
    assert_eq!(world.call(&execute, both).await.is_problem(422, "leave out `input`")["field"], "reuse");
}

#[tokio::test]
async fn a_retry_names_a_node_and_a_version() {
    let world = World::new().await;
    let ended = run(&world, &workflow(&world).await).await;
    let retry = format!("POST /executions/{ended}/retry");
    let key = [("idempotency-key", "k")];
    world.call_with(&retry, json!({"from": "node", "node": "Limit", "version": 1}), &key).await.is(202);
    let asked = world.runtime.retried.lock().unwrap().last().unwrap().clone();
    assert_eq!(asked.from, RetryFrom::Node(AtNode { name: "Limit".to_owned(), run: 0 }));
    assert_eq!((asked.version, asked.idempotency_key.as_deref()), (Some(1), Some("k")));
    for body in [json!({"from": "node"}), json!({"from": "failed", "node": "Limit"})] {
        assert_eq!(world.call(&retry, body).await.is_problem(422, "must be")["field"], "node");
    }
}

#[tokio::test]
async fn many_are_retried_or_stopped_at_once_and_each_refusal_is_said() {
    let world = World::new().await;
    let id = workflow(&world).await;
    let ended = run(&world, &id).await;
    world.goes(Course::Hangs);
    let running = run(&world, &id).await;
    let stopped = world.call("POST /executions/cancel", json!({"ids": [ended, running]})).await.is(200);
    assert_eq!((&stopped["done"], &stopped["refused"][0]["id"]), (&json!(1), &json!(ended)));
    world.goes(Course::Succeeds(Vec::new()));
    let again = world.call("POST /executions/retry", json!({"ids": [ended], "from": "failed"})).await.is(200);
    assert_eq!(again, json!({"done": 1, "refused": []}));
    world.goes(Course::Busy);
    world.call("POST /executions/retry", json!({"ids": [ended]})).await.is_problem(503, "too much");
    world.call("POST /executions/retry", json!({"ids": []})).await.is_problem(422, "from 1 to 200");
}

#[tokio::test]
async fn items_are_searched_and_cut_and_had_as_a_whole() {
    let world = World::new().await;
    let id = workflow(&world).await;
    let long = "x".repeat(5_000);
    let mut list: Vec<Value> =
        (0..50).map(|n| json!({"n": n, "city": if n % 10 == 3 { "Ulm" } else { "Bonn" }})).collect();
    list.push(json!({"long": long}));
    world.goes(Course::Succeeds(list.into_iter().map(Item::from_value).collect()));
    let execution = run(&world, &id).await;
    let get =
        async |what: &str| world.call(&format!("GET /executions/{execution}/{what}"), Value::Null).await;
    let found = get("data?node=Start&search=uLM&limit=3").await.is(200);
    assert_eq!(
        (&found["at"], &found["total"], &found["next"]),
        (&json!([3, 13, 23]), &json!(51), &json!(33))
    );
    let rest = get("data?node=Start&search=ulm&offset=33").await.is(200);
    assert_eq!((&rest["at"], &rest["next"]), (&json!([33, 43]), &Value::Null));
    let cut = get("data?node=Start&offset=50&cut=256").await.is(200);
    let shown = cut["items"][0]["json"]["long"].as_str().unwrap().len();
    assert!((200..=256).contains(&shown), "{shown}");
    assert_eq!(cut["cut"], json!([{"item": 50, "pointer": "/long", "whole": 5_000}]));
    let whole = get("item?node=Start&item=50&pointer=/long").await;
    assert_eq!(whole.is(200), json!(long));
    assert_eq!(whole.header("content-disposition"), "attachment; filename=\"item-51.json\"");
    get("item?node=Start&item=50&pointer=/short").await.is_problem(404, "\"/short\"");
    get("data?node=Start&cut=1").await.is_problem(422, "from 256");
    let shown = world.call(&format!("GET /executions/{execution}"), Value::Null).await.is(200);
    assert_eq!(shown["runs"]["Start"][0]["attempts"][0]["error"]["message"], "not yet");
}
