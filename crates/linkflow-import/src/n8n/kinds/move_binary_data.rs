//! n8n's Move Binary Data, versions 1 and 1.1: the newer one does not say of text that it is JSON.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("move_binary_data", node.params);
    let is_raw =
        node.flag(&["options", "useRawData"], false) || node.flag(&["options", "dataIsBase64"], false);
    if let Some(options) = translation.params.get_mut("options").and_then(|o| o.as_object_mut()) {
        if node.version >= 1.1 && is_raw {
            options.entry("mimeType").or_insert(json!(""));
        }
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn parameters_are_taken_as_they_are() {
        let params = json!({"mode": "jsonToBinary", "options": {"keepSource": true}});
        check(translate, 1.0, &params, "move_binary_data", &params);
        let given = json!({"mode": "jsonToBinary", "options": {"useRawData": true}});
        let expected = json!({"mode": "jsonToBinary", "options": {"useRawData": true, "mimeType": ""}});
        check(translate, 1.1, &given, "move_binary_data", &expected);
    }
}
