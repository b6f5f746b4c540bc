//! Conditions of If, Filter and Switch, of all versions.

use linkflow_model::Object;
use serde_json::{Value, json};

/// The conditions of version 2 and later. Where they do not say by which rules values are
/// converted, they were written before there were others.
pub(super) fn with_version(conditions: &Value) -> Value {
    let mut conditions = conditions.clone();
    if let Some(object) = conditions.as_object_mut() {
        let options = object.entry("options").or_insert_with(|| json!({}));
        if let Some(options) = options.as_object_mut() {
            options.entry("version").or_insert(json!(1));
        }
    }
    conditions
}

/// The conditions of version 1, `{"string": [{value1, operation, value2}], ..}`, in today's form.
pub(super) fn of_version_1(conditions: Option<&Value>, combine: &str) -> Value {
    let mut list = Vec::new();
    if let Some(by_type) = conditions.and_then(Value::as_object) {
        // They were asked in this order, and a later one not at all where an earlier one decides.
        for of in ["boolean", "dateTime", "number", "string"] {
            let entries = by_type.get(of).unwrap_or(&Value::Null);
            for entry in entries.as_array().map_or(&[][..], Vec::as_slice) {
                let none = Object::new();
                let entry = entry.as_object().unwrap_or(&none);
                let left = entry.get("value1").cloned().unwrap_or_else(|| default_value(of));
                list.push(condition(of, left, entry));
            }
        }
    }
    together(list, combine)
}

pub(super) fn together(list: Vec<Value>, combine: &str) -> Value {
    json!({ "options": { "typeValidation": "legacy" }, "conditions": list,
        "combinator": if combine == "any" { "or" } else { "and" } })
}

/// One condition; `entry` has `operation` and `value2`.
pub(super) fn condition(of: &str, left: Value, entry: &Object) -> Value {
    let operation = entry.get("operation").and_then(Value::as_str).unwrap_or(match of {
        "number" => "smaller",
        "dateTime" => "after",
        _ => "equal",
    });
    let right = entry.get("value2").cloned().unwrap_or_else(|| default_value(of));
    json!({ "leftValue": left, "rightValue": right,
        "operator": { "type": of, "operation": operation_now(operation) } })
}

fn default_value(of: &str) -> Value {
    match of {
        "number" => json!(0),
        "boolean" => json!(false),
        _ => json!(""),
    }
}

fn operation_now(operation: &str) -> &str {
    match operation {
        "equal" => "equals",
        "notEqual" => "notEquals",
        "smaller" => "lt",
        "smallerEqual" => "lte",
        "larger" => "gt",
        "largerEqual" => "gte",
        "isEmpty" => "empty",
        "isNotEmpty" => "notEmpty",
        same => same,
    }
}
