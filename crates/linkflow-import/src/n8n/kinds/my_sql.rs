//! n8n's MySQL, versions 1 and 2 to 2.5. The first named properties where the later ones have values.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::postgres::{listed, of_item, replacements};
use super::{N8nNode, Translation, Unreadable};

/// Options that have no meaning here: a run has one connection.
const WITHOUT_MEANING: &[&str] = &["connectionLimit", "nodeVersion"];

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut params = if node.version < 2.0 { first_version(node)? } else { second_version(node) };
    if let Some(query) = params.get_mut("query")
        && let Some(text) = query.as_str().filter(|text| text.contains("{{") && !text.starts_with('='))
    {
        *query = json!(format!("={text}"));
    }
    if let Some(options) = params.get_mut("options").and_then(Value::as_object_mut) {
        options.retain(|key, _| !WITHOUT_MEANING.contains(&key.as_str()));
        if let Some(text) = options.get("queryReplacement").and_then(Value::as_str) {
            let values = replacements(text);
            options.insert("queryReplacement".to_owned(), values);
        }
    }
    let mut translation = Translation::same("mysql", &params);
    translation.credentials = vec![("mySql", "mysql")];
    if params.get("query").and_then(Value::as_str).is_some_and(|query| query.contains("'$")) {
        let text = "values stand outside of quotes: '$1' is a text like any other, $1 is the value";
        translation.differs = Some(text.to_owned());
    }
    Ok(translation)
}

fn first_version(node: &N8nNode<'_>) -> Result<Object, Unreadable> {
    let operation = node.text(&["operation"], "insert");
    let mut params = Object::from_iter([("operation".to_owned(), json!(operation))]);
    let mut options = node.params.get("options").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(ignore) = options.shift_remove("ignore") {
        options.insert("skipOnConflict".to_owned(), ignore);
    }
    if operation == "executeQuery" {
        params.insert("query".to_owned(), json!(node.text(&["query"], "")));
    } else {
        params.extend(table(node).map(|table| ("table".to_owned(), table)));
        let mut columns = listed("columns", node.params.get("columns").unwrap_or(&json!("")))?;
        params.insert("dataMode".to_owned(), json!("defineBelow"));
        if operation == "update" {
            let key = node.text(&["updateKey"], "id");
            columns.retain(|column| column != key);
            params.insert("columnToMatchOn".to_owned(), json!(key));
            params.insert("valueToMatchOn".to_owned(), of_item(key));
            options.insert("queryBatching".to_owned(), json!("transaction"));
        }
        let values: Vec<Value> =
            columns.iter().map(|name| json!({"column": name, "value": of_item(name)})).collect();
        params.insert("valuesToSend".to_owned(), json!({ "values": values }));
    }
    // It told what the server counted.
    options.insert("outputCounts".to_owned(), json!(true));
    params.insert("options".to_owned(), Value::Object(options));
    Ok(params)
}

fn second_version(node: &N8nNode<'_>) -> Object {
    let mut params = node.params.clone();
    params.shift_remove("resource");
    if let Some(table) = table(node) {
        params.insert("table".to_owned(), table);
    }
    params
}

/// The table's name, out of n8n's choice from a list.
fn table(node: &N8nNode<'_>) -> Option<Value> {
    let table = node.params.get("table")?;
    Some(table.get("value").unwrap_or(table).clone())
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn the_first_version_named_properties_and_told_counts() {
        let given = json!({"operation": "update", "table": "t", "columns": "a, id", "updateKey": "id"});
        let expected = json!({"operation": "update", "table": "t", "dataMode": "defineBelow",
            "columnToMatchOn": "id", "valueToMatchOn": "={{ $json[\"id\"] }}",
            "valuesToSend": {"values": [{"column": "a", "value": "={{ $json[\"a\"] }}"}]},
            "options": {"queryBatching": "transaction", "outputCounts": true}});
        check(translate, 1.0, &given, "mysql", &expected);
        let given = json!({"operation": "insert", "table": {"__rl": true, "value": "t"}, "columns": "a",
            "options": {"ignore": true, "priority": "LOW_PRIORITY"}});
        let expected = json!({"operation": "insert", "table": "t", "dataMode": "defineBelow",
            "valuesToSend": {"values": [{"column": "a", "value": "={{ $json[\"a\"] }}"}]},
            "options": {"priority": "LOW_PRIORITY", "skipOnConflict": true, "outputCounts": true}});
        check(translate, 1.0, &given, "mysql", &expected);
    }

    #[test]
    fn the_second_one_is_taken_as_it_is() {
        let table = json!({"__rl": true, "mode": "list", "value": "t"});
        let given = json!({"resource": "database", "operation": "upsert", "table": table,
            "dataMode": "defineBelow", "columnToMatchOn": "id", "valueToMatchOn": "=7",
            "valuesToSend": {"values": [{"column": "a", "value": "x"}]}, "options": {"connectionLimit": 3}});
        let expected = json!({"operation": "upsert", "table": "t", "dataMode": "defineBelow",
            "columnToMatchOn": "id", "valueToMatchOn": "=7",
            "valuesToSend": {"values": [{"column": "a", "value": "x"}]}, "options": {}});
        let translation = check(translate, 2.4, &given, "mysql", &expected);
        assert_eq!(translation.credentials, [("mySql", "mysql")]);
    }

    #[test]
    fn values_of_a_query_are_kept_apart() {
        let given = json!({"operation": "executeQuery", "query": "select {{ 1 }}",
            "options": {"queryReplacement": "={{ f(1, 2) }}, x"}});
        let expected = json!({"operation": "executeQuery", "query": "=select {{ 1 }}",
            "options": {"queryReplacement": ["={{ f(1, 2) }}", "x"]}});
        check(translate, 2.5, &given, "mysql", &expected);
        let quoted = json!({"operation": "executeQuery", "query": "select '$1'"});
        assert!(check(translate, 2.0, &quoted, "mysql", &quoted).differs.is_some());
    }
}
