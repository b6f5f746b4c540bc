//! n8n's Extract from File, versions 1 and 1.1.

use serde_json::Value;

use super::{N8nNode, Translation, Unreadable};

/// Operations, with the options that n8n heeds in each.
const OPERATIONS: &[(&str, &[&str])] = &[
    (
        "csv",
        &[
            "delimiter",
            "encoding",
            "enableBOM",
            "relaxQuotes",
            "headerRow",
            "includeEmptyCells",
            "maxRowCount",
            "fromLine",
            "skipRecordsWithErrors",
        ],
    ),
    ("html", &["headerRow", "includeEmptyCells", "rawData"]),
    ("fromIcs", TEXT),
    ("fromJson", TEXT),
    ("ods", SHEET),
    ("pdf", &["joinPages", "keepSource", "maxPages", "password"]),
    ("rtf", &[]),
    ("text", TEXT),
    ("xml", TEXT),
    ("xls", SHEET),
    ("xlsx", SHEET),
    ("binaryToPropery", TEXT),
];

const TEXT: &[&str] = &["encoding", "stripBOM", "keepSource"];
const SHEET: &[&str] = &["headerRow", "includeEmptyCells", "range", "rawData", "sheetName"];

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let operation = node.text(&["operation"], "csv");
    let known = OPERATIONS.iter().find(|(name, _)| *name == operation);
    let Some((_, options)) = known else {
        return Err(Unreadable(format!("files of the operation \"{operation}\" are not supported")));
    };
    let mut translation = Translation::same("extract_from_file", node.params);
    if let Some(Value::Object(given)) = translation.params.get_mut("options") {
        given.retain(|name, _| options.contains(&name.as_str()));
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_known_is_taken_as_it_is_and_the_rest_is_told() {
        let params = json!({"operation": "csv", "options": {"delimiter": ";"}});
        check(translate, 1.0, &params, "extract_from_file", &params);
        let params = json!({"operation": "parquet"});
        let params = params.as_object().unwrap();
        let node = N8nNode { node_type: "test", version: 1.0, name: "Test", params, whole: params };
        assert!(translate(&node).unwrap_err().0.contains("\"parquet\""));
    }

    #[test]
    fn options_of_other_operations_are_left_behind() {
        let given = json!({"operation": "html", "options": {"sheetName": "x", "headerRow": false}});
        let expected = json!({"operation": "html", "options": {"headerRow": false}});
        check(translate, 1.1, &given, "extract_from_file", &expected);
    }
}
