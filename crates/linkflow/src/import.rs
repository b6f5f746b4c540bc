//! `linkflow import --check`.

use linkflow_import::{Verdict, read};
use serde_json::{Value, json};

use crate::args::Import;

pub fn import(args: &Import) -> anyhow::Result<u8> {
    let mut reports = Vec::with_capacity(args.files.len());
    let mut failed = false;
    for file in &args.files {
        let report = match std::fs::read(file).map_err(|e| e.to_string()).and_then(|bytes| check(&bytes)) {
            Ok(mut report) => {
                report["file"] = json!(file.display().to_string());
                report
            }
            Err(error) => {
                failed = true;
                json!({"file": file.display().to_string(), "name": "", "runnable": false, "nodes": [], "error": error})
            }
        };
        reports.push(report);
    }
    if args.json {
        println!("{}", Value::Array(reports));
    } else {
        reports.iter().for_each(print);
    }
    Ok(u8::from(failed))
}

fn check(bytes: &[u8]) -> Result<Value, String> {
    let imported = read(bytes).map_err(|e| e.to_string())?;
    let runnable = imported.report.iter().all(|n| n.verdict.is_runnable());
    Ok(json!({
        "name": imported.workflow.name,
        "runnable": runnable,
        "nodes": imported.report,
        "notes": imported.notes,
    }))
}

fn print(report: &Value) {
    let runnable = if report["runnable"] == true { "runnable" } else { "not runnable" };
    println!("{}: \"{}\", {runnable}", text(&report["file"]), text(&report["name"]));
    if let Some(error) = report.get("error") {
        println!("  {}", text(error));
    }
    let exact = serde_json::to_value(Verdict::Exact).unwrap_or_default();
    for node in report["nodes"].as_array().into_iter().flatten().filter(|n| n["verdict"] != exact) {
        println!(
            "  {:<12} {} ({}): {}",
            text(&node["verdict"]),
            text(&node["name"]),
            text(&node["type"]),
            text(&node["message"])
        );
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
