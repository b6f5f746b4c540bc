//! Credentials are tried, and connected by OAuth 2 with a service that says yes, no, or something odd.

use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};

use super::world::{Answer, World};

/// A service that gives a token for the code `right` when the verifier and the client fit.
async fn service() -> String {
    let token = |headers: HeaderMap, form: String| async move {
        let is_client = headers.get("authorization").is_some_and(|v| v == "Basic YXBwOmh1c2g=");
        let has_verifier = part(&form, "code_verifier").len() >= 43;
        let is_right =
            part(&form, "code") == "right" && part(&form, "redirect_uri").ends_with("%2Foauth2%2Fcallback");
        if is_client && has_verifier && is_right {
            (StatusCode::OK, axum::Json(json!({"access_token": "token-of-ada", "refresh_token": "again"})))
        } else {
            let why = json!({"error": "invalid_grant", "error_description": "The code is not known."});
            (StatusCode::BAD_REQUEST, axum::Json(why))
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().route("/token", post(token));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A call of the person with this cookie.
async fn as_person(world: &World, cookie: &str, line: &str, body: Value) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let line = format!("{method} /api/v1{path}");
    let headers = [("cookie", cookie), ("origin", world.base.as_str()), ("content-type", "application/json")];
    world.send(&line, &headers, if body.is_null() { String::new() } else { body.to_string() }).await
}

async fn credential(world: &World, data: Value) -> String {
    let body = json!({"name": "Service", "type": "oauth2", "data": data});
    world.call("POST /credentials", body).await.is(201)["id"].as_str().unwrap().to_owned()
}

fn data(service: &str) -> Value {
    json!({
        "authorization_url": format!("{service}/agree"), "access_token_url": format!("{service}/token"),
        "client_id": "app", "client_secret": "hush", "scope": "read write",
    })
}

/// What `name` is in the query of an address.
fn part<'a>(url: &'a str, name: &str) -> &'a str {
    let mut parts = url.split(['?', '&']).filter_map(|part| part.split_once('='));
    parts.find(|(key, _)| *key == name).unwrap().1
}

#[tokio::test]
async fn a_person_agrees_and_the_token_is_kept_and_not_shown() {
    let world = World::new().await;
    let service = service().await;
    let id = credential(&world, data(&service)).await;
    let ada = world.session(world.person("editor").await).await;
    let begun =
        as_person(&world, &ada, &format!("POST /credentials/{id}/connect"), Value::Null).await.is(200);
    let url = begun["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{service}/agree?response_type=code&client_id=app&")), "{url}");
    assert!(url.contains("scope=read%20write") && url.contains("code_challenge_method=S256"), "{url}");
    let back = json!({"code": "right", "state": part(url, "state")});
    let done = as_person(&world, &ada, "POST /oauth2/finish", back).await;
    assert!(!done.text.contains("token-of-ada"));
    assert_eq!(done.is(200)["name"], "Service");
    let shown = world.call(&format!("GET /credentials/{id}"), Value::Null).await.is(200);
    assert_eq!((&shown["data"]["access_token"], &shown["version"]), (&json!("***"), &json!(2)));
    let keyring = world.api.keyring.clone();
    let kept = world.store.open_credential(&keyring, world.workspace, id.parse().unwrap()).await;
    let (_, fields) = kept.unwrap().unwrap();
    assert_eq!((&*fields.0["access_token"], &*fields.0["refresh_token"]), ("token-of-ada", "again"));
}

#[tokio::test]
async fn a_consent_that_is_refused_foreign_or_late_changes_nothing() {
    let world = World::new().await;
    let service = service().await;
    let id = credential(&world, data(&service)).await;
    let ada = world.session(world.person("editor").await).await;
    let begin = format!("POST /credentials/{id}/connect");
    let begun = as_person(&world, &ada, &begin, Value::Null).await.is(200);
    let state = part(begun["url"].as_str().unwrap(), "state").to_owned();
    let finish = |code: &str, state: &str| json!({"code": code, "state": state});
    let refused = as_person(&world, &ada, "POST /oauth2/finish", finish("wrong", &state)).await;
    refused.is_problem(409, "The code is not known.");
    let changed = state.replacen(char::is_alphabetic, "0", 1);
    for foreign in ["", "x", "x.y", &changed] {
        let answer = as_person(&world, &ada, "POST /oauth2/finish", finish("right", foreign)).await;
        answer.is_problem(422, "is not one that this server gave");
    }
    let eve = world.session(world.person("editor").await).await;
    as_person(&world, &eve, "POST /oauth2/finish", finish("right", &state))
        .await
        .is_problem(403, "somebody else");
    world.call("POST /oauth2/finish", finish("right", &state)).await.is_problem(403, "somebody else");
    world.pass_ms(16 * 60_000);
    as_person(&world, &ada, "POST /oauth2/finish", finish("right", &state)).await.is_problem(409, "too long");
    let shown = world.call(&format!("GET /credentials/{id}"), Value::Null).await.is(200);
    assert_eq!((&shown["version"], &shown["data"]["access_token"]), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn what_is_not_filled_in_is_named_before_anybody_is_sent_anywhere() {
    let world = World::new().await;
    let ada = world.session(world.person("editor").await).await;
    let cases = [
        (json!({}), "`data.authorization_url` must be filled in first"),
        (json!({"authorization_url": "https://a.example"}), "`data.access_token_url` must be filled in"),
        (
            json!({"authorization_url": "javascript:1", "access_token_url": "x", "client_id": "y"}),
            "must begin with https://",
        ),
    ];
    for (data, problem) in cases {
        let id = credential(&world, data).await;
        let line = format!("POST /credentials/{id}/connect");
        as_person(&world, &ada, &line, Value::Null).await.is_problem(422, problem);
        world.call(&format!("DELETE /credentials/{id}"), Value::Null).await.is(204);
    }
}

#[tokio::test]
async fn a_credential_is_tried_where_its_type_can_be() {
    let world = World::new().await;
    let make = async |kind: &str, data: Value| {
        let body = json!({"name": format!("{kind} {data}"), "type": kind, "data": data});
        let made = world.call("POST /credentials", body).await.is(201);
        format!("POST /credentials/{}/test", made["id"].as_str().unwrap())
    };
    let works = make("redis", json!({"host": "there"})).await;
    let found = world.call(&works, Value::Null).await.is(200);
    assert_eq!(found, json!({"works": true, "message": "it answers"}));
    let fails = make("redis", json!({"host": "nowhere"})).await;
    let found = world.call(&fails, Value::Null).await.is(200);
    assert_eq!((&found["works"], found["message"].as_str()), (&json!(false), Some("nobody answers")));
    let cannot = make("http_basic", json!({})).await;
    world.call(&cannot, Value::Null).await.is_problem(409, "cannot be tried");
    let types = world.call("GET /credential-types", Value::Null).await.is(200);
    let can = |name: &str| {
        let found = types["items"].as_array().unwrap().iter().find(|t| t["type"] == name);
        found.unwrap()["can_test"].as_bool().unwrap()
    };
    assert!(can("redis") && can("postgres") && can("oauth2") && !can("http_basic"));
}
