//! One test over all kinds: examples run and give what they say, every parameter is explained,
//! names are sound.

use std::sync::Arc;

use linkflow_node::testing::{TestHost, ctx, input, items};
use linkflow_node::{NodeKind, Outcome};
use linkflow_nodes::ALL;
use serde_json::Value;

fn parse(kind: &NodeKind, what: &str, json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{}: {what} is no JSON: {e}\n{json}", kind.kind))
}

#[tokio::test]
async fn the_examples_of_every_kind_give_what_they_say() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for kind in ALL {
        for example in kind.examples {
            let expected = parse(kind, "output", example.output);
            let params = parse(kind, "params", example.params);
            kind.check(params.as_object().expect("parameters are an object"))
                .unwrap_or_else(|e| panic!("{}, \"{}\": {e}", kind.kind, example.title));
            if expected.is_null() {
                continue;
            }
            let given = parse(kind, "input", example.input);
            let inputs = match given.get("inputs").and_then(Value::as_array) {
                Some(inputs) => inputs.iter().map(items).collect(),
                None => vec![items(&given)],
            };
            let ctx = ctx(dir.path(), Arc::new(TestHost::default()));
            let outcome = kind
                .run(input(&params, inputs), &ctx)
                .await
                .unwrap_or_else(|e| panic!("{}, \"{}\": {e}", kind.kind, example.title));
            let Outcome::Items(outputs) = outcome else {
                panic!("{}, \"{}\": no items came out: {outcome:?}", kind.kind, example.title)
            };
            let found: Vec<Vec<Value>> = outputs
                .ports
                .iter()
                .map(|port| port.iter().map(|item| Value::Object((*item.json).clone())).collect())
                .collect();
            assert_eq!(serde_json::json!(found), expected, "{}, \"{}\"", kind.kind, example.title);
        }
    }
}

#[test]
fn every_kind_is_described() {
    for kind in ALL {
        assert!(!kind.spec.title.is_empty(), "{} has no title", kind.kind);
        assert!(kind.spec.summary.ends_with('.'), "{}: the summary is no sentence", kind.kind);
        assert!(!kind.examples.is_empty(), "{} has no example", kind.kind);
        let schema = kind.schema();
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { continue };
        for (name, property) in properties {
            let described = property.get("description").is_some();
            assert!(described, "{}: the parameter `{name}` has no description", kind.kind);
        }
    }
}

#[test]
fn kinds_are_listed_by_name_once() {
    let names: Vec<&str> = ALL.iter().map(|k| k.kind).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted, "the list of kinds is in the order of their names, each once");
}

/// Credentials are kept by type, so kinds that name the same type take the same ones.
#[test]
fn a_type_of_credentials_has_the_same_fields_wherever_it_is_named() {
    let mut first = std::collections::BTreeMap::new();
    for kind in ALL {
        for slot in kind.spec.credentials {
            let (by, fields, secret) =
                first.entry(slot.name).or_insert((kind.kind, slot.fields, slot.secret));
            let same = (*fields, *secret) == (slot.fields, slot.secret);
            assert!(same, "{} and {by} name other fields of {}", kind.kind, slot.name);
        }
    }
}
