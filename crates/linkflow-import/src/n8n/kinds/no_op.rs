//! n8n's No Operation, version 1.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    Ok(Translation::same("no_op", node.params))
}
