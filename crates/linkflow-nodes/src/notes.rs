//! Notes on an execution: what expressions see as `$execution.customData`. Short texts, few of them.

use std::sync::PoisonError;

use linkflow_expr::CustomData;
use linkflow_node::NodeError;
use linkflow_node::lenient::show;
use serde_json::Value;

const KEY_MAX: usize = 50;
const VALUE_MAX: usize = 512;
const NOTES_MAX: usize = 10;

/// Writes one note. Long ones are cut, and what exceeds the number of notes is left out, as in n8n.
pub fn write(notes: &CustomData, key: &str, value: &Value) -> Result<(), NodeError> {
    if !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let problem = format!("must have only letters, digits and underscores, got \"{key}\"");
        return Err(NodeError::param("key", problem));
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => linkflow_node::lenient::as_text(value),
        other => return Err(NodeError::param("value", format!("must be text, got {}", show(other)))),
    };
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let key: String = key.chars().take(KEY_MAX).collect();
    if notes.len() < NOTES_MAX || notes.contains_key(&key) {
        notes.insert(key, Value::String(text.chars().take(VALUE_MAX).collect()));
    }
    Ok(())
}
