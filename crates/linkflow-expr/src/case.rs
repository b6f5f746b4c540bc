//! Evaluates one line of `linkflow eval --cases`: an expression with the little world it names.
//!
//! The world is a chain: the nodes of the context in their order, then the node that gives the
//! item, then the one that asks.

use std::sync::{Arc, OnceLock};

use linkflow_model::{
    Edge, History, Item, Items, Millis, Mode, Node, Object, Paired, Run, Shape, Source, Workflow,
};
use serde_json::{Map, Value, json};

use crate::{Env, Resolved, Scope, Template};

const INPUT: &str = "Input";
const ASKING: &str = "Node";
/// More items are not made up for a high item index.
const ITEM_INDEX_MAX: usize = 100_000;

/// The answer to a line: `{"value", "type"}` or `{"error"}`. Keys it does not know are ignored.
pub fn eval_case(line: &Value) -> Value {
    match evaluate(line) {
        Ok(resolved) => answer(resolved),
        Err(error) => json!({"error": error}),
    }
}

fn answer(resolved: Resolved) -> Value {
    let kind = resolved.type_name();
    let mut object = Map::with_capacity(2);
    object.insert("value".to_owned(), resolved.into_json());
    object.insert("type".to_owned(), Value::String(kind.to_owned()));
    Value::Object(object)
}

fn evaluate(line: &Value) -> Result<Resolved, String> {
    let expression = line.get("expression").and_then(Value::as_str).ok_or("`expression` must be a text")?;
    let Some(source) = expression.strip_prefix('=') else {
        return Ok(Resolved::Json(Value::String(expression.to_owned())));
    };
    let template = Template::parse(source).map_err(|e| e.to_string())?;
    let world = World::of(line)?;
    template.evaluate(&world.scope()).map_err(|e| e.to_string())
}

struct World {
    env: Env,
    history: History,
    node: usize,
    run: usize,
    item: usize,
    inputs: Vec<Items>,
    sources: Vec<Option<Source>>,
    params: Object,
}

impl World {
    fn of(line: &Value) -> Result<World, String> {
        let empty = Object::new();
        let context = line.get("context").and_then(Value::as_object).unwrap_or(&empty);
        let index = |key: &str| context.get(key).and_then(Value::as_u64).unwrap_or(0) as usize;
        let item = index("itemIndex");
        if item > ITEM_INDEX_MAX {
            return Err(format!("`itemIndex` must be at most {ITEM_INDEX_MAX}, got {item}"));
        }
        let json = line.get("json").or_else(|| context.get("json"));
        let mut chain = chain_of(context);
        if json.is_some() || context.contains_key("items") || chain.is_empty() {
            let items = match context.get("items") {
                Some(items) => read_items(items),
                None => vec![input_item(json, context); item + 1],
            };
            chain.push((INPUT.to_owned(), vec![items]));
        }
        let shape = shape_of(&chain);
        let node = chain.len();
        let (history, inputs, source) = run_chain(shape, chain);
        Ok(World {
            env: env_of(context)?,
            history,
            node,
            run: index("runIndex"),
            item,
            inputs: vec![inputs],
            sources: vec![source],
            params: context.get("parameters").and_then(Value::as_object).cloned().unwrap_or_default(),
        })
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            env: &self.env,
            history: &self.history,
            node: self.node,
            run: self.run,
            inputs: &self.inputs,
            sources: &self.sources,
            item: self.item,
            params: &self.params,
        }
    }
}

type Chain = Vec<(String, Vec<Vec<Item>>)>;

/// The nodes of the context with the items of each run.
fn chain_of(context: &Object) -> Chain {
    let Some(nodes) = context.get("nodes").and_then(Value::as_object) else { return Vec::new() };
    let runs = |node: &Value| match (node.get("runs"), node.get("items"), node.get("json")) {
        (Some(Value::Array(runs)), _, _) => {
            runs.iter().map(|r| read_items(r.get("items").unwrap_or(r))).collect()
        }
        (_, Some(items), _) => vec![read_items(items)],
        (_, _, Some(json)) => vec![read_items(json)],
        _ => Vec::new(),
    };
    nodes.iter().map(|(name, node)| (name.clone(), runs(node))).collect()
}

fn read_items(value: &Value) -> Vec<Item> {
    match value {
        Value::Array(list) => list.iter().map(read_item).collect(),
        one => vec![read_item(one)],
    }
}

/// An item in its wire form, or a bare json.
fn read_item(value: &Value) -> Item {
    let Some(Value::Object(json)) = value.get("json") else { return Item::from_value(value.clone()) };
    let mut item = serde_json::from_value(value.clone()).unwrap_or_else(|_| Item::new(json.clone()));
    if value.get("pairedItem").is_some() && item.paired.is_unknown() {
        item.paired = Paired::Many(Vec::new());
    }
    item
}

fn input_item(json: Option<&Value>, context: &Object) -> Item {
    let json = json.and_then(Value::as_object).cloned().unwrap_or_default();
    let mut item = Item::new(json);
    if let Some(binary) = context.get("binary") {
        item.binary = serde_json::from_value(binary.clone()).ok().map(Arc::new);
    }
    item
}

/// The shape of a chain; the one without further nodes is always the same.
fn shape_of(chain: &Chain) -> Arc<Shape> {
    static SHORT: OnceLock<Arc<Shape>> = OnceLock::new();
    let build = || {
        let names: Vec<&str> = chain.iter().map(|(n, _)| n.as_str()).chain([ASKING]).collect();
        let node = |name: &&str| Node {
            id: (*name).to_owned(),
            name: (*name).to_owned(),
            version: 1,
            ..Node::default()
        };
        let workflow = Workflow {
            nodes: names.iter().map(node).collect(),
            edges: names.windows(2).map(|pair| Edge::main(pair[0], 0, pair[1], 0)).collect(),
            ..Workflow::default()
        };
        Arc::new(Shape::of(&workflow))
    };
    if chain.len() == 1 && chain[0].0 == INPUT { SHORT.get_or_init(build).clone() } else { build() }
}

/// The record of the chain, and what it hands to the asking node.
fn run_chain(shape: Arc<Shape>, chain: Chain) -> (History, Items, Option<Source>) {
    let mut history = History::new(shape);
    let mut before: Option<(Source, usize)> = None;
    let mut last = (Items::default(), None);
    for (node, (_, runs)) in chain.into_iter().enumerate() {
        let (n_runs, input) = (runs.len(), before);
        for (run, mut items) in runs.into_iter().enumerate() {
            pair_up(&mut items, input.map_or(usize::MAX, |(_, n)| n));
            let items = Arc::new(items);
            let source = Source { node: node as u32, run: run as u32, output: 0 };
            before = Some((source, items.len()));
            last = (items.clone(), Some(source));
            // Between the nodes of the chain the first run feeds.
            let inputs = input.map(|(source, _)| vec![Some(Source { run: 0, ..source })]).unwrap_or_default();
            history.push(node, Run { inputs, outputs: vec![items], ..Run::default() });
        }
        if n_runs == 0 {
            before = None;
            last = (Items::default(), None);
        }
    }
    (history, last.0, last.1)
}

/// Items that do not say from which one they were made follow the order.
fn pair_up(items: &mut [Item], n_before: usize) {
    for (i, item) in items.iter_mut().enumerate().filter(|_| n_before > 0) {
        if item.paired.is_unknown() {
            item.paired = Paired::to(i.min(n_before - 1));
        }
    }
}

fn env_of(context: &Object) -> Result<Env, String> {
    let text = |object: Option<&Value>, key: &str, otherwise: &str| {
        let value = object.and_then(|o| o.get(key));
        match value {
            Some(Value::String(text)) => text.clone(),
            Some(other) if !other.is_null() => other.to_string(),
            _ => otherwise.to_owned(),
        }
    };
    let (workflow, execution) = (context.get("workflow"), context.get("execution"));
    let mode = execution.and_then(|e| e.get("mode")).or_else(|| context.get("mode"));
    Ok(Env {
        workflow_id: text(workflow, "id", ""),
        workflow_name: text(workflow, "name", ""),
        workflow_active: workflow.and_then(|w| w.get("active")).and_then(Value::as_bool).unwrap_or(false),
        execution_id: text(execution, "id", "1"),
        mode: match mode.and_then(Value::as_str) {
            None | Some("manual" | "test") => Mode::Manual,
            Some(name) => Mode::parse(name).unwrap_or(Mode::Trigger),
        },
        resume_url: text(execution, "resumeUrl", ""),
        resume_form_url: text(execution, "resumeFormUrl", ""),
        timezone: context.get("timezone").and_then(Value::as_str).unwrap_or("UTC").to_owned(),
        now: now_of(context.get("now"))?,
        vars: context.get("vars").and_then(Value::as_object).cloned().map(Arc::new).unwrap_or_default(),
        ..Env::default()
    })
}

/// The time that a case gives, as milliseconds or ISO text; without one, that of the machine:
/// whoever asks on the command line means now.
fn now_of(value: Option<&Value>) -> Result<Millis, String> {
    match value {
        None | Some(Value::Null) => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            Ok(Millis(now.as_millis() as i64))
        }
        Some(Value::Number(n)) => Ok(Millis(n.as_f64().unwrap_or(0.0) as i64)),
        Some(Value::String(text)) => text
            .parse::<jiff::Timestamp>()
            .map(|t| Millis(t.as_millisecond()))
            .or_else(|_| {
                format!("{text}T00:00:00Z").parse::<jiff::Timestamp>().map(|t| Millis(t.as_millisecond()))
            })
            .map_err(|_| format!("`now` must be a time such as 2024-06-15T10:20:30Z, got {text:?}")),
        Some(other) => Err(format!("`now` must be a time, got {other}")),
    }
}
