//! That no expression keeps a thread from serving others for long.
//!
//! Whoever evaluates is told when an evaluation takes long, and lets others go on elsewhere from then on.
//! What counts is therefore the time up to that moment, or to the end where it never comes. It is
//! processor time, so that a machine that is busy with other things changes nothing.

use std::cell::Cell;
use std::time::Duration;

use serde_json::{Value, json};

/// The longest that others may have to wait. Arithmetic with integers of a hundred thousand digits is not
/// in the list below: it takes a few tenths of a second at most, within which the engine asks nobody.
const STALL_MAX: Duration = Duration::from_millis(50);

thread_local! {
    static TOLD_AT: Cell<Option<Duration>> = const { Cell::new(None) };
}

fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes the time into the place that it is given, and nothing else.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn tell() {
    if TOLD_AT.get().is_none() {
        TOLD_AT.set(Some(cpu_time()));
    }
}

fn evaluate(code: &str) {
    linkflow_expr::eval_case(&json!({"expression": format!("={{{{ {code} }}}}"), "json": {"a": {"b": 1}}}));
}

/// How long others wait while `code` is evaluated.
fn stall(code: &str) -> Duration {
    // After a breach the engine is made anew, of which others are told as well: what counts here is what
    // comes after that.
    evaluate("(() => { for (const x of [1]) return x })()");
    // The system's allocator puts off what it has to do after millions of small values were freed, which
    // the program's does not.
    // SAFETY: it takes nothing that anybody holds.
    unsafe { libc::malloc_trim(0) };
    TOLD_AT.set(None);
    let began = cpu_time();
    evaluate(code);
    TOLD_AT.get().unwrap_or_else(cpu_time) - began
}

fn hostile() -> Vec<String> {
    let endless = "new Array(4294967295)";
    let long = "a".repeat(200_000);
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(3_000), close.repeat(3_000));
    let mut all: Vec<String> = [
        "(() => { while (true) {} })()",
        "(() => { try { while (true) {} } catch { return 1 } })()",
        "/(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!')",
        "[...Array(1e8).keys()].length",
        "(() => { const a = []; while (true) a.push([1, 2, 3]) })()",
        "(() => { let s = 'a'; while (true) s += s })()",
        "'a'.repeat(1e9)",
        "'a'.padStart(1e9)",
        "'a'.repeat(2e6).indexOf('a'.repeat(1e6) + 'b')",
        "'a'.repeat(4e6).match('a'.repeat(2e6) + 'b')",
        "'a'.repeat(4e6).search('a'.repeat(2e6) + 'b')",
        "'ab'.repeat(1e6).replaceAll('a', 'b'.repeat(1e3))",
        "'a,'.repeat(1e6).split(',')",
        "numberList(1, 1e9)",
        "(() => { const a = []; a.push(a, a); return a })()",
        "(() => { let a = [1]; for (let i = 0; i < 30; i++) a = [a, a]; return a })()",
        "(() => { let a = {}; for (let i = 0; i < 1e5; i++) a = {a}; return a })()",
        "new Array(1e9) + ''",
        "new Array(1e9).fill(0)",
        "Array.from({length: 1e9})",
        "(() => { const f = () => f(); return f() })()",
        "[].includes.call({length: 9007199254740991}, 1)",
        "new RegExp('a'.repeat(2e6) + 'b').test('a'.repeat(4e6))",
        "new RegExp('(a|b|c)*'.repeat(1e4)).test('abc'.repeat(1e4))",
        "Object.assign('a'.repeat(8e6))",
        "JSON.stringify([new Array(4294967295)])",
        "JSON.parse('['.repeat(1e6))",
        "JSON.stringify('\\n'.repeat(5e6))",
        "Array.from({length: 2e5}, (_, i) => -i).sort()",
        "Object.fromEntries(Array.from({length: 1e5}, (_, i) => ['k' + i, i]))",
        "2n ** (2n ** 30n)",
        "structuredClone",
        "'x'.repeat(1e6).normalize('NFKD')",
        "encodeURIComponent('\u{e9}'.repeat(1e6))",
        "(() => { let p = Promise.resolve(); const f = () => { p = p.then(f); return p }; f(); while (true) f() })()",
    ]
    .map(str::to_owned)
    .to_vec();
    for call in [
        "new Set(E)",
        "new Map(E)",
        "[E].flat()",
        "[1].flatMap(() => E)",
        "[].concat(E)",
        "({a: [E]})",
        "Object.fromEntries(E)",
        "Object.groupBy(E, x => x)",
        "Promise.all(E).x.y",
        "String.raw({raw: E})",
        "E",
    ] {
        all.push(call.replace('E', endless));
    }
    // Before anything runs it has to be read.
    all.extend([
        format!("'{long}'.length"),
        deep("(", ")"),
        deep("[", "]"),
        deep("!", ""),
        format!("1{}", " + 1".repeat(20_000)),
        format!("$json{}", ".a".repeat(20_000)),
        format!("{} 1", "x => ".repeat(3_000)),
        format!("`{}`", "${1}".repeat(5_000)),
        format!("/{}/.test('a')", "(a*)*".repeat(2_000)),
    ]);
    all
}

#[test]
fn nothing_hostile_holds_others_up_for_long() {
    linkflow_expr::on_long_evaluation(tell);
    let mut stalls: Vec<(Duration, String)> =
        hostile().into_iter().map(|code| (stall(&code), code)).collect();
    stalls.sort_by(|a, b| b.cmp(a));
    for (stall, code) in stalls.iter().take(5) {
        println!("{:>7.1} ms  {:.80}", stall.as_secs_f64() * 1e3, code);
    }
    let too_long: Vec<&(Duration, String)> = stalls.iter().filter(|(stall, _)| *stall > STALL_MAX).collect();
    let shown: Vec<String> = too_long.iter().map(|(stall, code)| format!("{stall:?}: {code:.120}")).collect();
    assert!(shown.is_empty(), "others wait for longer than {STALL_MAX:?}:\n{}", shown.join("\n"));
}

#[test]
fn a_short_expression_tells_nobody() {
    linkflow_expr::on_long_evaluation(tell);
    assert!(stall("[1, 2].map(x => x + 1)") < STALL_MAX);
    assert_eq!(TOLD_AT.get(), None, "it is over before it is long");
    assert_eq!(linkflow_expr::eval_case(&json!({"expression": "={{ 1 }}"}))["value"], Value::from(1));
}
