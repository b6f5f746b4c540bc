//! Starting workflows by the API, and looking at what ran.

use linkflow_model::{Item, Mode};
use serde_json::{Value, json};

use super::runtime::Course;
use super::world::{World, node};

fn nodes() -> Value {
    json!([
        node("Hook", "webhook", json!({"path": "x"})),
        node("Start", "manual_trigger", json!({})),
        node("Limit", "limit", json!({}))
    ])
}

fn items(list: Value) -> Vec<Item> {
    list.as_array().unwrap().iter().cloned().map(Item::from_value).collect()
}

#[tokio::test]
async fn a_workflow_is_started_and_its_result_waited_for() {
    let world = World::new().await;
    let id = world.workflow("w", nodes()).await;
    let execute = format!("POST /workflows/{id}/execute");
    let started = world.call(&execute, Value::Null).await.is(202);
    assert_eq!(world.runtime.last_started().trigger, "Start");
    assert_eq!(world.runtime.last_started().mode, Mode::Api);
    let list = world.call("GET /executions", Value::Null).await.is(200);
    assert_eq!(list["items"][0]["id"], started["execution_id"]);
    assert_eq!(list["items"][0]["workflow_name"], "w");

    world.goes(Course::Succeeds(items(json!([{"n": 1}]))));
    let body = json!({"input": [{"json": {"a": 1}, "binary": {"f": {"id": "stolen"}}}, {"b": 2}], "trigger": "Hook"});
    let done = world.call(&format!("{execute}?wait=10"), body).await.is(200);
    assert_eq!(done["status"], "success");
    assert_eq!(done["output"], json!([{"json": {"n": 1}}]));
    assert_eq!(done["nodes"]["Hook"][0]["outputs"], json!([[{"json": {"n": 1}}]]));
    let request = world.runtime.last_started();
    assert_eq!(request.trigger, "Hook");
    assert_eq!(json!(request.items), json!([{"json": {"a": 1}}, {"json": {"b": 2}}]), "no forged file");

    world.goes(Course::Fails("no luck"));
    let failed = world.call(&format!("{execute}?wait=10"), Value::Null).await.is(200);
    assert_eq!(failed["error"], json!({"message": "no luck", "node": "Broken"}));
    world.goes(Course::Hangs);
    world.call(&format!("{execute}?wait=1"), Value::Null).await.is(202);
    world.goes(Course::Busy);
    let busy = world.call(&execute, Value::Null).await;
    busy.is_problem(503, "too much to do");
    assert_eq!(busy.header("retry-after"), "2");
}

#[tokio::test]
async fn what_cannot_be_started_is_said_by_field() {
    let world = World::new().await;
    let id = world.workflow("w", nodes()).await;
    let check = async |query: &str, body: Value, field: &str, part: &str| {
        let line = format!("POST /workflows/{id}/execute{query}");
        let problem = world.call(&line, body).await.is_problem(422, part);
        assert_eq!(problem["field"], field);
    };
    check("", json!({"trigger": "Nobody"}), "trigger", "there is no \"Nobody\"").await;
    check("", json!({"input": [1]}), "input[0]", "must be an object, got 1").await;
    check("", json!({"input": 1}), "input", "expected a sequence").await;
    check("", json!({"version": 9}), "version", "does not exist").await;
    check("", json!({"mode": "fast"}), "mode", "unknown variant").await;
    check("?wait=301", Value::Null, "wait", "at most 300").await;
    let empty = world.workflow("empty", json!([])).await;
    let line = format!("POST /workflows/{empty}/execute");
    world.call(&line, Value::Null).await.is_problem(422, "no node to start at");
    let unknown = uuid::Uuid::new_v4();
    world
        .call(&format!("POST /workflows/{unknown}/execute"), Value::Null)
        .await
        .is_problem(404, "no workflow");
    assert!(world.runtime.started.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_same_key_starts_one_execution() {
    let world = World::new().await;
    let id = world.workflow("w", nodes()).await;
    let line = format!("POST /workflows/{id}/execute");
    let key = [("idempotency-key", "k1")];
    let first = world.call_with(&line, Value::Null, &key).await.is(202);
    let second = world.call_with(&line, Value::Null, &key).await.is(202);
    assert_eq!(first, second);
    assert_eq!(world.runtime.started.lock().unwrap().len(), 1);
    let long = "x".repeat(256);
    world.call_with(&line, Value::Null, &[("idempotency-key", &long)]).await.is_problem(400, "1 to 255");
}

#[tokio::test]
async fn an_execution_shows_its_runs_and_its_items_page_by_page() {
    let world = World::new().await;
    let id = world.workflow("w", nodes()).await;
    let many: Vec<Value> = (0..120).map(|n| json!({"n": n})).collect();
    world.goes(Course::Succeeds(items(json!(many))));
    let done = world.call(&format!("POST /workflows/{id}/execute?wait=5"), Value::Null).await.is(200);
    let execution = done["execution_id"].as_str().unwrap();
    let shown = world.call(&format!("GET /executions/{execution}"), Value::Null).await.is(200);
    assert_eq!(shown["order"], json!(["Start"]));
    assert_eq!(shown["workflow"]["name"], "w");
    assert_eq!(shown["runs"]["Start"][0]["outputs"], json!([{"n_items": 120}]));
    assert_eq!(shown["runs"]["Start"][0]["inputs"], json!([null, {"node": "Before", "run": 0, "output": 1}]));
    let data = async |query: &str| {
        world.call(&format!("GET /executions/{execution}/data?{query}"), Value::Null).await
    };
    let page = data("node=Start&limit=10&offset=115").await.is(200);
    assert_eq!(page["total"], 120);
    assert_eq!(page["items"].as_array().unwrap().len(), 5);
    assert_eq!(page["items"][0]["json"]["n"], 115);
    data("node=Nobody").await.is_problem(404, "\"Nobody\"");
    data("node=Start&run=3").await.is_problem(404, "run 3");
    data("node=Start&output=9").await.is_problem(404, "output 9");
    data("").await.is_problem(400, "node");
}

#[tokio::test]
async fn executions_are_filtered() {
    let world = World::new().await;
    let a = world.workflow("Invoices", nodes()).await;
    let b = world.workflow("Orders", nodes()).await;
    world.call(&format!("POST /workflows/{a}/execute"), Value::Null).await.is(202);
    world.goes(Course::Fails("the disk is full"));
    world.call(&format!("POST /workflows/{b}/execute"), json!({"mode": "manual"})).await.is(202);
    let found = async |query: &str| {
        let list = world.call(&format!("GET /executions?{query}"), Value::Null).await.is(200);
        let names = list["items"].as_array().unwrap().iter();
        names.map(|e| e["workflow_name"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found("").await, "Orders Invoices");
    assert_eq!(found(&format!("workflow={a}")).await, "Invoices");
    assert_eq!(found("status=error").await, "Orders");
    assert_eq!(found("status=error,success").await, "Orders Invoices");
    assert_eq!(found("mode=manual").await, "Orders");
    assert_eq!(found("search=DISK").await, "Orders");
    assert_eq!(found("search=invoi").await, "Invoices");
    assert_eq!(found("to=1000").await, "");
    world.call("GET /executions?status=happy", Value::Null).await.is_problem(422, "got \"happy\"");
    world.call("GET /executions?mode=fast", Value::Null).await.is_problem(422, "got \"fast\"");
    let page = world.call("GET /executions?limit=1", Value::Null).await.is(200);
    let next = page["next"].as_str().unwrap();
    assert_eq!(found(&format!("limit=1&cursor={next}")).await, "Invoices");
    let list = world.call("GET /workflows?search=orders", Value::Null).await.is(200);
    assert_eq!(list["items"][0]["last_execution"]["status"], "error");
}

#[tokio::test]
async fn what_ended_is_retried_and_removed_and_what_runs_is_cancelled() {
    let world = World::new().await;
    let id = world.workflow("w", nodes()).await;
    let start = async || {
        let started = world.call(&format!("POST /workflows/{id}/execute"), Value::Null).await.is(202);
        started["execution_id"].as_str().unwrap().to_owned()
    };
    let ended = start().await;
    world
        .call(&format!("POST /executions/{ended}/cancel"), Value::Null)
        .await
        .is_problem(409, "ended already");
    let again =
        world.call(&format!("POST /executions/{ended}/retry"), json!({"from": "failed"})).await.is(202);
    let again = again["execution_id"].as_str().unwrap();
    let shown = world.call(&format!("GET /executions/{again}"), Value::Null).await.is(200);
    assert_eq!(shown["retry_of"], ended);
    world.goes(Course::Hangs);
    let running = start().await;
    world
        .call(&format!("DELETE /executions/{running}"), Value::Null)
        .await
        .is_problem(409, "cancel it first");
    world
        .call(&format!("POST /executions/{running}/retry"), Value::Null)
        .await
        .is_problem(409, "has not ended");
    world.call(&format!("POST /executions/{running}/cancel"), Value::Null).await.is(202);
    world.call(&format!("DELETE /executions/{ended}"), Value::Null).await.is(204);
    world.call(&format!("GET /executions/{ended}"), Value::Null).await.is_problem(404, "no execution");
    let deleted = world.call("POST /executions/delete", json!({"ids": [again, running]})).await.is(200);
    assert_eq!(deleted["deleted"], 1);
}

#[tokio::test]
async fn a_file_is_downloaded_and_never_shown_in_place() {
    let world = World::new().await;
    let id = world.workflow("w", nodes()).await;
    let name = Some("Größe \"x\"\r\n.html".to_owned());
    let file = world.api.blobs.store(b"<script>", "text/html", name).await.unwrap();
    let mut list = items(json!([{"n": 1}]));
    list[0].binary = Some(std::sync::Arc::new([("page".to_owned(), file)].into()));
    world.goes(Course::Succeeds(list));
    let started = world.call(&format!("POST /workflows/{id}/execute"), Value::Null).await.is(202);
    let path = format!("/executions/{}/binary?node=Start", started["execution_id"].as_str().unwrap());
    let key = world.key(&["read"]).await;
    let headers = [("authorization", key.as_str())];
    let got = world.send(&format!("GET /api/v1{path}&property=page"), &headers, "").await;
    assert_eq!((got.status, got.text.as_str()), (200, "<script>"));
    let disposition = got.header("content-disposition");
    assert!(disposition.starts_with("attachment; filename=\"Gr__e _x___.html\""), "{disposition}");
    assert!(got.header("content-security-policy").starts_with("sandbox"));
    assert_eq!(got.header("x-content-type-options"), "nosniff");
    world.call(&format!("GET {path}&property=other"), Value::Null).await.is_problem(404, "\"other\"");
    world.call(&format!("GET {path}&property=page&item=5"), Value::Null).await.is_problem(404, "item 5");
}
