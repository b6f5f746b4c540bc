//! n8n's Compare Datasets, versions 1 and 2 to 2.3.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("compare_datasets", node.params);
    let params = &mut translation.params;
    if node.version < 2.1 {
        params.entry("resolve").or_insert(json!("preferInput2"));
    }
    if node.version < 2.0 {
        if let Some(fuzzy) = node.param(&["options", "fuzzyCompare"]) {
            params.insert("fuzzyCompare".to_owned(), fuzzy.clone());
        }
        let options = params.entry("options").or_insert_with(|| json!({}));
        if let Some(options) = options.as_object_mut() {
            options.insert("names".to_owned(), json!(["input1", "input2"]));
        }
    }
    Ok(translation)
}
