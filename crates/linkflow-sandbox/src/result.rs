//! Reads what a child gave. Nothing in it is taken on trust.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use base64::Engine;
use linkflow_expr::code::{CodeFailure, CodeResponse, GivenItem};
use linkflow_model::{Binary, Item, Object, Paired};
use linkflow_node::{Blobs, CodeResult, NodeError};
use serde_json::Value;

/// The result of a run whose child gave `payload`. `known` are the files that the code was shown:
/// it may hand on these, and no others.
pub async fn read(
    payload: &[u8],
    known: &HashSet<String>,
    blobs: Option<&Blobs>,
) -> Result<CodeResult, NodeError> {
    let response: CodeResponse = serde_json::from_slice(payload)
        .map_err(|e| NodeError::data(format!("the result of the code cannot be read: {e}")))?;
    let mut items = Vec::new();
    for (index, given) in response.items.unwrap_or_default().into_iter().enumerate() {
        items.push(item(given, known, blobs).await.map_err(|e| e.at_item(index))?);
    }
    let object = |text: Option<String>| -> Option<Object> { serde_json::from_str(&text?).ok() };
    Ok(CodeResult {
        items,
        logs: response.logs,
        static_global: object(response.kept.global),
        static_node: object(response.kept.node),
        custom_data: response.custom_data,
        raw: response.raw,
    })
}

async fn item(given: GivenItem, known: &HashSet<String>, blobs: Option<&Blobs>) -> Result<Item, NodeError> {
    let paired = given.paired_item.and_then(|p| serde_json::from_value::<Paired>(p).ok()).unwrap_or_default();
    let mut item = Item::new(given.json).with_paired(paired);
    item.error = given.error.filter(|e| !e.is_null()).map(Arc::new);
    if let Some(Value::Object(files)) = given.binary {
        let mut binary = BTreeMap::new();
        for (name, file) in files {
            let stored = file_of(&name, file, known, blobs).await?;
            binary.insert(name, stored);
        }
        item.binary = Some(Arc::new(binary)).filter(|b| !b.is_empty());
    }
    Ok(item)
}

/// A file that the code handed on, or wrote itself as base64 in `data`.
async fn file_of(
    name: &str,
    file: Value,
    known: &HashSet<String>,
    blobs: Option<&Blobs>,
) -> Result<Binary, NodeError> {
    let text = |key: &str| file.get(key).and_then(Value::as_str).map(str::to_owned);
    if let (Some(data), Some(blobs)) = (text("data"), blobs) {
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(data.trim_end_matches('=').as_bytes())
            .or_else(|_| base64::engine::general_purpose::STANDARD.decode(data.as_bytes()))
            .map_err(|e| NodeError::data(format!("the `data` of file `{name}` is no base64: {e}")))?;
        let mime_type = text("mimeType").unwrap_or_else(|| "application/octet-stream".to_owned());
        return blobs.store(&bytes, mime_type, text("fileName")).await;
    }
    match serde_json::from_value::<Binary>(file) {
        Ok(binary) if known.contains(&binary.id) => Ok(binary),
        _ => Err(NodeError::data(format!(
            "file `{name}` is none of the files that the code was given, and has no `data`"
        ))),
    }
}

/// The error of a run that failed inside the child.
pub fn failure(payload: &[u8], time_ms: u64, memory_bytes: usize) -> NodeError {
    match serde_json::from_slice(payload) {
        Ok(CodeFailure::Thrown { message, description, item, logs }) => {
            NodeError::Data { message, description: description.or_else(|| printed(&logs)), item }
        }
        Ok(CodeFailure::TimedOut) => NodeError::TimedOut { limit_ms: time_ms },
        Ok(CodeFailure::Memory) => memory(memory_bytes),
        Ok(CodeFailure::Engine(cause)) => unavailable(cause),
        Err(_) => unavailable(String::from_utf8_lossy(payload).chars().take(300).collect()),
    }
}

/// The last lines that the code printed before it failed.
fn printed(logs: &[String]) -> Option<String> {
    const LINES_MAX: usize = 20;
    let last = &logs[logs.len().saturating_sub(LINES_MAX)..];
    (!last.is_empty()).then(|| format!("printed before it failed:\n{}", last.join("\n")))
}

pub fn memory(bytes: usize) -> NodeError {
    NodeError::Limit { what: "the memory of code".to_owned(), limit: format!("{} MB", bytes >> 20) }
}

pub fn unavailable(cause: String) -> NodeError {
    NodeError::Unavailable { service: "the code runner".to_owned(), cause, retry_after_ms: None, item: None }
}
