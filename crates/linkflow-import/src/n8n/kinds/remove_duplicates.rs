//! n8n's Remove Duplicates, versions 1, 1.1 and 2.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("remove_duplicates", node.params);
    let options = translation.params.entry("options").or_insert_with(|| json!({}));
    if let Some(options) = options.as_object_mut() {
        if node.flag(&["options", "removeOtherFields"], false) {
            options.insert("pairsByOrder".to_owned(), json!(true));
        }
        if node.version < 2.0 {
            options.insert("failsAsAWhole".to_owned(), json!(true));
        }
    }
    Ok(translation)
}
