//! An n8n file from a workflow.
//!
//! What came from n8n goes back as it was; only what has been changed here is written anew. Each
//! part is read once more as it stands in `origin`, and what differs from that was changed.

use std::collections::BTreeMap;

use linkflow_model::workflow::CredentialRef;
use linkflow_model::{Node, Object, OnError, Order, Retry, Settings, Workflow};
use serde_json::{Value, json};

use super::edges;
use super::kinds::{self, N8nNode};
use super::read::{self, MISSING, OWN};

/// Writes `workflow` in n8n's format. Kinds that n8n does not have become types that begin with
/// `linkflow.`, which an import here understands.
pub fn export_n8n(workflow: &Workflow) -> Value {
    let mut file = match &workflow.origin {
        Some(Value::Object(origin)) => origin.clone(),
        _ => Object::new(),
    };
    let nodes: Vec<Value> = workflow.nodes.iter().map(|node| Value::Object(write_node(node))).collect();
    file.insert("nodes".to_owned(), Value::Array(nodes));
    let before = read::read(&file).workflow;
    if before.name != workflow.name || !file.contains_key("name") {
        file.insert("name".to_owned(), json!(workflow.name));
    }
    if before.edges != workflow.edges || !file.contains_key("connections") {
        file.insert("connections".to_owned(), Value::Object(edges::write(workflow)));
    }
    write_settings(&mut file, &before.settings, &workflow.settings);
    if before.pinned != workflow.pinned {
        file.insert("pinData".to_owned(), json!(workflow.pinned));
    }
    if before.tags != workflow.tags {
        let tags: Vec<Value> = workflow.tags.iter().map(|name| json!({ "name": name })).collect();
        file.insert("tags".to_owned(), Value::Array(tags));
    }
    if before.description != workflow.description {
        set(&mut file, "description", workflow.description.as_ref().map(|d| json!(d)));
    }
    Value::Object(file)
}

/// Puts `value` under `key`, or takes the key away.
fn set(object: &mut Object, key: &str, value: Option<Value>) {
    match value {
        Some(value) => object.insert(key.to_owned(), value),
        None => object.shift_remove(key),
    };
}

fn write_settings(file: &mut Object, before: &Settings, now: &Settings) {
    if before == now {
        return;
    }
    let mut settings = file.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
    if before.order != now.order {
        let order = if now.order == Order::V0 { "v0" } else { "v1" };
        set(&mut settings, "executionOrder", Some(json!(order)));
    }
    let mut changed = |key: &str, before: Value, now: Value| {
        if before != now {
            set(&mut settings, key, Some(now).filter(|v| !v.is_null()));
        }
    };
    let seconds = |s: &Settings| s.time_limit_ms.map(|ms| ms as f64 / 1000.0).map(whole_if_possible);
    let kept = |keep: bool| if keep { "all" } else { "none" };
    changed("timezone", json!(before.timezone), json!(now.timezone));
    changed("errorWorkflow", json!(before.error_workflow), json!(now.error_workflow));
    changed("executionTimeout", json!(seconds(before)), json!(seconds(now)));
    changed("saveDataSuccessExecution", json!(kept(before.save.success)), json!(kept(now.save.success)));
    changed("saveDataErrorExecution", json!(kept(before.save.error)), json!(kept(now.save.error)));
    changed("saveManualExecutions", json!(before.save.manual), json!(now.save.manual));
    file.insert("settings".to_owned(), Value::Object(settings));
}

fn whole_if_possible(number: f64) -> Value {
    if number.fract() == 0.0 { json!(number as i64) } else { json!(number) }
}

fn write_node(node: &Node) -> Object {
    let (mut out, before) = as_it_came(node).unwrap_or_else(|| fresh(node));
    set(&mut out, "id", Some(json!(node.id)));
    set(&mut out, "name", Some(json!(node.name)));
    if before.position != node.position {
        let at = node.position.map(whole_if_possible);
        set(&mut out, "position", Some(json!(at)));
    }
    if before.params != node.params {
        write_params(&mut out, node);
    }
    if before.credentials != node.credentials {
        write_credentials(&mut out, node);
    }
    write_flags(&mut out, &before, node);
    if before.on_error != node.on_error {
        write_on_error(&mut out, node.on_error);
    }
    if before.retry != node.retry {
        write_retry(&mut out, node.retry.as_ref());
    }
    out
}

/// The node of the file it came from, and what an import of that gives.
fn as_it_came(node: &Node) -> Option<(Object, Node)> {
    let origin = node.origin.as_ref()?.as_object()?;
    let (before, _) = read::read_node(origin, &node.id, &node.name);
    (before.kind == node.kind).then(|| (origin.clone(), before))
}

fn fresh(node: &Node) -> (Object, Node) {
    let mut out = Object::new();
    let (node_type, version) = match node.kind.strip_prefix(MISSING) {
        Some(theirs) => (theirs.to_owned(), 1.0),
        None => kinds::newest(&node.kind)
            .map_or_else(|| (format!("{OWN}{}", node.kind), 1.0), |(t, v)| (t.to_owned(), v)),
    };
    out.insert("parameters".to_owned(), json!({}));
    out.insert("id".to_owned(), Value::Null);
    out.insert("name".to_owned(), Value::Null);
    out.insert("type".to_owned(), json!(node_type));
    out.insert("typeVersion".to_owned(), whole_if_possible(version));
    out.insert("position".to_owned(), json!([0, 0]));
    (out, Node { kind: node.kind.clone(), ..Node::default() })
}

/// Our parameters under the first type and version of n8n's that reads them as they are.
fn write_params(out: &mut Object, node: &Node) {
    set(out, "parameters", Some(Value::Object(node.params.clone())));
    if node.kind.starts_with(MISSING) || reads_back(out, node) {
        return;
    }
    if let Some((node_type, version)) = kinds::newest(&node.kind) {
        set(out, "type", Some(json!(node_type)));
        set(out, "typeVersion", Some(whole_if_possible(version)));
        if reads_back(out, node) {
            return;
        }
    }
    set(out, "type", Some(json!(format!("{OWN}{}", node.kind))));
    set(out, "typeVersion", Some(json!(1)));
}

fn reads_back(out: &Object, node: &Node) -> bool {
    let (read, _) = read::read_node(out, &node.id, &node.name);
    read.kind == node.kind && read.params == node.params
}

fn write_credentials(out: &mut Object, node: &Node) {
    let pairs = credential_names(out);
    let theirs = |ours: &str| pairs.iter().find(|(_, o)| *o == ours).map_or(ours, |(n8n, _)| *n8n).to_owned();
    let value = |c: &CredentialRef| json!({ "id": c.id, "name": c.name });
    let all: BTreeMap<String, Value> =
        node.credentials.iter().map(|(slot, c)| (theirs(slot), value(c))).collect();
    set(out, "credentials", Some(json!(all)).filter(|_| !all.is_empty()));
}

fn credential_names(out: &Object) -> Vec<(&'static str, &'static str)> {
    let node_type = out.get("type").and_then(Value::as_str).unwrap_or_default();
    let none = Object::new();
    let params = out.get("parameters").and_then(Value::as_object).unwrap_or(&none);
    let source = N8nNode { node_type, version: read::type_version(out), name: "", params, whole: out };
    kinds::find(node_type).and_then(|translate| translate(&source).ok()).map_or(Vec::new(), |t| t.credentials)
}

fn write_flags(out: &mut Object, before: &Node, now: &Node) {
    let flags = [
        ("disabled", before.disabled, now.disabled),
        ("alwaysOutputData", before.always_output, now.always_output),
        ("executeOnce", before.execute_once, now.execute_once),
    ];
    for (key, before, now) in flags {
        if before != now {
            set(out, key, now.then_some(json!(true)));
        }
    }
    let texts = [("notes", &before.notes, &now.notes), ("webhookId", &before.webhook_id, &now.webhook_id)];
    for (key, before, now) in texts {
        if before != now {
            set(out, key, now.as_ref().map(|text| json!(text)));
        }
    }
}

fn write_on_error(out: &mut Object, on_error: OnError) {
    set(out, "continueOnFail", None);
    let value = match on_error {
        OnError::Stop => None,
        OnError::ContinueRegular => Some(json!("continueRegularOutput")),
        OnError::ContinueErrorOutput => Some(json!("continueErrorOutput")),
    };
    set(out, "onError", value);
}

fn write_retry(out: &mut Object, retry: Option<&Retry>) {
    set(out, "retryOnFail", retry.map(|_| json!(true)));
    set(out, "maxTries", retry.map(|r| json!(r.max_tries)));
    set(out, "waitBetweenTries", retry.map(|r| json!(r.wait_ms)));
}
