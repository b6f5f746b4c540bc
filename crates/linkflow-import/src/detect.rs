//! Which format a file has, by its shape.

use linkflow_model::Workflow;
use serde_json::Value;

use crate::n8n;
use crate::report::{ImportError, NodeReport};

/// A workflow that was read, and what is to be said about it.
#[derive(Clone, Debug)]
pub struct Imported {
    pub workflow: Workflow,
    /// One entry per node; empty for files in our own format.
    pub report: Vec<NodeReport>,
    /// What concerns the file as a whole.
    pub notes: Vec<String>,
}

/// Reads a file of either format.
pub fn read(bytes: &[u8]) -> Result<Imported, ImportError> {
    let text =
        std::str::from_utf8(bytes).map_err(|e| ImportError::NotJson(format!("it is not UTF-8: {e}")))?;
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|e| ImportError::NotJson(e.to_string()))?;
    read_value(value)
}

fn read_value(value: Value) -> Result<Imported, ImportError> {
    let value = unwrapped(value);
    let object = match &value {
        Value::Object(object) => object,
        Value::Array(list) if list.len() > 1 => {
            let problem = format!("it is a list of {}; save each in a file of its own", list.len());
            return Err(ImportError::NoWorkflow(problem));
        }
        _ => return Err(ImportError::NoWorkflow("an object is expected".to_owned())),
    };
    if object.contains_key("connections") || n8n::looks_like(object) {
        return Ok(n8n::read(object));
    }
    if !object.contains_key("nodes") {
        return Err(ImportError::NoWorkflow("it has no `nodes`".to_owned()));
    }
    let workflow: Workflow = serde_json::from_value(value)
        .map_err(|e| ImportError::Field { field: "workflow".to_owned(), problem: e.to_string() })?;
    Ok(Imported { workflow, report: Vec::new(), notes: Vec::new() })
}

/// The workflow within what some tools put around it: a list of one, or `{"workflow": {..}}`.
fn unwrapped(value: Value) -> Value {
    match value {
        Value::Array(mut list) if list.len() == 1 => unwrapped(list.remove(0)),
        Value::Object(mut object) if !object.contains_key("nodes") => match object.get_mut("workflow") {
            Some(inner) if inner.get("nodes").is_some() => inner.take(),
            _ => Value::Object(object),
        },
        other => other,
    }
}
