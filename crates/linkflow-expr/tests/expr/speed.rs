//! Bounds on what an evaluation may cost. They are wide, because other tests run beside this one
//! and nothing is optimised; the printed figures say more.

use std::sync::Arc;
use std::time::Instant;

use linkflow_expr::{Env, Scope, Template};
use linkflow_model::{History, Item, Object, Shape};
use serde_json::json;

/// Nanoseconds for one evaluation.
fn cost_ns(source: &str, n: u32) -> u128 {
    let template = Template::parse(source).unwrap();
    let (env, history, params) = (Env::default(), History::new(Arc::new(Shape::default())), Object::new());
    let filler: Object = (0..200).map(|i| (format!("key{i}"), json!({"text": "x".repeat(50)}))).collect();
    let mut json = Object::from_iter([("a".to_owned(), json!({"b": 5, "list": [1, 2, 3]}))]);
    json.extend(filler);
    let inputs = [Arc::new(vec![Item::new(json)])];
    let scope = Scope {
        env: &env,
        history: &history,
        node: 0,
        run: 0,
        inputs: &inputs,
        sources: &[None],
        item: 0,
        params: &params,
    };
    template.evaluate(&scope).unwrap();
    let began = Instant::now();
    for _ in 0..n {
        template.evaluate(&scope).unwrap();
    }
    let cost = began.elapsed().as_nanos() / u128::from(n);
    println!("{cost:>8} ns  {source}");
    cost
}

#[test]
fn a_path_costs_little_and_one_field_does_not_convert_the_item() {
    assert!(cost_ns("{{ $json.a.b }}", 100_000) < 20_000);
    assert!(cost_ns("{{ $json.a.b > 3 && $json.a.list.length === 3 }}", 50_000) < 50_000);
    assert!(cost_ns("x {{ $json.a.b }} y", 50_000) < 50_000);
    let one_field = cost_ns("{{ $json.a.list.map(x => x + 1) }}", 3_000);
    let by_name = cost_ns("{{ $json['a' + ''].list.map(x => x + 1) }}", 3_000);
    let whole = cost_ns("{{ Object.keys($json).length }}", 300);
    assert!(one_field * 2 < whole && by_name * 2 < whole, "{one_field} {by_name} {whole}");
    cost_ns("{{ $json.a.list.first() + $json.a.b.toInt() }}", 3_000);
    cost_ns("{{ $now.toISO() }}", 3_000);
}
