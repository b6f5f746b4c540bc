//! Respond to Webhook and who gets its answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_model::{Item, OnError};
use linkflow_node::testing::{TestHost, ctx, input, items};
use linkflow_node::{NodeError, Outcome, Reply, ReplyBody};
use serde_json::{Value, json};

async fn run(params: Value, given: Vec<Item>, host: TestHost) -> Result<(Reply, Vec<Vec<Item>>), NodeError> {
    let dir = tempfile::tempdir().unwrap();
    let host = Arc::new(host);
    let ctx = ctx(dir.path(), host.clone());
    assert_eq!(ctx.on_error, OnError::Stop);
    let kind = linkflow_nodes::find("respond_to_webhook").unwrap();
    match kind.run(input(&params, vec![given]), &ctx).await? {
        Outcome::Items(outputs) => {
            let reply = host.replies.lock().unwrap().remove(0);
            Ok((reply, outputs.ports))
        }
        other => panic!("no items: {other:?}"),
    }
}

async fn check(params: Value, status: u16, headers: &[(&str, &str)], body: ReplyBody) {
    let given = items(&json!([{"a": 1, "b": {"c": 2}}, {"a": 2}]));
    let (reply, outputs) = run(params.clone(), given, TestHost::default()).await.unwrap();
    let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    assert_eq!(reply, Reply { status, headers, body }, "{params}");
    assert_eq!(outputs[0].len(), 2, "{params}");
}

#[tokio::test]
async fn the_answer_is_what_the_parameters_say() {
    let json_of = ReplyBody::Json;
    let first = json!({"a": 1, "b": {"c": 2}});
    check(json!({}), 200, &[], json_of(first.clone())).await;
    let wrapped = json!({"options": {"responseKey": "data.x"}});
    check(wrapped, 200, &[], json_of(json!({"data": {"x": first}}))).await;
    let all = json!({"respondWith": "allIncomingItems"});
    check(all, 200, &[], json_of(json!([first, {"a": 2}]))).await;
    let text = json!({"respondWith": "text", "responseBody": "hi", "options": {"responseCode": "201",
        "responseHeaders": {"entries": [{"name": "X-A", "value": "b"}]}}});
    check(text, 201, &[("x-a", "b")], ReplyBody::Text("hi".to_owned())).await;
    check(json!({"respondWith": "json", "responseBody": "[1]"}), 200, &[], json_of(json!([1]))).await;
    check(json!({"respondWith": "json", "responseBody": 5}), 200, &[], json_of(json!(5))).await;
    check(json!({"respondWith": "noData"}), 200, &[], ReplyBody::Empty).await;
    let away = json!({"respondWith": "redirect", "redirectURL": "https://x.test/"});
    check(away, 307, &[("location", "https://x.test/")], ReplyBody::Empty).await;
}

#[tokio::test]
async fn a_wrong_answer_is_not_sent() {
    for (params, part) in [
        (json!({"respondWith": "json", "responseBody": "nope"}), "`responseBody`: is not valid JSON"),
        (json!({"respondWith": "binary"}), "the first item has no file"),
        (json!({"options": {"responseCode": 9}}), "`options.responseCode`: must be from 100 to 599, got 9"),
        (json!({"respondWith": "jwt", "payload": {}}), "no credential is chosen for `jwt`"),
    ] {
        let error = run(params, items(&json!([{}])), TestHost::default()).await.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_token_is_signed_with_the_chosen_key() {
    let fields =
        BTreeMap::from([("secret".to_owned(), "s".repeat(32)), ("algorithm".into(), "HS256".into())]);
    let host = TestHost { credentials: BTreeMap::from([("jwt".to_owned(), fields)]), ..TestHost::default() };
    let params = json!({"respondWith": "jwt", "payload": "{\"sub\": \"me\"}"});
    let (reply, _) = run(params, items(&json!([{}])), host).await.unwrap();
    let ReplyBody::Json(body) = reply.body else { panic!("{reply:?}") };
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    let key = jsonwebtoken::DecodingKey::from_secret("s".repeat(32).as_bytes());
    let found = jsonwebtoken::decode::<Value>(body["token"].as_str().unwrap(), &key, &rules).unwrap();
    assert_eq!(found.claims, json!({"sub": "me"}));
}
