//! From a file to an answered request.

use serde_json::{Value, json};

use crate::server::{Owner, Server};

/// A webhook that greets, in n8n's format; `response` is the webhook's response mode.
pub fn greeting(response: &str) -> Value {
    json!({
        "name": "Greeting",
        "nodes": [
            {"id": "w", "name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2, "position": [0, 0],
             "webhookId": "w", "parameters": {"httpMethod": "POST", "path": "greet", "responseMode": response}},
            {"id": "s", "name": "Set", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "position": [200, 0],
             "parameters": {"options": {}, "assignments": {"assignments": [
                {"id": "1", "name": "hello", "value": "={{ $json.body.name }}", "type": "string"}]}}}
        ],
        "connections": {"Webhook": {"main": [[{"node": "Set", "type": "main", "index": 0}]]}},
        "settings": {"executionOrder": "v1"}
    })
}

async fn call(owner: &Owner, server: &Server, body: &Value) -> (u16, Value) {
    owner.post(server, "/webhook/greet", body).await
}

#[tokio::test]
async fn an_n8n_file_is_imported_published_called_and_answers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    owner.publish(&server, &greeting("lastNode")).await;
    let (status, answer) = call(&owner, &server, &json!({"name": "Ada"})).await;
    assert_eq!((status, answer), (200, json!({"hello": "Ada"})));
    let (_, list) = owner.get(&server, "/api/v1/executions").await;
    assert_eq!(list["items"][0]["status"], "success", "{list}");
    let id = list["items"][0]["id"].as_str().unwrap();
    let (status, shown) = owner.get(&server, &format!("/api/v1/executions/{id}")).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["order"], json!(["Webhook", "Set"]));
    let (_, data) = owner.get(&server, &format!("/api/v1/executions/{id}/data?node=Set")).await;
    assert_eq!(data["items"][0]["json"], json!({"hello": "Ada"}), "{data}");
}

#[tokio::test]
async fn a_workflow_runs_on_demand_and_is_retried() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let workflow = json!({
        "name": "Fails",
        "nodes": [
            {"id": "m", "name": "Start", "kind": "manual_trigger"},
            {"id": "f", "name": "Stop", "kind": "stop_and_error", "params": {"errorMessage": "no stock"}}
        ],
        "edges": [{"from": {"node": "m"}, "to": {"node": "f"}}]
    });
    let (status, made) = owner.post(&server, "/api/v1/workflows", &workflow).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap();
    let run = format!("/api/v1/workflows/{id}/execute?wait=20");
    let (status, ended) = owner.post(&server, &run, &json!({})).await;
    assert_eq!(status, 200, "{ended}");
    assert_eq!(ended["status"], "error", "{ended}");
    assert!(ended["error"].to_string().contains("no stock"), "{ended}");
    let execution = ended["execution_id"].as_str().unwrap();
    let again = format!("/api/v1/executions/{execution}/retry");
    let (status, retried) = owner.post(&server, &again, &json!({"from": "failed"})).await;
    assert_eq!(status, 202, "{retried}");
    assert_ne!(retried["execution_id"], ended["execution_id"]);
}

/// A workflow of a webhook in n8n's format and nodes behind it, one after the other. Each node is
/// given as type, version and parameters.
fn hook(path: &str, version: f64, params: Value, behind: &[(&str, f64, Value)]) -> Value {
    let mut params = params;
    params["path"] = json!(path);
    let node = |name: &str, kind: &str, version: f64, x: usize, params: &Value| {
        json!({"id": name, "name": name, "type": format!("n8n-nodes-base.{kind}"), "typeVersion": version,
            "position": [x, 0], "webhookId": "w", "parameters": params})
    };
    let mut nodes = vec![node("Webhook", "webhook", version, 0, &params)];
    let mut connections = serde_json::Map::new();
    for (i, (kind, version, params)) in behind.iter().enumerate() {
        let (from, to) = (if i == 0 { "Webhook".to_owned() } else { format!("N{i}") }, format!("N{}", i + 1));
        nodes.push(node(&to, kind, *version, i * 200 + 200, params));
        connections.insert(from, json!({"main": [[{"node": to, "type": "main", "index": 0}]]}));
    }
    json!({"name": path, "nodes": nodes, "connections": connections, "settings": {"executionOrder": "v1"}})
}

/// Items of these fields instead of the webhook's.
fn code(items: &str) -> (&'static str, f64, Value) {
    ("code", 2.0, json!({"jsCode": format!("return {items};")}))
}

/// An answer: its status, its content type and its text.
async fn ask(request: reqwest::RequestBuilder) -> String {
    let response = request.send().await.expect("the server answers");
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("-").to_owned();
    format!("{status} {kind} {}", response.text().await.expect("a body"))
}

fn last_node(more: Value) -> Value {
    let mut params = json!({"responseMode": "lastNode"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

/// Version and parameters of a webhook, the nodes behind it, and its answer.
type Case = (f64, Value, Vec<(&'static str, f64, Value)>, String);

fn response_modes() -> Vec<Case> {
    let two = || code("[{json: {a: {b: ['x']}, n: 0}}, {json: {n: 1}}]");
    let json_type = "application/json; charset=utf-8";
    let html = "text/html; charset=utf-8";
    let last = last_node;
    let file = || ("convertToFile", 1.1, json!({"operation": "toText", "sourceProperty": "n"}));
    vec![
        (
            1.0,
            json!({"responseCode": 201}),
            vec![],
            format!("201 {json_type} {{\"message\":\"Workflow was started\"}}"),
        ),
        (
            2.0,
            json!({"options": {"responseData": "{\"ok\": 1}"}}),
            vec![],
            format!("200 {html} {{\"ok\": 1}}"),
        ),
        (
            2.0,
            json!({"options": {"responseData": "={{ {ok: 1} }}"}}),
            vec![],
            format!("200 {json_type} {{\"ok\":1}}"),
        ),
        (
            2.0,
            json!({"options": {"noResponseBody": true, "responseCode": {"values": {"responseCode": 204}}}}),
            vec![],
            "204 - ".to_owned(),
        ),
        (2.1, last(json!({})), vec![two()], format!("200 {json_type} {{\"a\":{{\"b\":[\"x\"]}},\"n\":0}}")),
        (
            2.1,
            last(json!({"options": {"responsePropertyName": "a.b[0]"}})),
            vec![two()],
            format!("200 {html} x"),
        ),
        (
            2.1,
            last(json!({"options": {"responsePropertyName": "n", "responseContentType": "text/plain"}})),
            vec![two()],
            "200 text/plain 0".to_owned(),
        ),
        (2.1, last(json!({"options": {"responsePropertyName": "zz"}})), vec![two()], "200 - ".to_owned()),
        (
            2.1,
            last(json!({"responseData": "allEntries"})),
            vec![two()],
            format!("200 {json_type} [{{\"a\":{{\"b\":[\"x\"]}},\"n\":0}},{{\"n\":1}}]"),
        ),
        (
            2.1,
            last(json!({"responseData": "noData", "options": {"responseHeaders": {"entries": [
            {"name": "Content-Type", "value": "text/css"}]}}})),
            vec![two()],
            "200 text/css ".to_owned(),
        ),
        (
            2.1,
            last(json!({"responseData": "firstEntryBinary"})),
            vec![two(), file()],
            "200 text/plain 0".to_owned(),
        ),
        (
            2.1,
            last(json!({})),
            vec![code("[]")],
            "500 application/json {\"message\":\"No item to return was found\"}".to_owned(),
        ),
        (
            2.1,
            last(json!({})),
            vec![("stopAndError", 1.0, json!({"errorMessage": "no"}))],
            "500 application/json {\"message\":\"Error in workflow\"}".to_owned(),
        ),
    ]
}

#[tokio::test]
async fn a_webhook_answers_as_its_response_mode_says() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    for (i, (version, params, behind, expected)) in response_modes().into_iter().enumerate() {
        let path = format!("mode-{i}");
        owner.publish(&server, &hook(&path, version, params.clone(), &behind)).await;
        let found = ask(owner.http.get(format!("{}/webhook/{path}", server.base))).await;
        assert_eq!(found, expected, "{params}");
    }
}

#[tokio::test]
async fn respond_to_webhook_answers_in_each_of_its_ways() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let json_type = "application/json; charset=utf-8";
    let html = "text/html; charset=utf-8";
    let cases = [
        (1.0, json!({}), format!("200 {json_type} {{\"n\":0}}")),
        (
            1.1,
            json!({"respondWith": "allIncomingItems", "options": {"responseKey": "a.b", "responseCode": 202}}),
            format!("202 {json_type} {{\"a\":{{\"b\":[{{\"n\":0}},{{\"n\":1}}]}}}}"),
        ),
        (
            1.1,
            json!({"respondWith": "json", "responseBody": "={{ $json }}"}),
            format!("200 {json_type} {{\"n\":0}}"),
        ),
        (
            1.1,
            json!({"respondWith": "json", "responseBody": "=[{{ $json.n }}]"}),
            format!("200 {json_type} [0]"),
        ),
        (
            1.2,
            json!({"respondWith": "text", "responseBody": "hi {{ $json.n }}"}),
            format!("200 {html} hi {{{{ $json.n }}}}"),
        ),
        (
            1.2,
            json!({"respondWith": "text", "responseBody": "<b>", "options": {"responseHeaders": {"entries": [
            {"name": "Content-Type", "value": "text/plain"}]}}}),
            "200 text/plain <b>".to_owned(),
        ),
        (1.4, json!({"respondWith": "noData", "options": {"responseCode": 0}}), "200 - ".to_owned()),
        (
            1.4,
            json!({"respondWith": "redirect", "redirectURL": "https://example.com/x"}),
            "307 - ".to_owned(),
        ),
        (
            1.4,
            json!({"respondWith": "binary"}),
            format!("500 application/json {{\"message\":\"Error in workflow\"}}"),
        ),
        (
            1.4,
            json!({"respondWith": "json", "responseBody": "{bad"}),
            format!("500 application/json {{\"message\":\"Error in workflow\"}}"),
        ),
    ];
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for (i, (version, params, expected)) in cases.into_iter().enumerate() {
        let path = format!("respond-{i}");
        let behind =
            [code("[{json: {n: 0}}, {json: {n: 1}}]"), ("respondToWebhook", version, params.clone())];
        owner.publish(&server, &hook(&path, 2.0, json!({"responseMode": "responseNode"}), &behind)).await;
        let found = ask(http.get(format!("{}/webhook/{path}", server.base))).await;
        assert_eq!(found, expected, "{params}");
    }
}

#[tokio::test]
async fn a_request_becomes_an_item_by_its_content_type() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let shows = || {
        code(
            "[{json: {q: $json.query, b: $json.body, files: Object.fromEntries(Object.entries($input.first().binary ?? {}).map(([k, f]) => [k, f.mimeType]))}}]",
        )
    };
    let params =
        |options: Value| json!({"httpMethod": "POST", "responseMode": "lastNode", "options": options});
    for (path, options) in [
        ("plain", json!({})),
        ("raw", json!({"rawBody": true})),
        ("file", json!({"binaryData": true, "binaryPropertyName": "up"})),
    ] {
        owner.publish(&server, &hook(path, 2.0, params(options), &[shows()])).await;
    }
    let form = "--x\r\nContent-Disposition: form-data; name=\"who\"\r\n\r\nAda\r\n--x\r\n\
        Content-Disposition: form-data; name=\"doc\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n1;2\r\n--x--\r\n";
    for (address, kind, body, expected) in [
        ("plain", "application/json", "{\"a\": 1}", json!({"q": {}, "b": {"a": 1}, "files": {}})),
        ("plain?a[]=1&b=2&b=3", "", "", json!({"q": {"a": ["1"], "b": ["2", "3"]}, "b": {}, "files": {}})),
        (
            "plain",
            "text/xml",
            "<Order n='1'><item>x</item></Order>",
            json!({"q": {}, "b": {"order": {"$": {"n": "1"}, "item": "x"}}, "files": {}}),
        ),
        (
            "plain",
            "application/x-www-form-urlencoded",
            "a=1&b=x+y&a=2",
            json!({"q": {}, "b": {"a": ["1", "2"], "b": "x y"}, "files": {}}),
        ),
        ("plain", "text/plain", "hi", json!({"q": {}, "b": "hi", "files": {}})),
        ("plain", "text/csv", "a,b", json!({"q": {}, "b": {}, "files": {"data": "text/csv"}})),
        (
            "plain",
            "multipart/form-data; boundary=x",
            form,
            json!({"q": {}, "b": {"who": "Ada"}, "files": {"doc": "text/csv"}}),
        ),
        (
            "raw",
            "application/json",
            "{\"a\": 1}",
            json!({"q": {}, "b": {"a": 1}, "files": {"data": "application/json"}}),
        ),
        (
            "file",
            "application/json",
            "{\"a\": 1}",
            json!({"q": {}, "b": {}, "files": {"up": "application/json"}}),
        ),
    ] {
        let request = owner.http.post(format!("{}/webhook/{address}", server.base)).body(body);
        let request = if kind.is_empty() { request } else { request.header("content-type", kind) };
        let found = ask(request).await;
        assert_eq!(found, format!("200 application/json; charset=utf-8 {expected}"), "{address} {kind}");
    }
}

#[tokio::test]
async fn each_of_several_methods_goes_its_own_way() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let params = json!({"multipleMethods": true, "httpMethod": ["GET", "PUT"], "responseMode": "lastNode"});
    let mut workflow = hook(
        "many/:id",
        2.1,
        params,
        &[code("[{json: {got: $json.params.id}}]"), code("[{json: {put: 1}}]")],
    );
    let to = |name: &str| json!([{"node": name, "type": "main", "index": 0}]);
    workflow["connections"] = json!({"Webhook": {"main": [to("N1"), to("N2")]}});
    owner.publish(&server, &workflow).await;
    let address = format!("{}/webhook/w/many/7", server.base);
    let kind = "200 application/json; charset=utf-8";
    assert_eq!(ask(owner.http.get(&address)).await, format!("{kind} {{\"got\":\"7\"}}"));
    assert_eq!(ask(owner.http.put(&address)).await, format!("{kind} {{\"put\":1}}"));
    assert!(ask(owner.http.delete(&address)).await.starts_with("405"));
}

#[tokio::test]
async fn a_wait_goes_on_when_its_address_is_called_in_its_way() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let respond = json!({"respondWith": "text", "responseBody": "={{ $execution.resumeUrl }}"});
    let wait = json!({"resume": "webhook", "httpMethod": "POST", "responseMode": "lastNode",
        "limitWaitTime": true, "resumeAmount": "={{ $('Webhook').item.json.body.hours }}",
        "options": {"webhookSuffix": "={{ $('Webhook').item.json.body.name }}",
            "responseHeaders": {"entries": [{"name": "x-for", "value": "={{ $('Webhook').item.json.body.code }}"}]}}});
    let set = json!({"assignments": {"assignments": [
        {"id": "1", "name": "said", "value": "={{ $json.body.said }}", "type": "string"},
        {"id": "2", "name": "to", "value": "={{ $('Webhook').first().json.body.name }}", "type": "string"}]}, "options": {}});
    let behind = [("respondToWebhook", 1.1, respond), ("wait", 1.1, wait), ("set", 3.4, set)];
    let params = json!({"httpMethod": "POST", "responseMode": "responseNode"});
    owner.publish(&server, &hook("asks", 2.0, params, &behind)).await;
    let (status, address) = owner
        .post(&server, "/webhook/asks", &json!({"name": "ada", "hours": 2, "code": "={{ 1 + '}' }}"}))
        .await;
    let address = address.as_str().unwrap_or_else(|| panic!("{status} {address}"));
    let (start, signature) = address.split_once('?').expect("a signed address");
    // The answer is sent before the execution rests.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while owner.get(&server, "/api/v1/executions").await.1["items"][0]["status"] != "waiting" {
        assert!(std::time::Instant::now() < until, "it did not rest within 30 s");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let kind = "application/json; charset=utf-8";
    let call = |address: String| {
        owner.http.post(address).header("content-type", "application/json").body("{\"said\": \"yes\"}")
    };
    let found = ask(call(format!("{start}/eve?{signature}"))).await;
    assert!(found.starts_with("404 "), "{found}");
    let found = ask(owner.http.get(format!("{start}/ada?{signature}"))).await;
    assert!(found.starts_with("405 "), "{found}");
    let answer = call(format!("{start}/ada?{signature}")).send().await.unwrap();
    assert_eq!(answer.headers().get("x-for").map(|v| v.to_str().unwrap()), Some("={{ 1 + '}' }}"));
    assert_eq!(answer.headers()["content-type"], kind);
    assert_eq!(answer.text().await.unwrap(), "{\"said\":\"yes\",\"to\":\"ada\"}");
    let found = ask(call(format!("{start}/ada?{signature}"))).await;
    assert!(found.starts_with("409 "), "{found}");
}
