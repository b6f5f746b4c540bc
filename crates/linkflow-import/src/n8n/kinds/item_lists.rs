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
    let options = params.entry("options").or_insert_with(|| json!({}));
    if let Some(options) = options.as_object_mut() {
        details(node, kind, options);
    }
    Ok(Translation { kind, params, ..Translation::default() })
}

/// What is different from the kinds of today.
fn details(node: &N8nNode<'_>, kind: &str, options: &mut Object) {
    match kind {
        "summarize" => {
            options.insert("continueIfFieldNotFound".to_owned(), json!(node.version >= 2.1));
            options.insert("groupsByText".to_owned(), json!(true));
        }
        "split_out" if node.version < 2.2 => {
            let wants = match node.version {
                v if v < 2.0 => "list",
                v if v < 2.1 => "listOrObject",
                _ => "listOrObjectIfAny",
            };
            options.insert("wants".to_owned(), json!(wants));
        }
        "aggregate" if node.version < 3.0 => {
            options.insert("wantsFields".to_owned(), json!(true));
            if node.version < 2.0 {
                options.insert("pairsWithFirst".to_owned(), json!(true));
            }
        }
        "remove_duplicates" => {
            options.insert("failsAsAWhole".to_owned(), json!(true));
        }
        _ => {}
    }
}

fn names(list: &Value) -> Value {
    let entries = list.as_array().map_or(&[][..], Vec::as_slice);
    entries.iter().filter_map(|entry| entry.get("fieldName").cloned()).collect()
}
