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

/// A file's bytes as UTF-8: some programs write UTF-16, or put a byte order mark before the text, and
/// old ones write Latin-1.
pub fn as_utf8(bytes: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let wide = |read: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes).into_bytes().into(),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes).into_bytes().into(),
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.into(),
        plain if std::str::from_utf8(plain).is_ok() => plain.into(),
        other => other.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes().into(),
    }
}

/// The workflows of a file that holds several, as n8n exports them: a list, or a list under `data`,
/// `items` or `workflows`. None where it holds one, or is no such list.
pub fn several(bytes: &[u8]) -> Option<Vec<Value>> {
    // Most files hold one, and are read once.
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
    let head = &bytes[..bytes.len().min(64)];
    let may_list = |key: &str| head.windows(key.len()).any(|part| part == key.as_bytes());
    if *first != b'[' && !["\"data\"", "\"items\"", "\"workflows\""].into_iter().any(may_list) {
        return None;
    }
    let list = match serde_json::from_slice(bytes).ok()? {
        Value::Array(list) => list,
        Value::Object(mut object) if !object.contains_key("nodes") => {
            let key = ["data", "items", "workflows"]
                .into_iter()
                .find(|key| object.get(*key).is_some_and(Value::is_array))?;
            match object.remove(key) {
                Some(Value::Array(list)) => list,
                _ => return None,
            }
        }
        _ => return None,
    };
    let is_workflow = |value: &Value| value.get("nodes").is_some() || value.get("workflow").is_some();
    (list.iter().all(is_workflow) && !list.is_empty()).then_some(list)
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
