//! `linkflow run FILE`: one workflow, without a server.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use base64::Engine;
use linkflow_model::{Item, Status, Workflow};
use linkflow_node::Blobs;
use linkflow_runtime::contract::Finished;
use linkflow_runtime::{Alone, AloneEnd, run_alone};
use serde_json::{Map, Value, json};

use crate::args::Run;
use crate::progress::spinner;
use crate::settings::Settings;
use crate::wiring::{Wiring, services};

/// Files up to this size are printed with their content.
const SHOWN_BYTES_MAX: u64 = 1 << 20;

pub fn run(args: &Run) -> anyhow::Result<u8> {
    let workflow = Arc::new(read(&args.file)?);
    let items = args.input.as_deref().map(read_items).transpose()?;
    let blobs = std::env::temp_dir().join(format!("linkflow-run-{}", std::process::id()));
    let settings = Settings::read(&args.settings.given())?;
    let files = match &settings.files_dir {
        Some(dir) => dir.clone(),
        None => std::env::current_dir().context("the current folder cannot be found")?,
    };
    let wiring = Wiring {
        blobs: blobs.clone(),
        files: Some(files),
        own_machine: true,
        egress_allow: settings.egress_allow.clone(),
        commands: settings.execute_command,
        timezone: settings.timezone.clone(),
        public_url: "http://localhost:8090".to_owned(),
        signing_secret: vec![0; 32],
    };
    let mut alone = Alone::new(workflow);
    alone.start = args.start.clone();
    alone.items = items;
    alone.use_pins = !args.no_pins;
    alone.siblings = Arc::new(siblings(&args.with)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let services = services(wiring)?;
        let progress = spinner("runs");
        let ended = run_alone(services.clone(), alone).await;
        progress.finish_and_clear();
        let ended = ended?;
        let shown = if args.json { Some(shown(&ended, &services.blobs).await) } else { None };
        Ok::<_, anyhow::Error>((ended, shown))
    });
    let _ = std::fs::remove_dir_all(&blobs);
    let (ended, shown) = ended?;
    crate::signals::end_with_the_reader();
    match shown {
        Some(shown) => println!("{shown}"),
        None => print(&ended.finished),
    }
    Ok(u8::from(ended.finished.status != Status::Success))
}

fn read(path: &Path) -> anyhow::Result<Workflow> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let imported =
        linkflow_import::read(&bytes).with_context(|| format!("{} is no workflow", path.display()))?;
    for note in imported.report.iter().filter(|n| !n.message.is_empty()) {
        eprintln!("note: {} ({}): {}", note.name, note.node_type, note.message);
    }
    Ok(imported.workflow)
}

fn read_items(path: &Path) -> anyhow::Result<Vec<Item>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let value: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
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
        let origin =
            workflow.origin.as_ref().and_then(|o| o.get("id")).and_then(Value::as_str).map(str::to_owned);
        for id in [workflow.id.map(|id| id.to_string()), origin, stem].into_iter().flatten() {
            siblings.insert(id, workflow.clone());
        }
    }
    Ok(siblings)
}

async fn shown(end: &AloneEnd, blobs: &Blobs) -> Value {
    let ended = &end.finished;
    let mut nodes = Map::new();
    for (name, runs) in &ended.nodes {
        let mut list = Vec::with_capacity(runs.len());
        for run in runs {
            let mut outputs = json!(run.outputs);
            add_data(&mut outputs, blobs).await;
            list.push(json!({"outputs": outputs, "error": run.error.as_ref().map(|e| &e.message)}));
        }
        nodes.insert(name.clone(), Value::Array(list));
    }
    let status = if ended.status == Status::Success { "success" } else { "error" };
    let error = ended.error.as_ref().map(|e| &e.message);
    json!({"status": status, "error": error, "order": end.order, "nodes": nodes})
}

/// Puts the content of small files beside their description: the folder with them goes away.
async fn add_data(outputs: &mut Value, blobs: &Blobs) {
    let items = outputs.as_array_mut().into_iter().flatten().filter_map(Value::as_array_mut).flatten();
    for item in items {
        for (_, file) in item.get_mut("binary").and_then(Value::as_object_mut).into_iter().flatten() {
            let small = file["bytes"].as_u64().is_some_and(|n| n <= SHOWN_BYTES_MAX);
            let Some(id) = file["id"].as_str().filter(|_| small) else { continue };
            if let Ok(bytes) = blobs.get(id).await {
                file["data"] = Value::String(base64::engine::general_purpose::STANDARD.encode(bytes));
            }
        }
    }
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
