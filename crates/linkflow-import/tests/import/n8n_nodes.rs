//! Nodes of n8n files, imported and run on their own, give what n8n gives.
//!
//! Most files in `linkflow-nodes/tests/n8n` hold a workflow whose node `T` gets pinned items, and
//! what comes out of it. The others (`flow-..`, loops) record whole flows, run by run. Where a text in
//! them is `*`, it differs between the two.

use std::path::PathBuf;
use std::sync::Arc;

use linkflow_expr::{Compiled, Env};
use linkflow_import::n8n;
use linkflow_model::{History, Item, Items, OnError, Order, Run, Shape, Source, Workflow};
use linkflow_node::testing::{NOW, TestHost, ctx};
use linkflow_node::{Outcome, RunInput};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::n8n_file::any_json;

fn folder() -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../linkflow-nodes/tests/n8n");
    std::env::var_os("LINKFLOW_N8N_CASES").map_or_else(|| own.into(), Into::into)
}

/// The pinned items that reach each input of node `at`.
fn inputs_of(workflow: &Workflow, at: usize) -> Vec<Items> {
    let id = &workflow.nodes[at].id;
    let n = workflow.edges.iter().filter(|e| e.to.node == *id).map(|e| e.to.port + 1).max().unwrap_or(1);
    let items = |port: u32| -> Items {
        let edge = workflow.edges.iter().find(|e| e.to.node == *id && e.to.port == port);
        let source = edge.and_then(|e| workflow.node(&e.from.node));
        let pinned = source.and_then(|s| workflow.pinned.get(&s.name)).cloned().unwrap_or_default();
        Arc::new(pinned.into_iter().map(item).collect())
    };
    (0..n).map(items).collect()
}

/// An item of pinned data, where files hold their bytes instead of a name in the blob store.
fn item(mut pinned: Value) -> Item {
    if let Some(files) = pinned.get_mut("binary").and_then(Value::as_object_mut) {
        for file in files.values_mut() {
            let bytes = file["data"].clone();
            file["id"] = bytes;
        }
    }
    serde_json::from_value(pinned).expect("an item")
}

fn run_input(workflow: &Workflow, at: usize) -> Arc<RunInput> {
    let inputs = inputs_of(workflow, at);
    let params = Arc::new(workflow.nodes[at].params.clone());
    let items = inputs.iter().find(|i| !i.is_empty()).cloned().unwrap_or_default();
    Arc::new(RunInput {
        items,
        sources: vec![None; inputs.len()],
        inputs,
        compiled: Arc::new(Compiled::of_object(&params)),
        params,
        env: Arc::new(Env { now: NOW, ..Env::default() }),
        history: Arc::new(History::new(Arc::new(Shape::of(workflow)))),
        node: at,
        run: 0,
    })
}

/// What comes out of `T`: its outputs, or `"error"`.
async fn outcome(file: &Value, dir: &std::path::Path) -> Value {
    let workflow = n8n::read(file["workflow"].as_object().expect("a workflow")).workflow;
    let at = workflow.nodes.iter().position(|n| n.name == "T").expect("a node T");
    let node = &workflow.nodes[at];
    let Some(kind) = linkflow_nodes::find(&node.kind) else { return json!(format!("no kind {}", node.kind)) };
    let mut ctx = ctx(dir, Arc::new(TestHost::default()));
    ctx.on_error = node.on_error;
    ctx.timezone = workflow.settings.timezone.clone().unwrap_or("UTC".to_owned());
    match kind.run(run_input(&workflow, at), &ctx).await {
        Ok(Outcome::Items(outputs)) => json!(outputs.ports),
        Ok(other) => json!(format!("{other:?}")),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

/// Trailing empty outputs, and how a message is worded, make no difference.
fn plain(outcome: &Value) -> Value {
    if outcome.get("error").is_some() || outcome.is_null() {
        return json!("error");
    }
    let Some(ports) = outcome.as_array() else { return outcome.clone() };
    let mut ports = ports.clone();
    while ports.last().is_some_and(|port| port.as_array().is_none_or(Vec::is_empty)) {
        ports.pop();
    }
    for item in ports.iter_mut().filter_map(Value::as_array_mut).flatten() {
        let Some(item) = item.as_object_mut() else { continue };
        if item["json"].get("error").is_some() {
            item["json"] = json!({ "error": "message" });
            item.shift_remove("pairedItem");
        }
        item.shift_remove("error");
        // A list of one pair says the same as the pair.
        if let Some([pair]) = item.get("pairedItem").and_then(Value::as_array).map(Vec::as_slice) {
            item["pairedItem"] = pair.clone();
        }
        if item.get("binary") == Some(&json!({})) {
            item.shift_remove("binary");
        }
        if let Some(binary) = item.get_mut("binary").and_then(Value::as_object_mut) {
            binary.values_mut().for_each(|file| *file = json!("file"));
        }
    }
    json!(ports)
}

/// Flows with code or other workflows are run by the program's own test.
fn needs_the_program(text: &str) -> bool {
    ["nodes-base.code\"", "nodes-base.function", "nodes-base.executeWorkflow\""]
        .iter()
        .any(|t| text.contains(t))
}

#[tokio::test]
async fn imported_nodes_give_what_n8n_gives() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut differ = Vec::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder()).expect("the cases").map(|f| f.expect("a file").path()).collect();
    files.sort();
    for path in &files {
        let text = std::fs::read_to_string(path).expect("a readable case");
        let file: Value = serde_json::from_str(&text).expect("a case is JSON");
        let runs = file["expected"]["nodes"]["T"].as_array().map_or(&[][..], Vec::as_slice);
        let [run] = runs else { continue };
        if needs_the_program(&text) {
            continue;
        }
        let expected = if run["error"].is_null() { &run["outputs"] } else { &json!({ "error": "any" }) };
        if file["workflow"].to_string().contains("continueErrorOutput") {
            continue; // what goes to the error output is not decided by the node
        }
        let found = outcome(&file, dir.path()).await;
        if plain(&found) != plain(expected) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            differ.push(format!("{name}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(differ.is_empty(), "{} of {} differ:\n{}", differ.len(), files.len(), differ.join("\n"));
}

/// Goes through the runs of a recorded flow in their order, and runs each node on what n8n gave it.
struct Replay<'f> {
    file: &'f Value,
    workflow: Workflow,
    history: History,
    states: std::collections::HashMap<usize, Value>,
}

impl Replay<'_> {
    fn source(&self, given: &Value) -> Option<Source> {
        let node = self.history.shape.node(given["previousNode"].as_str()?)?;
        let number = |key: &str| given[key].as_u64().unwrap_or(0) as u32;
        let (run, output) = (number("previousNodeRun"), number("previousNodeOutput"));
        Some(Source { node: node as u32, run, output })
    }

    fn input(&self, at: usize, sources: &[Option<Source>]) -> Arc<RunInput> {
        let node = &self.workflow.nodes[at];
        let items = |source: &Option<Source>| source.map(|s| self.history.items(s)).unwrap_or_default();
        let inputs: Vec<Items> = sources.iter().map(items).collect();
        let mut items = inputs.iter().find(|i| !i.is_empty()).cloned().unwrap_or_default();
        if node.execute_once {
            items = Arc::new(items.iter().take(1).cloned().collect());
        }
        let params = Arc::new(node.params.clone());
        Arc::new(RunInput {
            items,
            sources: sources.to_vec(),
            inputs,
            compiled: Arc::new(Compiled::of_object(&params)),
            params,
            env: Arc::new(Env { now: NOW, ..Env::default() }),
            history: Arc::new(self.history.clone()),
            node: at,
            run: self.history.runs(at).len(),
        })
    }

    /// Runs the next run of node `at` and gives what differs; then takes over what n8n gave.
    async fn step(&mut self, at: usize, dir: &std::path::Path) -> Option<String> {
        let node = self.workflow.nodes[at].clone();
        let run = self.history.runs(at).len();
        let expected = self.file["expected"]["nodes"][&node.name][run].clone();
        let given = expected["source"].as_array().cloned().unwrap_or_default();
        let sources: Vec<Option<Source>> = given.iter().map(|s| self.source(s)).collect();
        let mut differs = None;
        let decided_by_engine = node.disabled
            || node.always_output
            || node.on_error != OnError::Stop
            || self.workflow.pinned.contains_key(&node.name);
        if !decided_by_engine {
            let found = self.run(at, &sources, dir).await;
            let wanted =
                if expected["error"].is_null() { &expected["outputs"] } else { &json!({ "error": "any" }) };
            if plain(&found) != plain(wanted) {
                differs = Some(format!("{} run {run}\n  expected {wanted}\n  found    {found}", node.name));
            }
        }
        let outputs = expected["outputs"].as_array().cloned().unwrap_or_default();
        let items =
            |port: &Value| port.as_array().cloned().unwrap_or_default().into_iter().map(item).collect();
        let outputs = outputs.iter().map(|port| Arc::new(items(port))).collect();
        self.history.push(
            at,
            Run { inputs: sources, outputs, state: self.states.get(&at).cloned(), ..Run::default() },
        );
        differs
    }

    async fn run(&mut self, at: usize, sources: &[Option<Source>], dir: &std::path::Path) -> Value {
        let node = &self.workflow.nodes[at];
        let kind = linkflow_nodes::find(&node.kind).expect("a known kind");
        let mut ctx = ctx(dir, Arc::new(TestHost::default()));
        ctx.state = self.states.get(&at).cloned();
        match kind.run(self.input(at, sources), &ctx).await {
            Ok(Outcome::Items(outputs)) => {
                if let Some(state) = outputs.state {
                    self.states.insert(at, state);
                }
                json!(outputs.ports)
            }
            Ok(other) => json!(format!("{other:?}")),
            Err(error) => json!({ "error": error.to_string() }),
        }
    }
}

#[tokio::test]
async fn each_run_of_a_recorded_flow_gives_what_it_gave_in_n8n() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut differ = Vec::new();
    for entry in std::fs::read_dir(folder()).expect("the cases") {
        let text = std::fs::read_to_string(entry.expect("a file").path()).expect("a readable case");
        let file: Value = serde_json::from_str(&text).expect("a case is JSON");
        if !text.contains("\"source\"") || needs_the_program(&text) {
            continue;
        }
        let workflow = n8n::read(file["workflow"].as_object().expect("a workflow")).workflow;
        if workflow.settings.order == Order::V0 {
            continue; // there, what a run was fed with is not recorded as it was
        }
        let history = History::new(Arc::new(Shape::of(&workflow)));
        let mut replay = Replay { file: &file, workflow, history, states: Default::default() };
        for name in file["expected"]["order"].as_array().expect("an order") {
            let at =
                replay.history.shape.node(name.as_str().unwrap_or_default()).expect("a node of the flow");
            if let Some(differs) = replay.step(at, dir.path()).await {
                differ.push(format!("{}: {differs}", file["workflow"]["name"]));
            }
        }
    }
    assert!(differ.is_empty(), "{} runs differ:\n{}", differ.len(), differ.join("\n"));
}

/// Puts `value` in the place of one of the values within `target`.
fn mutate(target: &mut Value, mut at: u64, value: Value) {
    let n = match target {
        Value::Array(list) => list.len(),
        Value::Object(object) => object.len(),
        _ => 0,
    };
    if n == 0 || at.is_multiple_of(7) {
        *target = value;
        return;
    }
    at /= 7;
    let (index, at) = ((at % n as u64) as usize, at / n as u64);
    match target {
        Value::Array(list) => mutate(&mut list[index], at, value),
        Value::Object(object) => {
            if let Some((_, inner)) = object.iter_mut().nth(index) {
                mutate(inner, at, value);
            }
        }
        _ => {}
    }
}

fn cases() -> &'static [Value] {
    static CASES: std::sync::OnceLock<Vec<Value>> = std::sync::OnceLock::new();
    CASES.get_or_init(|| {
        let files = std::fs::read_dir(folder()).expect("the cases");
        let text = |f: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(f.expect("a file").path());
        let read = |text: String| serde_json::from_str::<Value>(&text).expect("JSON");
        let has_t = |file: &Value| file["expected"]["nodes"].get("T").is_some();
        files.map(|f| read(text(f).expect("a readable case"))).filter(has_t).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn no_node_panics_on_strange_parameters_or_items(
        case in any::<prop::sample::Index>(), at in any::<u64>(), of_items in any::<bool>(), value in any_json()
    ) {
        let mut file = case.get(cases()).clone();
        let nodes = file["workflow"]["nodes"].as_array_mut().expect("nodes");
        let node = nodes.iter_mut().find(|n| n["name"] == "T").expect("a node T");
        if of_items {
            let pins = file["workflow"]["pinData"].as_object_mut().expect("pinned data");
            for items in pins.values_mut().filter_map(Value::as_array_mut) {
                items.iter_mut().for_each(|item| mutate(&mut item["json"], at, value.clone()));
            }
        } else {
            mutate(&mut node["parameters"], at, value);
        }
        let dir = tempfile::tempdir().expect("a temporary folder");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _ = runtime.block_on(outcome(&file, dir.path()));
    }
}
