//! Who may do what.

use linkflow_api::access::{Need, Role, TABLE};
use serde_json::{Value, json};

use super::world::World;

/// The status of a request to this route with these headers.
async fn status(world: &World, method: &str, route: &str, headers: &[(&str, &str)]) -> u16 {
    let path = route
        .replace("{id}", "0190a000-0000-7000-8000-000000000000")
        .replace("{version}", "1")
        .replace("{kind}", "limit");
    world.send(&format!("{method} {path}"), headers, "").await.status
}

#[tokio::test]
async fn every_route_lets_in_whom_the_table_names_and_nobody_else() {
    let world = World::new().await;
    for role in Role::ALL {
        let user = world.person(role.as_str()).await;
        for (method, route, need) in TABLE {
            let cookie = world.session(user).await;
            let got = status(&world, method, route, &[("cookie", &cookie)]).await;
            let may = match need {
                Need::Public | Need::SignedIn | Need::Read => true,
                Need::Execute => role >= Role::Operator,
                Need::Write => role >= Role::Editor,
                Need::Admin => role >= Role::Admin,
            };
            // Signing in without a body is refused for another reason.
            assert_eq!(!matches!(got, 401 | 403), may, "{} {method} {route}: {got}", role.as_str());
        }
    }
}

#[tokio::test]
async fn a_key_may_do_what_its_scopes_say() {
    let world = World::new().await;
    for scope in ["read", "write", "execute", "admin"] {
        let key = world.key(&[scope]).await;
        for (method, route, need) in TABLE {
            let got = status(&world, method, route, &[("authorization", &key)]).await;
            let may = match need {
                Need::Public => true,
                Need::SignedIn => false,
                Need::Read => ["read", "admin"].contains(&scope),
                Need::Execute => ["execute", "admin"].contains(&scope),
                Need::Write => ["write", "admin"].contains(&scope),
                Need::Admin => scope == "admin",
            };
            assert_eq!(!matches!(got, 401 | 403), may, "{scope} {method} {route}: {got}");
        }
    }
}

#[tokio::test]
async fn without_session_and_key_only_public_routes_answer() {
    let world = World::new().await;
    for (method, route, need) in TABLE {
        for headers in
            [vec![], vec![("authorization", "Bearer lf_wrong")], vec![("cookie", "linkflow=wrong")]]
        {
            let got = status(&world, method, route, &headers).await;
            assert_eq!(got == 401, *need != Need::Public, "{method} {route} {headers:?}: {got}");
        }
    }
}

#[tokio::test]
async fn the_table_and_the_description_name_the_same_routes() {
    let world = World::new().await;
    let document = world.call("GET /openapi.json", Value::Null).await.is(200);
    let mut described = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            described.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    let undescribed = ["GET /ws", "GET /api/v1/openapi.json", "GET /api/v1/schemas/workflow.json"];
    let mut named: Vec<String> = TABLE.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    named.retain(|line| !undescribed.contains(&line.as_str()));
    described.sort();
    named.sort();
    assert_eq!(described, named);
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing_with_somebodys_session() {
    let world = World::new().await;
    let cookie = world.session(world.person("owner").await).await;
    let tag = |name: &str| json!({"name": name}).to_string();
    let send = async |extra: &[(&str, &str)], name: &str| {
        let mut headers = vec![("cookie", cookie.as_str()), ("content-type", "application/json")];
        headers.extend_from_slice(extra);
        world.send("POST /api/v1/tags", &headers, tag(name)).await
    };
    send(&[("origin", "https://evil.example")], "a").await.is_problem(403, "other sites");
    send(&[("origin", "null")], "a").await.is_problem(403, "other sites");
    send(&[("sec-fetch-site", "cross-site")], "a").await.is_problem(403, "other sites");
    send(&[("origin", &world.base)], "a").await.is(201);
    send(&[("sec-fetch-site", "same-origin")], "b").await.is(201);
    let own = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    assert_eq!(
        world.send("GET /api/v1/tags", &own, "").await.status,
        200,
        "reading is the browser's to refuse"
    );
}

#[tokio::test]
async fn a_server_of_this_machine_takes_no_names_of_others() {
    let world = World::with(|settings| settings.hosts = vec!["127.0.0.1".to_owned()]).await;
    world.call("GET /setup", Value::Null).await.is(200);
    let rebound = world.call_with("GET /setup", Value::Null, &[("host", "evil.example:8090")]).await;
    rebound.is_problem(421, "PUBLIC_URL");
}

#[tokio::test]
async fn a_key_loses_what_its_maker_loses() {
    let world = World::new().await;
    let admin = world.person("admin").await;
    let cookie = world.session(admin).await;
    let body = json!({"name": "ci", "scopes": ["admin"]}).to_string();
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
    let made = world.send("POST /api/v1/api-keys", &headers, body).await.is(201);
    let key = format!("Bearer {}", made["key"].as_str().unwrap());
    let list = async || world.send("GET /api/v1/api-keys", &[("authorization", &key)], "").await.status;
    assert_eq!(list().await, 200);
    world.call(&format!("PATCH /users/{admin}"), json!({"role": "editor"})).await.is(200);
    assert_eq!(list().await, 403);
    world.call(&format!("DELETE /users/{admin}"), Value::Null).await.is(204);
    assert_eq!(list().await, 401);
}
