//! The workflows of the load. Each says which places of the outside service it calls, and how many
//! steps its journal has at the end.

use serde_json::{Value, json};

/// A kind of order: a workflow that a webhook starts.
#[derive(Debug)]
pub struct Kind {
    pub name: &'static str,
    /// Of a hundred orders, how many are of this kind.
    pub share: u64,
    /// What it calls outside, each once.
    pub places: &'static [&'static str],
    /// Steps that its journal records as done, without the trigger.
    pub steps: u32,
    /// Executions that it starts itself.
    pub children: u32,
}

pub const KINDS: &[Kind] = &[
    Kind { name: "plain", share: 70, places: &["plain"], steps: 4, children: 0 },
    Kind { name: "slow", share: 10, places: &["slow", "second"], steps: 3, children: 0 },
    Kind { name: "rest", share: 10, places: &["rested"], steps: 3, children: 0 },
    Kind { name: "family", share: 10, places: &["child", "parent"], steps: 2, children: 1 },
];

/// Steps of the workflow that orders of the kind `family` call.
pub const CHILD_STEPS: u32 = 2;
/// Steps of a tick.
pub const TICK_STEPS: u32 = 1;
/// Workflows that start every second.
pub const SCHEDULES: usize = 4;

/// The kind of an order; always the same for the same order.
pub fn kind_of(order: u64) -> &'static Kind {
    let mut place = order.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    place %= 100;
    for kind in KINDS {
        if place < kind.share {
            return kind;
        }
        place -= kind.share;
    }
    &KINDS[0]
}

/// The workflow that orders of the kind `family` call.
pub fn child(service: u16) -> Value {
    let order = "$('Called').item.json.body.order";
    chain(
        "child",
        &[
            node("Called", "execute_workflow_trigger", json!({"inputSource": "passthrough"})),
            set("Note"),
            call("Call", service, "child", order),
        ],
    )
}

/// All others, with their names.
pub fn all(service: u16, child: &str) -> Vec<(String, Value)> {
    let order = "$('In').item.json.body.order";
    let webhook = |name: &str| {
        node("In", "webhook", json!({"path": name, "httpMethod": "POST", "responseMode": "onReceived"}))
    };
    let run_child = node("Run child", "execute_workflow", json!({"workflowId": child}));
    let rest = node("Rest", "wait", json!({"amount": 2, "unit": "seconds"}));
    let flows = [
        (
            "plain",
            vec![webhook("plain"), set("A"), set("B"), set("C"), call("Call", service, "plain", order)],
        ),
        (
            "slow",
            vec![
                webhook("slow"),
                call("Call", service, "slow", order),
                set("A"),
                call("Again", service, "second", order),
            ],
        ),
        ("rest", vec![webhook("rest"), set("A"), rest, call("Call", service, "rested", order)]),
        ("family", vec![webhook("family"), run_child, call("Call", service, "parent", order)]),
    ];
    let mut all: Vec<(String, Value)> =
        flows.map(|(name, nodes)| (name.to_owned(), chain(name, &nodes))).into();
    for n in 0..SCHEDULES {
        let rule = json!({"rule": {"interval": [{"field": "seconds", "secondsInterval": 1}]}});
        let name = format!("tick-{n}");
        let nodes = [node("Every second", "schedule_trigger", rule), set("A")];
        all.push((name.clone(), chain(&name, &nodes)));
    }
    all
}

fn node(name: &str, kind: &str, params: Value) -> Value {
    json!({"id": name.to_lowercase().replace(' ', "-"), "name": name, "kind": kind, "params": params})
}

fn set(name: &str) -> Value {
    node(name, "set", json!({"mode": "raw", "jsonOutput": "{\"noted\": true}", "includeOtherFields": true}))
}

fn call(name: &str, service: u16, place: &str, order: &str) -> Value {
    let url = format!("=http://127.0.0.1:{service}/{place}/{{{{ {order} }}}}");
    node(name, "http_request", json!({"method": "POST", "url": url}))
}

/// Nodes that follow one another.
fn chain(name: &str, nodes: &[Value]) -> Value {
    let edge =
        |pair: &[Value]| json!({"from": {"node": pair[0]["id"], "port": 0}, "to": {"node": pair[1]["id"]}});
    let edges: Vec<Value> = nodes.windows(2).map(edge).collect();
    json!({"name": name, "nodes": nodes, "edges": edges})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_spread_over_the_kinds_as_their_shares_say() {
        assert_eq!(KINDS.iter().map(|k| k.share).sum::<u64>(), 100);
        for kind in KINDS {
            let n = (0..10_000).filter(|order| kind_of(*order).name == kind.name).count() as u64;
            assert!(n.abs_diff(kind.share * 100) < 100, "{}: {n}", kind.name);
        }
    }
}
