//! A file in our own format reads as it was written, and what is wrong with one is said.

use linkflow_import::read;
use linkflow_model::{Edge, Node, Object, OnError, Order, Port, Retry, Settings, Workflow};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::n8n_file::any_json;

fn object() -> impl Strategy<Value = Object> {
    prop::collection::vec(("[a-c=]{0,3}", any_json()), 0..3).prop_map(|pairs| pairs.into_iter().collect())
}

/// A part of a workflow, by its JSON.
fn given<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a part of a workflow")
}

fn retry() -> impl Strategy<Value = Retry> {
    let most = prop::option::of(any::<u64>());
    (1..=100_u32, any::<u64>(), 1..=10_u32, most).prop_map(|(max_tries, wait_ms, factor, max_wait_ms)| {
        Retry { max_tries, wait_ms, factor, max_wait_ms }
    })
}

fn on_error() -> impl Strategy<Value = OnError> {
    prop::sample::select(&[OnError::Stop, OnError::ContinueRegular, OnError::ContinueErrorOutput][..])
}

fn node() -> impl Strategy<Value = Node> {
    let words = ("[a-z]{1,4}", "\\PC{1,8}", "[a-z_:.0-9]{1,12}", prop::option::of("\\PC{0,8}"));
    let rules = (on_error(), prop::option::of(retry()), prop::option::of(any::<u64>()));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let place = (any::<u32>(), -1e9..1e9_f64, -1e9..1e9_f64);
    (
        words,
        object(),
        rules,
        flags,
        place,
        prop::option::of(any_json().prop_filter("null is nothing", |v| !v.is_null())),
    )
        .prop_map(|(words, params, rules, flags, place, origin)| Node {
            id: words.0,
            name: words.1,
            kind: words.2,
            notes: words.3.clone(),
            credentials: given(match words.3 {
                Some(name) => json!({"slot": {"id": "7", "name": name}}),
                None => json!({}),
            }),
            params,
            on_error: rules.0,
            retry: rules.1,
            time_limit_ms: rules.2,
            disabled: flags.0,
            always_output: flags.1,
            execute_once: flags.2,
            version: place.0,
            position: [place.1, place.2],
            webhook_id: None,
            origin,
        })
}

fn workflow() -> impl Strategy<Value = Workflow> {
    let port = || ("[a-z]{1,4}", any::<u32>()).prop_map(|(node, port)| Port { node, port });
    let edge = (port(), port(), prop::sample::select(&["main", "ai_tool"][..]))
        .prop_map(|(from, to, kind)| Edge { from, to, kind: kind.to_owned() });
    let settings = (
        prop::sample::select(&[Order::Parallel, Order::V1, Order::V0][..]),
        prop::option::of("[A-Za-z/]{0,12}"),
        prop::option::of(any::<u64>()),
        any::<(bool, bool, bool)>(),
    )
        .prop_map(|(order, timezone, time_limit_ms, (success, error, manual))| Settings {
            order,
            timezone,
            time_limit_ms,
            save: given(json!({"success": success, "error": error, "manual": manual})),
            ..Settings::default()
        });
    let pinned = prop::collection::btree_map("[A-C]", prop::collection::vec(any_json(), 0..3), 0..2);
    (
        "\\PC{0,12}",
        settings,
        prop::collection::vec(node(), 0..4),
        prop::collection::vec(edge, 0..4),
        pinned,
        prop::collection::vec("[a-z]{1,5}", 0..3),
    )
        .prop_map(|(name, settings, nodes, edges, pinned, tags)| Workflow {
            name,
            settings,
            nodes,
            edges,
            pinned,
            tags,
            ..Workflow::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_workflow_reads_as_it_was_written(workflow in workflow()) {
        let written = serde_json::to_vec_pretty(&workflow).expect("a workflow can be written");
        let imported = read(&written).expect("what was written can be read");
        prop_assert_eq!(imported.workflow, workflow);
        prop_assert!(imported.report.is_empty() && imported.notes.is_empty());
    }

    #[test]
    fn anything_in_the_place_of_a_field_is_taken_or_refused_with_a_reason(
        workflow in workflow(), field in prop::sample::select(&["name", "settings", "nodes", "edges", "pinned", "tags", "id"][..]),
        value in any_json()
    ) {
        let mut file = serde_json::to_value(&workflow).expect("JSON");
        file[field] = value;
        match read(file.to_string().as_bytes()) {
            Ok(imported) => {
                let again = serde_json::to_vec(&imported.workflow).expect("JSON");
                prop_assert_eq!(read(&again).expect("it can be read").workflow, imported.workflow);
            }
            Err(problem) => prop_assert!(!problem.to_string().is_empty()),
        }
    }
}

#[track_caller]
fn refused(file: &Value, part: &str) {
    let problem = read(file.to_string().as_bytes()).expect_err("a problem").to_string();
    assert!(problem.contains(part), "{problem} does not say {part}");
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let node = json!({"id": "a", "name": "A", "kind": "no_op"});
    refused(&json!({"nodes": [{"id": "a", "name": "A"}]}), "kind");
    refused(&json!({"nodes": [node], "colour": "red"}), "colour");
    refused(&json!({"nodes": [node], "edges": [{"from": {"node": "a"}}]}), "to");
    refused(&json!({"nodes": [node], "settings": {"order": "sideways"}}), "sideways");
    refused(&json!({"name": "W"}), "nodes");
    refused(&json!([]), "object");
}
