//! n8n's Spreadsheet File, versions 1 and 2. Version 1 tells every format by the content of the file, CSV
//! too; version 2 has a reader of its own for CSV.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

/// What the node wrote by; it always had commas between the cells.
const WRITING: &[&str] = &["compression", "fileName", "headerRow", "sheetName"];

/// What version 2 read CSV by.
const READING_CSV: &[&str] = &[
    "delimiter",
    "headerRow",
    "enableBOM",
    "encoding",
    "fromLine",
    "maxRowCount",
    "includeEmptyCells",
    "relaxQuotes",
    "skipRecordsWithErrors",
];

/// What other tables were read by.
const READING: &[&str] = &["headerRow", "includeEmptyCells", "range", "rawData", "sheetName"];

const FORMATS: &[&str] = &["csv", "html", "ods", "rtf", "xls", "xlsx"];

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let writes = node.text(&["operation"], "fromFile") == "toFile";
    let format = node.text(&["fileFormat"], if writes { "xls" } else { "autodetect" });
    if !FORMATS.contains(&format) && (writes || format != "autodetect") {
        return Err(Unreadable(format!("tables of the format \"{format}\" are not supported")));
    }
    let is_csv = format == "csv" && node.version >= 2.0;
    let (kind, operation, kept) = match (writes, is_csv) {
        (true, _) => ("convert_to_file", format, WRITING),
        (false, true) => ("extract_from_file", "csv", READING_CSV),
        // Version 2 goes by what the file says of itself first.
        (false, false) if format == "autodetect" && node.version >= 2.0 => {
            ("extract_from_file", "autodetect", READING)
        }
        (false, false) => ("extract_from_file", "xlsx", READING),
    };
    let mut params = Object::from_iter([("operation".to_owned(), json!(operation))]);
    if let Some(name) = node.param(&["binaryPropertyName"]) {
        params.insert("binaryPropertyName".to_owned(), name.clone());
    }
    let given = |name: &&str| Some(((*name).to_owned(), node.param(&["options", name])?.clone()));
    let mut options: Object = kept.iter().filter_map(given).collect();
    if writes {
        options.entry("fileName").or_insert(json!(format!("spreadsheet.{format}")));
    }
    if !options.is_empty() {
        params.insert("options".to_owned(), Value::Object(options));
    }
    Ok(Translation { kind, params, ..Translation::default() })
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn tables_are_read_and_written_by_the_newer_kinds() {
        let given = json!({"fileFormat": "csv", "options": {"headerRow": false, "sheetName": "x"}});
        let expected = json!({"operation": "csv", "options": {"headerRow": false}});
        check(translate, 2.0, &given, "extract_from_file", &expected);
        let given = json!({"operation": "toFile", "fileFormat": "csv", "binaryPropertyName": "t"});
        let expected = json!({"operation": "csv", "binaryPropertyName": "t", "options": {"fileName": "spreadsheet.csv"}});
        check(translate, 1.0, &given, "convert_to_file", &expected);
        let expected = json!({"operation": "xls", "options": {"fileName": "spreadsheet.xls"}});
        check(translate, 2.0, &json!({"operation": "toFile"}), "convert_to_file", &expected);
        check(translate, 2.0, &json!({}), "extract_from_file", &json!({"operation": "autodetect"}));
    }

    #[test]
    fn the_first_version_tells_the_format_by_the_content() {
        let given = json!({"fileFormat": "csv", "options": {"range": 2, "headerRow": false}});
        let expected = json!({"operation": "xlsx", "options": {"range": 2, "headerRow": false}});
        check(translate, 1.0, &given, "extract_from_file", &expected);
    }

    #[test]
    fn other_formats_are_told() {
        let params = json!({"fileFormat": "parquet"}).as_object().cloned().unwrap();
        let node = N8nNode { node_type: "test", version: 2.0, name: "Test", params: &params, whole: &params };
        assert!(translate(&node).is_err());
    }
}
