//! `import` of collections and of a whole n8n instance, and `compare`. The instance's database is
//! made here, from what is known of its tables.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::command_line::{json_of, linkflow};

/// Made with `openssl enc -aes-256-cbc -md md5 -pass pass:the-key -a`; it holds a user `ada`.
const SEALED: &str = "U2FsdGVkX19AUdixcdvyocU9SX2JX9I++3Y+Cn0NHGmhDsHaYVpHHBQD/DQJRPJT";

fn text(path: &Path) -> &str {
    path.to_str().expect("the temporary folder's name is text")
}

/// The workflow: a trigger, Edit Fields that adds two fields, and a service that nobody has.
fn nodes() -> Value {
    json!([
        {"id": "1", "name": "Start", "type": "n8n-nodes-base.manualTrigger", "typeVersion": 1, "position": [0, 0], "parameters": {}},
        {"id": "2", "name": "Add", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "position": [200, 0],
         "parameters": {"assignments": {"assignments": [
             {"id": "x", "name": "twice", "type": "number", "value": "={{ $json.n * 2 }}"},
             {"id": "y", "name": "where", "type": "string", "value": "={{ $('Start').item.json.place }}-{{ $vars.region }}"}]},
          "includeOtherFields": true, "options": {}}},
        {"id": "3", "name": "Ask", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "position": [400, 0],
         "parameters": {"url": "https://example.com", "authentication": "genericCredentialType", "genericAuthType": "httpBasicAuth"},
         "credentials": {"httpBasicAuth": {"id": "c1", "name": "The service"}}}
    ])
}

fn connections() -> Value {
    json!({"Start": {"main": [[{"node": "Add", "type": "main", "index": 0}]]}, "Add": {"main": [[{"node": "Ask", "type": "main", "index": 0}]]}})
}

/// The data of an execution as they are before they are flattened.
fn run_data(twice: Value) -> Value {
    let run = |order: i64, from: Option<&str>, items: Value| {
        let source: Vec<Value> = from.iter().map(|name| json!({"previousNode": name})).collect();
        json!([{"startTime": order, "executionIndex": order, "source": source, "data": {"main": [items]}}])
    };
    let given = json!({"n": 4, "place": "here"});
    let added = json!({"n": 4, "place": "here", "twice": twice, "where": "here-north"});
    json!({"startData": {}, "resultData": {"runData": {
        "Start": run(0, None, json!([{"json": given}])),
        "Add": run(1, Some("Start"), json!([{"json": added, "pairedItem": {"item": 0}}])),
        "Ask": run(2, Some("Add"), json!([{"json": {"answer": 1}}])),
    }}})
}

/// The format in which executions are stored: every object, list and text is a part of its own.
fn flatted(value: &Value) -> String {
    fn place(value: &Value, parts: &mut Vec<Value>) -> Value {
        if !matches!(value, Value::Object(_) | Value::Array(_) | Value::String(_)) {
            return value.clone();
        }
        let at = parts.len();
        parts.push(Value::Null);
        parts[at] = match value {
            Value::Object(o) => Value::Object(o.iter().map(|(k, v)| (k.clone(), place(v, parts))).collect()),
            Value::Array(list) => Value::Array(list.iter().map(|v| place(v, parts)).collect()),
            other => other.clone(),
        };
        Value::String(at.to_string())
    }
    let mut parts = Vec::new();
    place(value, &mut parts);
    Value::Array(parts).to_string()
}

/// An instance with one workflow and two stored executions; the second recorded another result.
fn instance(dir: &Path) -> PathBuf {
    let path = dir.join("database.sqlite");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "CREATE TABLE workflow_entity (id varchar PRIMARY KEY, name varchar, active boolean, nodes text, connections text, settings text, staticData text, pinData text, versionId char(36));
         CREATE TABLE tag_entity (id varchar PRIMARY KEY, name varchar);
         CREATE TABLE workflows_tags (workflowId varchar, tagId varchar);
         CREATE TABLE variables (id varchar PRIMARY KEY, key text, type text, value text);
         CREATE TABLE credentials_entity (id varchar PRIMARY KEY, name varchar, data text, type varchar);
         CREATE TABLE execution_entity (id integer PRIMARY KEY, workflowId varchar, finished boolean, mode varchar, status varchar, startedAt datetime, stoppedAt datetime, deletedAt datetime);
         CREATE TABLE execution_data (executionId int PRIMARY KEY, workflowData text, data text);
         INSERT INTO tag_entity VALUES ('t1', 'orders');
         INSERT INTO workflows_tags VALUES ('w1', 't1');
         INSERT INTO variables VALUES ('v1', 'region', 'string', 'north');",
    )
    .unwrap();
    db.execute(
        "INSERT INTO workflow_entity VALUES ('w1', 'Orders', 1, ?1, ?2, '{\"executionOrder\":\"v1\"}', NULL, '{}', 'x')",
        params![nodes().to_string(), connections().to_string()],
    )
    .unwrap();
    db.execute("INSERT INTO credentials_entity VALUES ('c1', 'The service', ?1, 'httpBasicAuth')", [SEALED])
        .unwrap();
    let then = json!({"id": "w1", "name": "Orders", "nodes": nodes(), "connections": connections(), "settings": {"executionOrder": "v1"}});
    for (id, twice) in [(1, json!(8)), (2, json!(9))] {
        db.execute(
            "INSERT INTO execution_entity VALUES (?1, 'w1', 1, 'manual', 'success', '2026-01-01', '2026-01-01', NULL)",
            [id],
        )
        .unwrap();
        db.execute(
            "INSERT INTO execution_data VALUES (?1, ?2, ?3)",
            params![id, then.to_string(), flatted(&run_data(twice))],
        )
        .unwrap();
    }
    path
}

#[test]
fn a_whole_instance_moves_with_variables_tags_and_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let (from, data) = (instance(dir.path()), dir.path().join("data"));
    let call =
        ["import", "--from-n8n", text(&from), "--n8n-key", "the-key", "--json", "--data-dir", text(&data)];
    let output = linkflow(&call);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("1 variables, 1 tags and 1 credentials are new"), "{said}");
    let views = json_of(&output);
    assert_eq!(views[0]["name"], "Orders");
    assert_eq!(views[0]["error"], Value::Null, "{views}");
    let out = dir.path().join("out");
    let exported = linkflow(&["export", "--all", "--out", text(&out), "--data-dir", text(&data)]);
    assert!(exported.status.success(), "{exported:?}");
    let file = std::fs::read_dir(&out).unwrap().next().unwrap().unwrap().path();
    let workflow: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(workflow["tags"], json!(["orders"]));
    let ask = workflow["nodes"].as_array().unwrap().iter().find(|n| n["name"] == "Ask").unwrap();
    assert!(ask["credentials"]["http_basic"]["id"].is_string(), "the credential was found by name: {ask}");
    // A second time, what is there stays.
    let said = String::from_utf8_lossy(&linkflow(&call).stderr).into_owned();
    assert!(said.contains("0 variables, 1 tags and 0 credentials are new"), "{said}");
}

#[test]
fn credentials_stay_behind_without_the_key_and_the_rest_moves() {
    let dir = tempfile::tempdir().unwrap();
    let (from, data) = (instance(dir.path()), dir.path().join("data"));
    for (key, part) in [(&[][..], "give n8n's key"), (&["--n8n-key", "wrong"][..], "key does not open it")] {
        let call = [&["import", "--from-n8n", text(&from), "--data-dir", text(&data)][..], key].concat();
        let output = linkflow(&call);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.contains(part), "{said}");
    }
    let none = linkflow(&["import", "--check", "--from-n8n", text(&dir.path().join("none.sqlite"))]);
    assert_eq!(none.status.code(), Some(2), "{none:?}");
}

#[test]
fn stored_executions_are_run_again_and_the_first_difference_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let from = instance(dir.path());
    let output = linkflow(&["compare", text(&from), "--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = &json_of(&output)[0];
    assert_eq!(
        (&report["same"], &report["different"], &report["executions"]),
        (&json!(1), &json!(1), &json!(2)),
        "{report}"
    );
    assert_eq!(report["score"], json!(0.5));
    assert_eq!(report["leftOut"], json!({"it has effects outside": 2, "it starts executions": 2}));
    let first = &report["firstDifference"];
    assert_eq!(
        (&first["execution"], &first["node"], &first["at"], &first["theirs"], &first["ours"]),
        (&json!("2"), &json!("Add"), &json!("output 0, item 0, json.twice"), &json!("9"), &json!("8"))
    );
    let last = linkflow(&["compare", text(&from), "--limit", "1", "--workflow", "Orders"]);
    assert!(
        String::from_utf8_lossy(&last.stdout).contains("0.0 %, 0 runs the same, 1 different"),
        "{last:?}"
    );
}

#[test]
fn a_collection_of_odd_files_is_checked_to_its_end_and_summed_up() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let whole = json!({"name": "Größe", "nodes": [nodes()[0].clone()], "connections": {}}).to_string();
    let mut lacking = json!({"name": "L", "nodes": [nodes()[0].clone()], "connections": {}});
    lacking["nodes"][0]["type"] = json!("n8n-nodes-base.nobodyHasThis");
    write("a/plain.json", whole.as_bytes());
    write("a/b/marked.json", &[b"\xef\xbb\xbf", whole.as_bytes()].concat());
    let wide: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    write("wide.json", &[&b"\xff\xfe"[..], &wide].concat());
    write("latin.json", &whole.chars().map(|c| c as u8).collect::<Vec<u8>>());
    write("several.json", format!("[{whole}, {lacking}, {whole}]").as_bytes());
    write("answer.json", format!("{{\"data\": [{whole}, {lacking}], \"nextCursor\": null}}").as_bytes());
    write("empty.json", b"");
    write("broken.json", b"{\"nodes\": [");
    write("number.json", b"5");
    write("deep.json", "[".repeat(5_000).as_bytes());
    write("odd.json", br#"{"nodes": [5, null, {"name": 5}, {"type": []}], "connections": [1], "settings": 3, "pinData": []}"#);
    write("notes.txt", b"not looked at");
    let output = linkflow(&["import", "--check", "--json", text(dir.path())]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let views = json_of(&output);
    let views: Vec<&Value> = views.as_array().unwrap().iter().collect();
    let named = |name: &str| views.iter().filter(|v| v["name"] == name).count();
    assert_eq!((named("Größe"), named("L")), (7, 2), "{views:#?}");
    let failed = views.iter().filter(|v| !v["error"].is_null()).count();
    assert!((4..=5).contains(&failed), "{views:#?}");
    let summary = json_of(&linkflow(&["import", "--check", "--json", "--summary", text(dir.path())]));
    assert_eq!(summary["runnable"], 7, "{summary}");
    let first = &summary["missing"][0];
    assert_eq!(
        (&first["type"], &first["files"], &first["filesAlone"]),
        (&json!("n8n-nodes-base.nobodyHasThis"), &json!(2), &json!(2))
    );
}
