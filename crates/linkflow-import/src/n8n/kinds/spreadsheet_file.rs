//! n8n's Spreadsheet File, versions 1 and 2: tables as CSV. Other formats of tables are told.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

/// What the node wrote by; it always had commas between the cells.
const WRITING: &[&str] = &["fileName", "headerRow"];

/// What version 2 read by.
const READING: &[&str] = &[
    "delimiter",
    "headerRow",
    "enableBOM",
    "encoding",
    "fromLine",
    "maxRowCount",
    "includeEmptyCells",
    "skipRecordsWithErrors",
];

/// What version 1 read by; it guessed the rest.
const READING_FIRST: &[&str] = &["headerRow", "includeEmptyCells"];

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let writes = node.text(&["operation"], "fromFile") == "toFile";
    let usual = if writes { "xls" } else { "autodetect" };
    match node.text(&["fileFormat"], usual) {
        "csv" => {}
        // A file that is no CSV fails when it is read.
        "autodetect" if !writes => {}
        other => return Err(Unreadable(format!("tables of the format \"{other}\" are not supported"))),
    }
    let mut translation = Translation {
        kind: if writes { "convert_to_file" } else { "extract_from_file" },
        params: Object::from_iter([("operation".to_owned(), json!("csv"))]),
        ..Translation::default()
    };
    if let Some(name) = node.param(&["binaryPropertyName"]) {
        translation.params.insert("binaryPropertyName".to_owned(), name.clone());
    }
    let options = options(node, writes);
    if !options.is_empty() {
        translation.params.insert("options".to_owned(), Value::Object(options));
    }
    if !writes && node.text(&["fileFormat"], usual) != "csv" {
        translation.differs = Some("files are read as CSV, tables of other formats fail".to_owned());
    }
    Ok(translation)
}

fn options(node: &N8nNode<'_>, writes: bool) -> Object {
    let (kept, usual) = match (writes, node.version < 2.0) {
        (true, _) => (WRITING, json!({"fileName": "spreadsheet.csv"})),
        (false, true) => {
            (READING_FIRST, json!({"typedCells": true, "guessDelimiter": true, "enableBOM": true}))
        }
        (false, false) => (READING, json!({})),
    };
    let given = |name: &&str| Some(((*name).to_owned(), node.param(&["options", name])?.clone()));
    let mut options = usual.as_object().cloned().unwrap_or_default();
    options.extend(kept.iter().filter_map(given));
    options
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn csv_is_read_and_written_by_the_newer_kinds() {
        let given = json!({"fileFormat": "csv", "options": {"headerRow": false, "sheetName": "x"}});
        let expected = json!({"operation": "csv", "options": {"headerRow": false}});
        check(translate, 2.0, &given, "extract_from_file", &expected);
        let given = json!({"operation": "toFile", "fileFormat": "csv", "binaryPropertyName": "t"});
        let expected = json!({"operation": "csv", "binaryPropertyName": "t", "options": {"fileName": "spreadsheet.csv"}});
        check(translate, 1.0, &given, "convert_to_file", &expected);
        assert!(
            check(translate, 2.0, &json!({}), "extract_from_file", &json!({"operation": "csv"}))
                .differs
                .is_some()
        );
    }

    #[test]
    fn the_first_version_guesses_what_cells_are() {
        let given = json!({"fileFormat": "csv", "options": {"fromLine": 2, "headerRow": false}});
        let options =
            json!({"typedCells": true, "guessDelimiter": true, "enableBOM": true, "headerRow": false});
        let expected = json!({"operation": "csv", "options": options});
        check(translate, 1.0, &given, "extract_from_file", &expected);
    }

    #[test]
    fn other_formats_are_told() {
        for params in [json!({"operation": "toFile"}), json!({"fileFormat": "xlsx"})] {
            let params = params.as_object().unwrap();
            let node = N8nNode { node_type: "test", version: 2.0, name: "Test", params, whole: params };
            assert!(translate(&node).is_err());
        }
    }
}
