//! n8n's Item Lists, versions 1, 2 to 2.2, 3 and 3.1: one node for what are many kinds today.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

/// Parameters that were lists of `{fieldName}` before version 3.
const NAMES: [&str; 4] = ["fieldsToInclude", "fieldsToExclude", "fieldsToCompare", "fieldsToSplitBy"];

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let kind = match node.text(&["operation"], "splitOutItems") {
        "splitOutItems" => "split_out",
        "aggregateItems" | "concatenateItems" => "aggregate",
        "removeDuplicates" => "remove_duplicates",
        "sort" => "sort",
        "limit" => "limit",
        "summarize" => "summarize",
        other => return Err(Unreadable(format!("the operation \"{other}\" is not known"))),
    };
    let mut params: Object = node
        .params
        .iter()
        .filter(|(k, _)| *k != "operation" && *k != "resource")
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    for name in NAMES {
        if let Some(list) = params.get(name).and_then(|p| p.get("fields")) {
            params.insert(name.to_owned(), names(list));
        }
    }
    if kind == "summarize" {
        let options = params.entry("options").or_insert_with(|| json!({}));
        if let Some(options) = options.as_object_mut() {
            options.entry("continueIfFieldNotFound").or_insert(json!(false));
            options.insert("groupsByText".to_owned(), json!(true));
        }
    }
    Ok(Translation { kind, params, ..Translation::default() })
}

fn names(list: &Value) -> Value {
    let entries = list.as_array().map_or(&[][..], Vec::as_slice);
    entries.iter().filter_map(|entry| entry.get("fieldName").cloned()).collect()
}
