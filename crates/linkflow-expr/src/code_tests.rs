//! Stories about people's code.

use super::*;

fn request(mode: Mode, source: &str, items: Value) -> CodeRequest {
    let raw = |text: String| RawValue::from_string(text).unwrap();
    CodeRequest {
        mode,
        goes_on: false,
        source: source.to_owned(),
        items: raw(items.to_string()),
        kept_global: raw("{\"n\":1}".into()),
        kept_node: raw("{}".into()),
        context: json!({
            "workflow": {"id": "w", "name": "Test", "active": false},
            "execution": {"id": "7", "mode": "test"}, "customData": {}, "vars": {"v": 1}, "env": {},
            "params": {}, "runIndex": 0, "prevNode": {"name": "Set"},
        }),
        zone: "Europe/Berlin".to_owned(),
        time_ms: 2_000,
        memory_bytes: 64 << 20,
        wants_raw: false,
    }
}

fn three() -> Value {
    json!([{"json": {"a": 1}}, {"json": {"a": 2}}, {"json": {"a": 3}}])
}

fn nodes(question: &str) -> String {
    match question {
        q if q.contains("Nope") => r#"{"error":"there is no node named \"Nope\""}"#.to_owned(),
        q if q.contains("items") => r#"{"items":[{"json":{"b":10}},{"json":{"b":20}}]}"#.to_owned(),
        q if q.contains("paired") || q.contains("same") => r#"{"item":{"json":{"b":10}}}"#.to_owned(),
        _ => r#"{"isExecuted":true}"#.to_owned(),
    }
}

/// Each item as `json @paired`, or the error's text.
fn run(mode: Mode, source: &str) -> String {
    match run_code(&request(mode, source, three()), nodes) {
        Ok(text) => show(&text),
        Err(CodeFailure::Thrown { message, .. }) => format!("error: {message}"),
        Err(other) => format!("{other:?}"),
    }
}

fn show(text: &str) -> String {
    let response: CodeResponse = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let items = response.items.unwrap_or_default();
    let line = |item: GivenItem| {
        let json = Value::Object(item.json);
        match item.paired_item {
            None | Some(Value::Null) => json.to_string(),
            Some(Value::Object(o)) => format!("{json} @{}", o["item"]),
            Some(other) => format!("{json} @{other}"),
        }
    };
    items.into_iter().map(line).collect::<Vec<_>>().join("; ")
}

fn check(mode: Mode, table: &[(&str, &str)]) {
    for (source, expected) in table {
        assert_eq!(&run(mode, source), expected, "{source}");
    }
}

#[test]
fn code_for_all_items_gives_items_in_many_forms() {
    check(
        Mode::All,
        &[
            ("return [{a:1},{b:2},{c:3}]", r#"{"a":1}; {"b":2}; {"c":3}"#),
            ("return {x:1}", r#"{"x":1}"#),
            ("return null", ""),
            ("return []", ""),
            ("return [{json:{a:1}},{json:{a:2}}]", r#"{"a":1}; {"a":2}"#),
            ("return [{binary:{}}]", "{}"),
            ("return $input.all().reverse()", r#"{"a":3} @2; {"a":2} @1; {"a":1} @0"#),
            ("return items.filter(i=>i.json.a>1)", r#"{"a":2} @1; {"a":3} @2"#),
            ("return items.map(i=>({json:{n:i.json.a}}))", r#"{"n":1}; {"n":2}; {"n":3}"#),
            ("return items.slice(1).map(i=>({...i, json:{n:i.json.a}}))", r#"{"n":2} @1; {"n":3} @2"#),
            (
                "return [{json:{a:1},pairedItem:2},{json:{b:1},pairedItem:{item:0}}]",
                r#"{"a":1} @2; {"b":1} @0"#,
            ),
            ("const items = [1]; return [{json:{items}}]", r#"{"items":[1]}"#),
            (
                "return [{json:{d:new Date(0),u:undefined,f:()=>1,n:NaN,m:new Map([[1,2]]),b:10n,bf:Buffer.from('hi')}}]",
                r#"{"d":"1970-01-01T00:00:00.000Z","n":null,"m":{},"b":"10","bf":{"type":"Buffer","data":[104,105]}}"#,
            ),
        ],
    );
}

#[test]
fn what_is_no_list_of_items_is_refused_with_the_reason() {
    check(
        Mode::All,
        &[
            ("return 'x'", "error: the code must return a list of items, each an object: got a string"),
            ("const a=1", "error: the code must return a list of items, each an object: got nothing"),
            (
                "return ['x']",
                "error: the code must return a list of items, each an object: got an array with a string in it",
            ),
            ("return [{json:'x'}]", "error: the `json` of an item must be an object, got a string [item 0]"),
            ("return [{json:{}},{b:2}]", "error: an item has no key `b`; put the data into `json` [item 1]"),
        ],
    );
}

#[test]
fn an_error_names_its_line() {
    check(
        Mode::All,
        &[
            ("const q=1;\n\nthrow new Error('boom')", "error: boom [line 3]"),
            (
                "let x;\nreturn x.foo.bar",
                "error: Cannot read properties of undefined (reading 'foo') [line 2]",
            ),
            ("throw 'plain'", "error: \"plain\""),
            ("throw {message:'objm'}", "error: objm"),
            (
                "function f(n){\n  return n.x;\n}\nf(null);",
                "error: Cannot read properties of null (reading 'x') [line 2]",
            ),
            ("await Promise.reject(new Error('rej'))", "error: rej [line 1]"),
            ("return $('Nope').all()", "error: there is no node named \"Nope\" [line 1]"),
            ("\nnope()", "error: nope is not defined [line 2]"),
            ("const a = {};\n  a.foo(1, 2)", "error: a.foo is not a function [line 2]"),
            ("let x = 1; x()", "error: x is not a function [line 1]"),
            ("return [1,2].sum()", "error: (...).sum is not a function [line 1]"),
            ("const a = 1; a = 2", "error: Assignment to constant variable: a [line 1]"),
        ],
    );
    assert!(run(Mode::All, "return [").starts_with("error: the code cannot be read: "));
    assert!(run(Mode::All, "JSON.parse('{')").ends_with("[line 1]"));
    assert!(run(Mode::All, "\nrequire('axios')").contains("\"axios\" is not available"));
    check(Mode::Each, &[("if($itemIndex==1) throw new Error('bad');\nreturn {}", "error: bad [line 1]")]);
    assert!(run(Mode::Each, "$input.all()").ends_with("[line 1, for item 0]"));
}

#[test]
fn code_for_each_item_sees_one_item() {
    check(
        Mode::Each,
        &[
            ("return {v:$json.a, i:$itemIndex}", r#"{"v":1,"i":0} @0; {"v":2,"i":1} @1; {"v":3,"i":2} @2"#),
            (
                "$input.item.json.z=1;return $input.item",
                r#"{"a":1,"z":1} @0; {"a":2,"z":1} @1; {"a":3,"z":1} @2"#,
            ),
            ("if (item.json.a !== 2) return {json:{ok:true}}", r#"{"ok":true} @0; {"ok":true} @2"#),
            ("return [{a:1}]", "error: the code must return one object for each item, got an array"),
        ],
    );
    check(
        Mode::FunctionItem,
        &[("item.b = item.a * 2; return item", r#"{"a":1,"b":2} @0; {"a":2,"b":4} @1; {"a":3,"b":6} @2"#)],
    );
    check(
        Mode::Function,
        &[("items[0].json.b = 1; return items", r#"{"a":1,"b":1} @0; {"a":2} @1; {"a":3} @2"#)],
    );
}

#[test]
fn code_that_goes_on_gives_an_error_for_the_item_that_failed() {
    let going_on = |source| CodeRequest { goes_on: true, ..request(Mode::Each, source, three()) };
    let throws = going_on("if ($json.a === 2) throw new Error('bad'); return {ok: $json.a}");
    assert_eq!(
        show(&run_code(&throws, nodes).unwrap()),
        r#"{"ok":1} @0; {"error":"bad [line 1]"} @1; {"ok":3} @2"#
    );
    // What is no item at all is no failure of one item, but of the code.
    let failure = run_code(&going_on("return $json.a === 2 ? 5 : {}"), nodes).unwrap_err();
    assert!(matches!(failure, CodeFailure::Thrown { item: Some(1), .. }), "{failure:?}");
}

#[test]
fn code_sees_other_nodes_and_its_surroundings() {
    check(
        Mode::All,
        &[
            (
                "return [{json:{x:$node['Set'].json.b, y:$('Set').first().json.b, n:$items('Set').length, l:$('Set').last().json.b, e:$('Set').isExecuted}}]",
                r#"{"x":10,"y":10,"n":2,"l":20,"e":true}"#,
            ),
            (
                "return [{json:{w:$workflow.name, e:$execution.id, v:$vars.v, p:$prevNode.name, j:$json.a, t:typeof item, z:$now.zoneName}}]",
                r#"{"w":"Test","e":"7","v":1,"p":"Set","j":1,"t":"undefined","z":"Europe/Berlin"}"#,
            ),
        ],
    );
}

#[test]
fn promises_and_timers_come_to_their_end_at_once() {
    check(
        Mode::All,
        &[
            ("const x = await new Promise(r=>setTimeout(()=>r(5),60000)); return {x}", r#"{"x":5}"#),
            (
                "const o=[]; setTimeout(()=>o.push('b'),20); setTimeout(()=>o.push('a'),10); await new Promise(r=>setTimeout(r,30)); return {o}",
                r#"{"o":["a","b"]}"#,
            ),
            (
                "await new Promise(()=>{})",
                "error: the code waits for a promise that nothing will ever settle",
            ),
        ],
    );
}

#[test]
fn texts_and_bytes_can_be_turned_into_each_other() {
    check(
        Mode::All,
        &[
            (
                "return {a:Buffer.from('héé').toString('base64'), b:Buffer.from('aMOpw6k=','base64').toString(), c:btoa('abc'), d:atob('YWJj'), e:Buffer.from('6869','hex').toString('utf8')}",
                r#"{"a":"aMOpw6k=","b":"héé","c":"YWJj","d":"abc","e":"hi"}"#,
            ),
            (
                "const u = new URL('/a/../b?x=1&y=a%20b#h', 'https://Ex.org:443/q'); return {h:u.href, y:u.searchParams.get('y'), s:new URLSearchParams({a:'x y'}).toString()}",
                r##"{"h":"https://ex.org/b?x=1&y=a%20b#h","y":"a b","s":"a=x+y"}"##,
            ),
            (
                "const c=require('crypto'); return {a:c.createHash('sha256').update('abc').digest('hex').slice(0,8), b:c.createHmac('sha256','key').update('The quick brown fox jumps over the lazy dog').digest('hex').slice(0,8), u:c.randomUUID().length, r:c.randomBytes(5).length}",
                r#"{"a":"ba7816bf","b":"f7bc83f4","u":36,"r":5}"#,
            ),
            (
                "return {t:new TextDecoder().decode(new TextEncoder().encode('hé')), c:structuredClone({a:[1,new Date(0)]})}",
                r#"{"t":"hé","c":{"a":[1,"1970-01-01T00:00:00.000Z"]}}"#,
            ),
        ],
    );
}

#[test]
fn what_the_code_keeps_and_prints_comes_out_beside_the_items() {
    let source = "const s=$getWorkflowStaticData('global'); s.n++; console.log('a',{b:1}); $execution.customData.set('k','v'); return []";
    let text = run_code(&request(Mode::All, source, three()), nodes).unwrap();
    let response: CodeResponse = serde_json::from_str(&text).unwrap();
    assert_eq!(response.kept.global.as_deref(), Some("{\"n\":2}"));
    assert_eq!(response.kept.node, None);
    assert_eq!(response.logs, ["a {\n \"b\": 1\n}"]);
    assert_eq!(response.custom_data, json!({"k": "v"}).as_object().cloned());
}

#[test]
fn endless_and_greedy_code_is_ended() {
    let end = |time_ms: u64, source: &str| {
        let request = CodeRequest { time_ms, memory_bytes: 16 << 20, ..request(Mode::All, source, three()) };
        run_code(&request, nodes).unwrap_err()
    };
    const SHORT_MS: u64 = 100;
    for source in [
        "for(;;);",
        "const f=()=>{Promise.resolve().then(f)}; f(); await new Promise(()=>{})",
        "const f=()=>setTimeout(f,1); f(); await new Promise(()=>{})",
    ] {
        assert_eq!(end(SHORT_MS, source), CodeFailure::TimedOut, "{source}");
    }
    const LONG_MS: u64 = 20_000;
    let bomb = "const a=[]; for(;;) a.push('x'.repeat(1000)+a.length)";
    assert_eq!(end(LONG_MS, bomb), CodeFailure::Memory);
    for source in [
        "function f(){f()} f()",
        "return {a: new Array(1e9)+''}",
        "return {a: new Array(1e9).map(x => x)}",
        "return {a: Array.prototype.some.call({length: 1e15}, x => x)}",
    ] {
        assert!(matches!(end(LONG_MS, source), CodeFailure::Thrown { .. }), "{source}");
    }
}
