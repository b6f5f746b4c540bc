//! Inputs that nobody should send.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::world::World;

#[tokio::test]
async fn strange_bodies_are_refused_and_nothing_breaks() {
    let world = World::with(|settings| settings.body_bytes_max = 10_000).await;
    let key = world.key(&["admin"]).await;
    let check = async |kind: &str, body: Vec<u8>, status: u16, part: &str| {
        let headers = [("authorization", key.as_str()), ("content-type", kind)];
        world.send("POST /api/v1/tags", &headers, body).await.is_problem(status, part);
    };
    let json = "application/json";
    check(json, b"".to_vec(), 400, "not valid JSON").await;
    check(json, b"{".to_vec(), 400, "not valid JSON").await;
    check(json, b"{\"name\": \"a\"} x".to_vec(), 400, "not valid JSON").await;
    check(json, b"\xff\xfe".to_vec(), 400, "not UTF-8: byte 0").await;
    check(json, "[".repeat(5_000).into_bytes(), 400, "nested deeper").await;
    check(json, vec![b' '; 10_001], 413, "10000 bytes").await;
    check(json, b"[]".to_vec(), 422, "cannot be taken").await;
    check(json, b"[\"name\"]".to_vec(), 422, "must be an object, got a list").await;
    check(json, b"null".to_vec(), 422, "cannot be taken").await;
    check(json, b"{\"name\": 1e999}".to_vec(), 400, "").await;
    check(json, b"{\"name\": \"a\\u0000b\"}".to_vec(), 422, "control characters").await;
    check(json, b"{\"name\": \"\\ud800\"}".to_vec(), 400, "").await;
    check("text/plain", b"{}".to_vec(), 415, "must be application/json").await;
    check("", b"{}".to_vec(), 415, "must be application/json").await;
}

#[tokio::test]
async fn strange_addresses_are_refused_and_nothing_breaks() {
    let world = World::new().await;
    world.call("GET /workflows/not-an-id", Value::Null).await.is_problem(400, "the address cannot be read");
    world.call("GET /workflows/%ff", Value::Null).await.is_problem(400, "the address cannot be read");
    let id = uuid::Uuid::new_v4();
    let path = format!("GET /workflows/{id}/versions/99999999999");
    world.call(&path, Value::Null).await.is_problem(400, "the address cannot be read");
    world.call("GET /executions?limit=-1", Value::Null).await.is_problem(400, "the query cannot be read");
    world.call("GET /executions?from=9223372036854775807", Value::Null).await.is(200);
    world.call("GET /executions?from=-5&to=-9223372036854775808", Value::Null).await.is(200);
    world.call("GET /executions?search=%25%27%22%3B--", Value::Null).await.is(200);
    world.call("GET /workflows?search=%00", Value::Null).await.is(200);
    world.call("PATCH /workflows", Value::Null).await.is_problem(405, "it knows GET, POST");
    world.call("PATCH /workflows/import", Value::Null).await.is_problem(405, "it knows POST");
    world.call("GET /nothing", Value::Null).await.is_problem(404, "/api/v1/nothing");
    world.send("POST /anything", &[], "").await.is_problem(404, "/anything");
    world.send("GET /webhook/..%2f..%2fetc", &[], "").await.is(404);
    world.send("GET /assets/../../Cargo.toml", &[], "").await.is(404);
    world.send("GET /assets/%2e%2e/%2e%2e/Cargo.toml", &[], "").await.is(404);
}

#[tokio::test]
async fn an_import_of_what_is_no_json_is_refused_whole() {
    let world = World::new().await;
    let key = world.key(&["admin"]).await;
    let check = async |body: &'static [u8], status: u16, part: &str| {
        let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
        world.send("POST /api/v1/workflows/import", &headers, body).await.is_problem(status, part);
    };
    check(b"\0", 400, "not valid JSON").await;
    check(b"7", 422, "must be a workflow").await;
    check(b"[[]]", 422, "must be a workflow").await;
    let headers = [("idempotency-key", "two words")];
    let asked = world.call_with("POST /workflows/import", json!({"nodes": []}), &headers).await;
    asked.is_problem(400, "visible ASCII");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let world = World::with(|settings| settings.body_ms_max = 50).await;
    let key = world.key(&["admin"]).await;
    let address = world.base.strip_prefix("http://").unwrap();
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/tags HTTP/1.1\r\nhost: x\r\nauthorization: {key}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{{"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn what_people_call_things_stays_text() {
    let world = World::new().await;
    let name = "<img src=x onerror=alert(1)>";
    let id = world.workflow(name, json!([])).await;
    let shown = world.call(&format!("GET /workflows/{id}"), Value::Null).await;
    assert_eq!(shown.is(200)["name"], name);
    assert_eq!(shown.header("content-type"), "application/json");
    assert_eq!(shown.header("x-content-type-options"), "nosniff");
    assert_eq!(shown.header("x-frame-options"), "DENY");
    let export = world.call(&format!("GET /workflows/{id}/export"), Value::Null).await;
    assert!(export.header("content-disposition").starts_with("attachment"));
}

#[tokio::test]
async fn who_asks_too_often_has_to_wait() {
    let world = World::with(|settings| {
        settings.address_requests_per_minute_max = Some(10);
        settings.key_requests_per_minute_max = Some(5);
    })
    .await;
    world.pass_ms(60_000);
    for _ in 0..5 {
        world.call("GET /tags", Value::Null).await.is(200);
    }
    world.call("GET /tags", Value::Null).await.is_problem(429, "at most 5 requests a minute");
    let sixth = world.send("GET /api/v1/setup", &[], "").await;
    assert_eq!(sixth.header("ratelimit-policy"), "\"address\";q=10;w=60");
    assert!(sixth.header("ratelimit").starts_with("\"address\";r=3;t="), "{}", sixth.header("ratelimit"));
    for _ in 0..3 {
        world.send("GET /webhook/x", &[], "").await.is(404);
    }
    let refused = world.send("GET /webhook/x", &[], "").await;
    refused.is_problem(429, "at most 10 requests a minute");
    assert!(!refused.header("retry-after").is_empty());
    world.send("GET /health", &[], "").await.is(200);
    world.pass_ms(60_000);
    world.call("GET /tags", Value::Null).await.is(200);
}

#[tokio::test]
async fn requests_are_measured_by_route_and_not_by_address() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new()
        .set_buckets(linkflow_api::HTTP_SECONDS_BUCKETS)
        .unwrap()
        .build_recorder();
    let world = World::measured(|_| {}, Some(recorder.handle())).await;
    let _here = metrics::set_default_local_recorder(&recorder);
    let id = uuid::Uuid::new_v4();
    world.call(&format!("GET /workflows/{id}"), Value::Null).await.is(404);
    world.send("GET /assets/made/up", &[], "").await.is(404);
    let text = world.send("GET /metrics", &[], "").await.text;
    let line = "http_request_duration_seconds_bucket{method=\"GET\",route=\"/api/v1/workflows/{id}\",status=\"404\",le=\"10\"} 1";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("route=\"other\"") && !text.contains("made/up"), "{text}");
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let world = World::with(|settings| settings.head_ms_max = 50).await;
    let address = world.base.strip_prefix("http://").unwrap();
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer).await;
    assert!(!answer.contains("200 OK"), "{answer}");
}
