//! Whether answers are what the OpenAPI document says. Every call of every story goes through
//! here, and random calls too.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::world::{Answer, World};

/// Fails unless the answer has a described status and a body of the described form.
#[track_caller]
pub fn check(document: &Value, method: &str, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap();
    let Some((template, item)) = find(document, path) else { return };
    let Some(operation) = item.get(method.to_lowercase()) else {
        assert_eq!(answer.status, 405, "{method} {template}");
        return;
    };
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "{method} {template} answers {}: not described", answer.status);
    let Some(content) = response["content"].as_object() else {
        assert_eq!(answer.text, "", "{method} {template} {}", answer.status);
        return;
    };
    let (kind, media) = content.iter().next().unwrap();
    assert_eq!(answer.header("content-type"), kind, "{method} {template} {}", answer.status);
    if let Err(wrong) = fits(document, &media["schema"], &answer.json(), true) {
        panic!("{method} {template} {}: {wrong}\n{}", answer.status, answer.text);
    }
}

/// The described path that this one is; of several, the one with fewer names.
fn find<'a>(document: &'a Value, path: &str) -> Option<(&'a String, &'a Value)> {
    let is_it = |template: &str| {
        template.split('/').count() == path.split('/').count()
            && template.split('/').zip(path.split('/')).all(|(t, p)| t.starts_with('{') || t == p)
    };
    let paths = document["paths"].as_object()?.iter().filter(|(template, _)| is_it(template));
    paths.min_by_key(|(template, _)| template.matches('{').count())
}

fn fits(document: &Value, schema: &Value, value: &Value, is_whole: bool) -> Result<(), String> {
    if let Some(target) = schema["$ref"].as_str() {
        let schema =
            document.pointer(target.strip_prefix('#').unwrap()).expect("a reference leads somewhere");
        return fits(document, schema, value, is_whole);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().try_for_each(|part| fits(document, part, value, false));
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(parts) = schema[choice].as_array() {
            let found: Vec<_> = parts.iter().map(|part| fits(document, part, value, is_whole)).collect();
            return match found.iter().any(Result::is_ok) {
                true => Ok(()),
                false => Err(format!("{value} fits no choice: {found:?}")),
            };
        }
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{value} is none of {allowed:?}"));
    }
    fits_type(&schema["type"], value)?;
    match value {
        Value::Object(object) => fits_object(document, schema, object, is_whole),
        Value::Array(list) if schema["items"].is_object() => {
            list.iter().try_for_each(|item| fits(document, &schema["items"], item, true))
        }
        _ => Ok(()),
    }
}

fn fits_type(kind: &Value, value: &Value) -> Result<(), String> {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |kind: &Value| kind == found || (kind == "number" && found == "integer");
    let fits = match kind {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(is),
        kind => is(kind),
    };
    if fits { Ok(()) } else { Err(format!("{value} is no {kind}")) }
}

fn fits_object(
    document: &Value,
    schema: &Value,
    object: &serde_json::Map<String, Value>,
    is_whole: bool,
) -> Result<(), String> {
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        if !object.contains_key(name) {
            return Err(format!("`{name}` is missing"));
        }
    }
    let Some(properties) = schema["properties"].as_object() else { return Ok(()) };
    for (name, value) in object {
        match properties.get(name) {
            Some(schema) => fits(document, schema, value, true).map_err(|e| format!("`{name}`: {e}"))?,
            None if is_whole && !schema["additionalProperties"].is_object() => {
                return Err(format!("`{name}` is not described"));
            }
            None => {}
        }
    }
    Ok(())
}

fn any_json() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 9] =
        ["name", "", "a b", "\u{0}", "=1", "true", "null", "00000000-0000-0000-0000-000000000000", "*"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(&WORDS[..]).prop_map(Value::from),
    ];
    let names = prop::sample::select(
        &[
            "name",
            "nodes",
            "edges",
            "id",
            "kind",
            "params",
            "data",
            "type",
            "value",
            "email",
            "password",
            "role",
            "scopes",
            "files",
            "content",
            "input",
            "trigger",
            "version",
            "mode",
            "from",
            "ids",
            "enabled",
            "settings",
            "tags",
            "credentials",
            "connections",
            "parameters",
            "position",
            "pinned",
        ][..],
    );
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

/// One of the values that a parameter of a path or query might get.
fn any_parameter() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 11] =
        ["1", "0", "-1", "99999999999999999999", "%00", "%ff", "..", "limit", "true", "success", "*"];
    prop_oneof![
        prop::sample::select(&KNOWN[..]).prop_map(str::to_owned),
        any::<u128>().prop_map(|n| uuid::Uuid::from_u128(n).to_string()),
        "[a-zA-Z0-9_.~-]{1,40}",
    ]
}

#[tokio::test]
async fn random_requests_break_nothing_and_get_described_answers() {
    let seed: [u8; 32] = match std::env::var("SEED") {
        Ok(text) => hex::decode(text).unwrap().try_into().unwrap(),
        Err(_) => [uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()]
            .concat()
            .try_into()
            .unwrap(),
    };
    println!("SEED={}", hex::encode(seed));
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let world = World::new().await;
    // Real ids, so that more than 404 is seen.
    let id = world.workflow("w", json!([super::world::node("Start", "manual_trigger", json!({}))])).await;
    let document = world.document.clone();
    let rounds = std::env::var("ROUNDS").map_or(6, |text| text.parse().unwrap());
    for _ in 0..rounds {
        for (template, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let mut draw = || any_parameter().new_tree(&mut runner).unwrap().current();
                let mut path = template.strip_prefix("/api/v1").unwrap().to_owned();
                for name in ["{id}", "{version}", "{kind}"] {
                    let value = draw();
                    let value = if name == "{id}" && value.len() < 4 { id.clone() } else { value };
                    path = path.replace(name, &value.replace("..", "x"));
                }
                let mut query = Vec::new();
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    if parameter["in"] == "query" {
                        query.push(format!("{}={}", parameter["name"].as_str().unwrap(), draw()));
                    }
                }
                let body = any_json().new_tree(&mut runner).unwrap().current();
                // Signing out and in is for other stories, as is waiting.
                if template.ends_with("/session") || template.ends_with("/setup") {
                    continue;
                }
                let line = format!("{} {path}?{}", method.to_uppercase(), query.join("&"));
                let answer = world.call(&line, body.clone()).await;
                assert!(answer.status < 500, "{line} {body}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn planted_mistakes_in_answers_are_found() {
    let world = World::new().await;
    let schema = json!({"$ref": "#/components/schemas/TagView"});
    let planted = |change: Value| {
        let mut tag = json!({"id": "x", "name": "x", "n_workflows": 1, "created_at": 1});
        for (name, value) in change.as_object().unwrap() {
            match value.is_null() {
                true => drop(tag.as_object_mut().unwrap().remove(name)),
                false => tag[name] = value.clone(),
            }
        }
        fits(&world.document, &schema, &tag, true).err().unwrap_or_default()
    };
    assert_eq!(planted(json!({})), "");
    assert_eq!(planted(json!({"name": null})), "`name` is missing");
    assert_eq!(planted(json!({"name": 5})), "`name`: 5 is no \"string\"");
    assert_eq!(planted(json!({"colour": "red"})), "`colour` is not described");
    let list = json!({"items": [{"id": "x"}], "next": null});
    let whole = &world.document["paths"]["/api/v1/tags"]["get"]["responses"]["200"]["content"];
    let wrong = fits(&world.document, &whole["application/json"]["schema"], &list, true).unwrap_err();
    assert_eq!(wrong, "`items`: `name` is missing");
}
