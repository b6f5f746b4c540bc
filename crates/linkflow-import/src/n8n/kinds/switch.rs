//! n8n's Switch, versions 1, 2 and 3 to 3.4.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable, conditions};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    if node.version >= 3.0 {
        return Ok(version_3(node));
    }
    let params = if node.text(&["mode"], "rules") == "expression" {
        let outputs = if node.version >= 2.0 { node.param(&["outputsAmount"]) } else { None };
        json!({ "mode": "expression", "numberOutputs": outputs.unwrap_or(&json!(4)),
            "output": node.param(&["output"]).unwrap_or(&json!(0)) })
    } else {
        older_rules(node)
    };
    Ok(Translation { kind: "switch", params: object(params), ..Translation::default() })
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

fn version_3(node: &N8nNode<'_>) -> Translation {
    let mut translation = Translation::same("switch", node.params);
    let params = &mut translation.params;
    if node.text(&["mode"], "rules") == "expression" {
        // What the editor begins with is an expression without content, which is an error there.
        params.entry("output").or_insert(json!("={{}}"));
        return translation;
    }
    // What the editor shows for rules that were never touched: one that holds.
    let untouched = json!({ "values": [{ "conditions": { "conditions": [] } }] });
    let rules = params.entry("rules").or_insert(untouched);
    for rule in rules.get_mut("values").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(conditions) = rule.get_mut("conditions") {
            *conditions = conditions::with_version(conditions);
        }
    }
    params.shift_remove("numberOutputs");
    translation
}

/// One value for all rules. In version 1 there are four outputs and each rule names its own.
fn older_rules(node: &N8nNode<'_>) -> Value {
    let of = node.text(&["dataType"], "number");
    let left = node.param(&["value1"]).cloned().unwrap_or_else(|| match of {
        "number" => json!(0),
        "boolean" => json!(false),
        _ => json!(""),
    });
    let none = Object::new();
    let entries = node.param(&["rules", "rules"]).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let values: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let entry = entry.as_object().unwrap_or(&none);
            let condition = conditions::condition(of, left.clone(), entry);
            let mut rule = json!({ "conditions": conditions::together(vec![condition], "all") });
            if node.version < 2.0 {
                rule["output"] = entry.get("output").cloned().unwrap_or(json!(0));
            } else if let Some(key) = entry.get("outputKey") {
                rule["renameOutput"] = json!(true);
                rule["outputKey"] = key.clone();
            }
            rule
        })
        .collect();
    let mut params = json!({ "rules": { "values": values } });
    if node.version < 2.0 {
        params["numberOutputs"] = json!(4);
    }
    if let Some(fallback) = node.param(&["fallbackOutput"]) {
        params["options"] = json!({ "fallbackOutput": fallback });
    }
    params
}
