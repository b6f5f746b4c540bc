//! Data tables between workflows and the API.

use serde_json::{Value, json};

use crate::server::{Owner, Server};

fn keeping() -> Value {
    let node = |name: &str, kind: &str, version: f64, params: Value| {
        json!({"id": name, "name": name, "type": format!("n8n-nodes-base.{kind}"), "typeVersion": version,
            "position": [0, 0], "webhookId": name, "parameters": params})
    };
    let table = json!({"__rl": true, "mode": "name", "value": "orders"});
    let by = json!({"conditions": [{"keyName": "number", "keyValue": "={{ $json.body.number }}"}]});
    json!({
        "name": "Keeps", "settings": {"executionOrder": "v1"},
        "nodes": [
            node("Hook", "webhook", 2.0, json!({"httpMethod": "POST", "path": "keep", "responseMode": "lastNode"})),
            node("Keep", "dataTable", 1.0, json!({"operation": "upsert", "dataTableId": table, "filters": by,
                "columns": {"mappingMode": "defineBelow", "value":
                    {"number": "={{ $json.body.number }}", "total": "={{ $json.body.total }}"}}})),
            node("Find", "dataTable", 1.0, json!({"operation": "get", "dataTableId": table, "returnAll": true})),
        ],
        "connections": {
            "Hook": {"main": [[{"node": "Keep", "type": "main", "index": 0}]]},
            "Keep": {"main": [[{"node": "Find", "type": "main", "index": 0}]]},
        }
    })
}

#[tokio::test]
async fn a_workflow_keeps_rows_that_people_see() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    owner.publish(&server, &keeping()).await;
    let order = |total: i64| json!({"number": 7, "total": total});
    let (status, refused) = owner.post(&server, "/webhook/keep", &order(1)).await;
    assert_eq!(status, 500, "{refused}");
    let columns = json!([{"name": "number", "type": "number"}, {"name": "total", "type": "number"}]);
    let table = json!({"name": "orders", "columns": columns});
    let (status, made) = owner.post(&server, "/api/v1/data-tables", &table).await;
    assert_eq!(status, 201, "{made}");
    for total in [12, 15] {
        let (status, answer) = owner.post(&server, "/webhook/keep", &order(total)).await;
        assert_eq!((status, answer["total"].clone()), (200, json!(total)), "{answer}");
    }
    let rows = format!("/api/v1/data-tables/{}/rows", made["id"].as_str().unwrap());
    let (_, rows) = owner.get(&server, &rows).await;
    assert_eq!(rows["items"].as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(
        (rows["items"][0]["number"].clone(), rows["items"][0]["total"].clone()),
        (json!(7), json!(15))
    );
}
