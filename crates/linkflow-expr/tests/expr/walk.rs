//! Every function of the language with huge arguments: the engine looks at the time limit only
//! between its own steps, so one call of a built-in must not take long by itself. What outlived the
//! limit once is in `hostile.rs`; `LINKFLOW_WALK=1` tries every call and names each.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Objects whose functions are called, and those whose instances are.
const STATICS: &[&str] = &[
    "String",
    "Array",
    "Number",
    "Object",
    "Date",
    "BigInt",
    "Symbol",
    "Promise",
    "Math",
    "JSON",
    "Map",
    "Uint8Array",
    "ArrayBuffer",
    "Iterator",
    "DateTime",
    "Duration",
    "Interval",
    "Intl",
    "RegExp",
];
const INSTANCES: &[(&str, &str)] = &[
    ("String", "'a'.repeat(5e5)"),
    ("String", "'ab '.repeat(1e5)"),
    ("Array", "new Array(4294967295)"),
    ("Array", "new Array(2e5).fill('a')"),
    ("Array", "({length: 9007199254740991})"),
    ("Number", "1.7976931348623157e308"),
    ("BigInt", "(1n << 20000n)"),
    ("RegExp", "/(a*)*b/"),
    ("RegExp", "/a/g"),
    ("Date", "new Date(8.64e15)"),
    ("Map", "new Map([[1, 2]])"),
    ("Set", "new Set([1, 2])"),
    ("Uint8Array", "new Uint8Array(3e6)"),
    ("Float64Array", "new Float64Array(3e5)"),
    ("ArrayBuffer", "new ArrayBuffer(3e6)"),
    ("DataView", "new DataView(new ArrayBuffer(3e6))"),
    ("Object", "({length: 4294967295})"),
    ("DateTime", "$now"),
];
/// What is made with `new`.
const CLASSES: &[&str] = &[
    "Set",
    "Map",
    "WeakSet",
    "WeakMap",
    "Array",
    "Uint8Array",
    "Float64Array",
    "ArrayBuffer",
    "DataView",
    "Date",
    "RegExp",
    "String",
    "Number",
    "Promise",
    "Error",
    "Intl.DateTimeFormat",
    "Intl.NumberFormat",
];
const ARGUMENTS: &[&str] = &[
    "",
    "1e9",
    "4294967295, 4294967295",
    "'a'.repeat(5e5)",
    "'a'.repeat(2e5) + 'b', 'c'.repeat(1000)",
    "new Array(4294967295)",
    "{length: 9007199254740991}, x => x",
    "x => x, 0",
    "[new Array(4294967295)], 5",
    "() => new Array(4294967295)",
    "/(a*)*b/, '$&'.repeat(1e5)",
    "/a|b/g, 'x'.repeat(100)",
    "9007199254740991, {length: 1e9}",
    "1n << 20000n, 1n << 1000n",
];
/// An evaluation may take its second, and machines are slow; what ignores the limit takes far longer.
const BOUND: Duration = Duration::from_secs(20);

fn eval(code: &str) -> (Value, Duration) {
    let began = Instant::now();
    let answer = linkflow_expr::eval_case(&json!({"expression": format!("={{{{ {code} }}}}"), "json": {}}));
    (answer, began.elapsed())
}

fn functions(of: &str) -> Vec<String> {
    let code = format!("(() => {{ const o = {of}; return Object.getOwnPropertyNames(o) }})()");
    let names = eval(&code).0["value"].as_array().cloned().unwrap_or_default();
    let is_word = |name: &String| name.chars().all(|c| c.is_alphanumeric() || c == '_');
    names.iter().filter_map(|name| name.as_str().map(str::to_owned)).filter(is_word).collect()
}

#[test]
fn no_built_in_outlives_the_time_limit() {
    let mut calls = Vec::new();
    for owner in STATICS {
        for name in functions(owner).iter().filter(|n| *n != "prototype") {
            calls.extend(ARGUMENTS.iter().map(|args| format!("{owner}['{name}']({args})")));
        }
    }
    for class in CLASSES {
        calls.extend(ARGUMENTS.iter().map(|args| format!("new {class}({args})")));
    }
    for (owner, instance) in INSTANCES {
        for name in functions(&format!("{owner}['proto' + 'type']")) {
            calls.extend(ARGUMENTS.iter().map(|args| {
                format!(
                    "(t => {owner}['proto' + 'type']['{name}'].call(t{}{args}))({instance})",
                    if args.is_empty() { "" } else { ", " }
                )
            }));
        }
    }
    assert!(calls.len() > 3_000, "only {} calls were found", calls.len());
    // All of them take minutes; every ninth, another one each time the list grows, takes seconds.
    let is_whole = std::env::var_os("LINKFLOW_WALK").is_some();
    let calls: Vec<String> =
        calls.into_iter().enumerate().filter(|(i, _)| is_whole || i % 9 == 0).map(|(_, c)| c).collect();
    let mut slow = Vec::new();
    let began = Instant::now();
    for call in &calls {
        if is_whole {
            eprintln!("{call}");
        }
        let (answer, took) = eval(call);
        if took > Duration::from_millis(500) {
            println!("{took:>12?} {call} {}", answer.to_string().chars().take(100).collect::<String>());
        }
        if took > BOUND {
            slow.push(format!("{took:?} {call}"));
        }
    }
    println!("{} calls in {:?}", calls.len(), began.elapsed());
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}
