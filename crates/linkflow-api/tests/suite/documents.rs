//! The OpenAPI document, the workflow's schema, and the page.

use serde_json::Value;

use super::world::World;

/// Every `$ref` below `value`.
fn refs(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(target)) = object.get("$ref") {
                found.push(target.clone());
            }
            object.values().for_each(|value| refs(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| refs(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_description_is_whole() {
    let world = World::new().await;
    let document = world.send("GET /api/v1/openapi.json", &[], "").await.is(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let mut found = Vec::new();
    refs(&document, &mut found);
    for target in found {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
    }
    assert!(document["components"]["schemas"]["Workflow"]["properties"]["nodes"].is_object());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            for status in ["400", "401", "403", "404", "422", "500"] {
                assert!(responses.contains_key(status), "{method} {path} lacks {status}");
            }
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        }
    }
}

#[tokio::test]
async fn the_schema_of_workflow_files_is_served() {
    let world = World::new().await;
    let schema = world.send("GET /api/v1/schemas/workflow.json", &[], "").await.is(200);
    assert_eq!(schema["title"], "Linkflow workflow");
    assert!(schema["$defs"]["Node"]["properties"]["kind"].is_object());
}

#[tokio::test]
async fn the_page_or_its_absence_is_served_at_the_root() {
    let world = World::new().await;
    let page = world.send("GET /", &[], "").await;
    assert_eq!(page.status, 200);
    if page.header("content-type").starts_with("text/html") {
        assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
        let etag = page.header("etag").to_owned();
        assert_eq!(world.send("GET /", &[("if-none-match", &etag)], "").await.status, 304);
        assert_eq!(world.send("GET /workflows/x", &[], "").await.text, page.text);
    }
}
