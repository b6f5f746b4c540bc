//! n8n's Set (Edit Fields), versions 1, 2 and 3 to 3.4.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

/// What the editor shows in JSON mode before anything is written.
const RAW: &str = "{\n  \"my_field_1\": \"value\",\n  \"my_field_2\": 1\n}\n";

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    if node.version < 3.0 {
        return Ok(Translation { kind: "set", params: older(node), ..Translation::default() });
    }
    let mut translation = Translation::same("set", node.params);
    let params = &mut translation.params;
    if node.version < 3.3 {
        fields(node, params);
    } else if node.text(&["include"], "all") == "none" {
        params.insert("includeOtherFields".to_owned(), json!(false));
        params.shift_remove("include");
    }
    if node.text(&["mode"], "manual") == "raw" {
        params.entry("jsonOutput").or_insert(json!(RAW));
    }
    if node.version < 3.4 {
        let keep = node.param(&["options", "includeBinary"]).cloned().unwrap_or(json!(false));
        let options = params.entry("options").or_insert_with(|| json!({}));
        if let Some(options) = options.as_object_mut() {
            options.shift_remove("includeBinary");
            options.insert("keepBinary".to_owned(), keep);
        }
    }
    Ok(translation)
}

/// Versions 3 to 3.2: `fields.values`, and `include` with `none` among its values.
fn fields(node: &N8nNode<'_>, params: &mut Object) {
    let entries = node.param(&["fields", "values"]).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let text = match node.version {
        v if v < 3.1 => "printed",
        v if v < 3.2 => "demanded",
        _ => "string",
    };
    let list: Vec<Value> = entries.iter().map(|entry| field(entry, text)).collect();
    params.shift_remove("fields");
    params.insert("assignments".to_owned(), json!({ "assignments": list }));
    let include = node.text(&["include"], "all");
    params.insert("includeOtherFields".to_owned(), json!(include != "none"));
    if include == "none" {
        params.shift_remove("include");
    }
}

/// `text` is the type of texts; up to version 3.2 it changed what becomes of nothing and null.
fn field(entry: &Value, text: &str) -> Value {
    let of = entry.get("type").and_then(Value::as_str).unwrap_or("stringValue");
    let default = match of {
        "numberValue" => json!(0),
        "booleanValue" => json!("true"),
        "arrayValue" => json!("[]"),
        "objectValue" => json!("{}"),
        _ => json!(""),
    };
    json!({
        "name": entry.get("name").cloned().unwrap_or(json!("")),
        "value": entry.get(of).filter(|value| !value.is_null() || of == "booleanValue").cloned().unwrap_or(default),
        "type": if of == "stringValue" { text } else { of.trim_end_matches("Value") },
    })
}

/// Versions 1 and 2: lists by type, set in this order. Version 2 reads numbers out of texts.
fn older(node: &N8nNode<'_>) -> Object {
    let number = if node.version >= 2.0 { "numeric" } else { "any" };
    let lists =
        [("boolean", "truth", json!(false)), ("number", number, json!(0)), ("string", "any", json!(""))];
    let mut assignments = Vec::new();
    for (list, of, default) in &lists {
        let entries = node.param(&["values", list]).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        assignments.extend(entries.iter().map(|entry| {
            json!({
                "name": entry.get("name").cloned().unwrap_or(json!("propertyName")),
                "value": entry.get("value").unwrap_or(default),
                "type": of,
            })
        }));
    }
    let mut params = Object::new();
    params.insert("assignments".to_owned(), json!({ "assignments": assignments }));
    params.insert("includeOtherFields".to_owned(), json!(!node.flag(&["keepOnlySet"], false)));
    if let Some(options) = node.param(&["options"]).filter(|o| o.is_object()) {
        params.insert("options".to_owned(), options.clone());
    }
    params
}
