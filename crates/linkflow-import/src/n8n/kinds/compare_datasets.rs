//! n8n's Compare Datasets, versions 1 and 2 to 2.3.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("compare_datasets", node.params);
    let params = &mut translation.params;
    // What the editor shows before anything is filled in: a pair without names.
    params.entry("mergeByFields").or_insert(json!({ "values": [{ "field1": "", "field2": "" }] }));
    if node.version < 2.1 {
        params.entry("resolve").or_insert(json!("preferInput2"));
    }
    let wants_fields = node.version < 2.2;
    if let (true, Some(options)) =
        (wants_fields, params.entry("options").or_insert_with(|| json!({})).as_object_mut())
    {
        options.insert("wantsFields".to_owned(), json!(true));
    }
    if node.version < 2.0 {
        let fuzzy = node.param(&["options", "fuzzyCompare"]).cloned().unwrap_or(json!(false));
        params.insert("fuzzyCompare".to_owned(), fuzzy);
        let options = params.entry("options").or_insert_with(|| json!({}));
        if let Some(options) = options.as_object_mut() {
            options.insert("names".to_owned(), json!(["input1", "input2"]));
        }
    }
    Ok(translation)
}
