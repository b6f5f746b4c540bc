//! n8n's Manual Trigger, and Start from before it.

use linkflow_model::Object;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(_node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    Ok(Translation::same("manual_trigger", &Object::new()))
}
