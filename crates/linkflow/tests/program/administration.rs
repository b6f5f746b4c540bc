//! `import`, `export` and `executions` on a data folder, with and without a server.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command_line::{json_of, linkflow};
use crate::server::{Owner, Server};
use crate::webhook::greeting;

/// A workflow that fails.
fn failing() -> Value {
    json!({
        "name": "Fails",
        "nodes": [
            {"id": "m", "name": "Start", "kind": "manual_trigger"},
            {"id": "f", "name": "Stop", "kind": "stop_and_error", "params": {"errorMessage": "no stock"}}
        ],
        "edges": [{"from": {"node": "m"}, "to": {"node": "f"}}]
    })
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder has a plain name")
}

fn write(dir: &Path, name: &str, content: &str) -> String {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).unwrap();
    std::fs::write(&path, content).unwrap();
    text(&path).to_owned()
}

fn refusal(args: &[&str]) -> String {
    let output = linkflow(args);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Makes an execution that failed, and gives its id.
async fn fail(owner: &Owner, server: &Server) -> String {
    let (_, made) = owner.post(server, "/api/v1/workflows", &failing()).await;
    let run = format!("/api/v1/workflows/{}/execute?wait=20", made["id"].as_str().unwrap());
    let (_, ended) = owner.post(server, &run, &json!({})).await;
    ended["execution_id"].as_str().unwrap_or_else(|| panic!("{ended}")).to_owned()
}

async fn wait_for_end(owner: &Owner, server: &Server, id: &str) -> Value {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let (_, shown) = owner.get(server, &format!("/api/v1/executions/{id}")).await;
        if !shown["finished_at"].is_null() {
            return shown;
        }
        assert!(Instant::now() < until, "{id} did not end: {shown}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_folder_of_files_is_imported_and_a_server_that_starts_later_serves_them() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    write(dir.path(), "in/a/greeting.json", &greeting("lastNode").to_string());
    write(dir.path(), "in/broken.json", "{\"nodes\": ");
    write(dir.path(), "in/notes.txt", "no workflow");
    let folder = dir.path().join("in");
    let output = linkflow(&["import", text(&folder), "--publish", "--json", "--data-dir", text(&data)]);
    assert_eq!(output.status.code(), Some(1), "one file is broken: {output:?}");
    assert!(output.stderr.is_empty(), "no progress in a pipe: {output:?}");
    let views = json_of(&output);
    assert_eq!(views.as_array().unwrap().len(), 2, "{views}");
    assert_eq!(views[0]["name"], "Greeting");
    assert_eq!(views[0]["error"], Value::Null);
    assert_eq!(views[0]["nodes"][0]["verdict"], "exact");
    assert!(views[1]["error"].as_str().unwrap().contains("not JSON"), "{views}");
    let server = Server::start(&data).await;
    let owner = Owner::of(&server).await;
    let (status, answer) = owner.post(&server, "/webhook/greet", &json!({"name": "Ada"})).await;
    assert_eq!((status, answer), (200, json!({"hello": "Ada"})));
}

#[tokio::test]
async fn what_is_exported_and_imported_again_becomes_the_next_version() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    let file = write(dir.path(), "fails.json", &failing().to_string());
    let first = json_of(&linkflow(&["import", &file, "--json", "--data-dir", text(&data)]));
    let id = first[0]["workflow_id"].as_str().unwrap();
    let report =
        json_of(&linkflow(&["export", "--all", "--out", text(&out), "--json", "--data-dir", text(&data)]));
    assert_eq!(report[0]["id"], id);
    let exported = report[0]["file"].as_str().unwrap();
    let again = json_of(&linkflow(&["import", exported, "--json", "--data-dir", text(&data)]));
    assert_eq!(again[0]["workflow_id"], id, "it is the same workflow");
    let n8n = linkflow(&["export", id, "--format", "n8n", "--data-dir", text(&data)]);
    assert!(json_of(&n8n)["connections"].is_object(), "{n8n:?}");
    assert!(
        refusal(&["export", "nothing", "--data-dir", text(&data)]).contains("there is no workflow nothing")
    );
}

#[tokio::test]
async fn an_import_into_data_that_a_server_holds_says_who_holds_them_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let file = write(dir.path(), "fails.json", &failing().to_string());
    let server = Server::start(&data).await;
    let said = refusal(&["import", &file, "--data-dir", text(&data)]);
    assert!(said.contains(&format!("in use by process {}", server.pid())), "{said}");
    assert!(said.contains("/api/v1/workflows/import"), "{said}");
    let checked = linkflow(&["import", "--check", &file, "--data-dir", text(&data)]);
    assert_eq!(checked.status.code(), Some(0), "a check needs no data: {checked:?}");
}

#[tokio::test]
async fn an_execution_that_is_retried_without_a_server_runs_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = text(dir.path());
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let failed = fail(&owner, &server).await;
    let port = server.port();
    server.kill();
    let retried = json_of(&linkflow(&["executions", "retry", &failed, "--json", "--data-dir", data]));
    assert_eq!((&retried["server_running"], &retried["retry_of"]), (&json!(false), &json!(failed)));
    let new = retried["id"].as_str().unwrap();
    let ready =
        json_of(&linkflow(&["executions", "list", "--status", "ready", "--json", "--data-dir", data]));
    assert_eq!(ready[0]["id"], new, "{ready}");
    let server = Server::start_on(dir.path(), port).await;
    assert_eq!(wait_for_end(&owner, &server, new).await["status"], "error");
    let said = refusal(&["executions", "cancel", new, "--data-dir", data]);
    assert!(said.contains("has ended already: error"), "{said}");
}

#[tokio::test]
async fn beside_a_server_executions_are_found_shown_and_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let data = text(dir.path());
    let server = Server::start(dir.path()).await;
    let owner = Owner::of(&server).await;
    let failed = fail(&owner, &server).await;
    let list = |more: &[&str]| {
        let args = [&["executions", "list", "--json", "--data-dir", data], more].concat();
        json_of(&linkflow(&args)).as_array().unwrap().len()
    };
    assert_eq!(list(&["--status", "success,error", "--search", "stock"]), 1);
    assert_eq!(list(&["--mode", "webhook"]), 0);
    assert_eq!(list(&["--from", "2020-01-31"]), 1);
    assert_eq!(list(&["--to", "2020-01-31T10:00:00Z"]), 0);
    let shown = json_of(&linkflow(&["executions", "show", &failed, "--json", "--data-dir", data]));
    assert_eq!(shown["order"], json!(["Start", "Stop"]), "{shown}");
    assert_eq!(shown["nodes"]["Stop"][0]["status"], "error");
    let plain = linkflow(&["executions", "show", &failed, "--data-dir", data]);
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert!(plain.contains("  Stop: error") && plain.contains("no stock"), "{plain}");
    let retried = json_of(&linkflow(&["executions", "retry", &failed, "--json", "--data-dir", data]));
    assert_eq!(retried["server_running"], true);
    wait_for_end(&owner, &server, retried["id"].as_str().unwrap()).await;
}

#[test]
fn words_that_cannot_be_taken_are_refused_with_what_could_be() {
    let dir = tempfile::tempdir().unwrap();
    let data = text(dir.path());
    let check = |args: &[&str], part: &str| {
        let said = refusal(&[args, &["--data-dir", data]].concat());
        assert!(said.contains(part), "{said}");
    };
    check(&["executions", "list", "--from", "yesterday"], "such as 2026-01-31");
    check(&["executions", "list", "--mode", "magic"], "one of manual, webhook");
    check(&["executions", "list", "--limit", "0"], "1..=1000");
    check(&["executions", "list", "--workflow", "nothing"], "there is no workflow nothing");
    check(&["executions", "show", "7"], "no id of an execution");
    check(&["executions", "retry", "01a20852-5b1b-701f-b3b3-d73f05983647"], "there is no execution");
    check(&["user", "create", "nobody", "a long pass phrase"], "such as me@example.com");
    check(&["import", data], "no file that ends in .json");
    let nowhere = dir.path().join("nowhere");
    let said = refusal(&["export", "--all", "--data-dir", text(&nowhere)]);
    assert!(said.contains("name the server's folder with --data-dir"), "{said}");
    assert!(!nowhere.exists(), "looking makes nothing");
}
