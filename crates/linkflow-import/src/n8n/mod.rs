//! n8n's format: workflow, nodes, connections, settings.

mod edges;
pub mod instance;
pub mod kinds;
mod names;
mod read;
mod write;

use linkflow_model::Object;
use serde_json::Value;

pub use kinds::{N8nNode, Translation, Unreadable};
pub use read::{MISSING, OWN, read};
pub use write::export_n8n;

/// Whether an object without `connections` is an n8n file all the same: its nodes have a `type`.
pub fn looks_like(object: &Object) -> bool {
    object
        .get("nodes")
        .and_then(Value::as_array)
        .and_then(|nodes| nodes.first())
        .is_some_and(|node| node.get("type").is_some() && node.get("kind").is_none())
}
