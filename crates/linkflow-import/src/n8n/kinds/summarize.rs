//! n8n's Summarize, versions 1 and 1.1.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

/// Version 1 makes groups by text, and fails where a field is missing unless it is told not to.
pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("summarize", node.params);
    let options = translation.params.entry("options").or_insert_with(|| json!({}));
    if let Some(options) = options.as_object_mut() {
        if node.version < 1.1 {
            options.entry("continueIfFieldNotFound").or_insert(json!(false));
            options.insert("groupsByText".to_owned(), json!(true));
        } else {
            options.shift_remove("continueIfFieldNotFound");
        }
    }
    Ok(translation)
}
