//! n8n's Postgres, versions 1 and 2 to 2.6. The first had names of properties where the later ones
//! have values.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

/// Options that have no meaning here.
const WITHOUT_MEANING: &[&str] =
    &["delayClosingIdleConnection", "nodeVersion", "treatQueryParametersInSingleQuotesAsText"];

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut params = match node.version < 2.0 {
        true => first_version(node)?,
        false => second_version(node),
    };
    if let Some(query) = params.get_mut("query")
        && let Some(text) = query.as_str().filter(|text| text.contains("{{") && !text.starts_with('='))
    {
        *query = json!(format!("={text}"));
    }
    let mut translation = Translation::same("postgres", &params);
    translation.credentials = vec![("postgres", "postgres")];
    if params.get("query").and_then(Value::as_str).is_some_and(|query| query.contains("'$")) {
        let text = "values stand outside of quotes: '$1' is a text like any other, $1 is the value";
        translation.differs = Some(text.to_owned());
    }
    Ok(translation)
}

fn first_version(node: &N8nNode<'_>) -> Result<Object, Unreadable> {
    let operation = node.text(&["operation"], "insert");
    let mut params = Object::from_iter([("operation".to_owned(), json!(operation))]);
    let mut options =
        node.params.get("additionalFields").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(mode) = options.shift_remove("mode") {
        let ours = if mode == "multiple" { json!("single") } else { mode };
        options.insert("queryBatching".to_owned(), ours);
    }
    if let Some(names) = options.shift_remove("queryParams") {
        let values: Vec<Value> = listed("queryParams", &names)?.iter().map(|name| of_item(name)).collect();
        options.insert("queryReplacement".to_owned(), Value::Array(values));
    }
    if operation == "executeQuery" {
        params.insert("query".to_owned(), json!(node.text(&["query"], "")));
    } else {
        for key in ["schema", "table"] {
            params.extend(node.params.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        let mut columns = listed("columns", node.params.get("columns").unwrap_or(&json!("")))?;
        let mut mapping = json!({"mappingMode": "defineBelow"});
        if operation == "update" {
            let keys = listed("updateKey", node.params.get("updateKey").unwrap_or(&json!("id")))?;
            columns.extend(keys.iter().filter(|key| !columns.contains(key)).cloned().collect::<Vec<_>>());
            mapping["matchingColumns"] = json!(keys);
        }
        let values = columns.iter().map(|name| (name.clone(), of_item(name)));
        mapping["value"] = Value::Object(values.collect());
        params.insert("columns".to_owned(), mapping);
        let returned = node.text(&["returnFields"], "*");
        if returned != "*" {
            options.insert("outputColumns".to_owned(), json!(returned));
        }
    }
    params.insert("options".to_owned(), Value::Object(options));
    Ok(params)
}

/// The names of a list with commas; a type behind a name, as in `id:int`, is left out.
pub(super) fn listed(param: &str, given: &Value) -> Result<Vec<String>, Unreadable> {
    match given.as_str() {
        Some(text) if !text.starts_with('=') => {
            let names = text.split(',').map(|name| name.split(':').next().unwrap_or_default().trim());
            Ok(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
        }
        _ => Err(Unreadable(format!("`{param}` must be a list of names, and it is {given}"))),
    }
}

pub(super) fn of_item(name: &str) -> Value {
    json!(format!("={{{{ $json[{}] }}}}", json!(name)))
}

fn second_version(node: &N8nNode<'_>) -> Object {
    let mut params = node.params.clone();
    params.shift_remove("resource");
    for key in ["schema", "table"] {
        if let Some(inner) = params.get(key).and_then(|locator| locator.get("value")).cloned() {
            params.insert(key.to_owned(), inner);
        }
    }
    if node.version < 2.2 && matches!(node.text(&["operation"], "insert"), "insert" | "update" | "upsert") {
        let columns = older_columns(node);
        params.insert("columns".to_owned(), columns);
    } else if let Some(columns) = params.get_mut("columns").and_then(Value::as_object_mut) {
        columns.retain(|key, _| matches!(key.as_str(), "mappingMode" | "value" | "matchingColumns"));
    }
    for key in ["dataMode", "valuesToSend", "columnToMatchOn", "valueToMatchOn"] {
        params.shift_remove(key);
    }
    if let Some(options) = params.get_mut("options").and_then(Value::as_object_mut) {
        options.retain(|key, _| !WITHOUT_MEANING.contains(&key.as_str()));
        if let Some(text) = options.get("queryReplacement").and_then(Value::as_str) {
            let values = replacements(text);
            options.insert("queryReplacement".to_owned(), values);
        }
    }
    params
}

/// Up to version 2.1 values were a list of pairs, and one column said which rows are meant.
fn older_columns(node: &N8nNode<'_>) -> Value {
    let is_mapped = node.text(&["dataMode"], "autoMapInputData") == "autoMapInputData";
    let mut columns = json!({"mappingMode": if is_mapped { "autoMapInputData" } else { "defineBelow" }});
    let mut values = Object::new();
    let text = |value: &Value| value.get("value").unwrap_or(value).as_str().unwrap_or_default().to_owned();
    if let Some(column) = node.params.get("columnToMatchOn").map(text).filter(|name| !name.is_empty()) {
        if let Some(value) = node.params.get("valueToMatchOn").filter(|_| !is_mapped) {
            values.insert(column.clone(), value.clone());
        }
        columns["matchingColumns"] = json!([column]);
    }
    let pairs = node.param(&["valuesToSend", "values"]).and_then(Value::as_array);
    for pair in pairs.into_iter().flatten().filter(|_| !is_mapped) {
        let column = pair.get("column").map(text).unwrap_or_default();
        values.insert(column, pair.get("value").cloned().unwrap_or_default());
    }
    if !is_mapped {
        columns["value"] = Value::Object(values);
    }
    columns
}

/// The values of a query, written with commas between them. What an expression gives stays one value,
/// whatever commas it has; one expression alone can give a list.
pub(super) fn replacements(text: &str) -> Value {
    let is_expression = text.starts_with('=');
    let mut parts = vec![String::new()];
    let mut rest = text.trim_start_matches('=');
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '{' if is_expression && rest.starts_with("{{") => rest.find("}}").map_or(rest.len(), |at| at + 2),
            _ => first.len_utf8(),
        };
        let (piece, after) = rest.split_at(length);
        rest = after;
        match (piece, parts.last_mut()) {
            (",", _) => parts.push(String::new()),
            (_, Some(part)) => part.push_str(piece),
            (_, None) => {}
        }
    }
    let value = |part: &str| match part.contains("{{") {
        true => json!(format!("={part}")),
        false => json!(part),
    };
    let parts: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [one] if one.contains("{{") => value(one),
        many => many.iter().map(|part| value(part)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn the_first_version_named_properties() {
        let given = json!({"operation": "update", "table": "t", "columns": "a, b:int", "updateKey": "id",
            "returnFields": "a", "additionalFields": {"mode": "multiple"}});
        let expected = json!({"operation": "update", "table": "t", "columns": {"mappingMode": "defineBelow",
            "matchingColumns": ["id"], "value": {"a": "={{ $json[\"a\"] }}", "b": "={{ $json[\"b\"] }}",
            "id": "={{ $json[\"id\"] }}"}}, "options": {"queryBatching": "single", "outputColumns": "a"}});
        check(translate, 1.0, &given, "postgres", &expected);
        let given = json!({"operation": "executeQuery", "query": "select $1",
            "additionalFields": {"queryParams": "a"}});
        let expected = json!({"operation": "executeQuery", "query": "select $1",
            "options": {"queryReplacement": ["={{ $json[\"a\"] }}"]}});
        check(translate, 1.0, &given, "postgres", &expected);
    }

    #[test]
    fn the_second_one_had_pairs_and_later_columns() {
        let table = json!({"__rl": true, "mode": "list", "value": "t"});
        let given = json!({"operation": "upsert", "table": table, "dataMode": "defineBelow",
            "columnToMatchOn": "id", "valueToMatchOn": "=7", "valuesToSend": {"values": [{"column": "a",
            "value": "x"}]}, "options": {"nodeVersion": 2}});
        let columns = json!({"mappingMode": "defineBelow", "matchingColumns": ["id"],
            "value": {"id": "=7", "a": "x"}});
        let expected = json!({"operation": "upsert", "table": "t", "options": {}, "columns": columns});
        check(translate, 2.1, &given, "postgres", &expected);
        let mut newer = columns.clone();
        newer["schema"] = json!([]);
        let given = json!({"operation": "upsert", "table": table, "columns": newer, "options": {}});
        let expected = json!({"operation": "upsert", "table": "t", "columns": columns, "options": {}});
        check(translate, 2.5, &given, "postgres", &expected);
    }

    #[test]
    fn values_of_a_query_are_kept_apart() {
        for (text, expected) in [
            ("a, b", json!(["a", "b"])),
            ("={{ $json.a }}", json!("={{ $json.a }}")),
            ("={{ f(1, 2) }}, {{ $json.b }},x", json!(["={{ f(1, 2) }}", "={{ $json.b }}", "x"])),
            ("", json!([])),
        ] {
            let given = json!({"operation": "executeQuery", "query": "select {{ 1 }}",
                "options": {"queryReplacement": text}});
            let expected = json!({"operation": "executeQuery", "query": "=select {{ 1 }}",
                "options": {"queryReplacement": expected}});
            check(translate, 2.4, &given, "postgres", &expected);
        }
        let quoted = json!({"operation": "executeQuery", "query": "select '$1'"});
        assert!(check(translate, 2.0, &quoted, "postgres", &quoted).differs.is_some());
    }
}
