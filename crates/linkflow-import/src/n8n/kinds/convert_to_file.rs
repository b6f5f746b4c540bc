//! n8n's Convert to File, versions 1 and 1.1.

use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    match node.text(&["operation"], "csv") {
        "toBinary" if !node.flag(&["options", "dataIsBase64"], true) => Ok(plain(node)),
        "csv" | "html" | "iCal" | "ods" | "rtf" | "toBinary" | "toJson" | "toText" | "xls" | "xlsx" => {
            Ok(Translation::same("convert_to_file", node.params))
        }
        other => Err(Unreadable(format!("files of the operation \"{other}\" are not supported"))),
    }
}

/// Version 1 also made files of texts that are no Base64.
fn plain(node: &N8nNode<'_>) -> Translation {
    let mut translation = Translation::same("convert_to_file", node.params);
    translation.params.insert("operation".to_owned(), json!("toText"));
    if let Some(options) = translation.params.get_mut("options").and_then(Value::as_object_mut) {
        options.shift_remove("dataIsBase64");
        options.entry("fileName").or_insert(json!("file"));
    }
    translation
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn what_is_known_is_taken_as_it_is_and_the_rest_is_told() {
        let params = json!({"operation": "csv", "options": {"delimiter": ";"}});
        check(translate, 1.0, &params, "convert_to_file", &params);
        let given =
            json!({"operation": "toBinary", "sourceProperty": "t", "options": {"dataIsBase64": false}});
        let expected = json!({"operation": "toText", "sourceProperty": "t", "options": {"fileName": "file"}});
        check(translate, 1.0, &given, "convert_to_file", &expected);
        let params = json!({"operation": "parquet"});
        let params = params.as_object().unwrap();
        let node = N8nNode { node_type: "test", version: 1.0, name: "Test", params, whole: params };
        assert!(translate(&node).unwrap_err().0.contains("\"parquet\""));
    }
}
