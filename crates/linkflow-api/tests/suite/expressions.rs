//! What an expression gives is shown while it is written.

use serde_json::{Value, json};

use super::world::World;

async fn check(world: &World, expressions: &[&str], expected: Value) {
    let body = json!({
        "expressions": expressions,
        "json": {"name": "Ada", "tags": ["a", "b"]},
        "context": {"nodes": {"Before": {"items": [{"json": {"n": 7}}]}}},
    });
    let found = world.call("POST /expressions/evaluate", body).await.is(200);
    let values: Vec<Value> =
        found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                if item["error"].is_null() { item["value"].clone() } else { json!({"error": item["error"]}) }
            })
            .collect();
    assert_eq!(Value::Array(values), expected);
}

#[tokio::test]
async fn expressions_see_the_item_other_nodes_and_the_workspaces_variables() {
    let world = World::new().await;
    world.call("POST /variables", json!({"name": "region", "value": "eu"})).await.is(201);
    let asked = ["={{ $json.name }}", "=Hi {{ $json.tags.join('-') }}", "={{ $('Before').first().json.n }}"];
    check(&world, &asked, json!(["Ada", "Hi a-b", 7])).await;
    check(&world, &["={{ $vars.region }}", "plain", "={{ $json.nothing }}"], json!(["eu", "plain", null]))
        .await;
}

#[tokio::test]
async fn what_is_wrong_with_one_expression_is_said_beside_the_others() {
    let world = World::new().await;
    let body = json!({"expressions": ["={{ 1 + }}", "={{ $('Nobody').item.json }}", "={{ 2 }}"]});
    let found = world.call("POST /expressions/evaluate", body).await.is(200);
    assert!(found["items"][0]["error"].is_string(), "{found}");
    assert!(found["items"][1]["error"].as_str().unwrap().contains("Nobody"), "{found}");
    assert_eq!((&found["items"][2]["value"], &found["items"][2]["type"]), (&json!(2), &json!("number")));
}

#[tokio::test]
async fn evaluation_has_limits() {
    let world = World::new().await;
    let ask = async |body: Value| world.call("POST /expressions/evaluate", body).await;
    ask(json!({"expressions": []})).await.is_problem(422, "must be 1 to 50, got 0");
    ask(json!({"expressions": vec!["="; 51]})).await.is_problem(422, "got 51");
    ask(json!({"expressions": ["=".repeat(70_000)]})).await.is_problem(422, "`expressions[0]` may have");
    let much = json!({"text": "x".repeat(5 << 20)});
    ask(json!({"expressions": ["=1"], "json": much})).await.is_problem(422, "send fewer items");
    let long = ask(json!({"expressions": ["={{ 'x'.repeat(300000) }}"]})).await.is(200);
    assert!(long["items"][0]["error"].as_str().unwrap().contains("too much"), "{long}");
    let endless = ask(json!({"expressions": ["={{ (() => { while (true) {} })() }}"]})).await.is(200);
    assert!(endless["items"][0]["error"].is_string(), "{endless}");
}

#[tokio::test]
async fn the_names_that_expressions_can_use_come_with_a_sentence_each() {
    let world = World::new().await;
    let groups = world.call("GET /expressions/names", Value::Null).await.is(200);
    let text = groups["items"].as_array().unwrap().iter().find(|group| group["of"] == "text").unwrap();
    let names: Vec<&str> =
        text["entries"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"extractEmail"), "{names:?}");
}

#[tokio::test]
async fn templates_are_listed_and_each_can_be_imported() {
    let world = World::new().await;
    let list = world.call("GET /templates", Value::Null).await.is(200);
    let all = list["items"].as_array().unwrap();
    assert!(all.len() >= 5);
    for template in all {
        let id = template["id"].as_str().unwrap();
        let shown = world.call(&format!("GET /templates/{id}"), Value::Null).await.is(200);
        let files = json!({"files": [{"name": format!("{id}.json"), "content": shown["content"]}]});
        let imported = world.call("POST /workflows/import", files).await.is(200);
        assert!(imported["items"][0]["workflow_id"].is_string(), "{id}: {imported}");
    }
    world.call("GET /templates/nothing", Value::Null).await.is_problem(404, "no template nothing");
    world.call("GET /templates/..%2Fapproval", Value::Null).await.is_problem(404, "no template");
}
