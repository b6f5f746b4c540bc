//! What one evaluation of an expression costs, without a server around it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use linkflow_expr::code::{self, CodeRequest};
use linkflow_expr::{Env, Scope, Template};
use linkflow_model::{History, Item, Object, Shape};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

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
    let mut all = EXPRESSIONS
        .iter()
        .map(|(expression, limit_ns)| one(expression, *limit_ns))
        .collect::<anyhow::Result<Vec<_>>>()?;
    all.push(code()?);
    Ok(all)
}

/// A run of a Code node that hands on what it got: what a fresh engine costs.
fn code() -> anyhow::Result<Evaluated> {
    let raw = |text: &str| RawValue::from_string(text.to_owned());
    let request = CodeRequest {
        mode: code::Mode::All,
        goes_on: false,
        source: "return $input.all();".to_owned(),
        items: raw(r#"[{"json": {"n": 1}}]"#)?,
        kept_global: raw("{}")?,
        kept_node: raw("{}")?,
        context: with_scope(code::context),
        zone: "UTC".to_owned(),
        time_ms: 10_000,
        memory_bytes: 64 << 20,
        wants_raw: false,
    };
    code::warm_up();
    let run = || code::run_code(&request, |_| "{}".to_owned());
    run().map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    let mut rounds: Vec<f64> = (0..5).map(|_| round(10, &run)).collect();
    rounds.sort_by(f64::total_cmp);
    Ok(Evaluated { expression: "(a run of a Code node)", ns: rounds[rounds.len() / 2], limit_ns: None })
}

fn one(expression: &'static str, limit_ns: Option<f64>) -> anyhow::Result<Evaluated> {
    let template = Template::parse(expression)?;
    with_scope(|scope| {
        template.evaluate(scope).with_context(|| expression.to_owned())?;
        let mut rounds: Vec<f64> = (0..5).map(|_| round(100, &|| template.evaluate(scope))).collect();
        rounds.sort_by(f64::total_cmp);
        Ok(Evaluated { expression, ns: rounds[rounds.len() / 2], limit_ns })
    })
}

/// Calls `f` with the world around one order.
fn with_scope<T>(f: impl FnOnce(&Scope<'_>) -> T) -> T {
    let item = json!({"customer": {"name": "Ada", "vip": true}, "amount": 120, "at": "2026-03-01T10:00:00Z",
                      "lines": [{"sku": "a-1", "n": 2}, {"sku": "b-2", "n": 1}]});
    let inputs = [Arc::new(vec![Item::from_value(item)])];
    let (env, history, params) = (Env::default(), History::new(Arc::new(Shape::default())), Object::new());
    f(&Scope {
        env: &env,
        history: &history,
        node: 0,
        run: 0,
        inputs: &inputs,
        sources: &[],
        item: 0,
        params: &params,
    })
}

fn round<T>(at_a_time: u32, evaluate: &impl Fn() -> T) -> f64 {
    let begun = Instant::now();
    let cpu = thread_cpu();
    let mut n = 0_u32;
    while begun.elapsed() < MEASURED {
        for _ in 0..at_a_time {
            std::hint::black_box(evaluate());
        }
        n += at_a_time;
    }
    (thread_cpu() - cpu).as_nanos() as f64 / f64::from(n)
}

fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live value of the right type.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec.max(0) as u32)
}
