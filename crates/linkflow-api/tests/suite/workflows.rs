//! Workflows: saving, conflicts, versions, publishing, import and export.

use linkflow_api::runtime::Problem;
use serde_json::{Value, json};

use super::world::{World, node};

fn manual() -> Value {
    json!([node("Start", "manual_trigger", json!({}))])
}

#[tokio::test]
async fn a_workflow_is_made_saved_and_removed() {
    let world = World::new().await;
    let id = world.workflow("First", manual()).await;
    let shown = world.call(&format!("GET /workflows/{id}"), Value::Null).await;
    assert_eq!(shown.is(200)["workflow"]["id"], id);
    assert_eq!(shown.header("etag"), "\"1\"");
    let body = json!({"name": "Renamed", "nodes": manual()});
    let saved = world.call_with(&format!("PUT /workflows/{id}"), body, &[("if-match", "\"1\"")]).await;
    assert_eq!(saved.is(200)["version"], 2);
    assert_eq!(saved.header("etag"), "\"2\"");
    let list = world.call("GET /workflows", Value::Null).await.is(200);
    let item = &list["items"][0];
    assert_eq!(item["name"], "Renamed");
    assert_eq!(item["triggers"], json!(["manual"]));
    assert_eq!(item["n_nodes"], 1);
    assert_eq!(item["active"], false);
    let told: Vec<&str> = world.runtime.feed.lock().unwrap().iter().map(|e| e.kind).collect();
    assert_eq!(told, ["workflow.saved", "workflow.saved"]);
    world.call(&format!("DELETE /workflows/{id}"), Value::Null).await.is(204);
    world.call(&format!("GET /workflows/{id}"), Value::Null).await.is_problem(404, "there is no workflow");
}

#[tokio::test]
async fn who_edits_an_old_version_is_told_and_overwrites_nothing() {
    let world = World::new().await;
    let id = world.workflow("w", manual()).await;
    let put = async |name: &str, tag: &str| {
        let body = json!({"name": name, "nodes": manual()});
        world.call_with(&format!("PUT /workflows/{id}"), body, &[("if-match", tag)]).await
    };
    put("by ada", "\"1\"").await.is(200);
    let problem = put("by bob", "\"1\"").await.is_problem(412, "changed by somebody else");
    assert_eq!(problem["field"], "If-Match");
    put("by bob", "nonsense").await.is_problem(412, "`If-Match`");
    put("by bob", "W/\"2\"").await.is(200);
    put("by eve", "*").await.is(200);
    let body = json!({"name": "unconditional", "nodes": manual()});
    assert_eq!(world.call(&format!("PUT /workflows/{id}"), body).await.is(200)["version"], 5);
}

#[tokio::test]
async fn old_versions_stay_and_come_back() {
    let world = World::new().await;
    let id = world.workflow("one", manual()).await;
    for name in ["two", "three"] {
        world.call(&format!("PUT /workflows/{id}"), json!({"name": name})).await.is(200);
    }
    let first = world.call(&format!("GET /workflows/{id}/versions?limit=2"), Value::Null).await.is(200);
    let numbers = |list: &Value| -> Vec<u64> {
        list["items"].as_array().unwrap().iter().map(|v| v["version"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers(&first), [3, 2]);
    let next = first["next"].as_str().unwrap();
    let path = format!("GET /workflows/{id}/versions?limit=2&cursor={next}");
    let rest = world.call(&path, Value::Null).await.is(200);
    assert_eq!((numbers(&rest), &rest["next"]), (vec![1], &Value::Null));
    let old = world.call(&format!("GET /workflows/{id}/versions/1"), Value::Null).await.is(200);
    assert_eq!(old["workflow"]["name"], "one");
    let restored = world.call(&format!("POST /workflows/{id}/versions/1/restore"), Value::Null).await.is(200);
    assert_eq!((&restored["version"], &restored["name"]), (&json!(4), &json!("one")));
    world.call(&format!("GET /workflows/{id}/versions/9"), Value::Null).await.is_problem(404, "version 9");
}

#[tokio::test]
async fn lists_go_page_by_page_and_are_searched() {
    let world = World::new().await;
    for name in ["alpha", "beta 100%", "Gamma"] {
        world.workflow(name, manual()).await;
        world.pass_ms(1_000);
    }
    let names = async |query: &str| -> (Vec<String>, Option<String>) {
        let list = world.call(&format!("GET /workflows?{query}"), Value::Null).await.is(200);
        let names = list["items"].as_array().unwrap().iter().map(|w| w["name"].as_str().unwrap().to_owned());
        (names.collect(), list["next"].as_str().map(str::to_owned))
    };
    assert_eq!(names("").await.0, ["Gamma", "beta 100%", "alpha"]);
    assert_eq!(names("search=0%25").await.0, ["beta 100%"]);
    assert_eq!(names("search=GAM").await.0, ["Gamma"]);
    assert_eq!(names("search=_").await.0, Vec::<String>::new());
    for sort in ["name", "updated"] {
        let whole = names(&format!("sort={sort}")).await.0;
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let (page, next) = names(&format!("sort={sort}&limit=1&cursor={cursor}")).await;
            found.extend(page);
            match next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        assert_eq!(found, whole, "{sort}");
    }
    world.call("GET /workflows?cursor=nonsense", Value::Null).await.is_problem(422, "`cursor`");
    world.call("GET /workflows?limit=0", Value::Null).await.is_problem(422, "`limit`");
    world.call("GET /workflows?limit=x", Value::Null).await.is_problem(400, "the query cannot be read");
    world.call("GET /workflows?sort=size", Value::Null).await.is_problem(400, "the query cannot be read");
}

#[tokio::test]
async fn what_cannot_be_told_apart_is_not_saved() {
    let world = World::new().await;
    let check = async |body: Value, field: &str, part: &str| {
        let problem = world.call("POST /workflows", body).await.is_problem(422, part);
        assert_eq!(problem["field"], field);
    };
    let two = |a: &str, b: &str| json!([node(a, "limit", json!({})), node(b, "limit", json!({}))]);
    check(json!({"name": ""}), "name", "must not be empty").await;
    check(json!({"name": "x", "nodes": two("A", "A")}), "nodes[1].id", "comes twice").await;
    check(
        json!({"name": "x", "nodes": [{"id": "", "name": "", "kind": ""}]}),
        "nodes[0].id",
        "must not be empty",
    )
    .await;
    let edges = json!([{"from": {"node": "a"}, "to": {"node": "zz"}}]);
    check(
        json!({"name": "x", "nodes": two("A", "B"), "edges": edges}),
        "edges[0].to.node",
        "there is no \"zz\"",
    )
    .await;
    check(json!({"name": "x", "colour": 1}), "colour", "unknown field").await;
    check(json!({"name": "x", "nodes": [{"id": 5}]}), "nodes[0].id", "expected a string").await;
}

#[tokio::test]
async fn the_same_request_with_the_same_key_makes_one_workflow() {
    let world = World::new().await;
    let body = json!({"name": "once", "nodes": manual()});
    let key = [("idempotency-key", "abc")];
    let first = world.call_with("POST /workflows", body.clone(), &key).await.is(201);
    let second = world.call_with("POST /workflows", body, &key).await;
    assert_eq!(second.is(201), first);
    assert_eq!(second.header("idempotency-replayed"), "true");
    let other = json!({"name": "other"});
    world.call_with("POST /workflows", other, &key).await.is_problem(409, "idempotency key \"abc\"");
    let list = world.call("GET /workflows", Value::Null).await.is(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_what_can_run_is_published() {
    let world = World::new().await;
    let id = world.workflow("w", json!([node("Hook", "webhook", json!({"path": "a"}))])).await;
    let publish = format!("POST /workflows/{id}/publish");
    *world.runtime.problems.lock().unwrap() =
        vec![Problem { field: "nodes[Hook].params.url".to_owned(), problem: "must not be empty".to_owned() }];
    let problem = world.call(&publish, Value::Null).await.is_problem(422, "cannot be published");
    assert_eq!(problem["errors"][0]["field"], "nodes[Hook].params.url");
    world.runtime.problems.lock().unwrap().clear();
    let record = world.call(&publish, json!({"version": 1})).await.is(200);
    assert_eq!((&record["active"], &record["published_version"]), (&json!(true), &json!(1)));
    assert_eq!(world.runtime.published.lock().unwrap().len(), 1);
    let hooks = world.call(&format!("GET /workflows/{id}/webhooks"), Value::Null).await.is(200);
    assert_eq!(hooks["items"][0]["url"], format!("{}/webhook/a", world.base));
    world.call(&publish, json!({"version": 7})).await.is_problem(404, "version 7");
    let record = world.call(&format!("POST /workflows/{id}/unpublish"), Value::Null).await.is(200);
    assert_eq!(record["active"], false);
}

#[tokio::test]
async fn an_address_belongs_to_one_workflow() {
    let world = World::new().await;
    world.webhook("first", json!({"path": "orders"})).await;
    let second = world.workflow("second", json!([node("Hook", "webhook", json!({"path": "orders"}))])).await;
    let problem = world.call(&format!("POST /workflows/{second}/publish"), Value::Null).await.is(422);
    assert_eq!(problem["errors"][0]["field"], "nodes[Hook].params.path");
    assert!(problem["errors"][0]["problem"].as_str().unwrap().contains("the workflow \"first\""));
    let twice =
        json!([node("A", "webhook", json!({"path": "same"})), node("B", "webhook", json!({"path": "same"}))]);
    let third = world.workflow("third", twice).await;
    let problem = world.call(&format!("POST /workflows/{third}/publish"), Value::Null).await.is(422);
    assert!(problem["errors"][0]["problem"].as_str().unwrap().contains("another node"));
}

#[tokio::test]
async fn files_of_both_formats_are_imported_and_exported() {
    let world = World::new().await;
    let n8n = json!({
        "name": "From n8n",
        "nodes": [{
            "id": "1", "name": "Go", "type": "n8n-nodes-base.manualTrigger", "typeVersion": 1,
            "position": [0, 0], "parameters": {}
        }],
        "connections": {}
    });
    let checked = world.call("POST /workflows/import?check=true", n8n.clone()).await.is(200);
    assert_eq!(checked["items"][0]["nodes"][0]["type"], "n8n-nodes-base.manualTrigger");
    assert_eq!(checked["items"][0]["workflow_id"], Value::Null);
    let report = world.call("POST /workflows/import?publish=true", n8n.clone()).await.is(200);
    assert_eq!(report["items"][0]["runnable"], true);
    let id = report["items"][0]["workflow_id"].as_str().unwrap().to_owned();
    let exported = world.call(&format!("GET /workflows/{id}/export?format=n8n"), Value::Null).await.is(200);
    assert_eq!(exported["nodes"][0]["type"], "n8n-nodes-base.manualTrigger");
    let ours = world.call(&format!("GET /workflows/{id}/export"), Value::Null).await.is(200);
    assert_eq!(ours["id"], id);

    let files = json!({"files": [
        {"name": "ours.json", "content": ours},
        {"name": "text.json", "content": n8n.to_string()},
        {"name": "broken.json", "content": "{"},
        {"name": "none.json", "content": {"a": 1}}
    ]});
    let report = world.call("POST /workflows/import", files).await.is(200);
    let items = report["items"].as_array().unwrap();
    assert_eq!(items[0]["workflow_id"], id, "ours finds its earlier self");
    assert_ne!(items[1]["workflow_id"], id);
    assert!(items[2]["error"].as_str().unwrap().contains("not JSON"));
    assert!(items[3]["error"].as_str().unwrap().contains("no workflow"));
    assert_eq!(world.call(&format!("GET /workflows/{id}"), Value::Null).await.is(200)["version"], 2);
}

#[tokio::test]
async fn an_import_finds_credentials_by_type_and_name() {
    let world = World::new().await;
    let body = json!({"name": "Site", "type": "http_basic", "data": {"user": "a", "password": "b"}});
    let credential = world.call("POST /credentials", body).await.is(201);
    let mut hook = node("Hook", "webhook", json!({"path": "x"}));
    hook["credentials"] = json!({"http_basic": {"id": "elsewhere", "name": "Site"}});
    let file = json!({"name": "w", "nodes": [hook]});
    let report = world.call("POST /workflows/import", file).await.is(200);
    let id = report["items"][0]["workflow_id"].as_str().unwrap();
    let shown = world.call(&format!("GET /workflows/{id}"), Value::Null).await.is(200);
    assert_eq!(shown["workflow"]["nodes"][0]["credentials"]["http_basic"]["id"], credential["id"]);
}

#[tokio::test]
async fn a_workflow_is_found_by_the_id_that_it_had_elsewhere() {
    let world = World::new().await;
    let file = json!({"id": "aB3xY", "name": "n", "nodes": [], "connections": {}});
    let report = world.call("POST /workflows/import", file).await.is(200);
    let id = report["items"][0]["workflow_id"].as_str().unwrap().to_owned();
    let find = async |any: &str| {
        let found = world.store.workflow_by_any_id(world.workspace, any.to_owned()).await.unwrap();
        found.map(|row| row.id.to_string())
    };
    assert_eq!(find("aB3xY").await, Some(id.clone()));
    assert_eq!(find(&id).await, Some(id.clone()));
    assert_eq!(find("other").await, None);
    world.call(&format!("PUT /workflows/{id}"), json!({"name": "edited"})).await.is(200);
    assert_eq!(find("aB3xY").await, Some(id), "an edit that lost the origin does not lose the way");
}

#[tokio::test]
async fn a_document_is_checked_before_it_is_saved() {
    let world = World::new().await;
    let hook = |path: &str| json!([node("Hook", "webhook", json!({"path": path}))]);
    let owner = world.workflow("Orders", hook("orders")).await;
    world.call(&format!("POST /workflows/{owner}/publish"), Value::Null).await.is(200);
    let problems = async |query: &str, document: Value| -> Vec<String> {
        let list = world.call(&format!("POST /workflows/check{query}"), document).await.is(200);
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|p| format!("{} {}", p["field"].as_str().unwrap(), p["problem"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(problems("", json!({"name": "sound", "nodes": hook("free")})).await, [""; 0]);
    let rival = json!({"name": "rival", "nodes": hook("orders")});
    let said = problems("", rival.clone()).await;
    assert!(said[0].contains("belongs to the workflow \"Orders\""), "{said:?}");
    assert_eq!(problems(&format!("?workflow={owner}"), rival).await, [""; 0]);
    let twins = json!({"name": "w", "nodes": [node("A", "no_op", json!({})), node("A", "no_op", json!({}))]});
    assert!(problems("", twins).await.iter().any(|p| p.contains("\"A\" comes twice")));
    *world.runtime.problems.lock().unwrap() =
        vec![Problem { field: "nodes[A].kind".to_owned(), problem: "is unknown".to_owned() }];
    assert_eq!(problems("", json!({"name": "w", "nodes": manual()})).await, ["nodes[A].kind is unknown"]);
    assert_eq!(world.call("GET /workflows", Value::Null).await.is(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_part_of_a_file_is_written_in_the_other_format() {
    let world = World::new().await;
    let copied = json!({"nodes": [{"id": "a", "name": "Rest", "type": "n8n-nodes-base.noOp", "typeVersion": 1,
        "position": [0, 0], "parameters": {}}], "connections": {}});
    let ours = world.call("POST /workflows/convert", copied).await.is(200);
    assert_eq!(ours["file"]["nodes"][0]["kind"], "no_op");
    assert_eq!(ours["report"]["nodes"][0]["verdict"], "exact");
    let back = world.call("POST /workflows/convert?to=n8n", ours["file"].clone()).await.is(200);
    assert_eq!(back["file"]["nodes"][0]["type"], "n8n-nodes-base.noOp");
    let wrong = world.call("POST /workflows/convert", json!({"nodes": 3})).await.is(200);
    assert_eq!(wrong["file"], Value::Null);
    assert!(wrong["report"]["error"].is_string());
}
