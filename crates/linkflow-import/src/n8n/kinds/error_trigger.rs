//! n8n's Error Trigger, version 1.

use linkflow_model::Object;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(_node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    Ok(Translation::same("error_trigger", &Object::new()))
}
