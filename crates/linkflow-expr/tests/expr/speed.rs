//! That an expression pays only for what it touches: the item here is so large that handing all of
//! it to JavaScript would show by orders of magnitude. What an evaluation costs, `make bench` says.

use std::sync::Arc;
use std::time::Instant;

use linkflow_expr::{Env, Scope, Template};
use linkflow_model::{History, Item, Object, Shape};
use serde_json::json;

/// Nanoseconds for one evaluation.
fn cost_ns(source: &str, n: u32) -> u128 {
    let template = Template::parse(source).unwrap();
    let (env, history, params) = (Env::default(), History::new(Arc::new(Shape::default())), Object::new());
    let filler: Object = (0..20_000).map(|i| (format!("key{i}"), json!({"text": "x".repeat(50)}))).collect();
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
fn one_field_does_not_convert_the_item() {
    let whole = cost_ns("{{ Object.keys($json).length }}", 3);
    for source in [
        "{{ $json.a.b }}",
        "x {{ $json.a.b }} y",
        "{{ $json.a.b > 3 && $json.a.list.length === 3 }}",
        "{{ $json.a.list.map(x => x + 1) }}",
        "{{ $json['a' + ''].list.map(x => x + 1) }}",
    ] {
        let cost = cost_ns(source, 200);
        assert!(cost * 10 < whole, "{source} costs {cost} ns, all of the item {whole} ns");
    }
}
