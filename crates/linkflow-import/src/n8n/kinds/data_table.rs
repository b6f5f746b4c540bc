//! n8n's Data Table, versions 1 and 1.1.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut params = node.params.clone();
    // The name goes from one n8n to another, and to here; the id does not.
    if let Some(named) = params.get("dataTableId").map(table) {
        params.insert("dataTableId".to_owned(), named);
    }
    if node.text(&["resource"], "row") == "table" {
        let columns = node.param(&["columns", "column"]).cloned().unwrap_or(json!([]));
        params.shift_remove("columns");
        params.insert("tableColumns".to_owned(), columns);
        params.entry("operation").or_insert(json!("list"));
    } else {
        tidy_columns(&mut params);
    }
    if let Some(options) = params.get_mut("options").and_then(Value::as_object_mut) {
        options.shift_remove("optimizeBulk");
    }
    let mut translation = Translation::same("data_table", &params);
    translation.differs =
        Some("the table has to be here under the same name: make it, or import its rows as CSV".to_owned());
    Ok(translation)
}

/// A choice from a list has the table's id, and its name beside it.
fn table(given: &Value) -> Value {
    let Some(object) = given.as_object() else { return given.clone() };
    let name = object.get("cachedResultName").filter(|name| name.as_str().is_some_and(|n| !n.is_empty()));
    name.or_else(|| object.get("value")).cloned().unwrap_or_default()
}

fn tidy_columns(params: &mut Object) {
    let Some(columns) = params.get_mut("columns").and_then(Value::as_object_mut) else { return };
    columns.retain(|key, _| key == "mappingMode" || key == "value");
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn a_table_is_known_by_its_name() {
        let given = json!({"operation": "insert",
            "dataTableId": {"__rl": true, "mode": "list", "value": "aBc", "cachedResultName": "orders"},
            "columns": {"mappingMode": "defineBelow", "value": {"n": 1}, "schema": [], "matchingColumns": []},
            "options": {"optimizeBulk": true}});
        let expected = json!({"operation": "insert", "dataTableId": "orders",
            "columns": {"mappingMode": "defineBelow", "value": {"n": 1}}, "options": {}});
        check(translate, 1.0, &given, "data_table", &expected);
        let given = json!({"operation": "get", "dataTableId": {"__rl": true, "mode": "name", "value": "orders"},
            "filters": {"conditions": [{"keyName": "n", "condition": "gt", "keyValue": 3}]}});
        let expected = json!({"operation": "get", "dataTableId": "orders",
            "filters": {"conditions": [{"keyName": "n", "condition": "gt", "keyValue": 3}]}});
        check(translate, 1.1, &given, "data_table", &expected);
    }

    #[test]
    fn tables_are_made_too() {
        let given = json!({"resource": "table", "operation": "create", "tableName": "orders",
            "columns": {"column": [{"name": "n", "type": "number"}]}});
        let expected = json!({"resource": "table", "operation": "create", "tableName": "orders",
            "tableColumns": [{"name": "n", "type": "number"}]});
        check(translate, 1.1, &given, "data_table", &expected);
    }
}
