//! The examples in our own format are what the checked-in JSON Schema says.

use std::path::Path;

use serde_json::{Value, json};

fn schema() -> Value {
    let text = std::fs::read_to_string(super::folder().join("workflow.schema.json")).expect("the schema");
    serde_json::from_str(&text).expect("JSON")
}

/// What is wrong with a value, with the place; as far as the keywords go that our schema uses.
fn problems(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        let found = root.pointer(&target[1..]).expect("a reference leads somewhere");
        return problems(root, found, value, at);
    }
    for choice in ["anyOf", "oneOf"] {
        let choices = schema[choice].as_array().into_iter().flatten();
        let found: Vec<Vec<String>> = choices.map(|c| problems(root, c, value, at)).collect();
        if !found.is_empty() && !found.iter().any(Vec::is_empty) {
            return vec![format!("{at}: {value} fits no choice: {found:?}")];
        }
    }
    let mut wrong = of_type(schema, value, at);
    for (name, inner) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(field), _) => wrong.extend(problems(root, field, inner, &at)),
            (None, Value::Bool(false)) => wrong.push(format!("{at} is not known")),
            (None, field @ Value::Object(_)) => wrong.extend(problems(root, field, inner, &at)),
            _ => {}
        }
    }
    for (i, inner) in value.as_array().into_iter().flatten().enumerate() {
        wrong.extend(problems(root, &schema["items"], inner, &format!("{at}[{i}]")));
    }
    wrong
}

/// What a schema says about a value itself.
fn of_type(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.as_f64().is_some_and(|n| n.fract() == 0.0) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |of: &Value| of == kind || (of == "number" && kind == "integer");
    match &schema["type"] {
        Value::Null => {}
        Value::Array(kinds) if kinds.iter().any(is) => {}
        of if is(of) => {}
        of => wrong.push(format!("{at}: {value} is no {of}")),
    }
    if schema.get("const").is_some_and(|only| only != value) {
        wrong.push(format!("{at}: {value} is not {}", schema["const"]));
    }
    if schema["enum"].as_array().is_some_and(|some| !some.contains(value)) {
        wrong.push(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    let bound = |name: &str| Some((schema[name].as_f64()?, value.as_f64()?));
    if bound("minimum").is_some_and(|(least, n)| n < least)
        || bound("maximum").is_some_and(|(most, n)| n > most)
    {
        wrong.push(format!("{at}: {value} is out of bounds"));
    }
    let size = |name: &str| Some((schema[name].as_u64()? as usize, value.as_array()?.len()));
    if size("minItems").is_some_and(|(least, n)| n < least)
        || size("maxItems").is_some_and(|(most, n)| n > most)
    {
        wrong.push(format!("{at}: {value} has a wrong length"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.is_object() && value.get(name).is_none() {
            wrong.push(format!("{at}.{name} is missing"));
        }
    }
    wrong
}

fn of_workflow(value: &Value) -> Vec<String> {
    let schema = schema();
    problems(&schema, &schema, value, "workflow")
}

#[test]
fn every_example_in_our_format_fits_the_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut n_ours = 0;
    for entry in std::fs::read_dir(folder).expect("the examples") {
        let path = entry.expect("an example").path();
        let value: Value =
            serde_json::from_str(&std::fs::read_to_string(&path).expect("readable")).expect("JSON");
        if value.get("connections").is_none() {
            n_ours += 1;
            assert_eq!(of_workflow(&value), [""; 0], "{}", path.display());
        }
    }
    assert!(n_ours >= 4, "only {n_ours} examples are in our format");
}

#[test]
fn planted_mistakes_in_a_workflow_are_found() {
    let with = |pointer: &str, value: Value| {
        let mut workflow = json!({
            "name": "W", "settings": {"order": "parallel"},
            "nodes": [{"id": "a", "name": "A", "kind": "no_op", "position": [0, 0],
                "retry": {"max_tries": 3, "wait_ms": 0}}],
            "edges": [{"from": {"node": "a", "port": 0}, "to": {"node": "a"}}]
        });
        if !pointer.is_empty() {
            let (parent, name) = pointer.rsplit_once('/').expect("a pointer has a slash");
            workflow.pointer_mut(parent).expect("a place")[name] = value;
        }
        of_workflow(&workflow).join("; ")
    };
    assert_eq!(with("", Value::Null), "");
    assert_eq!(with("/colour", json!("red")), "workflow.colour is not known");
    assert_eq!(with("/nodes/0/id", json!(5)), "workflow.nodes[0].id: 5 is no \"string\"");
    assert_eq!(with("/edges/0/from", json!({})), "workflow.edges[0].from.node is missing");
    assert!(with("/nodes/0/retry/max_tries", json!(0)).contains("retry.max_tries: 0 is out of bounds"));
    assert!(with("/settings/order", json!("sideways")).contains("fits no choice"));
    assert!(with("/nodes/0/position", json!([1])).contains("wrong length"));
}
