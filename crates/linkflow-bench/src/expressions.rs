//! What one evaluation of an expression costs, without a server around it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use linkflow_expr::{Env, Scope, Template};
use linkflow_model::{History, Item, Object, Shape};
use serde::Serialize;
use serde_json::json;

/// How long each expression is evaluated again and again.
const MEASURED: Duration = Duration::from_millis(300);

/// Expressions with the nanoseconds that one evaluation may take, where that is promised.
const EXPRESSIONS: &[(&str, Option<f64>)] = &[
    ("{{ $json.customer.name }}", Some(1_000.0)),
    ("{{ $json.lines[1].sku }}", Some(1_000.0)),
    ("{{ $json.customer.name }} orders {{ $json.amount }}", None),
    ("{{ $json.amount > 100 && $json.customer.vip }}", None),
    ("{{ $json.customer.name.toUpperCase() }}", None),
    ("{{ $json.lines.map(l => l.sku).join(', ') }}", None),
    ("{{ DateTime.fromISO($json.at).plus({days: 1}).toISODate() }}", None),
];

#[derive(Serialize)]
pub struct Evaluated {
    pub expression: &'static str,
    /// CPU of one evaluation; the median of five rounds.
    pub ns: f64,
    pub limit_ns: Option<f64>,
}

pub fn measure() -> anyhow::Result<Vec<Evaluated>> {
    EXPRESSIONS.iter().map(|(expression, limit_ns)| one(expression, *limit_ns)).collect()
}

fn one(expression: &'static str, limit_ns: Option<f64>) -> anyhow::Result<Evaluated> {
    let item = json!({"customer": {"name": "Ada", "vip": true}, "amount": 120, "at": "2026-03-01T10:00:00Z",
                      "lines": [{"sku": "a-1", "n": 2}, {"sku": "b-2", "n": 1}]});
    let inputs = [Arc::new(vec![Item::from_value(item)])];
    let (env, history, params) = (Env::default(), History::new(Arc::new(Shape::default())), Object::new());
    let scope = Scope {
        env: &env,
        history: &history,
        node: 0,
        run: 0,
        inputs: &inputs,
        sources: &[],
        item: 0,
        params: &params,
    };
    let template = Template::parse(expression)?;
    template.evaluate(&scope).with_context(|| expression.to_owned())?;
    let mut rounds: Vec<f64> = (0..5).map(|_| round(&template, &scope)).collect();
    rounds.sort_by(f64::total_cmp);
    Ok(Evaluated { expression, ns: rounds[rounds.len() / 2], limit_ns })
}

fn round(template: &Template, scope: &Scope<'_>) -> f64 {
    let begun = Instant::now();
    let cpu = thread_cpu();
    let mut n = 0_u32;
    while begun.elapsed() < MEASURED {
        for _ in 0..100 {
            let _ = std::hint::black_box(template.evaluate(scope));
        }
        n += 100;
    }
    (thread_cpu() - cpu).as_nanos() as f64 / f64::from(n)
}

fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live value of the right type.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec.max(0) as u32)
}
