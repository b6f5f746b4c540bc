//! The workflows that are measured, as n8n writes them.

use serde_json::{Value, json};

#[derive(Clone)]
pub struct Case {
    pub name: &'static str,
    pub workflow: Value,
    pub path: &'static str,
    pub body: String,
    /// A part of the answer that shows that the workflow ran.
    pub answer: &'static str,
    /// CPU milliseconds per execution that must not be exceeded.
    pub limit_cpu_ms: f64,
    /// How many times heavier than the first case it is: that many times fewer requests are sent.
    pub weight: usize,
    /// Executions in the store before it begins.
    pub n_stored: usize,
}

pub fn all() -> Vec<Case> {
    let case = |name, path, answer, limit_cpu_ms, weight, nodes| Case {
        name,
        workflow: chain(name, nodes),
        path,
        body: json!({"customer": "Ada", "amount": 120,
                     "items": [{"sku": "a", "n": 2}, {"sku": "b", "n": 1}]})
        .to_string(),
        answer,
        limit_cpu_ms,
        weight,
        n_stored: 0,
    };
    vec![
        case("reply", "reply", "\"label\":\"Ada: 120\"", 0.5, 1, order_nodes("reply", "responseNode")),
        case("at once", "at-once", "started", 0.5, 1, order_nodes("at-once", "onReceived")),
        case("ten sets", "ten-sets", "\"f9\":\"Ada-9\"", 0.7, 1, ten_sets()),
        Case { body: lines(), ..case("code", "code", "\"total\"", 4.0, 8, code_nodes()) },
    ]
}

/// A webhook that asks another service before it answers.
pub fn calling(url: &str) -> Case {
    let call = node("Call", "httpRequest", 4.2, json!({"method": "GET", "url": url, "options": {}}));
    let workflow = chain("calling", vec![webhook("calling", "lastNode"), call]);
    let body = "{}".to_owned();
    Case {
        name: "calling",
        workflow,
        path: "calling",
        body,
        answer: "{",
        limit_cpu_ms: 1.0,
        weight: 1,
        n_stored: 0,
    }
}

fn node(name: &str, kind: &str, version: f64, params: Value) -> Value {
    json!({"id": name, "name": name, "type": format!("n8n-nodes-base.{kind}"), "typeVersion": version,
           "position": [0, 0], "parameters": params})
}

/// Each node feeds the next by its first output.
fn chain(name: &str, nodes: Vec<Value>) -> Value {
    let names: Vec<&str> = nodes.iter().filter_map(|n| n["name"].as_str()).collect();
    let connections: serde_json::Map<String, Value> = names
        .windows(2)
        .map(|pair| {
            let to = json!({"main": [[{"node": pair[1], "type": "main", "index": 0}]]});
            (pair[0].to_owned(), to)
        })
        .collect();
    json!({"name": name, "nodes": nodes, "connections": connections, "settings": {"executionOrder": "v1"}})
}

fn webhook(path: &str, mode: &str) -> Value {
    let params = json!({"httpMethod": "POST", "path": path, "responseMode": mode, "options": {}});
    node("Webhook", "webhook", 2.0, params)
}

fn set(name: &str, fields: &[(&str, &str)]) -> Value {
    let assignments: Vec<Value> = fields
        .iter()
        .map(|(field, value)| json!({"id": field, "name": field, "value": value, "type": "string"}))
        .collect();
    let params =
        json!({"assignments": {"assignments": assignments}, "includeOtherFields": true, "options": {}});
    node(name, "set", 3.4, params)
}

fn order_nodes(path: &str, mode: &str) -> Vec<Value> {
    let condition = json!({
        "options": {"caseSensitive": true, "leftValue": "", "typeValidation": "loose", "version": 2},
        "combinator": "and",
        "conditions": [{"id": "1", "leftValue": "={{ $json.body.amount }}", "rightValue": 100,
                        "operator": {"type": "number", "operation": "gt"}}]
    });
    let mut nodes = vec![
        webhook(path, mode),
        set("Label", &[("label", "={{ $json.body.customer }}: {{ $json.body.amount }}")]),
        node("Large?", "if", 2.2, json!({"conditions": condition, "options": {}})),
        set("Mark", &[("size", "large"), ("first", "={{ $json.body.items[0].sku }}")]),
    ];
    if mode == "responseNode" {
        let params = json!({"respondWith": "firstIncomingItem", "options": {}});
        nodes.push(node("Respond", "respondToWebhook", 1.1, params));
    }
    nodes
}

fn ten_sets() -> Vec<Value> {
    let sets = (0..10).map(|n| {
        let value = format!("={{{{ $json.body.customer }}}}-{n}");
        set(&format!("Set {n}"), &[(&format!("f{n}"), &value)])
    });
    std::iter::once(webhook("ten-sets", "lastNode")).chain(sets).collect()
}

/// A hundred things in one request.
fn lines() -> String {
    let lines: Vec<Value> = (0..100).map(|n| json!({"n": n, "square": n * n, "even": n % 2 == 0})).collect();
    json!({"lines": lines}).to_string()
}

fn code_nodes() -> Vec<Value> {
    let code = "const out = [];\nfor (const item of $input.all()) {\n  out.push({json: {...item.json, total: item.json.square + 1}});\n}\nreturn out;";
    let condition = json!({
        "options": {"caseSensitive": true, "leftValue": "", "typeValidation": "strict", "version": 2},
        "combinator": "and",
        "conditions": [{"id": "1", "leftValue": "={{ $json.even }}", "rightValue": "",
                        "operator": {"type": "boolean", "operation": "true", "singleValue": true}}]
    });
    vec![
        webhook("code", "lastNode"),
        node("Split", "splitOut", 1.0, json!({"fieldToSplitOut": "body.lines", "options": {}})),
        node("Work", "code", 2.0, json!({"jsCode": code})),
        node("Even?", "if", 2.2, json!({"conditions": condition, "options": {}})),
        node(
            "Sum up",
            "aggregate",
            1.0,
            json!({"fieldsToAggregate": {"fieldToAggregate": [{"fieldToAggregate": "total"}]}, "options": {}}),
        ),
    ]
}
