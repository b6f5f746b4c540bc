//! The first run, signing in and out, and people.

use serde_json::{Value, json};

use super::world::{Answer, World};

const PASSWORD: &str = "correct horse battery";

async fn post(world: &World, path: &str, body: Value) -> Answer {
    let headers = [("content-type", "application/json")];
    world.send(&format!("POST /api/v1{path}"), &headers, body.to_string()).await
}

fn cookie_of(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_comes_first_becomes_the_owner_and_nobody_after() {
    let world = World::new().await;
    assert_eq!(world.call("GET /setup", Value::Null).await.is(200)["needs_owner"], true);
    let owner = json!({"email": " Ada@Example.com", "name": "Ada", "password": PASSWORD});
    let made = post(&world, "/setup", owner.clone()).await;
    assert_eq!(made.is(201)["email"], "ada@example.com");
    assert_eq!(made.json()["role"], "owner");
    let set = made.header("set-cookie");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && !set.contains("Secure"), "{set}");
    let cookie = cookie_of(&made);
    let session = world.send("GET /api/v1/session", &[("cookie", &cookie)], "").await.is(200);
    assert_eq!(session["role"], "owner");
    assert_eq!(session["workspace"]["name"], "Tests");
    post(&world, "/setup", owner).await.is_problem(409, "there is an owner already");
    assert_eq!(world.call("GET /setup", Value::Null).await.is(200)["needs_owner"], false);
}

#[tokio::test]
async fn a_session_begins_with_the_password_and_ends_when_told_or_in_time() {
    let world = World::new().await;
    let user = json!({"email": "bob@example.com", "name": "Bob", "password": PASSWORD, "role": "editor"});
    let user = world.call("POST /users", user).await.is(201);
    let wrong = json!({"email": "bob@example.com", "password": "wrong"});
    post(&world, "/session", wrong).await.is_problem(401, "email or password");
    let unknown = json!({"email": "nobody@example.com", "password": PASSWORD});
    post(&world, "/session", unknown).await.is_problem(401, "email or password");
    let right = json!({"email": "BOB@example.com", "password": PASSWORD});
    let signed_in = post(&world, "/session", right.clone()).await;
    assert_eq!(signed_in.is(200)["id"], user["id"]);
    let cookie = cookie_of(&signed_in);
    let show = async |cookie: &str| world.send("GET /api/v1/session", &[("cookie", cookie)], "").await.status;
    assert_eq!(show(&cookie).await, 200);
    world.send("DELETE /api/v1/session", &[("cookie", &cookie)], "").await.is(204);
    assert_eq!(show(&cookie).await, 401);

    let cookie = cookie_of(&post(&world, "/session", right.clone()).await);
    world.pass_ms(15 * 24 * 60 * 60 * 1_000);
    assert_eq!(show(&cookie).await, 401, "after two weeks");

    let cookie = cookie_of(&post(&world, "/session", right).await);
    let id = user["id"].as_str().unwrap();
    world.call(&format!("PATCH /users/{id}"), json!({"password": "another password"})).await.is(200);
    assert_eq!(show(&cookie).await, 401, "after the password was changed");
}

#[tokio::test]
async fn guessing_passwords_has_to_wait() {
    let world = World::new().await;
    let guess = json!({"email": "bob@example.com", "password": "guess"});
    for _ in 0..10 {
        post(&world, "/session", guess.clone()).await.is(401);
    }
    let refused = post(&world, "/session", guess).await;
    refused.is_problem(429, "too many");
    assert_eq!(refused.header("retry-after"), "900");
}

#[tokio::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let world = World::with(|settings| settings.public_url = Some("https://flows.example".to_owned())).await;
    let owner = json!({"email": "ada@example.com", "name": "Ada", "password": PASSWORD});
    let made = post(&world, "/setup", owner).await;
    let set = made.header("set-cookie");
    assert!(
        set.starts_with("__Host-linkflow=") && set.contains("; Secure") && set.contains("Path=/"),
        "{set}"
    );
}

#[tokio::test]
async fn the_last_owner_stays_and_only_owners_touch_owners() {
    let world = World::new().await;
    let owner = world.person("owner").await;
    let admin = world.session(world.person("admin").await).await;
    let as_admin = [("cookie", admin.as_str()), ("content-type", "application/json")];
    let path = format!("/api/v1/users/{owner}");
    let demote = json!({"role": "viewer"}).to_string();
    world.send(&format!("PATCH {path}"), &as_admin, demote).await.is_problem(403, "owner");
    world.send(&format!("DELETE {path}"), &as_admin, "").await.is_problem(403, "owner");
    let promote = json!({"email": "x@y", "name": "X", "password": PASSWORD, "role": "owner"}).to_string();
    world.send("POST /api/v1/users", &as_admin, promote).await.is_problem(403, "only an owner");
    world.call(&format!("DELETE /users/{owner}"), Value::Null).await.is_problem(422, "last owner");
    world
        .call(&format!("PATCH /users/{owner}"), json!({"role": "admin"}))
        .await
        .is_problem(422, "last owner");
    world.person("owner").await;
    world.call(&format!("DELETE /users/{owner}"), Value::Null).await.is(204);
}

#[tokio::test]
async fn what_is_wrong_with_a_person_is_said_by_field() {
    let world = World::new().await;
    let check = async |change: Value, field: &str, part: &str| {
        let mut body = json!({"email": "a@b.c", "name": "A", "password": PASSWORD, "role": "viewer"});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let problem = world.call("POST /users", body).await.is_problem(422, part);
        assert_eq!(problem["field"], field);
    };
    check(json!({"email": "nobody"}), "email", "must be an email address").await;
    check(json!({"name": " "}), "name", "must not be empty").await;
    check(json!({"password": "short"}), "password", "8 to 1000 characters").await;
    check(json!({"role": "king"}), "role", "unknown variant").await;
    check(json!({"shoe": 1}), "shoe", "unknown field").await;
    let body = json!({"email": "a@b.c", "name": "A", "password": PASSWORD, "role": "viewer"});
    world.call("POST /users", body.clone()).await.is(201);
    let problem = world.call("POST /users", body).await.is_problem(409, "the same `email`");
    assert_eq!(problem["field"], "email");
}
