//! n8n's Remove Duplicates, versions 1, 1.1 and 2.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    Ok(Translation::same("remove_duplicates", node.params))
}
