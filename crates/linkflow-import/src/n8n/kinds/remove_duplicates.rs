//! n8n's Remove Duplicates, versions 1, 1.1 and 2.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("remove_duplicates", node.params);
    if node.flag(&["options", "removeOtherFields"], false) {
        translation.params["options"]["pairsByOrder"] = json!(true);
    }
    Ok(translation)
}
