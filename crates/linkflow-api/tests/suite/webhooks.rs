//! Webhooks: finding, authentication, bodies, answers, test addresses, resuming.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use linkflow_model::{ExecutionId, Item, Mode};
use linkflow_node::{Reply, ReplyBody};
use serde_json::{Value, json};

use super::runtime::{Course, waiting};
use super::world::{World, node};

const JSON: (&str, &str) = ("content-type", "application/json");

fn items(list: Value) -> Vec<Item> {
    list.as_array().unwrap().iter().cloned().map(Item::from_value).collect()
}

/// The JSON of the item with which the last execution was started.
fn seen(world: &World) -> Value {
    json!(world.runtime.last_started().items[0].json)
}

#[tokio::test]
async fn a_published_webhook_starts_its_workflow_and_answers_at_once() {
    let world = World::new().await;
    let id = world.webhook("w", json!({"path": "orders/:number", "httpMethod": "POST"})).await;
    let answer = world.send("POST /webhook/orders/7%2F8?a=1&a=2&b=x+y", &[JSON], r#"{"n": 1}"#).await;
    assert_eq!(answer.is(200), json!({"message": "Workflow was started"}));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.header("content-security-policy").starts_with("sandbox"));
    let started = world.runtime.last_started();
    assert_eq!((started.mode, started.version), (Mode::Webhook, 1));
    assert_eq!(started.workflow_id.to_string(), id);
    let item = seen(&world);
    assert_eq!(item["params"], json!({"number": "7/8"}));
    assert_eq!(item["query"], json!({"a": ["1", "2"], "b": "x y"}));
    assert_eq!(item["body"], json!({"n": 1}));
    assert_eq!(item["webhookUrl"], format!("{}/webhook/orders/7%2F8", world.base));
    assert_eq!(item["executionMode"], "production");
}

#[tokio::test]
async fn only_published_addresses_answer_and_others_say_what_to_do() {
    let world = World::new().await;
    world.send("GET /webhook/nowhere", &[], "").await.is_problem(404, "is its workflow published");
    let id = world.webhook("w", json!({"path": "here"})).await;
    world.send("GET /webhook/here", &[], "").await.is(200);
    let refused = world.send("POST /webhook/here", &[], "").await;
    refused.is_problem(405, "not registered for POST");
    assert_eq!(refused.header("allow"), "GET");
    let body = json!({"name": "w", "nodes": [node("Hook", "webhook", json!({"path": "there"}))]});
    world.call(&format!("PUT /workflows/{id}"), body).await.is(200);
    world.send("GET /webhook/there", &[], "").await.is(404);
    world.send("GET /webhook/here", &[], "").await.is(200);
    world.call(&format!("POST /workflows/{id}/publish"), Value::Null).await.is(200);
    world.send("GET /webhook/there", &[], "").await.is(200);
    world.send("GET /webhook/here", &[], "").await.is(404);
    world.call(&format!("POST /workflows/{id}/unpublish"), Value::Null).await.is(200);
    world.send("GET /webhook/there", &[], "").await.is(404);
}

#[tokio::test]
async fn another_process_may_publish_too() {
    let world = World::new().await;
    let id = world.webhook("w", json!({"path": "here"})).await;
    world.send("GET /webhook/here", &[], "").await.is(200);
    world
        .store
        .unpublish_workflow(world.workspace, id.parse().unwrap(), linkflow_model::Millis(1))
        .await
        .unwrap();
    world.pass_ms(5_001);
    world.send("GET /webhook/here", &[], "").await.is(404);
}

#[tokio::test]
async fn the_last_node_answers_as_the_webhook_says() {
    let world = World::new().await;
    let hook = async |path: &str, more: Value| {
        let mut params = json!({"path": path, "responseMode": "lastNode"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.webhook(path, params).await
    };
    hook("first", json!({"responseCode": 201})).await;
    hook("all", json!({"responseData": "allEntries"})).await;
    hook("none", json!({"responseData": "noData", "responseCode": 204})).await;
    hook("file", json!({"responseData": "firstEntryBinary"})).await;
    let csv = json!({"responsePropertyName": "text", "responseContentType": "text/csv"});
    hook("csv", json!({"options": csv})).await;
    let binary = world.api.blobs.store(b"%PDF", "application/pdf", Some("a.pdf".to_owned())).await.unwrap();
    let mut list = items(json!([{"text": "1;2"}, {"n": 2}]));
    list[0].binary = Some(Arc::new(BTreeMap::from([("data".to_owned(), binary)])));
    world.goes(Course::Succeeds(list));
    let get = async |path: &str| world.send(&format!("GET /webhook/{path}"), &[], "").await;
    assert_eq!(get("first").await.is(201), json!({"text": "1;2"}));
    assert_eq!(get("all").await.is(200), json!([{"text": "1;2"}, {"n": 2}]));
    let none = get("none").await;
    assert_eq!((none.status, none.text.as_str()), (204, ""));
    let file = get("file").await;
    assert_eq!(
        (file.status, file.text.as_str(), file.header("content-type")),
        (200, "%PDF", "application/pdf")
    );
    assert!(file.header("content-security-policy").starts_with("sandbox"));
    let csv = get("csv").await;
    assert_eq!((csv.text.as_str(), csv.header("content-type")), ("1;2", "text/csv"));
    world.goes(Course::Succeeds(Vec::new()));
    assert_eq!(get("first").await.is(500)["message"], "No item to return was found");
    world.goes(Course::Fails("secret cause"));
    let failed = get("first").await;
    assert_eq!(failed.is(500), json!({"message": "Error in workflow"}));
}

#[tokio::test]
async fn a_respond_node_answers_in_its_own_words() {
    let world = World::new().await;
    world.webhook("w", json!({"path": "w", "responseMode": "responseNode"})).await;
    let reply = |status: u16, headers: &[(&str, &str)], body: ReplyBody| {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Course::Replies(Reply { status, headers, body })
    };
    let theirs = [
        ("x-order", "7"),
        ("content-length", "9999"),
        ("set-cookie", "a=1"),
        ("set-cookie", "linkflow=stolen"),
        ("bad name", "x"),
        ("x-bad", "a\nb"),
    ];
    world.goes(reply(418, &theirs, ReplyBody::Text("<script>alert(1)</script>".to_owned())));
    let answer = world.send("GET /webhook/w", &[], "").await;
    assert_eq!((answer.status, answer.header("x-order")), (418, "7"));
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(answer.header("content-security-policy").starts_with("sandbox"));
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1"], "a workflow cannot give somebody another session");
    assert!(world.runtime.last_started().wants_reply);
    world.goes(reply(200, &[("content-type", "application/hal+json")], ReplyBody::Json(json!({"a": 1}))));
    let answer = world.send("GET /webhook/w", &[], "").await;
    assert_eq!((answer.json(), answer.header("content-type")), (json!({"a": 1}), "application/hal+json"));
    world.goes(Course::Succeeds(items(json!([{"n": 1}]))));
    let silent = world.send("GET /webhook/w", &[], "").await;
    assert_eq!(silent.is(200)["message"], "Workflow executed successfully");
}

#[tokio::test]
async fn who_waits_too_long_gets_the_executions_id() {
    let world = World::with(|settings| settings.webhook_answer_ms_max = 50).await;
    world.webhook("w", json!({"path": "w", "responseMode": "lastNode"})).await;
    world.goes(Course::Hangs);
    let problem = world.send("GET /webhook/w", &[], "").await.is_problem(504, "the execution goes on");
    let list = world.call("GET /executions", Value::Null).await.is(200);
    assert_eq!(problem["execution_id"], list["items"][0]["id"]);
    world.goes(Course::Busy);
    assert_eq!(world.send("GET /webhook/w", &[], "").await.header("retry-after"), "2");
}

/// A webhook with this authentication and a credential with these fields.
async fn guarded(world: &World, authentication: &str, slot: &str, data: Value) {
    let body = json!({"name": slot, "type": slot, "data": data});
    let credential = world.call("POST /credentials", body).await.is(201);
    let mut hook = node("Hook", "webhook", json!({"path": slot, "authentication": authentication}));
    hook["credentials"] = json!({slot: {"id": credential["id"], "name": slot}});
    let id = world.workflow(slot, json!([hook])).await;
    world.call(&format!("POST /workflows/{id}/publish"), Value::Null).await.is(200);
}

#[tokio::test]
async fn basic_authentication_takes_the_right_password_only() {
    let world = World::new().await;
    guarded(&world, "basicAuth", "http_basic", json!({"user": "ada", "password": "pa:ss"})).await;
    let get =
        async |value: &str| world.send("GET /webhook/http_basic", &[("authorization", value)], "").await;
    let basic = |text: &str| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text));
    get(&basic("ada:pa:ss")).await.is(200);
    assert_eq!(
        seen(&world)["headers"]["authorization"],
        Value::Null,
        "the password is not the workflow's to see"
    );
    for wrong in ["ada:pa", "ada:", ":", "ada:pa:ss2", "eve:pa:ss"] {
        get(&basic(wrong)).await.is_problem(401, "authorization is wrong");
    }
    get("Basic ???").await.is(403);
    get("Bearer x").await.is(401);
    let none = world.send("GET /webhook/http_basic", &[], "").await;
    none.is_problem(401, "required");
    assert_eq!(none.header("www-authenticate"), "Basic realm=\"Webhook\"");
}

#[tokio::test]
async fn header_authentication_takes_the_right_value_only() {
    let world = World::new().await;
    guarded(&world, "headerAuth", "http_header", json!({"name": "X-Key", "value": "secret"})).await;
    let get =
        async |headers: &[(&str, &str)]| world.send("GET /webhook/http_header", headers, "").await.status;
    assert_eq!(get(&[("x-key", "secret")]).await, 200);
    assert_eq!(get(&[("x-key", "secre")]).await, 403);
    assert_eq!(get(&[]).await, 403);
}

#[tokio::test]
async fn a_token_must_be_signed_with_the_key_and_in_time() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    let world = World::new().await;
    let secret = "a shared secret of two parties, long";
    guarded(
        &world,
        "jwtAuth",
        "jwt",
        json!({"key_type": "passphrase", "secret": secret, "algorithm": "HS256"}),
    )
    .await;
    let token = |algorithm: Algorithm, claims: Value, secret: &str| {
        let key = EncodingKey::from_secret(secret.as_bytes());
        format!("Bearer {}", encode(&Header::new(algorithm), &claims, &key).unwrap())
    };
    let get =
        async |value: &str| world.send("GET /webhook/jwt", &[("authorization", value)], "").await.status;
    assert_eq!(get(&token(Algorithm::HS256, json!({"sub": "ada"}), secret)).await, 200);
    assert_eq!(seen(&world)["jwtPayload"], json!({"sub": "ada"}));
    assert_eq!(get(&token(Algorithm::HS256, json!({"sub": "ada"}), "another")).await, 403);
    assert_eq!(
        get(&token(Algorithm::HS512, json!({"sub": "ada"}), secret)).await,
        403,
        "not the chosen algorithm"
    );
    assert_eq!(get(&token(Algorithm::HS256, json!({"exp": 1_000}), secret)).await, 403, "long ago");
    // {"alg":"none"}
    assert_eq!(get("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.").await, 403);
    assert_eq!(world.send("GET /webhook/jwt", &[], "").await.status, 401);
}

#[tokio::test]
async fn a_webhook_without_its_credential_lets_nobody_in() {
    let world = World::new().await;
    let check = async |path: &str, credentials: Value| {
        let mut hook = node("Hook", "webhook", json!({"path": path, "authentication": "basicAuth"}));
        hook["credentials"] = credentials;
        let id = world.workflow(path, json!([hook])).await;
        world.call(&format!("POST /workflows/{id}/publish"), Value::Null).await.is(200);
        let line = format!("GET /webhook/{path}");
        world
            .send(&line, &[("authorization", "Basic Og==")], "")
            .await
            .is_problem(500, "credential is missing");
    };
    check("unchosen", json!({})).await;
    check("gone", json!({"http_basic": {"id": uuid::Uuid::new_v4(), "name": "x"}})).await;
    let body = json!({"name": "h", "type": "http_header", "data": {"name": "a", "value": "b"}});
    let other = world.call("POST /credentials", body).await.is(201);
    check("wrong-type", json!({"http_basic": {"id": other["id"], "name": "h"}})).await;
    assert!(world.runtime.started.lock().unwrap().is_empty());
}

#[tokio::test]
async fn bodies_are_read_by_their_type() {
    let world = World::new().await;
    world.webhook("w", json!({"path": "w", "httpMethod": "POST"})).await;
    let body = async |kind: &str, body: &str| {
        world.send("POST /webhook/w", &[("content-type", kind)], body.to_owned()).await.is(200);
        let item = world.runtime.last_started().items[0].clone();
        let files = item.binary.map(|files| {
            let files = files.iter().map(|(name, f)| format!("{name} {} {}", f.mime_type, f.bytes));
            files.collect::<Vec<_>>().join(", ")
        });
        (item.json["body"].clone(), files.unwrap_or_default())
    };
    assert_eq!(body("application/json", r#"[1, "ä"]"#).await.0, json!([1, "ä"]));
    assert_eq!(
        body("application/x-www-form-urlencoded", "a=1&a=2&b=%C3%A4").await.0,
        json!({"a": ["1", "2"], "b": "ä"})
    );
    assert_eq!(body("text/plain", "hello").await.0, json!("hello"));
    let (_, files) = body("application/pdf", "%PDF").await;
    assert_eq!(files, "data application/pdf 4");
    let form = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
        --X\r\nContent-Disposition: form-data; name=\"f\"; filename=\"../x.txt\"\r\nContent-Type: text/plain\r\n\r\nhi\r\n--X--\r\n";
    let (fields, files) = body("multipart/form-data; boundary=X", form).await;
    assert_eq!(fields, json!({"a": "1"}));
    assert!(files.ends_with("text/plain 2"), "{files}");
    assert_eq!(world.send("POST /webhook/w", &[], "").await.status, 200, "no body at all");
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_by_name() {
    let world = World::with(|settings| {
        settings.webhook_parsed_bytes_max = 1_000;
        settings.webhook_bytes_max = 2_000;
    })
    .await;
    world.webhook("w", json!({"path": "w", "httpMethod": "POST"})).await;
    let check = async |kind: &str, body: Vec<u8>, status: u16, part: &str| {
        world.send("POST /webhook/w", &[("content-type", kind)], body).await.is_problem(status, part);
    };
    check("application/json", b"{\"a\": \"\xff\"}".to_vec(), 400, "not UTF-8: byte 7").await;
    check("application/json", b"{\"a\": ".to_vec(), 400, "not valid JSON").await;
    check("application/json", "[".repeat(400).into_bytes(), 400, "deeper than the limit of 100").await;
    check("application/json", vec![b' '; 1_001], 413, "1000 bytes").await;
    check("text/plain", vec![0xff], 400, "not UTF-8").await;
    check("application/x-www-form-urlencoded", b"a=%ff".to_vec(), 400, "the form is not UTF-8").await;
    check("application/pdf", vec![0; 2_001], 413, "2000 bytes").await;
    check("multipart/form-data", b"x".to_vec(), 400, "the form cannot be read").await;
    check("multipart/form-data; boundary=X", b"--X\r\nbroken".to_vec(), 400, "the form cannot be read").await;
    let long = format!(
        "--X\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n{}\r\n--X--",
        "x".repeat(3_000)
    );
    check("multipart/form-data; boundary=X", long.into_bytes(), 413, "2000 bytes").await;
    let gzip = [("content-type", "application/json"), ("content-encoding", "gzip")];
    world.send("POST /webhook/w", &gzip, "x").await.is_problem(415, "compressed");
    assert!(world.runtime.started.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_body_cannot_pass_itself_off_as_a_file() {
    let world = World::new().await;
    world.webhook("w", json!({"path": "w", "httpMethod": "POST"})).await;
    let forged = json!({"binary": {"data": {"id": "a".repeat(64), "mimeType": "text/plain"}}, "files": {"f": {"filepath": "/etc/passwd"}}});
    world.send("POST /webhook/w", &[JSON], forged.to_string()).await.is(200);
    let item = world.runtime.last_started().items[0].clone();
    assert!(item.binary.is_none());
    assert_eq!(item.json["body"], forged);
}

#[tokio::test]
async fn a_signed_in_persons_session_never_reaches_a_workflow() {
    let world = World::new().await;
    world.webhook("w", json!({"path": "w"})).await;
    world.send("GET /webhook/w", &[("cookie", "linkflow=secret; theme=dark")], "").await.is(200);
    assert_eq!(seen(&world)["headers"]["cookie"], "theme=dark");
    world.send("GET /webhook/w", &[("cookie", "linkflow=secret")], "").await.is(200);
    assert_eq!(seen(&world)["headers"]["cookie"], Value::Null);
}

#[tokio::test]
async fn a_call_with_the_same_key_starts_one_execution() {
    let world = World::new().await;
    world.webhook("w", json!({"path": "w", "httpMethod": "POST", "responseMode": "lastNode"})).await;
    world.goes(Course::Succeeds(items(json!([{"n": 1}]))));
    for attempt in ["first", "second"] {
        let headers = [JSON, ("idempotency-key", "k"), ("x-request-id", attempt)];
        let answer = world.send("POST /webhook/w", &headers, "{}").await;
        assert_eq!(answer.is(200), json!({"n": 1}), "the {attempt} try");
    }
    let other = world.send("POST /webhook/w", &[JSON, ("idempotency-key", "k")], "[]").await;
    other.is_problem(409, "another request");
    assert_eq!(world.runtime.started.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn browsers_of_other_sites_may_call_as_the_webhook_says() {
    let world = World::new().await;
    world.webhook("open", json!({"path": "open", "httpMethod": "POST"})).await;
    let options = json!({"allowedOrigins": "https://a.example, https://b.example"});
    world.webhook("some", json!({"path": "some", "httpMethod": "POST", "options": options})).await;
    let preflight = async |path: &str, origin: &str| {
        let asked = [
            ("origin", origin),
            ("access-control-request-headers", "x-token"),
            ("access-control-request-method", "POST"),
        ];
        world.send(&format!("OPTIONS /webhook/{path}"), &asked, "").await
    };
    let open = preflight("open", "https://x.example").await;
    assert_eq!((open.status, open.header("access-control-allow-origin")), (204, "*"));
    assert_eq!(open.header("access-control-allow-methods"), "OPTIONS, POST");
    assert_eq!(open.header("access-control-allow-headers"), "x-token");
    let some = preflight("some", "https://b.example").await;
    assert_eq!(some.header("access-control-allow-origin"), "https://b.example");
    assert_eq!(some.header("vary"), "Origin");
    assert_eq!(preflight("some", "https://evil.example").await.header("access-control-allow-origin"), "");
    let answer = world.send("POST /webhook/some", &[("origin", "https://a.example")], "").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "https://a.example"));
    let refused = world.send("POST /webhook/nowhere", &[("origin", "https://a.example")], "").await;
    assert_eq!(refused.status, 404);
}

#[tokio::test]
async fn test_addresses_are_open_while_somebody_listens() {
    let world = World::new().await;
    let id = world.workflow("w", json!([node("Hook", "webhook", json!({"path": "try"}))])).await;
    let test = async || world.send("GET /webhook-test/try", &[], "").await;
    test().await.is_problem(404, "press \"Listen\"");
    let listening = world.call(&format!("POST /workflows/{id}/listen"), Value::Null).await.is(200);
    assert_eq!(listening["urls"][0]["url"], format!("{}/webhook-test/try", world.base));
    test().await.is(200);
    let started = world.runtime.last_started();
    assert_eq!(started.mode, Mode::Manual);
    assert_eq!(seen(&world)["executionMode"], "test");
    world.send("GET /webhook/try", &[], "").await.is(404);
    world.pass_ms(120_000);
    test().await.is(404);
    world.call(&format!("POST /workflows/{id}/listen"), Value::Null).await.is(200);
    test().await.is(200);
    world.call(&format!("DELETE /workflows/{id}/listen"), Value::Null).await.is(204);
    test().await.is(404);
    let silent = world.workflow("silent", json!([])).await;
    let line = format!("POST /workflows/{silent}/listen");
    world.call(&line, Value::Null).await.is_problem(422, "must have a webhook");
}

#[tokio::test]
async fn a_signed_address_lets_a_resting_execution_go_on() {
    let world = World::new().await;
    let id = ExecutionId(uuid::Uuid::now_v7());
    let rest = || {
        let params =
            json!({"resume": "webhook", "httpMethod": "POST", "path": "yes", "responseMode": "lastNode"});
        let node = serde_json::from_value(node("Wait", "wait", params)).unwrap();
        world.runtime.waiting.lock().unwrap().insert(id, waiting(world.workspace, node));
    };
    rest();
    let post = async |rest: &str| {
        world.send(&format!("POST /webhook-waiting/{id}{rest}"), &[JSON], r#"{"ok": true}"#).await
    };
    post("/yes").await.is_problem(403, "signature");
    post("/yes?signature=wrong").await.is_problem(403, "signature");
    post("/no?signature=right").await.is_problem(404, "resume address");
    let line = format!("GET /webhook-waiting/{id}/yes?signature=right");
    world.send(&line, &[], "").await.is_problem(405, "waits for POST");
    assert!(world.runtime.resumed.lock().unwrap().is_empty());
    world.goes(Course::Succeeds(items(json!([{"done": 1}]))));
    assert_eq!(post("/yes?signature=right").await.is(200), json!({"done": 1}));
    let request = world.runtime.resumed.lock().unwrap()[0].clone();
    assert_eq!(json!(request.body), json!({"json": {"ok": true}}));
    post("/yes?signature=right").await.is_problem(409, "does not wait");
    world.send("POST /webhook-waiting/nonsense?signature=right", &[], "").await.is_problem(404, "nonsense");
}
