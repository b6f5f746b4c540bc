//! n8n's Stop and Error, version 1.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    Ok(Translation::same("stop_and_error", node.params))
}
