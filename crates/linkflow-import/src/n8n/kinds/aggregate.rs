//! n8n's Aggregate, version 1.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    Ok(Translation::same("aggregate", node.params))
}
