//! Data tables over HTTP.

use serde_json::{Value, json};

use super::world::{Answer, World};

async fn table(world: &World) -> String {
    let columns = json!([{"name": "n", "type": "number"}, {"name": "who", "type": "string"},
        {"name": "open", "type": "boolean"}]);
    let made = world.call("POST /data-tables", json!({"name": "orders", "columns": columns})).await.is(201);
    format!("/data-tables/{}", made["id"].as_str().unwrap())
}

fn filter(column: &str, test: &str, value: Value) -> Value {
    json!({"conditions": [{"column": column, "test": test, "value": value}]})
}

fn numbers(list: &Value) -> Vec<i64> {
    list["items"].as_array().unwrap().iter().map(|row| row["n"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn rows_are_added_found_changed_and_removed() {
    let world = World::new().await;
    let path = table(&world).await;
    let rows = json!({"rows": [{"n": 1, "who": "Ann", "open": true}, {"n": "2", "who": "Bob"}, {"n": 3}]});
    let made = world.call(&format!("POST {path}/rows"), rows).await.is(201);
    assert_eq!((made["items"][1]["id"].clone(), made["items"][1]["n"].clone()), (json!(2), json!(2)));
    let page = world.call(&format!("GET {path}/rows?limit=2"), Value::Null).await.is(200);
    assert_eq!(numbers(&page), [1, 2]);
    let rest = format!("GET {path}/rows?limit=2&cursor={}", page["next"].as_str().unwrap());
    let page = world.call(&rest, Value::Null).await.is(200);
    assert_eq!((numbers(&page), page["next"].clone()), (vec![3], Value::Null));
    let sorted = world.call(&format!("GET {path}/rows?sort=-n"), Value::Null).await.is(200);
    assert_eq!(numbers(&sorted), [3, 2, 1]);
    let asked = format!(
        "GET {path}/rows?filter=%7B%22conditions%22%3A%5B%7B%22column%22%3A%22n%22%2C%22test%22%3A%22gt%22%2C%22value%22%3A1%7D%5D%7D"
    );
    assert_eq!(numbers(&world.call(&asked, Value::Null).await.is(200)), [2, 3]);
    let change = json!({"filter": filter("who", "ilike", json!("b%")), "values": {"open": "false"}});
    let changed = world.call(&format!("PATCH {path}/rows"), change).await.is(200);
    assert_eq!((numbers(&changed), changed["items"][0]["open"].clone()), (vec![2], json!(false)));
    let upsert = json!({"filter": filter("n", "eq", json!(9)), "values": {"n": 9}, "upsert": true});
    for _ in 0..2 {
        assert_eq!(numbers(&world.call(&format!("PATCH {path}/rows"), upsert.clone()).await.is(200)), [9]);
    }
    let dry = json!({"filter": filter("n", "gte", json!(3)), "dry_run": true});
    assert_eq!(numbers(&world.call(&format!("POST {path}/rows/delete"), dry).await.is(200)), [3, 9]);
    let gone = json!({"filter": filter("n", "gte", json!(3))});
    assert_eq!(numbers(&world.call(&format!("POST {path}/rows/delete"), gone).await.is(200)), [3, 9]);
    let shown = world.call(&format!("GET {path}"), Value::Null).await.is(200);
    assert_eq!(shown["n_rows"], 2);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let world = World::new().await;
    let path = table(&world).await;
    let refused = |answer: Answer, text: &str| drop(answer.is_problem(422, text));
    refused(world.call(&format!("POST {path}/rows"), json!({"rows": [{"x": 1}]})).await, "no such column");
    refused(
        world.call(&format!("POST {path}/rows"), json!({"rows": [{"n": "x"}]})).await,
        "must be a number",
    );
    refused(world.call(&format!("GET {path}/rows?filter=x"), Value::Null).await, "as JSON");
    let everything = json!({"filter": {"conditions": []}});
    refused(world.call(&format!("POST {path}/rows/delete"), everything).await, "at least one condition");
    let twice = json!({"name": "N", "type": "string"});
    refused(world.call(&format!("POST {path}/columns"), twice).await, "twice");
    let own = json!({"name": "id", "type": "string"});
    refused(world.call(&format!("POST {path}/columns"), own).await, "every row has that");
    world.call("POST /data-tables", json!({"name": "orders"})).await.is_problem(409, "same");
    let shown = world.call(&format!("GET {path}/rows"), Value::Null).await.is(200);
    assert_eq!(shown["items"], json!([]));
}

#[tokio::test]
async fn columns_change_and_rows_stay() {
    let world = World::new().await;
    let path = table(&world).await;
    world.call(&format!("POST {path}/rows"), json!({"rows": [{"n": 1, "who": "Ann"}]})).await.is(201);
    world.call(&format!("PUT {path}/columns/who"), json!({"name": "name"})).await.is(200);
    world.call(&format!("DELETE {path}/columns/n"), Value::Null).await.is(200);
    world.call(&format!("POST {path}/columns"), json!({"name": "n", "type": "date"})).await.is(201);
    let rows = world.call(&format!("GET {path}/rows"), Value::Null).await.is(200);
    let row = &rows["items"][0];
    assert_eq!((row["name"].clone(), row["n"].clone()), (json!("Ann"), Value::Null), "{row}");
    world.call(&format!("PUT {path}"), json!({"name": "people"})).await.is(200);
    world.call(&format!("DELETE {path}"), Value::Null).await.is(204);
    world.call(&format!("GET {path}"), Value::Null).await.is_problem(404, "data table");
}

async fn send(world: &World, line: &str, body: &'static str) -> Answer {
    world.send(line, &[("authorization", world.auth.as_str()), ("content-type", "text/csv")], body).await
}

#[tokio::test]
async fn rows_go_out_and_come_in_as_csv() {
    let world = World::new().await;
    let path = table(&world).await;
    let csv = "who,n\n\"Ann, the first\",1\n,2\n";
    let sent = send(&world, &format!("POST /api/v1{path}/csv"), csv).await.is(200);
    assert_eq!(sent, json!({"n_rows": 2}));
    let answer = send(&world, &format!("GET /api/v1{path}/csv"), "").await;
    let text = &answer.text;
    assert!(
        text.starts_with("id,createdAt,updatedAt,n,who,open\n1,")
            && text.contains(",1,\"Ann, the first\",\n"),
        "{text}"
    );
    let broken = send(&world, &format!("POST /api/v1{path}/csv"), "n\n1,2\n").await;
    broken.is_problem(422, "must be CSV");
    send(&world, &format!("POST /api/v1{path}/csv"), "").await.is_problem(422, "is empty");
    send(&world, &format!("POST /api/v1{path}/csv"), "{}").await.is_problem(422, "no such column");
}
