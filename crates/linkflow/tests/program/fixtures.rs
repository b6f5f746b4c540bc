//! Workflows in n8n's format, each with the items, the order and the pairing that n8n gives,
//! through import, engine and nodes.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

fn fixtures() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../linkflow-nodes/tests/n8n");
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .expect("the fixtures are there")
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    files
}

fn run(file: &Path, dir: &Path) -> Value {
    let fixture: Value = serde_json::from_slice(&std::fs::read(file).expect("readable")).expect("JSON");
    let workflow = dir.join(file.file_name().expect("a file has a name"));
    std::fs::write(&workflow, fixture["workflow"].to_string()).expect("writable");
    let output = Command::new(env!("CARGO_BIN_EXE_linkflow"))
        .args(["run", "--json"])
        .arg(&workflow)
        .output()
        .expect("the program starts");
    let found = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| json!({"stderr": String::from_utf8_lossy(&output.stderr)}));
    json!({"expected": fixture["expected"], "found": found})
}

/// Items of a run as they are compared: pairs in one form, nothing behind the last full output.
fn plain(run: &Value) -> Value {
    let mut outputs: Vec<Value> = run["outputs"].as_array().cloned().unwrap_or_default();
    while outputs.last().is_some_and(|o| o.as_array().is_none_or(Vec::is_empty)) {
        outputs.pop();
    }
    outputs
        .iter()
        .map(|port| port.as_array().into_iter().flatten().map(plain_item).collect::<Value>())
        .collect()
}

fn plain_item(item: &Value) -> Value {
    let pair = |p: &Value| match p {
        Value::Number(n) => json!([n, 0]),
        p => json!([p["item"], p.get("input").cloned().unwrap_or(json!(0))]),
    };
    let pairs: Vec<Value> = match item.get("pairedItem") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.iter().map(pair).collect(),
        Some(one) => vec![pair(one)],
    };
    let files: Map<String, Value> = item
        .get("binary")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, file)| (name.clone(), json!([file["mimeType"], file["data"]])))
        .collect();
    json!({"json": item["json"], "pairs": pairs, "files": files})
}

/// Equal, where `*` in what is expected stands for any text of n8n's own.
fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (_, Value::String(star)) if star == "*" => true,
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && b.iter().all(|(k, v)| a.get(k).is_some_and(|found| same(found, v)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (a, b) => a == b,
    }
}

fn difference(found: &Value, expected: &Value) -> Option<String> {
    if found["status"] != expected["status"] {
        return Some(format!("status {} ({})", found["status"], found["error"]));
    }
    if !expected["order"].is_null() && found["order"] != expected["order"] {
        return Some(format!("order {} instead of {}", found["order"], expected["order"]));
    }
    for (node, runs) in expected["nodes"].as_object()? {
        let (found, expected) = (found["nodes"][node].as_array()?, runs.as_array()?);
        if found.len() != expected.len() {
            return Some(format!("{node}: {} runs instead of {}", found.len(), expected.len()));
        }
        for (found, expected) in found.iter().zip(expected) {
            let (found, expected) = (plain(found), plain(expected));
            if !same(&found, &expected) {
                return Some(format!("{node}: {found}\n   instead of {expected}"));
            }
        }
    }
    None
}

/// What is wrong with one workflow, if anything is.
fn wrong(file: &Path, dir: &Path) -> Option<String> {
    let ran = run(file, dir);
    let difference = difference(&ran["found"], &ran["expected"])?;
    let name = file.file_name().expect("a file has a name").to_string_lossy();
    Some(format!("{name}: {difference} {}", ran["found"]["stderr"]))
}

#[test]
fn every_workflow_gives_what_n8n_gives() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let files = fixtures();
    assert!(files.len() > 700, "only {} fixtures were found", files.len());
    // Several at a time: each run is a process of its own.
    let n_threads = std::thread::available_parallelism().map_or(2, usize::from);
    let compare =
        |some: &[PathBuf]| some.iter().filter_map(|file| wrong(file, dir.path())).collect::<Vec<_>>();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let shares = files.chunks(files.len().div_ceil(n_threads));
        let runs: Vec<_> = shares.map(|some| scope.spawn(move || compare(some))).collect();
        runs.into_iter().flat_map(|run| run.join().expect("no comparison panics")).collect()
    });
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}

#[test]
fn the_comparison_sees_a_difference() {
    let run = |n: i64| {
        let outputs = json!([[{"json": {"n": n}, "pairedItem": 0}]]);
        json!({"status": "success", "order": ["A"], "nodes": {"A": [{"outputs": outputs}]}})
    };
    assert_eq!(difference(&run(1), &run(1)), None);
    assert!(difference(&run(1), &run(2)).is_some());
    let mut unpaired = run(1);
    unpaired["nodes"]["A"][0]["outputs"][0][0]["pairedItem"] = json!(3);
    assert!(difference(&unpaired, &run(1)).is_some());
}
