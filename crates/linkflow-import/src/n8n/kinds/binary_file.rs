//! n8n's Read Binary File, Read Binary Files and Write Binary File, version 1 each.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

/// One file. Fields and other files of the item are kept.
pub fn translate_read_one(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let path = node.param(&["filePath"]).cloned().unwrap_or(json!(""));
    Ok(read(node, path, json!({"keepItem": true})))
}

/// All files that a pattern finds; none is no error.
pub fn translate_read_many(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let pattern = node.param(&["fileSelector"]).cloned().unwrap_or(json!(""));
    Ok(read(node, pattern, json!({"failIfNothingFound": false, "bare": true})))
}

pub fn translate_write(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("read_write_file", node.params);
    translation.params.insert("operation".to_owned(), json!("write"));
    Ok(translation)
}

fn read(node: &N8nNode<'_>, selector: Value, mut options: Value) -> Translation {
    if let Some(name) = node.param(&["dataPropertyName"]) {
        options["dataPropertyName"] = name.clone();
    }
    let params = [("operation", json!("read")), ("fileSelector", selector), ("options", options)];
    let params: Object = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Translation { kind: "read_write_file", params, ..Translation::default() }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn the_older_nodes_are_read_write_file() {
        let given = json!({"filePath": "a.txt", "dataPropertyName": "f"});
        let options = json!({"keepItem": true, "dataPropertyName": "f"});
        let expected = json!({"operation": "read", "fileSelector": "a.txt", "options": options});
        check(translate_read_one, 1.0, &given, "read_write_file", &expected);
        let options = json!({"failIfNothingFound": false, "bare": true});
        let expected = json!({"operation": "read", "fileSelector": "*.txt", "options": options});
        check(translate_read_many, 1.0, &json!({"fileSelector": "*.txt"}), "read_write_file", &expected);
        let expected = json!({"fileName": "x", "operation": "write"});
        check(translate_write, 1.0, &json!({"fileName": "x"}), "read_write_file", &expected);
    }
}
