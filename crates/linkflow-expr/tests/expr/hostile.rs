//! What an expression must not be able to do: leave the sandbox, take too much, change what the
//! next one sees.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

fn eval(code: &str) -> Value {
    linkflow_expr::eval_case(&json!({"expression": format!("={{{{ {code} }}}}"), "json": {"a": {"b": 1}}}))
}

fn check_error(code: &str, part: &str) {
    let began = Instant::now();
    let answer = eval(code);
    let error = answer["error"].as_str().unwrap_or_else(|| panic!("{code} gave {answer}"));
    assert!(error.contains(part), "{code}: {error}");
    assert!(began.elapsed() < Duration::from_secs(30), "{code} took {:?}", began.elapsed());
}

/// Whatever it gives, it ends.
fn check_ends(code: &str) {
    let began = Instant::now();
    eval(code);
    assert!(began.elapsed() < Duration::from_secs(30), "{code} took {:?}", began.elapsed());
}

fn check_undefined(code: &str) {
    let began = Instant::now();
    let answer = eval(code);
    assert_eq!(answer, json!({"value": null, "type": "undefined"}), "{code}");
    assert!(began.elapsed() < Duration::from_secs(30), "{code} took {:?}", began.elapsed());
}

#[test]
fn the_way_to_a_function_constructor_is_closed() {
    for code in [
        "[].constructor.constructor('return 1')()",
        "$json.constructor",
        "$json['__proto__']",
        "Object.prototype",
        "(() => 1).constructor('return 1')()",
        "constructor",
        "__lfw",
        "__linkflowExtend(1)",
    ] {
        check_error(code, "not allowed");
    }
    for code in [
        "[]['cons' + 'tructor']['cons' + 'tructor']('return 1')()",
        "(() => {})['cons' + 'tructor']('return 1')()",
        "(async () => {})['cons' + 'tructor']('return 1')()",
        "(function* () {})['cons' + 'tructor']('yield 1')().next()",
        "Function('return 1')()",
        "new Function('return 1')",
        "eval('1')",
        "globalThis.Function",
        "(function () { return this })()",
        "require('fs')",
        "process.env.HOME",
        "fetch('http://localhost')",
        "setTimeout",
        "Reflect",
        "Proxy",
        "WebAssembly",
        "importScripts",
        "std",
        "os",
        "bjson",
        "[].map['cons' + 'tructor']('return 1')()",
        "Object['getProto' + 'typeOf'](async function () {})['cons' + 'tructor']('return 1')()",
        "(class A {})['cons' + 'tructor']('return 1')()",
        "Object.entries(Object['getOwnProperty' + 'Descriptors'](function () {})).map(e => e[1].value?.('return 1')).x.y",
    ] {
        check_undefined(code);
    }
}

#[test]
fn time_memory_and_length_are_limited() {
    check_error("(() => { while (true) {} })()", "1000 ms");
    check_error("(() => { try { while (true) {} } catch { return 1 } })()", "1000 ms");
    check_error("/(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!')", "1000 ms");
    check_error("[...Array(1e8).keys()].length", "64 MB");
    check_error("(() => { const a = []; while (true) a.push([1, 2, 3]) })()", "64 MB");
    check_error("'a'.repeat(1e9)", "characters");
    check_error("'a'.padStart(1e9)", "characters");
    check_error("'a'.repeat(2e6).indexOf('a'.repeat(1e6) + 'b')", "too long");
    check_error("numberList(1, 1e9)", "longer");
    check_error("(() => { const a = []; a.push(a, a); return a })()", "too large");
    check_error("(() => { let a = [1]; for (let i = 0; i < 30; i++) a = [a, a]; return a })()", "too large");
    check_undefined("new Array(1e9) + ''");
    check_undefined("new Array(1e9).fill(0)");
    check_undefined("Array.from({length: 1e9})");
    check_undefined("(() => { const f = () => f(); return f() })()");
    // Lists without elements, which built-ins walk all the same.
    let endless = "new Array(4294967295)";
    check_error(endless, "too large");
    check_error(&format!("({{a: [{endless}]}})"), "too large");
    for code in [
        format!("new Set({endless})"),
        format!("new Map({endless})"),
        format!("[{endless}].flat()"),
        format!("[[{endless}]].flat(2)"),
        format!("[1].flatMap(() => {endless})"),
        format!("[].concat({endless})"),
        format!("Object.fromEntries({endless})"),
        format!("Object.groupBy({endless}, x => x)"),
        format!("Promise.all({endless}).x.y"),
        format!("Uint8Array.from({{length: 9007199254740991}})"),
        format!("Intl.DateTimeFormat({endless})"),
        format!("String.raw({{raw: {endless}}})"),
        "[].includes.call({length: 9007199254740991}, 1)".to_owned(),
        "'a'.repeat(4e6).match('a'.repeat(2e6) + 'b')".to_owned(),
        "'a'.repeat(4e6).search('a'.repeat(2e6) + 'b')".to_owned(),
        "new RegExp('a'.repeat(2e6) + 'b').test('a'.repeat(4e6))".to_owned(),
        "RegExp('a'.repeat(2e6) + 'b').test('a'.repeat(4e6))".to_owned(),
    ] {
        check_undefined(&code);
    }
    // What is slow to hand over.
    check_error("Object.assign('a'.repeat(8e6))", "");
    check_error("JSON.stringify([new Array(4294967295)])", "");
    check_ends(
        "(() => { let p = Promise.resolve(); const f = () => { p = p.then(f); return p }; f(); while (true) f() })()",
    );
    assert_eq!(eval("[1, 2].sum()"), json!({"value": 3, "type": "number"}), "and it goes on after all that");
}

#[test]
fn nothing_of_one_expression_is_left_for_the_next() {
    for code in [
        "Array['proto' + 'type'].map = () => 'mine'",
        "Object['proto' + 'type'].mine = 1",
        "DateTime['proto' + 'type'].toISO = () => 'mine'",
        "DateTime.now = () => 'mine'",
        "Math.max = () => 'mine'",
        "JSON.stringify = () => 'mine'",
        "mine = 5",
        "$now.zone.zoneName = 'mine'",
        "Object.assign($now.loc, {locale: 'de'})",
        "$now['zo' + 'ne']['zoneName'] = 'mine'",
        "DateTime.now().setZone('Asia/Tokyo')['zo' + 'ne'].valid = false",
        "DateTime['DATE_' + 'SHORT'].month = 'long'",
        "$now.diff($now)['mat' + 'rix'].days.hours = 1",
        "$now['l' + 'oc'].getWeekSettings().firstDay = 3",
        "Intl.DateTimeFormat = 5",
        "$json.a.b = 'mine'",
        "$ifEmpty = 'mine'",
        "Object.assign(Intl, {mine: 1})",
        "Object.setPrototypeOf(Object['proto' + 'type'], {mine: 1})",
    ] {
        eval(code);
    }
    for (code, value) in [
        ("[1].map(x => x + 1)", json!([2])),
        ("typeof mine", json!("undefined")),
        ("({}).mine === undefined", json!(true)),
        ("$now.zoneName", json!("UTC")),
        ("DateTime.now().setZone('Asia/Tokyo').isValid", json!(true)),
        ("DateTime.fromISO('2024-05-01').toLocaleString(DateTime.DATE_SHORT)", json!("5/1/2024")),
        ("Duration.fromObject({days: 2}).as('hours')", json!(48)),
        ("$now.startOf('week', {useLocaleWeeks: true}).weekday", json!(1)),
        ("typeof Intl.DateTimeFormat", json!("function")),
        ("$now.toISO().length", json!(24)),
        ("$now.setLocale('en').monthLong.length > 2", json!(true)),
        ("Math.max(...[1, 2])", json!(2)),
        ("JSON.stringify([1].map(x => x))", json!("[1]")),
        ("$json.a.b", json!(1)),
        ("$ifEmpty('', 1)", json!(1)),
    ] {
        assert_eq!(eval(code)["value"], value, "{code}");
    }
}

#[test]
fn own_fields_may_have_the_names_of_inherited_ones() {
    let answer =
        eval("['toString', 'valueOf', 'hasOwnProperty'].reduce((o, k) => { o[k] = 1; return o }, {})");
    assert_eq!(answer["value"], json!({"toString": 1, "valueOf": 1, "hasOwnProperty": 1}));
    let case = json!({"expression": "={{ Object.keys($json).length + $json.arguments[0] }}",
        "json": {"constructor": 1, "toString": 2, "arguments": [5]}});
    assert_eq!(linkflow_expr::eval_case(&case)["value"], json!(8));
    let case =
        json!({"expression": "={{ Object.keys({...$json}) }}", "json": {"__proto__": {"x": 1}, "b": 2}});
    assert_eq!(linkflow_expr::eval_case(&case)["value"], json!(["__proto__", "b"]));
}
