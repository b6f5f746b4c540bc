//! `linkflow config` and `linkflow doctor`.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::command_line::json_of;
use crate::server::Server;

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Runs the program with these words and variables, on the data in `dir`.
fn run(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_linkflow"))
        .args(args)
        .arg("--data-dir")
        .arg(dir)
        .envs(variables.iter().copied())
        .output()
        .expect("the program starts")
}

fn setting(shown: &Value, name: &str) -> Value {
    let rows = shown["settings"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {shown}")).clone()
}

fn check_of(shown: &Value, name: &str) -> (String, String, String) {
    let rows = shown["checks"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {shown}"));
    let text = |key: &str| row[key].as_str().unwrap().to_owned();
    (text("status"), text("found"), text("todo"))
}

/// Asserts what `doctor` says about one thing, and how it ends.
fn check_doctor(dir: &Path, variables: &[(&str, &str)], name: &str, status: &str, parts: [&str; 2]) {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).unwrap().port().to_string();
    let output = run(dir, &["doctor", "--json"], &[&[("PORT", port.as_str())], variables].concat());
    let shown = json_of(&output);
    let (found_status, found, todo) = check_of(&shown, name);
    assert_eq!(found_status, status, "{found}");
    assert!(found.contains(parts[0]) && todo.contains(parts[1]), "{found} / {todo}");
    assert_eq!(output.status.code(), Some(i32::from(status == "broken")), "{shown}");
}

#[test]
fn every_setting_is_shown_with_its_origin_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let file = "timezone = \"Europe/Berlin\"\negress_allow = [\"10.0.0.0/8\", \"db\"]\n";
    std::fs::write(dir.path().join("linkflow.toml"), file).unwrap();
    let variables = [("SECRET_KEY", SECRET), ("WORKER_CONCURRENCY", "3")];
    let output = run(dir.path(), &["config", "--json", "--port", "9000"], &variables);
    assert_eq!(output.status.code(), Some(0));
    let shown = json_of(&output);
    assert_eq!(
        (&setting(&shown, "port")["value"], &setting(&shown, "port")["origin"]),
        (&9000.into(), &"flag".into())
    );
    assert_eq!(setting(&shown, "worker_concurrency")["origin"], "env");
    assert_eq!(setting(&shown, "timezone")["line"], 1);
    assert_eq!(setting(&shown, "egress_allow")["value"], "10.0.0.0/8,db");
    assert_eq!(setting(&shown, "session_days")["origin"], "default");
    assert_eq!(setting(&shown, "secret_key")["value"], "(hidden)");
    let plain = run(dir.path(), &["config"], &variables);
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert!(
        plain.contains("linkflow.toml:2]") && plain.contains("[environment WORKER_CONCURRENCY]"),
        "{plain}"
    );
    assert!(!plain.contains(&SECRET[..8]) && !shown.to_string().contains(&SECRET[..8]));
}

#[test]
fn wrong_settings_are_all_named_at_once_and_nothing_starts() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.toml");
    std::fs::write(&file, "prot = 1\nport = \"many\"\n").unwrap();
    let config = file.to_str().unwrap();
    let data = dir.path().join("data");
    let served = run(&data, &["serve", "--config", config], &[("TIMEZONE", "Mars"), ("LOG", "a=b=c")]);
    assert_eq!(served.status.code(), Some(2));
    let said = String::from_utf8(served.stderr).unwrap();
    for part in [
        "4 settings are wrong",
        "a.toml:1: there is no setting `prot`; did you mean `port`?",
        "a.toml:2: `port` must be a whole number from 0 to 65535, got the text \"many\"",
        "in the environment, `TIMEZONE` must be a time zone such as Europe/Berlin, got \"Mars\"",
        "in the environment, `LOG` must be a filter",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!data.exists(), "nothing was made");
    let shown = run(&data, &["config", "--json"], &[("LINKFLOW_CONFIG", config)]);
    assert_eq!(shown.status.code(), Some(1));
    assert_eq!(json_of(&shown)["problems"].as_array().unwrap().len(), 2);
}

#[test]
fn a_settings_file_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let check = |path: &Path, parts: [&str; 2]| {
        let output = run(dir.path(), &["serve", "--config", path.to_str().unwrap()], &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    };
    check(&dir.path().join("none.toml"), ["none.toml cannot be read", "--config"]);
    check(dir.path(), ["cannot be read", "--config"]);
    let file = dir.path().join("bad.toml");
    std::fs::write(&file, "port = 1\nhost = [\n").unwrap();
    check(&file, ["bad.toml:", "this is no TOML"]);
    std::fs::write(&file, [0xff, 0xfe, 0x00]).unwrap();
    check(&file, ["bad.toml cannot be read", "UTF-8"]);
}

#[tokio::test]
async fn a_sound_folder_is_sound_before_the_first_start_beside_a_server_and_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    check_doctor(&data, &[], "database", "ok", ["there is none", ""]);
    assert!(!data.exists(), "looking makes nothing");
    let server = Server::start(&data).await;
    let port = server.port().to_string();
    let shown = json_of(&run(&data, &["doctor", "--json", "--port", &port], &[]));
    assert_eq!(shown["ok"], true, "{shown}");
    assert!(check_of(&shown, "port").1.contains(&format!("process {} serves", server.pid())), "{shown}");
    server.kill();
    check_doctor(&data, &[], "database", "ok", ["sound", ""]);
    check_doctor(&data, &[], "sandbox", "ok", ["", ""]);
}

#[tokio::test]
async fn what_is_broken_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    Server::start(&data).await.kill();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let shown = json_of(&run(&data, &["doctor", "--json", "--port", &port], &[]));
    assert_eq!(check_of(&shown, "port").0, "broken", "{shown}");
    check_doctor(&data, &[("SECRET_KEY", "short")], "key", "broken", ["64 hex digits", "openssl"]);
    check_doctor(&data, &[("TIMEZONE", "Mars")], "settings", "broken", ["TIMEZONE", "linkflow config"]);
    let key = data.join("secret.key");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&key, open).unwrap();
    check_doctor(&data, &[], "key", "warning", ["others can read", "chmod 600"]);
    // What the log holds would stand in for it.
    std::fs::remove_file(data.join("linkflow.db-wal")).unwrap();
    std::fs::write(data.join("linkflow.db"), "no database at all, but text of some length").unwrap();
    check_doctor(&data, &[], "database", "broken", ["damaged", "copy"]);
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    check_doctor(&file, &[], "data", "broken", ["is not a folder", "--data-dir"]);
}
