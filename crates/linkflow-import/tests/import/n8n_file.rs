//! An n8n file becomes a workflow, nothing of it is lost, and it goes back as it was.

use linkflow_import::n8n::{self, export_n8n};
use linkflow_import::{Imported, Verdict, read};
use linkflow_model::{Edge, OnError, Order, Retry, Workflow};
use proptest::prelude::*;
use serde_json::{Value, json};

fn import(file: &Value) -> Imported {
    n8n::read(file.as_object().expect("a file is an object"))
}

fn node(name: &str, more: Value) -> Value {
    let mut node = json!({
        "id": format!("id-{name}"), "name": name, "type": "n8n-nodes-base.limit", "typeVersion": 1,
        "position": [100, 200], "parameters": {"maxItems": 2}
    });
    let object = node.as_object_mut().expect("an object");
    object.extend(more.as_object().expect("an object").clone());
    node
}

fn edges(imported: &Imported) -> Vec<String> {
    let edge = |e: &Edge| format!("{}:{} -{}> {}:{}", e.from.node, e.from.port, e.kind, e.to.node, e.to.port);
    imported.workflow.edges.iter().map(edge).collect()
}

/// A file with a bit of everything.
fn rich_file() -> Value {
    json!({
        "id": "AbC123", "name": "Rich", "active": true, "versionId": "v", "meta": {"instanceId": "x"},
        "nodes": [
            node("A", json!({"retryOnFail": true, "maxTries": 9, "waitBetweenTries": 9000, "notes": "why"})),
            node("B", json!({"type": "n8n-nodes-base.unknown", "parameters": {"secretly": {"kept": [1, null]}},
                "credentials": {"someApi": {"id": "7", "name": "Mine"}, "old": "Older"}})),
            node("C", json!({"onError": "continueErrorOutput", "alwaysOutputData": true, "executeOnce": true,
                "disabled": true, "webhookId": "w", "unheardOf": 5})),
        ],
        "connections": {
            "A": {"main": [null, [{"node": "B", "type": "main", "index": 0}, {"node": "C", "type": "main", "index": 1}]]},
            "B": {"ai_tool": [[{"node": "C", "type": "ai_tool", "index": 0}]]},
            "Gone": {"main": [[{"node": "A", "type": "main", "index": 0}]]},
            "C": {"main": [[{"node": "Nowhere", "type": "main", "index": 0}, null]]},
        },
        "settings": {"executionOrder": "v1", "timezone": "Europe/Berlin", "executionTimeout": 90,
            "errorWorkflow": "err1", "saveDataSuccessExecution": "none", "saveManualExecutions": false},
        "staticData": {"node:A": {"n": 1}},
        "pinData": {"A": [{"json": {"a": 1}}, {"b": 2}], "Gone": [{}]},
        "tags": [{"id": "t", "name": "prod"}, "other"],
    })
}

#[test]
fn connections_by_name_become_edges_by_id() {
    let imported = import(&rich_file());
    assert_eq!(edges(&imported), ["id-A:1 -main> id-B:0", "id-A:1 -main> id-C:1", "id-B:0 -ai_tool> id-C:0"]);
    assert!(imported.notes.iter().any(|n| n.contains("\"Gone\"")), "{:?}", imported.notes);
    assert!(imported.notes.iter().any(|n| n.contains("\"Nowhere\"")), "{:?}", imported.notes);
}

#[test]
fn what_is_said_about_a_node_beside_its_parameters_is_taken_over() {
    let workflow = import(&rich_file()).workflow;
    let [a, b, c] = workflow.nodes.as_slice() else { panic!("three nodes") };
    assert_eq!(a.kind, "limit");
    assert_eq!(a.retry, Some(Retry { max_tries: 5, wait_ms: 5000, factor: 1, max_wait_ms: None }));
    assert_eq!(a.notes.as_deref(), Some("why"));
    assert_eq!(a.position, [100.0, 200.0]);
    assert_eq!(b.kind, "missing:n8n-nodes-base.unknown");
    assert_eq!(Value::Object(b.params.clone()), json!({"secretly": {"kept": [1, null]}}));
    assert_eq!(b.credentials["someApi"].name, "Mine");
    assert_eq!(b.credentials["old"].name, "Older");
    assert_eq!(c.on_error, OnError::ContinueErrorOutput);
    assert!(c.always_output && c.execute_once && c.disabled);
    assert_eq!(c.webhook_id.as_deref(), Some("w"));
}

#[test]
fn settings_pins_and_tags_are_taken_over() {
    let workflow = import(&rich_file()).workflow;
    assert_eq!(workflow.settings.order, Order::V1);
    assert_eq!(workflow.settings.timezone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(workflow.settings.time_limit_ms, Some(90_000));
    assert_eq!(workflow.settings.error_workflow.as_deref(), Some("err1"));
    assert!(
        !workflow.settings.save.success && workflow.settings.save.error && !workflow.settings.save.manual
    );
    assert_eq!(workflow.pinned["A"], [json!({"json": {"a": 1}}), json!({"json": {"b": 2}})]);
    assert_eq!(workflow.tags, ["prod", "other"]);
    assert_eq!(
        workflow.origin.as_ref().and_then(|o| o.get("staticData")),
        Some(&json!({"node:A": {"n": 1}}))
    );
}

#[test]
fn a_file_that_says_nothing_has_the_older_order_and_n8ns_defaults() {
    let imported = import(
        &json!({"nodes": [node("A", json!({"retryOnFail": true, "waitBetweenTries": 0}))], "connections": {}}),
    );
    assert_eq!(imported.workflow.settings.order, Order::V0);
    assert_eq!(
        imported.workflow.nodes[0].retry,
        Some(Retry { max_tries: 3, wait_ms: 1000, factor: 1, max_wait_ms: None })
    );
    assert_eq!(imported.workflow.settings.time_limit_ms, None);
}

#[test]
fn of_two_nodes_with_one_name_the_last_keeps_it_and_its_connections() {
    let mut first = node("A", json!({}));
    first["id"] = json!("first");
    let imported = import(&json!({
        "nodes": [first, node("A", json!({})), node("B", json!({})), {"type": "n8n-nodes-base.limit"}],
        "connections": {"A": {"main": [[{"node": "B", "index": 0}]]}},
    }));
    let names: Vec<&str> = imported.workflow.nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["A 1", "A", "B", "limit"]);
    assert_eq!(edges(&imported), ["id-A:0 -main> id-B:0"]);
    assert_eq!(imported.workflow.nodes[3].id, "node-4");
}

#[test]
fn the_report_says_what_is_missing() {
    let imported = import(&rich_file());
    let verdicts: Vec<Verdict> = imported.report.iter().map(|r| r.verdict).collect();
    assert_eq!(verdicts, [Verdict::Exact, Verdict::Missing, Verdict::Exact]);
    assert!(imported.report[1].message.contains("n8n-nodes-base.unknown"), "{}", imported.report[1].message);
}

#[test]
fn an_unchanged_workflow_goes_back_as_it_was() {
    assert_eq!(export_n8n(&import(&rich_file()).workflow), rich_file());
}

#[test]
fn what_was_changed_here_is_changed_there() {
    let mut workflow = import(&rich_file()).workflow;
    workflow.nodes[0].name = "Renamed".to_owned();
    workflow.nodes[0].params.insert("maxItems".to_owned(), json!(7));
    workflow.nodes[0].position = [1.0, 2.5];
    workflow.nodes[0].retry = None;
    workflow.nodes[2].on_error = OnError::ContinueRegular;
    workflow.settings.timezone = None;
    let file = export_n8n(&workflow);
    assert_eq!(file["nodes"][0]["name"], "Renamed");
    assert_eq!(file["nodes"][0]["parameters"], json!({"maxItems": 7}));
    assert_eq!(file["nodes"][0]["position"], json!([1, 2.5]));
    assert_eq!(file["nodes"][0].get("retryOnFail"), None);
    assert_eq!(file["nodes"][2]["onError"], "continueRegularOutput");
    assert_eq!(file["nodes"][2]["unheardOf"], 5);
    assert_eq!(file["settings"].get("timezone"), None);
    assert_eq!(
        file["connections"]["Renamed"]["main"],
        json!([[], [
        {"node": "B", "type": "main", "index": 0}, {"node": "C", "type": "main", "index": 1}]])
    );
}

#[test]
fn a_workflow_made_here_goes_out_and_comes_back() {
    let text = json!({
        "name": "Ours",
        "settings": {"order": "v1"},
        "nodes": [
            {"id": "a", "name": "Take two", "kind": "limit", "position": [10.0, 20.0], "params": {"maxItems": 2}},
            {"id": "b", "name": "Special", "kind": "only_ours", "params": {"x": "=1"}},
        ],
        "edges": [{"from": {"node": "a", "port": 0}, "to": {"node": "b", "port": 0}}],
    });
    let workflow: Workflow = serde_json::from_value(text).expect("our format");
    let file = export_n8n(&workflow);
    assert_eq!(file["nodes"][0]["type"], "n8n-nodes-base.limit");
    assert_eq!(file["nodes"][1]["type"], "linkflow.only_ours");
    let again = read(file.to_string().as_bytes()).expect("a workflow").workflow;
    let plain = |mut w: Workflow| {
        w.origin = None;
        w.nodes.iter_mut().for_each(|n| n.origin = None);
        w
    };
    assert_eq!(plain(again), plain(workflow));
}

#[test]
fn a_workflow_is_found_within_what_is_put_around_it() {
    for file in
        [json!([rich_file()]), json!({"id": 1, "workflow": rich_file()}), json!([{"workflow": rich_file()}])]
    {
        assert_eq!(read(file.to_string().as_bytes()).expect("a workflow").workflow.name, "Rich");
    }
    let many = json!([rich_file(), rich_file()]).to_string();
    assert!(read(many.as_bytes()).unwrap_err().to_string().contains("a list of 2"));
}

/// Any JSON, up to a few levels deep.
pub fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-cA=\\{ ]{0,6}".prop_map(Value::from),
        prop_oneof![Just("main"), Just("A"), Just("n8n-nodes-base.limit"), Just("DEFAULT")]
            .prop_map(Value::from),
    ];
    let key = prop_oneof![
        4 => prop_oneof![
            Just("nodes"), Just("connections"), Just("settings"), Just("pinData"), Just("tags"), Just("name"),
            Just("id"), Just("type"), Just("typeVersion"), Just("parameters"), Just("position"), Just("node"),
            Just("index"), Just("main"), Just("A"), Just("credentials"), Just("retryOnFail"), Just("maxTries"),
            Just("executionTimeout"), Just("json"), Just("errorWorkflow"), Just("value")
        ].prop_map(str::to_owned),
        1 => "[a-c]{0,3}",
    ];
    leaf.prop_recursive(6, 96, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Something with the outline of an n8n file and anything within.
fn nearly_a_file() -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("A"), Just("B"), Just("C"), Just("")];
    let kind = prop_oneof![Just("main"), Just("ai_tool")];
    let target = (name.clone(), any_json()).prop_map(|(n, i)| json!({"node": n, "type": "main", "index": i}));
    let targets = prop_oneof![prop::collection::vec(target, 0..3).prop_map(Value::from), Just(Value::Null)];
    let connections = prop::collection::vec((name.clone(), kind, prop::collection::vec(targets, 0..3)), 0..4)
        .prop_map(|all| {
            let mut map = serde_json::Map::new();
            for (name, kind, outputs) in all {
                map.insert(name.to_owned(), json!({kind: outputs}));
            }
            Value::Object(map)
        });
    let node = (any_json(), name, any_json(), any_json()).prop_map(|(more, name, params, version)| {
        let mut node = more.as_object().cloned().unwrap_or_default();
        node.insert("name".to_owned(), json!(name));
        node.insert("parameters".to_owned(), params);
        node.insert("typeVersion".to_owned(), version);
        Value::Object(node)
    });
    (prop::collection::vec(node, 0..5), connections, any_json(), any_json()).prop_map(
        |(nodes, connections, settings, pins)| {
            json!({"nodes": nodes, "connections": connections, "settings": settings, "pinData": pins})
        },
    )
}

proptest! {
    #[test]
    fn any_json_at_all_is_read_without_a_panic(value in any_json()) {
        let _ = read(value.to_string().as_bytes());
        if let Value::Object(object) = &value {
            let _ = n8n::read(object);
        }
    }

    #[test]
    fn no_type_is_thrown_off_its_feet_by_strange_parameters(
        at in any::<prop::sample::Index>(), version in any_json(), params in any_json()
    ) {
        let types: Vec<&str> = n8n::kinds::types().collect();
        let file = json!({"nodes": [{"name": "A", "type": at.get(&types), "typeVersion": version, "parameters": params}]});
        let workflow = import(&file).workflow;
        let exported = export_n8n(&workflow);
        prop_assert_eq!(&exported["nodes"][0]["parameters"], &file["nodes"][0]["parameters"]);
        let kind = linkflow_nodes::find(&workflow.nodes[0].kind);
        let _ = kind.map(|kind| (kind.check(&workflow.nodes[0].params), kind.ports(&workflow.nodes[0].params)));
    }

    #[test]
    fn import_export_import_is_stable(file in nearly_a_file()) {
        let first = import(&file).workflow;
        let exported = export_n8n(&first);
        let second = import(&exported).workflow;
        prop_assert_eq!(&first.nodes.iter().map(|n| (&n.id, &n.name, &n.kind, &n.params, &n.retry)).collect::<Vec<_>>(),
            &second.nodes.iter().map(|n| (&n.id, &n.name, &n.kind, &n.params, &n.retry)).collect::<Vec<_>>());
        prop_assert_eq!(&first.edges, &second.edges);
        prop_assert_eq!(&first.settings, &second.settings);
        prop_assert_eq!(&first.pinned, &second.pinned);
        prop_assert_eq!(export_n8n(&second), exported);
    }

    #[test]
    fn names_and_ids_are_unique_and_edges_have_ends(file in nearly_a_file()) {
        let workflow = import(&file).workflow;
        let ids: std::collections::HashSet<&str> = workflow.nodes.iter().map(|n| n.id.as_str()).collect();
        let names: std::collections::HashSet<&str> = workflow.nodes.iter().map(|n| n.name.as_str()).collect();
        prop_assert_eq!(ids.len(), workflow.nodes.len());
        prop_assert_eq!(names.len(), workflow.nodes.len());
        for edge in &workflow.edges {
            prop_assert!(ids.contains(edge.from.node.as_str()) && ids.contains(edge.to.node.as_str()));
        }
    }
}
