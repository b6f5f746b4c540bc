//! How much of what people write in workflows Rust evaluates alone, without JavaScript.
//!
//! The list is made up, in the proportions in which such expressions stand in published workflows: three
//! of four chunks are a plain path, about one of sixty has an arrow function.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_expr::{Env, Scope, Template};
use linkflow_model::{History, Item, Object, Run, Shape, Workflow};
use serde_json::json;

/// The least share of chunks, in percent.
const SHARE_MIN: usize = 85;

/// Chunks, and how many of a thousand are of this sort.
const SORTS: &[(&str, usize, &[&str])] = &[
    (
        "paths of the item",
        500,
        &[
            "$json.email",
            "$json.customer.name",
            "$json['first name']",
            "$json.body.items[0].sku",
            "$json.missing.x",
        ],
    ),
    (
        "paths of other nodes",
        270,
        &[
            "$('Webhook').item.json.body.id",
            "$('Webhook').first().json.body.email",
            "$('Webhook').last().json.query",
            "$node[\"Webhook\"].json.body.id",
            "$node[\"Webhook\"].json[\"body\"][\"email\"]",
        ],
    ),
    (
        "the execution and its settings",
        25,
        &["$execution.id", "$workflow.name", "$itemIndex", "$runIndex", "$vars.channel"],
    ),
    (
        "conditions and sums",
        45,
        &[
            "$json.amount > 100",
            "$json.status === 'paid' ? 'yes' : 'no'",
            "$json.name || 'nobody'",
            "$json.amount * 1.19",
            "!$json.deleted && $json.amount >= 5",
            "$json.first + ' ' + $json.email",
            "$json.nick ?? $json.email",
        ],
    ),
    (
        "methods of texts and lists",
        70,
        &[
            "$json.email.replace('@', ' at ')",
            "$json.tags.join(', ')",
            "$json.email.replaceAll('.', '-')",
            "JSON.stringify($json.customer)",
            "$json.email.split('@')[1]",
            "$json.email.trim().toLowerCase()",
            "$json.email.slice(0, 3)",
            "$json.amount.toFixed(2)",
            "$json.tags.isEmpty()",
            "$json.tags.first()",
            "$('Webhook').all().length",
            "$json.tags.includes('a')",
            "$input.all().length",
            "$json.tags.length",
        ],
    ),
    ("patterns", 20, &["$json.email.replace(/[^a-z]/g, '')", "$json.email.match(/@(.+)$/)[1]"]),
    (
        "dates",
        35,
        &[
            "$now.toISO()",
            "$now.minus({days: 7}).toISO()",
            "DateTime.fromISO($json.at).toFormat('yyyy-MM-dd')",
            "$today.format('yyyy-MM-dd')",
            "new Date().toISOString()",
            "$json.at.toDateTime().plus(1, 'day')",
        ],
    ),
    (
        "arrow functions",
        20,
        &[
            "$json.lines.map(l => l.sku).join(', ')",
            "$json.lines.filter(l => l.n > 1)",
            "$input.all().map(i => i.json.email)",
        ],
    ),
    (
        "added methods that Rust does not know",
        15,
        &[
            "$json.customer.toJsonString()",
            "$json.email.base64Encode()",
            "$json.customer.keys()",
            "$json.text.parseJson()",
        ],
    ),
];

fn with_scope<T>(look: impl FnOnce(&Scope<'_>) -> T) -> T {
    let item = json!({"email": " Ada.L@example.com", "first name": "Ada", "first": "Ada", "name": "Ada", "nick": null,
        "customer": {"name": "Ada"}, "body": {"items": [{"sku": "a-1"}]}, "amount": 120.5, "status": "paid",
        "deleted": false, "tags": ["a", "b"], "lines": [{"sku": "a-1", "n": 2}], "at": "2026-03-01T10:00:00Z",
        "text": "{}"});
    let webhook = json!({"body": {"id": 7, "email": "ada@example.com"}, "query": {}});
    let nodes =
        json!([{"id": "w", "name": "Webhook", "kind": "webhook"}, {"id": "s", "name": "Set", "kind": "set"}]);
    let edges = json!([{"from": {"node": "w", "port": 0}, "to": {"node": "s", "port": 0}}]);
    let workflow: Workflow =
        serde_json::from_value(json!({"name": "x", "nodes": nodes, "edges": edges})).unwrap();
    let mut history = History::new(Arc::new(Shape::of(&workflow)));
    let outputs = vec![vec![Item::from_value(webhook).paired_with(0)].into()];
    history.push(0, Run { inputs: vec![None], outputs, ..Run::default() });
    let inputs = [Arc::new(vec![Item::from_value(item).paired_with(0)])];
    let sources = [Some(linkflow_model::Source { node: 0, run: 0, output: 0 })];
    let (env, params) = (Env::default(), Object::new());
    look(&Scope {
        env: &env,
        history: &history,
        node: 1,
        run: 0,
        inputs: &inputs,
        sources: &sources,
        item: 0,
        params: &params,
    })
}

#[test]
fn most_of_what_people_write_needs_no_javascript() {
    let mut per_mille = 0.0;
    let mut left: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (sort, weight, chunks) in SORTS {
        for chunk in *chunks {
            let template = Template::parse(&format!("{{{{ {chunk} }}}}")).unwrap();
            let (native, all) = with_scope(|scope| template.natively(scope));
            assert_eq!(all, 1, "{chunk}");
            if native == 1 {
                per_mille += *weight as f64 / chunks.len() as f64;
            } else {
                left.entry(*sort).or_default().push(chunk);
            }
        }
    }
    println!("{:.1} % of all chunks need no JavaScript; it is left to do:", per_mille / 10.0);
    for (sort, chunks) in &left {
        println!("  {sort}: {}", chunks.join("   "));
    }
    assert_eq!(SORTS.iter().map(|(_, weight, _)| weight).sum::<usize>(), 1_000);
    assert!(per_mille / 10.0 >= SHARE_MIN as f64, "only {:.1} %", per_mille / 10.0);
    assert!(left.contains_key("arrow functions"), "those are known to need it");
}
