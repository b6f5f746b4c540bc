//! HTTP Request against a server on this machine.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Path, RawQuery, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use linkflow_model::{Item, OnError};
use linkflow_node::testing::{TestHost, ctx, input, items};
use linkflow_node::{Ctx, NodeError, Outcome};
use serde_json::{Value, json};

async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let headers: BTreeMap<String, String> = parts
        .headers
        .iter()
        .map(|(k, v)| (k.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
        .collect();
    axum::Json(json!({
        "method": parts.method.as_str(), "url": parts.uri.to_string(), "headers": headers,
        "body": String::from_utf8_lossy(&body)
    }))
    .into_response()
}

async fn typed(Path(kind): Path<String>) -> Response {
    let (content_type, body) = match kind.as_str() {
        "list" => ("application/json", r#"[{"a": 1}, {"a": 2}]"#),
        "mixed" => ("application/json", r#"[1, "x", null]"#),
        "null" => ("application/json", "null"),
        "empty" => ("application/json", ""),
        "string" => ("application/json", r#""s""#),
        "broken" => ("application/json", r#"{"a": "#),
        "text" => ("text/plain; charset=iso-8859-1", "hello"),
        "html" => ("text/html", "<p>x</p>"),
        "png" => ("image/png", "PNG"),
        _ => ("application/foo", "x"),
    };
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

async fn page(RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let number = query.split('&').find_map(|p| p.strip_prefix("p=")).unwrap_or("1");
    let number: u32 = number.parse().unwrap();
    let host = headers[header::HOST].to_str().unwrap();
    if number > 3 {
        return (StatusCode::NOT_FOUND, axum::Json(json!({"end": true}))).into_response();
    }
    let next = (number < 3).then(|| format!("http://{host}/page?p={}", number + 1));
    axum::Json(json!({"page": number, "next": next})).into_response()
}

async fn few(RawQuery(query): RawQuery) -> Response {
    let number = query.unwrap_or_default();
    let list = if number.ends_with(['0', '1']) { json!([{ "q": number }]) } else { json!([]) };
    axum::Json(list).into_response()
}

async fn refuse(Path(code): Path<u16>) -> Response {
    let status = StatusCode::from_u16(code).unwrap();
    (status, [(header::RETRY_AFTER, "7")], axum::Json(json!({"message": "sold out"}))).into_response()
}

async fn digest(headers: HeaderMap) -> Response {
    match headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()) {
        Some(given) if given.contains("username=\"me\"") && given.contains("qop=auth") => {
            "in".into_response()
        }
        _ => {
            let challenge = "Digest realm=\"r\", qop=\"auth\", nonce=\"n\"";
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
        }
    }
}

async fn token(headers: HeaderMap, body: String) -> Response {
    let basic = headers.get(header::AUTHORIZATION).is_some_and(|v| v == "Basic aWQ6a2V5");
    if basic && body == "grant_type=client_credentials&scope=a%20b" {
        axum::Json(json!({"access_token": "T"})).into_response()
    } else {
        (StatusCode::BAD_REQUEST, axum::Json(json!({"error": "invalid_client"}))).into_response()
    }
}

async fn serve() -> SocketAddr {
    let router = Router::new()
        .route("/echo", any(echo))
        .route("/typed/{kind}", any(typed))
        .route("/page", get(page))
        .route("/few", get(few))
        .route("/refuse/{code}", any(refuse))
        .route("/digest", get(digest))
        .route("/token", any(token))
        .route("/away", get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/echo")]) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

struct World {
    address: SocketAddr,
    dir: tempfile::TempDir,
    host: TestHost,
}

async fn world() -> World {
    World { address: serve().await, dir: tempfile::tempdir().unwrap(), host: TestHost::default() }
}

impl World {
    fn ctx(&mut self) -> Ctx {
        ctx(self.dir.path(), Arc::new(std::mem::take(&mut self.host)))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Runs with `path` as the address.
    async fn run_with(
        &self,
        ctx: &Ctx,
        path: &str,
        mut params: Value,
        given: Vec<Item>,
    ) -> Result<Vec<Item>, NodeError> {
        params["url"] = json!(self.url(path));
        let kind = linkflow_nodes::find("http_request").unwrap();
        match kind.run(input(&params, vec![given]), ctx).await? {
            Outcome::Items(mut outputs) => Ok(outputs.ports.remove(0)),
            other => panic!("no items: {other:?}"),
        }
    }

    async fn run(&mut self, path: &str, params: Value) -> Result<Vec<Item>, NodeError> {
        let ctx = self.ctx();
        self.run_with(&ctx, path, params, items(&json!([{"n": 1}]))).await
    }

    async fn json(&mut self, path: &str, params: Value) -> Value {
        let found = self.run(path, params.clone()).await.unwrap_or_else(|e| panic!("{path} {params}: {e}"));
        found.iter().map(Item::value).collect()
    }

    /// What the server saw.
    async fn seen(&mut self, path: &str, params: Value) -> Value {
        self.json(path, params).await[0].take()
    }
}

#[tokio::test]
async fn answers_become_items_by_their_type() {
    let mut world = world().await;
    for (path, expected) in [
        ("list", json!([{"a": 1}, {"a": 2}])),
        ("mixed", json!([1, "x", {}])),
        ("null", json!([{}])),
        ("empty", json!([{}])),
        ("text", json!([{"data": "hello"}])),
        ("html", json!([{"data": "<p>x</p>"}])),
        ("other", json!([{"data": "x"}])),
        ("png", json!([{"n": 1}])),
    ] {
        assert_eq!(world.json(&format!("/typed/{path}"), json!({})).await, expected, "{path}");
    }
    for path in ["string", "broken"] {
        let error = world.run(&format!("/typed/{path}"), json!({})).await.unwrap_err().to_string();
        assert!(error.contains("not valid JSON"), "{error}");
    }
}

#[tokio::test]
async fn the_author_says_how_an_answer_is_read() {
    let mut world = world().await;
    let reading = |reading: Value| json!({"options": {"response": {"response": reading}}});
    let text = reading(json!({"responseFormat": "text", "outputPropertyName": "t"}));
    assert_eq!(world.json("/typed/null", text).await, json!([{"t": "null"}]));
    for (how, expected) in [("compact", json!(null)), ("read", json!(null)), ("keep", json!("null"))] {
        let text = reading(json!({"responseFormat": "text", "jsonText": how}));
        assert_eq!(world.json("/typed/null", text).await, json!([{ "data": expected }]), "{how}");
    }
    for (how, expected) in
        [("compact", json!("[{\"a\":1},{\"a\":2}]")), ("read", json!([{"a": 1}, {"a": 2}]))]
    {
        let text = reading(json!({"responseFormat": "text", "jsonText": how}));
        assert_eq!(world.json("/typed/list", text).await, json!([{ "data": expected }]), "{how}");
    }
    let auto = reading(json!({"responseFormat": "autodetect", "outputPropertyName": "t"}));
    assert_eq!(world.json("/typed/text", auto).await, json!([{"data": "hello"}]));
    let empty = world.json("/typed/empty", reading(json!({"fullResponse": true}))).await;
    assert_eq!(empty[0]["body"], json!({}));
    let whole = reading(json!({"splitIntoItems": false}));
    assert_eq!(world.json("/typed/list", whole).await, json!([[{"a": 1}, {"a": 2}]]));
    let full = world.json("/typed/list", reading(json!({"fullResponse": true}))).await;
    assert_eq!(full[0]["body"], json!([{"a": 1}, {"a": 2}]));
    assert_eq!(full[0]["statusCode"], 200);
    assert_eq!(full[0]["statusMessage"], "OK");
    assert_eq!(full[0]["headers"]["content-type"], "application/json");
    let never = reading(json!({"neverError": true}));
    assert_eq!(world.json("/refuse/404", never).await, json!([{"message": "sold out"}]));
    let file = reading(json!({"responseFormat": "file", "outputPropertyName": "f"}));
    let ctx = world.ctx();
    let found = world.run_with(&ctx, "/typed/png", file, items(&json!([{"n": 1}]))).await.unwrap();
    let file = &found[0].binary.as_ref().unwrap()["f"];
    assert_eq!((file.mime_type.as_str(), file.file_name.as_deref()), ("image/png", Some("png")));
    assert_eq!(file.file_extension.as_deref(), Some("png"));
    assert_eq!(ctx.blobs.read(file).await.unwrap(), "PNG");
}

#[tokio::test]
async fn the_address_takes_fields_and_objects() {
    let mut world = world().await;
    let fields = json!({"sendQuery": true, "queryParameters": {"parameters": [
        {"name": "a", "value": "x y&z"}, {"name": "a", "value": "2"}, {"name": "e", "value": ""},
        {"name": "l", "value": [1, 2]}, {"name": "o", "value": {"k": 1}}, {"name": "", "value": "x"}]}});
    let seen = world.seen("/echo?z=1", fields).await;
    assert_eq!(seen["url"], "/echo?z=1&a%5B0%5D=x%20y%26z&a%5B1%5D=2&e=&l%5B0%5D=1&l%5B1%5D=2&o%5Bk%5D=1");
    for (style, expected) in
        [("repeat", "/echo?l=1&l=%C3%A4%20"), ("brackets", "/echo?l%5B%5D=1&l%5B%5D=%C3%A4%20")]
    {
        let params = json!({"sendQuery": true, "specifyQuery": "json", "jsonQuery": "{\"l\": [1, \"ä \"]}",
            "options": {"queryParameterArrays": style}});
        assert_eq!(world.seen("/echo", params).await["url"], expected);
    }
}

#[tokio::test]
async fn every_kind_of_body_is_sent() {
    let mut world = world().await;
    let fields = json!({"parameters": [{"name": "a", "value": "x y"}, {"name": "b.c", "value": 5}]});
    for (params, content_type, body) in [
        (json!({"bodyParameters": fields}), "application/json", r#"{"a":"x y","b":{"c":5}}"#),
        (
            json!({"bodyParameters": fields, "nestFields": false}),
            "application/json",
            r#"{"a":"x y","b.c":5}"#,
        ),
        (
            json!({"specifyBody": "json", "jsonBody": "{\"q\": [null]}"}),
            "application/json",
            r#"{"q":[null]}"#,
        ),
        (json!({"specifyBody": "json", "jsonBody": [1]}), "application/json", "[1]"),
        (
            json!({"contentType": "form-urlencoded", "bodyParameters": fields}),
            "application/x-www-form-urlencoded",
            "a=x%20y&b.c=5",
        ),
        (
            json!({"contentType": "form-urlencoded", "specifyBody": "string", "body": "a=1&b&c=ü+x"}),
            "application/x-www-form-urlencoded",
            "a=1&b=&c=%C3%BC%20x",
        ),
        (json!({"contentType": "raw", "rawContentType": "text/csv", "body": "a,b"}), "text/csv", "a,b"),
    ] {
        let mut params = params;
        params["method"] = json!("POST");
        params["sendBody"] = json!(true);
        let seen = world.seen("/echo", params.clone()).await;
        assert_eq!(seen["headers"]["content-type"], content_type, "{params}");
        assert_eq!(seen["body"], body, "{params}");
    }
    let nothing = json!({"sendBody": true, "specifyBody": "json", "jsonBody": "={{ $json.gone }}"});
    let error = world.run("/echo", nothing).await.unwrap_err().to_string();
    assert!(error.starts_with("`jsonBody`: must be JSON, got nothing"), "{error}");
    let broken = json!({"sendBody": true, "specifyBody": "json", "jsonBody": "nope"});
    let error = world.run("/echo", broken).await.unwrap_err().to_string();
    assert!(error.starts_with("`jsonBody`: is not valid JSON"), "{error}");
}

#[tokio::test]
async fn files_are_sent_alone_and_in_forms() {
    let mut world = world().await;
    let ctx = world.ctx();
    let file = ctx.blobs.store(b"hi", "text/plain", Some("h\".txt".to_owned())).await.unwrap();
    let files = Arc::new(BTreeMap::from([("data".to_owned(), file)]));
    let given = vec![Item { binary: Some(files), ..Item::default() }];
    let alone = json!({"method": "POST", "sendBody": true, "contentType": "binaryData"});
    let seen = world.run_with(&ctx, "/echo", alone, given.clone()).await.unwrap();
    assert_eq!(seen[0].json["body"], "hi");
    assert_eq!(seen[0].json["headers"]["content-type"], "text/plain");
    let form = json!({"method": "POST", "sendBody": true, "contentType": "multipart-form-data",
        "bodyParameters": {"parameters": [{"name": "a", "value": "x"},
            {"parameterType": "formBinaryData", "name": "f", "inputDataFieldName": "data"}]}});
    let seen = world.run_with(&ctx, "/echo", form, given).await.unwrap();
    let content_type = seen[0].json["headers"]["content-type"].as_str().unwrap();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"f\"; filename=\"h%22.txt\"\r\nContent-Type: text/plain\r\n\r\n\
         hi\r\n--{boundary}--\r\n"
    );
    assert_eq!(seen[0].json["body"], expected);
}

#[tokio::test]
async fn credentials_are_added_where_they_belong() {
    let mut world = world().await;
    let token_url = world.url("/token");
    for (auth, slot, fields, pointer, expected) in [
        (
            "httpBasicAuth",
            "http_basic",
            json!({"user": "u", "password": "p"}),
            "/headers/authorization",
            "Basic dTpw",
        ),
        ("httpBearerAuth", "http_bearer", json!({"token": "t"}), "/headers/authorization", "Bearer t"),
        ("httpHeaderAuth", "http_header", json!({"name": "X-Key", "value": "k"}), "/headers/x-key", "k"),
        ("httpQueryAuth", "http_query", json!({"name": "key", "value": "k"}), "/url", "/echo?key=k"),
        ("httpCustomAuth", "http_custom", json!({"json": "{\"qs\": {\"a\": 1}}"}), "/url", "/echo?a=1"),
        (
            "oAuth2Api",
            "oauth2",
            json!({"access_token_url": token_url, "client_id": "id", "client_secret": "key", "scope": "a b"}),
            "/headers/authorization",
            "Bearer T",
        ),
    ] {
        let fields: BTreeMap<String, String> = serde_json::from_value(fields).unwrap();
        world.host.credentials.insert(slot.to_owned(), fields);
        let params = json!({"authentication": "genericCredentialType", "genericAuthType": auth});
        let seen = world.seen("/echo", params).await;
        assert_eq!(seen.pointer(pointer), Some(&json!(expected)), "{auth}");
    }
    let fields = BTreeMap::from([("user".into(), "me".into()), ("password".into(), "p".into())]);
    world.host.credentials.insert("http_digest".to_owned(), fields);
    let digest = json!({"authentication": "genericCredentialType", "genericAuthType": "httpDigestAuth"});
    assert_eq!(world.json("/digest", digest).await, json!([{"data": "in"}]));
    let own = json!({"authentication": "predefinedCredentialType", "nodeCredentialType": "slackApi"});
    let error = world.run("/echo", own).await.unwrap_err().to_string();
    assert!(error.contains("\"slackApi\" is not known here"), "{error}");
    let none = json!({"authentication": "genericCredentialType"});
    assert!(matches!(world.run("/echo", none).await, Err(NodeError::Credential(_))));
}

#[tokio::test]
async fn a_token_is_kept_until_it_is_refused() {
    static FETCHED: AtomicUsize = AtomicUsize::new(0);
    let token = |body: String| async move {
        assert!(body.starts_with("grant_type=refresh_token&refresh_token=r"), "{body}");
        let n = FETCHED.fetch_add(1, Ordering::SeqCst) + 1;
        axum::Json(json!({"access_token": format!("T{n}"), "expires_in": 3600}))
    };
    let guarded = |headers: HeaderMap| async move {
        // The first token is taken back.
        let fine = headers[header::AUTHORIZATION] != "Bearer T1" || FETCHED.load(Ordering::SeqCst) == 1;
        let status = if fine { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        (status, headers[header::AUTHORIZATION].to_str().unwrap().to_owned())
    };
    let take_back = || async { FETCHED.store(10, Ordering::SeqCst) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut world = world().await;
    world.address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/token", any(token))
        .route("/guarded", get(guarded))
        .route("/take-back", get(take_back));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let fields = json!({"access_token_url": world.url("/token"), "client_id": "i", "client_secret": "k",
        "refresh_token": "r", "authentication": "body"});
    let fields: BTreeMap<String, String> = serde_json::from_value(fields).unwrap();
    world.host.credentials.insert("oauth2".to_owned(), fields);
    let ctx = world.ctx();
    let params = || json!({"authentication": "genericCredentialType", "genericAuthType": "oAuth2Api"});
    let one = || items(&json!([{}]));
    for _ in 0..2 {
        let found = world.run_with(&ctx, "/guarded", params(), one()).await.unwrap();
        assert_eq!(found[0].json["data"], "Bearer T1");
    }
    world.run_with(&ctx, "/take-back", json!({}), one()).await.unwrap();
    assert!(world.run_with(&ctx, "/guarded", params(), one()).await.is_err());
    let found = world.run_with(&ctx, "/guarded", params(), one()).await.unwrap();
    assert_eq!(found[0].json["data"], "Bearer T11");
}

#[tokio::test]
async fn a_refusal_is_quoted_and_says_when_to_come_back() {
    let mut world = world().await;
    let error = world.run("/refuse/429", json!({})).await.unwrap_err();
    assert_eq!(error.to_string(), "127.0.0.1 answers 429 Too Many Requests: sold out");
    assert!(error.is_retryable());
    assert_eq!(error.retry_after_ms(), Some(7_000));
    let shown = error.to_run_error();
    assert_eq!((shown.http_code, shown.item), (Some(429), Some(0)));
    let mut ctx = world.ctx();
    ctx.on_error = OnError::ContinueRegular;
    let found = world.run_with(&ctx, "/refuse/404", json!({}), items(&json!([{}, {}]))).await.unwrap();
    assert_eq!(found.len(), 2);
    let error = &found[1].json["error"];
    assert_eq!(error["message"], "404 - \"{\\\"message\\\":\\\"sold out\\\"}\"");
    assert_eq!(error["status"], 404);
    let old = world.run_with(&ctx, "/refuse/404", json!({"failAsAWhole": true}), items(&json!([{}]))).await;
    assert_eq!(old.unwrap()[0].json["error"]["message"], "404 - {\"message\":\"sold out\"}");
    let unmade = json!({"method": "no method"});
    let found = world.run_with(&ctx, "/echo", unmade.clone(), items(&json!([{}]))).await.unwrap();
    assert!(found[0].json["error"].is_string());
    let mut old = unmade;
    old["failAsAWhole"] = json!(true);
    assert!(world.run_with(&ctx, "/echo", old, items(&json!([{}]))).await.is_err());
    assert_eq!(found[0].paired.pairs()[0].item, 0);
    let found = world.run_with(&ctx, "/refuse/404", json!({}), items(&json!([{}, {}]))).await.unwrap();
    assert_eq!(found[1].paired.pairs()[0].item, 1);
}

#[tokio::test]
async fn redirects_are_followed_unless_the_author_says_no() {
    let mut world = world().await;
    assert_eq!(world.seen("/away", json!({})).await["url"], "/echo");
    let stay = json!({"options": {"redirect": {"redirect": {"followRedirects": false}}}});
    let error = world.run("/away", stay).await.unwrap_err();
    assert_eq!(error.to_run_error().http_code, Some(302));
}

#[tokio::test]
async fn what_changes_something_carries_a_key_of_its_own() {
    let mut world = world().await;
    let key = |seen: &Value| seen["headers"].get("idempotency-key").cloned();
    assert_eq!(key(&world.seen("/echo", json!({})).await), None);
    let first = key(&world.seen("/echo", json!({"method": "POST"})).await);
    assert!(first.is_some());
    assert_eq!(key(&world.seen("/echo", json!({"method": "POST"})).await), first);
    let own = json!({"method": "POST", "sendHeaders": true,
        "headerParameters": {"parameters": [{"name": "Idempotency-Key", "value": "mine"}]}});
    assert_eq!(key(&world.seen("/echo", own).await), Some(json!("mine")));
    assert_eq!(key(&world.seen("/echo", json!({"method": "POST", "idempotencyKey": false})).await), None);
}

#[tokio::test]
async fn headers_of_the_connection_are_the_clients_own() {
    let mut world = world().await;
    let params = json!({"sendHeaders": true, "specifyHeaders": "json",
        "jsonHeaders": {"Accept-Encoding": "x-odd", "Content-Length": "99", "Connection": "close", "X-A": 1}});
    let seen = world.seen("/echo", params).await;
    assert_eq!(seen["headers"]["x-a"], "1");
    assert_ne!(seen["headers"]["accept-encoding"], "x-odd");
    assert_eq!(seen["headers"].get("content-length"), None);
}

#[tokio::test]
async fn each_page_that_changes_something_has_a_key_of_its_own() {
    let mut world = world().await;
    let mut params = paging(json!({"limitPagesFetched": true, "maxRequests": 2,
        "parameters": {"parameters": [{"type": "body", "name": "p", "value": "={{ $pageCount }}"}]}}));
    params["method"] = json!("POST");
    let seen = world.json("/echo", params).await;
    let keys: Vec<&Value> =
        seen.as_array().unwrap().iter().map(|i| &i["headers"]["idempotency-key"]).collect();
    assert_ne!(keys[0], keys[1]);
    assert_eq!(seen[1]["body"], r#"{"p":1}"#);
}

fn paging(rules: Value) -> Value {
    json!({"options": {"pagination": {"pagination": rules}}})
}

#[tokio::test]
async fn pages_are_asked_for_by_a_parameter_that_changes() {
    let mut world = world().await;
    let by_number = json!({"parameters": [{"type": "qs", "name": "p", "value": "={{ $pageCount + 1 }}"}]});
    let pages = |found: Value| -> Vec<Value> {
        found.as_array().unwrap().iter().map(|i| i.get("page").cloned().unwrap_or(Value::Null)).collect()
    };
    let until = paging(json!({"parameters": by_number, "paginationCompleteWhen": "other",
        "completeExpression": "={{ $response.body.page === 2 }}"}));
    assert_eq!(pages(world.json("/page", until).await), [1, 2]);
    let limited = paging(json!({"parameters": by_number, "limitPagesFetched": true, "maxRequests": 1}));
    assert_eq!(pages(world.json("/page", limited).await), [1]);
    let to_404 = paging(json!({"parameters": by_number, "statusCodesWhenComplete": "404, 410",
        "paginationCompleteWhen": "receiveSpecificStatusCodes"}));
    let found = world.json("/page", to_404).await;
    assert_eq!(found.as_array().unwrap().len(), 4);
    assert_eq!(found[3], json!({"end": true}));
    let empty = json!({"parameters": [{"type": "qs", "name": "p", "value": "={{ $pageCount }}"}]});
    let until_empty = paging(json!({"parameters": empty}));
    assert_eq!(world.json("/few", until_empty).await, json!([{"q": "p=0"}, {"q": "p=1"}]));
}

#[tokio::test]
async fn pages_are_asked_for_at_the_address_that_the_last_one_gives() {
    let mut world = world().await;
    let next = paging(json!({"paginationMode": "responseContainsNextURL",
        "nextURL": "={{ $response.body.next }}", "paginationCompleteWhen": "other",
        "completeExpression": "={{ !$response.body.next }}"}));
    let found = world.json("/page", next).await;
    assert_eq!(found[2], json!({"page": 3, "next": null}));
    let endless = paging(json!({"paginationMode": "responseContainsNextURL",
        "nextURL": "={{ $response.body.next }}"}));
    let error = world.run("/page", endless).await.unwrap_err().to_string();
    assert!(error.contains("pagination.nextURL") && error.contains("must begin with http"), "{error}");
    let stuck = paging(json!({"parameters": {"parameters": [{"name": "p", "value": "1"}]}}));
    let error = world.run("/page", stuck).await.unwrap_err().to_string();
    assert!(error.contains("5 equal pages"), "{error}");
}

#[tokio::test]
async fn groups_bound_how_many_requests_run_side_by_side() {
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let count = || async {
        let now = NOW.fetch_add(1, Ordering::SeqCst) + 1;
        MOST.fetch_max(now, Ordering::SeqCst);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        NOW.fetch_sub(1, Ordering::SeqCst);
        axum::Json(json!({}))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut world = world().await;
    world.address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(count))).await });
    let ctx = world.ctx();
    let given = || items(&json!(vec![json!({}); 9]));
    let params = json!({"options": {"batching": {"batch": {"batchSize": 3, "batchInterval": 1}}}});
    let found = world.run_with(&ctx, "/", params, given()).await.unwrap();
    assert_eq!(
        found.iter().map(|i| i.paired.pairs()[0].item).collect::<Vec<_>>(),
        (0..9).collect::<Vec<_>>()
    );
    assert!(MOST.load(Ordering::SeqCst) <= 3);
}

#[tokio::test]
async fn an_address_that_is_none_is_shown() {
    let mut world = world().await;
    let ctx = world.ctx();
    let kind = linkflow_nodes::find("http_request").unwrap();
    for url in ["", "127.0.0.1/x", "/x", "ftp://x", "file:///etc/passwd"] {
        let run = kind.run(input(&json!({"url": url}), vec![items(&json!([{}]))]), &ctx).await;
        let error = run.unwrap_err().to_string();
        assert!(error.starts_with("`url`: must begin with http:// or https://"), "{error}");
    }
}
