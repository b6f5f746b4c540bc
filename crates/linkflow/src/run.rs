//! `linkflow run FILE`: one workflow, without a server.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use linkflow_model::{Item, Status, Workflow};
use linkflow_runtime::contract::Finished;
use linkflow_runtime::{Alone, run_alone};
use serde_json::{Map, Value, json};

use crate::args::Run;
use crate::wiring::{Wiring, services};

pub fn run(args: &Run) -> anyhow::Result<u8> {
    let workflow = Arc::new(read(&args.file)?);
    let items = args.input.as_deref().map(read_items).transpose()?;
    let blobs = std::env::temp_dir().join(format!("linkflow-run-{}", std::process::id()));
    let files = match &args.files_dir {
        Some(dir) => dir.clone(),
        None => std::env::current_dir().context("the current folder cannot be found")?,
    };
    let wiring = Wiring {
        blobs: blobs.clone(),
        files: Some(files),
        own_machine: true,
        egress_allow: args.egress_allow.clone(),
        timezone: args.timezone.clone(),
        public_url: "http://localhost:8090".to_owned(),
        signing_secret: vec![0; 32],
    };
    let mut alone = Alone::new(workflow);
    alone.start = args.start.clone();
    alone.items = items;
    alone.use_pins = !args.no_pins;
    alone.siblings = Arc::new(siblings(&args.with)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async { run_alone(services(wiring)?, alone).await.map_err(anyhow::Error::from) });
    let _ = std::fs::remove_dir_all(&blobs);
    let ended = ended?;
    if args.json {
        println!("{}", shown(&ended));
    } else {
        print(&ended);
    }
    Ok(u8::from(ended.status != Status::Success))
}

fn read(path: &Path) -> anyhow::Result<Workflow> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let imported = linkflow_import::read(&bytes).with_context(|| format!("{} is no workflow", path.display()))?;
    for note in imported.report.iter().filter(|n| !n.message.is_empty()) {
        eprintln!("note: {} ({}): {}", note.name, note.node_type, note.message);
    }
    Ok(imported.workflow)
}

fn read_items(path: &Path) -> anyhow::Result<Vec<Item>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let value: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let list = match value {
        Value::Array(list) => list,
        one => vec![one],
    };
    list.into_iter()
        .map(|value| match &value {
            Value::Object(o) if o.contains_key("json") => {
                serde_json::from_value(value).with_context(|| format!("{} holds no items", path.display()))
            }
            _ => Ok(Item::from_value(value)),
        })
        .collect()
}

fn siblings(paths: &[std::path::PathBuf]) -> anyhow::Result<HashMap<String, Arc<Workflow>>> {
    let mut siblings = HashMap::new();
    for path in paths {
        let workflow = Arc::new(read(path)?);
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned());
        let origin = workflow.origin.as_ref().and_then(|o| o.get("id")).and_then(Value::as_str).map(str::to_owned);
        for id in [workflow.id.map(|id| id.to_string()), origin, stem].into_iter().flatten() {
            siblings.insert(id, workflow.clone());
        }
    }
    Ok(siblings)
}

fn shown(ended: &Finished) -> Value {
    let mut nodes = Map::new();
    for (name, runs) in &ended.nodes {
        let runs: Vec<Value> = runs
            .iter()
            .map(|run| json!({"outputs": run.outputs, "error": run.error.as_ref().map(|e| &e.message)}))
            .collect();
        nodes.insert(name.clone(), Value::Array(runs));
    }
    let order: Vec<&String> = ended.nodes.iter().map(|(name, _)| name).collect();
    let status = if ended.status == Status::Success { "success" } else { "error" };
    json!({"status": status, "error": ended.error.as_ref().map(|e| &e.message), "order": order, "nodes": nodes})
}

fn print(ended: &Finished) {
    for (name, runs) in &ended.nodes {
        for run in runs {
            let counts: Vec<String> = run.outputs.iter().map(|o| o.len().to_string()).collect();
            println!("{name}: {} items", counts.join(" + "));
            for item in run.outputs.iter().flat_map(|o| o.iter()).take(20) {
                println!("  {}", Value::Object((*item.json).clone()));
            }
            if let Some(error) = &run.error {
                println!("  error: {}", error.message);
            }
        }
    }
    match &ended.error {
        Some(error) => println!("failed: {}", error.message),
        None => println!("{}", ended.status.as_str()),
    }
}
