//! The node that rests until it is called, as the server sees it: its parameters resolved in the
//! world in which it began to wait. Nothing here runs the node.

use std::collections::BTreeMap;

use linkflow_expr::{Env, Scope};
use linkflow_model::{Binary, Items, Node, Object};
use serde_json::Value;

use crate::prepared::Prepared;
use crate::record::Recorded;

/// The node of `step` with its parameters resolved; as written where they cannot be.
pub fn resolved(prepared: &Prepared, recorded: &Recorded, step: u32, env: &Env) -> Option<Node> {
    let machine = &recorded.machine;
    let index = machine.node_of(step)?;
    let node = prepared.node(index);
    let ready = &prepared.nodes[index as usize];
    let sources = machine.inputs_of(step);
    let items = |source: &Option<_>| source.map(|source| recorded.history.items(source)).unwrap_or_default();
    let inputs: Vec<Items> = sources.iter().map(items).collect();
    let scope = Scope {
        env,
        history: &recorded.history,
        node: index as usize,
        run: machine.run_of(step)? as usize,
        inputs: &inputs,
        sources,
        item: 0,
        params: &ready.params,
    };
    let params = match ready.compiled.resolve(&scope) {
        Ok(Value::Object(params)) => params.into_iter().map(|(name, value)| (name, as_said(value))).collect(),
        _ => (*ready.params).clone(),
    };
    Some(Node { params, ..node.clone() })
}

/// The files of the first item with which the node of `step` rests.
pub fn files(recorded: &Recorded, step: u32) -> BTreeMap<String, Binary> {
    let source = recorded.machine.inputs_of(step).iter().flatten().next();
    let items = source.map(|source| recorded.history.items(*source)).unwrap_or_default();
    items.first().and_then(|item| item.binary.as_deref().cloned()).unwrap_or_default()
}

/// The value, with texts that would be read as expressions written so that they give themselves:
/// what came out of data is not evaluated.
fn as_said(value: Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('=') => {
            let quoted = Value::String(text).to_string().replace('}', "\\u007d");
            Value::String(format!("={{{{ {quoted} }}}}"))
        }
        Value::Array(list) => Value::Array(list.into_iter().map(as_said).collect()),
        Value::Object(object) => {
            Value::Object(object.into_iter().map(|(name, value)| (name, as_said(value))).collect::<Object>())
        }
        other => other,
    }
}
