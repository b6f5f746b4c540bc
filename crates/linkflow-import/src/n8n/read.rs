//! A whole n8n file: its nodes, connections, settings and pinned data.
//!
//! Nothing here looks into the parameters of a node; that is the work of `kinds`. Whatever cannot
//! be understood is kept in `origin` and said in the report or the notes.

use std::collections::BTreeMap;

use linkflow_model::workflow::{CredentialRef, Save};
use linkflow_model::{Node, Object, OnError, Order, Retry, Settings, Workflow};
use serde_json::Value;

use super::edges;
use super::kinds::{self, N8nNode, Translation, Unreadable};
use super::names::{self, Named};
use crate::detect::Imported;
use crate::report::{NodeReport, Verdict};

/// Kinds of nodes for which there is nothing that could run them begin like this; the n8n type
/// follows.
pub const MISSING: &str = "missing:";

/// Types of our own kinds that n8n has no type for begin like this in an n8n file.
pub const OWN: &str = "linkflow.";

/// Reads an n8n workflow. Never fails: what cannot be understood is kept and reported.
pub fn read(file: &Object) -> Imported {
    let mut notes = Vec::new();
    let named = names::give(file.get("nodes"), &mut notes);
    let (nodes, report): (Vec<Node>, Vec<NodeReport>) =
        named.iter().map(|n| read_node(n.whole, &n.id, &n.name)).unzip();
    notes.extend(credentials_to_choose(&nodes));
    let workflow = Workflow {
        id: None,
        name: file.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        description: file.get("description").and_then(Value::as_str).map(str::to_owned),
        settings: settings(file.get("settings")),
        edges: edges::read(file.get("connections"), &named, &mut notes),
        pinned: pinned(file.get("pinData"), &named, &mut notes),
        tags: tags(file.get("tags")),
        origin: Some(beside_the_nodes(file)),
        nodes,
    };
    Imported { workflow, report, notes }
}

fn beside_the_nodes(file: &Object) -> Value {
    Value::Object(
        file.iter().filter(|(key, _)| *key != "nodes").map(|(k, v)| (k.clone(), v.clone())).collect(),
    )
}

/// One node under the id and name that it has here.
pub(super) fn read_node(whole: &Object, id: &str, name: &str) -> (Node, NodeReport) {
    let node_type = whole.get("type").and_then(Value::as_str).unwrap_or_default();
    let version = type_version(whole);
    let none = Object::new();
    let params = whole.get("parameters").and_then(Value::as_object).unwrap_or(&none);
    let source = N8nNode { node_type, version, name, params, whole };
    let (kind, translation, verdict, message) = translate(&source);
    let node = Node {
        id: id.to_owned(),
        name: name.to_owned(),
        kind,
        version: 1,
        position: position(whole.get("position")),
        credentials: credentials(whole.get("credentials"), &translation),
        params: translation.params,
        disabled: flag(whole, "disabled"),
        notes: whole.get("notes").and_then(Value::as_str).filter(|n| !n.is_empty()).map(str::to_owned),
        on_error: on_error(whole),
        retry: retry(whole),
        always_output: flag(whole, "alwaysOutputData"),
        execute_once: flag(whole, "executeOnce"),
        time_limit_ms: None,
        webhook_id: whole.get("webhookId").and_then(Value::as_str).map(str::to_owned),
        origin: Some(Value::Object(whole.clone())),
    };
    let report = NodeReport {
        name: name.to_owned(),
        node_type: node_type.to_owned(),
        type_version: version,
        verdict,
        message,
    };
    (node, report)
}

/// The kind, its parameters, and what is to be said about them.
fn translate(source: &N8nNode<'_>) -> (String, Translation, Verdict, String) {
    let kept = || Translation { params: source.params.clone(), ..Translation::default() };
    let missing = format!("{MISSING}{}", source.node_type);
    if let Some(own) = source.node_type.strip_prefix(OWN) {
        return (own.to_owned(), kept(), Verdict::Exact, String::new());
    }
    let Some(translate) = kinds::find(source.node_type) else {
        let message = match source.node_type {
            "" => "the node has no type; delete it or choose a kind".to_owned(),
            known => format!(
                "there is no kind for {known} yet; the node is kept as it is and fails when it is reached"
            ),
        };
        return (missing, kept(), Verdict::Missing, message);
    };
    match translate(source) {
        Ok(done) => {
            let verdict = if done.differs.is_some() { Verdict::Approximate } else { Verdict::Exact };
            let message = done.differs.clone().unwrap_or_default();
            (done.kind.to_owned(), done, verdict, message)
        }
        Err(Unreadable(why)) => (missing, kept(), Verdict::Unreadable, why),
    }
}

pub(super) fn type_version(whole: &Object) -> f64 {
    whole.get("typeVersion").and_then(number).filter(|v| *v > 0.0).unwrap_or(1.0)
}

fn position(value: Option<&Value>) -> [f64; 2] {
    let at = |i: usize| value.and_then(|v| v.get(i)).and_then(number).unwrap_or(0.0);
    [at(0), at(1)]
}

/// A number, or a text that holds one.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
    .filter(|n: &f64| n.is_finite())
}

fn flag(whole: &Object, key: &str) -> bool {
    whole.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn on_error(whole: &Object) -> OnError {
    match whole.get("onError").and_then(Value::as_str) {
        Some("continueErrorOutput") => OnError::ContinueErrorOutput,
        Some("continueRegularOutput") => OnError::ContinueRegular,
        // The older way to say it counts only where the newer one is silent.
        None if flag(whole, "continueOnFail") => OnError::ContinueRegular,
        _ => OnError::Stop,
    }
}

/// n8n's limits: 2 to 5 tries, 3 when unset; at most 5 s between them, 1 s when unset or 0.
fn retry(whole: &Object) -> Option<Retry> {
    if !flag(whole, "retryOnFail") {
        return None;
    }
    let given = |key: &str| whole.get(key).and_then(number).filter(|n| *n != 0.0);
    Some(Retry {
        max_tries: given("maxTries").unwrap_or(3.0).clamp(2.0, 5.0) as u32,
        wait_ms: given("waitBetweenTries").unwrap_or(1000.0).clamp(0.0, 5000.0) as u64,
        factor: 1,
        max_wait_ms: None,
    })
}

/// Ids of n8n's credentials mean nothing here, so only the names are taken over; `origin` keeps
/// the ids.
fn credentials(value: Option<&Value>, translation: &Translation) -> BTreeMap<String, CredentialRef> {
    let Some(Value::Object(given)) = value else { return BTreeMap::new() };
    let slot = |theirs: &str| {
        let ours = translation.credentials.iter().find(|(n8n, _)| *n8n == theirs);
        ours.map_or(theirs, |(_, ours)| *ours).to_owned()
    };
    given
        .iter()
        .filter_map(|(theirs, credential)| {
            let name = match credential {
                Value::String(name) => name.clone(),
                Value::Object(o) => o.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                _ => return None,
            };
            Some((slot(theirs), CredentialRef { id: None, name }))
        })
        .collect()
}

fn credentials_to_choose(nodes: &[Node]) -> Option<String> {
    let with: Vec<&str> =
        nodes.iter().filter(|n| !n.credentials.is_empty()).map(|n| n.name.as_str()).collect();
    (!with.is_empty()).then(|| format!("choose the credentials of: {}", with.join(", ")))
}

/// Settings; `DEFAULT` and what is left out mean the server's own.
pub(super) fn settings(value: Option<&Value>) -> Settings {
    let none = Object::new();
    let given = value.and_then(Value::as_object).unwrap_or(&none);
    let text = |key: &str| {
        let value = given.get(key).map(|v| v.get("value").unwrap_or(v));
        value.and_then(Value::as_str).filter(|t| !t.is_empty() && *t != "DEFAULT").map(str::to_owned)
    };
    let order = match given.get("executionOrder").and_then(Value::as_str) {
        Some("v1") => Order::V1,
        _ => Order::V0,
    };
    let seconds = given.get("executionTimeout").and_then(number).filter(|s| *s > 0.0);
    Settings {
        order,
        timezone: text("timezone"),
        error_workflow: text("errorWorkflow"),
        time_limit_ms: seconds.map(|s| (s * 1000.0) as u64),
        save: Save {
            success: text("saveDataSuccessExecution").as_deref() != Some("none"),
            error: text("saveDataErrorExecution").as_deref() != Some("none"),
            manual: given.get("saveManualExecutions").and_then(Value::as_bool).unwrap_or(true),
        },
        retention_days: None,
        queue: None,
        max_concurrency: None,
    }
}

/// Pinned items by the name that their node has here, each as `{"json": ..}`.
pub(super) fn pinned(
    value: Option<&Value>,
    named: &[Named<'_>],
    notes: &mut Vec<String>,
) -> BTreeMap<String, Vec<Value>> {
    let Some(Value::Object(given)) = value else { return BTreeMap::new() };
    let mut pinned = BTreeMap::new();
    for (name, items) in given {
        let Some(node) = names::find(named, name) else {
            notes.push(format!("pinned data of \"{name}\" is kept but not used: there is no such node"));
            continue;
        };
        match items {
            Value::Array(items) => {
                pinned.insert(node.name.clone(), items.iter().map(pinned_item).collect());
            }
            Value::Null => {}
            _ => {
                notes.push(format!("pinned data of \"{name}\" is kept but not used: it is no list of items"))
            }
        }
    }
    pinned
}

/// Pinned items are written with `json` around them or without; what is no object is wrapped, as
/// it would be in an item.
fn pinned_item(item: &Value) -> Value {
    match item {
        Value::Object(o) if o.get("json").is_some_and(Value::is_object) => item.clone(),
        Value::Object(_) => serde_json::json!({ "json": item }),
        Value::Null => serde_json::json!({ "json": {} }),
        other => serde_json::json!({ "json": { "data": other } }),
    }
}

pub(super) fn tags(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut names = Vec::new();
    for tag in list {
        let name = tag.as_str().or_else(|| tag.get("name").and_then(Value::as_str));
        if let Some(name) = name.filter(|name| !names.iter().any(|n| n == name)) {
            names.push(name.to_owned());
        }
    }
    names
}
