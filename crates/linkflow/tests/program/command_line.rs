//! `run`, `eval` and `import --check`.

use std::process::{Command, Output};

use serde_json::{Value, json};

pub fn linkflow(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_linkflow")).args(args).output().expect("the program starts")
}

pub fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!(
            "no JSON ({e}): {} {}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

#[test]
fn a_file_runs_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("w.json");
    let workflow = json!({
        "name": "W",
        "nodes": [
            {"id": "a", "name": "Start", "kind": "manual_trigger"},
            {"id": "b", "name": "Two", "kind": "limit", "params": {"maxItems": 2}}
        ],
        "edges": [{"from": {"node": "a"}, "to": {"node": "b"}}]
    });
    std::fs::write(&file, workflow.to_string()).unwrap();
    let items = dir.path().join("items.json");
    std::fs::write(&items, r#"[{"n": 1}, {"n": 2}, {"n": 3}]"#).unwrap();
    let output = linkflow(&["run", file.to_str().unwrap(), "--input", items.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let shown = json_of(&output);
    assert_eq!(shown["status"], "success");
    assert_eq!(shown["order"], json!(["Start", "Two"]));
    let two: Vec<&Value> = shown["nodes"]["Two"][0]["outputs"][0].as_array().unwrap().iter().collect();
    assert_eq!(two.len(), 2);
    assert_eq!(two[1]["json"], json!({"n": 2}));
}

#[test]
fn a_file_that_is_no_workflow_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("w.json");
    std::fs::write(&file, "{\"nodes\": ").unwrap();
    let output = linkflow(&["run", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not JSON"), "{output:?}");
}

#[test]
fn code_runs_in_a_process_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("w.json");
    let workflow = json!({
        "name": "W",
        "nodes": [
            {"id": "a", "name": "Start", "type": "n8n-nodes-base.manualTrigger", "typeVersion": 1, "position": [0, 0], "parameters": {}},
            {"id": "b", "name": "Code", "type": "n8n-nodes-base.code", "typeVersion": 2, "position": [200, 0],
             "parameters": {"jsCode": "return [{json: {sum: [1, 2, 3].reduce((a, b) => a + b)}}];"}}
        ],
        "connections": {"Start": {"main": [[{"node": "Code", "type": "main", "index": 0}]]}}
    });
    std::fs::write(&file, workflow.to_string()).unwrap();
    let output = linkflow(&["run", file.to_str().unwrap(), "--json"]);
    let shown = json_of(&output);
    assert_eq!(shown["nodes"]["Code"][0]["outputs"][0][0]["json"], json!({"sum": 6}), "{shown}");
}

#[test]
fn an_expression_is_evaluated() {
    let output = linkflow(&["eval", "={{ $json.a + 1 }}", "--item", r#"{"a": 41}"#]);
    assert_eq!(json_of(&output), json!({"value": 42, "type": "number"}));
}

#[test]
fn a_check_names_what_does_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("w.json");
    let workflow = json!({"name": "W", "connections": {}, "nodes": [
        {"id": "a", "name": "Odd", "type": "n8n-nodes-base.noSuchThing", "typeVersion": 1, "position": [0, 0], "parameters": {}}]});
    std::fs::write(&file, workflow.to_string()).unwrap();
    let shown = json_of(&linkflow(&["import", "--check", "--json", file.to_str().unwrap()]));
    assert_eq!(shown[0]["runnable"], false);
    assert_eq!(shown[0]["nodes"][0]["verdict"], "missing");
}

#[test]
fn a_key_is_made_and_executions_are_listed_from_the_shell() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let made =
        json_of(&linkflow(&["apikey", "create", "deploy", "--scope", "read", "--json", "--data-dir", data]));
    assert!(made["key"].as_str().unwrap().starts_with("lf_"), "{made}");
    let user = linkflow(&["user", "create", "ada@example.com", "a long pass phrase", "--data-dir", data]);
    assert!(String::from_utf8_lossy(&user.stdout).trim().ends_with("ada@example.com owner"), "{user:?}");
    assert_eq!(json_of(&linkflow(&["executions", "list", "--json", "--data-dir", data])), json!([]));
    let unknown = linkflow(&["executions", "list", "--status", "lost", "--data-dir", data]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("one of ready"), "{unknown:?}");
}
