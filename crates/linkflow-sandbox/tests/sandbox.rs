//! Stories about people's code in its own process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linkflow_expr::{Compiled, Env};
use linkflow_model::{History, Item, Millis, Object, Run, Shape, Source, Workflow, WorkspaceId};
use linkflow_node::{Blobs, CodeCall, CodeMode, CodeResult, CodeRunner, Language, NodeError, RunInput};
use linkflow_sandbox::{Pool, PoolConfig};
use serde_json::{Value, json};

fn config() -> PoolConfig {
    PoolConfig::of(PathBuf::from(env!("CARGO_BIN_EXE_linkflow-sandbox-child")), Vec::new())
}

fn workspace(n: u128) -> WorkspaceId {
    WorkspaceId::new(Millis(1), n)
}

/// Node 1 ("Code") after node 0 ("Set"), which has run and gave `items`.
fn input(items: Vec<Item>) -> Arc<RunInput> {
    let workflow: Workflow = serde_json::from_value(json!({
        "id": "0198c0de-0000-7000-8000-000000000001",
        "name": "Test",
        "nodes": [
            {"id": "a", "name": "Set", "kind": "set", "params": {}},
            {"id": "b", "name": "Code", "kind": "code", "params": {}},
        ],
        "edges": [{"from": {"node": "a", "port": 0}, "to": {"node": "b", "port": 0}}],
    }))
    .expect("a workflow");
    let items = Arc::new(items);
    let mut history = History::new(Arc::new(Shape::of(&workflow)));
    history.push(0, Run { outputs: vec![items.clone()], ..Run::default() });
    Arc::new(RunInput {
        inputs: vec![items.clone()],
        items,
        sources: vec![Some(Source { node: 0, run: 0, output: 0 })],
        params: Arc::default(),
        compiled: Arc::new(Compiled::of_object(&Object::new())),
        env: Arc::new(Env { workflow_name: "Test".into(), ..Env::default() }),
        history: Arc::new(history),
        node: 1,
        run: 0,
    })
}

fn numbered(n: usize) -> Vec<Item> {
    (0..n).map(|i| Item::from_value(json!({"n": i, "name": format!("item number {i}")}))).collect()
}

fn call(source: &str, items: Vec<Item>) -> CodeCall {
    CodeCall {
        language: Language::JavaScript,
        mode: CodeMode::AllItems,
        source: source.to_owned(),
        input: input(items),
        static_global: Object::new(),
        static_node: Object::new(),
        time_ms: 400,
        memory_bytes: 64 << 20,
    }
}

async fn run(pool: &Arc<Pool>, source: &str) -> Result<CodeResult, NodeError> {
    pool.runner(workspace(1), None).run(call(source, numbered(3))).await
}

fn jsons(result: Result<CodeResult, NodeError>) -> Value {
    match result {
        Ok(result) => result.items.iter().map(|i| Value::Object((*i.json).clone())).collect(),
        Err(e) => json!(e.to_string()),
    }
}

#[tokio::test]
async fn code_runs_and_its_child_is_used_again() {
    let pool = Pool::new(config());
    let doubled = run(&pool, "return items.map(i => ({json: {d: i.json.n * 2}}))").await;
    assert_eq!(jsons(doubled), json!([{"d": 0}, {"d": 2}, {"d": 4}]));
    assert_eq!(pool.n_idle(), 1);
    let again =
        run(&pool, "return {name: $('Set').last().json.name, p: $('Set').itemMatching(1).json.n}").await;
    assert_eq!(jsons(again), json!([{"name": "item number 2", "p": 1}]));
    assert_eq!(pool.n_idle(), 1);
    let failed = run(&pool, "\nthrow new Error('no')").await;
    assert_eq!(jsons(failed), json!("no [line 2]"));
    assert_eq!(pool.n_idle(), 1);
}

#[tokio::test]
async fn code_for_each_item_may_go_on_behind_one_that_failed() {
    let pool = Pool::new(config());
    let each = |mode| CodeCall {
        mode,
        ..call("if ($json.n === 1) throw new Error('no'); return $json", numbered(3))
    };
    let runner = pool.runner(workspace(1), None);
    let stopped = runner.run(each(CodeMode::EachItem)).await.unwrap_err();
    assert_eq!(stopped, NodeError::Data { message: "no [line 1]".into(), description: None, item: Some(1) });
    let gone_on = jsons(runner.run(each(CodeMode::EachItemGoingOn)).await);
    assert_eq!((gone_on[1].clone(), gone_on.as_array().unwrap().len()), (json!({"error": "no [line 1]"}), 3));
}

#[tokio::test]
async fn static_data_and_notes_on_the_execution_come_back_changed() {
    let pool = Pool::new(config());
    let source = "$getWorkflowStaticData('node').n = 1; $execution.customData.set('k', 'v'); console.log('x'); return []";
    let result = run(&pool, source).await.unwrap();
    assert_eq!(json!(result.static_node), json!({"n": 1}));
    assert_eq!(json!(result.static_global), Value::Null);
    assert_eq!(json!(result.custom_data), json!({"k": "v"}));
    assert_eq!(result.logs, ["x"]);
}

#[tokio::test]
async fn two_workspaces_never_share_a_child() {
    let pool = Pool::new(config());
    for n in [1, 2, 1, 2] {
        pool.runner(workspace(n), None).run(call("return []", numbered(1))).await.unwrap();
    }
    assert_eq!(pool.n_idle(), 2);
}

#[tokio::test]
async fn a_workspace_that_uses_up_its_share_keeps_nobody_else_waiting() {
    let pool = Pool::new(PoolConfig { processes_max: 3, processes_per_workspace_max: 2, ..config() });
    let endless = |n: u128| {
        let runner = pool.runner(workspace(n), None);
        async move { runner.run(call("for(;;);", numbered(1))).await }
    };
    let began = Instant::now();
    let greedy = async {
        let ends = tokio::join!(endless(1), endless(1), endless(1), endless(1));
        (ends, began.elapsed())
    };
    let modest = async {
        tokio::task::yield_now().await;
        pool.runner(workspace(2), None).run(call("return []", numbered(1))).await.unwrap();
        began.elapsed()
    };
    let ((ends, all), waited) = tokio::join!(greedy, modest);
    assert!(matches!(ends.3, Err(NodeError::TimedOut { .. })));
    assert!(waited < all, "waited {waited:?} of {all:?}");
}

#[tokio::test]
async fn a_child_that_does_not_keep_to_the_protocol_is_ended() {
    let of = |program: &str, args: &[&str]| PoolConfig {
        starts_ahead: false,
        ..PoolConfig::of(PathBuf::from(program), args.iter().map(ToString::to_string).collect())
    };
    let outcome = |config| async move {
        let pool = Pool::new(config);
        let outcome = run(&pool, "return []").await.map(|r| r.items.len());
        (outcome.unwrap_err().to_string(), pool.n_idle())
    };
    let (silent, n_idle) = outcome(of("/bin/sleep", &["60"])).await;
    assert_eq!((silent.as_str(), n_idle), ("the node took longer than 400 ms", 0));
    let (echo, n_idle) = outcome(of("/bin/cat", &[])).await;
    assert!(echo.contains("took longer") || echo.contains("code runner"), "{echo}");
    assert_eq!(n_idle, 0);
    let (noise, n_idle) = outcome(of("/bin/echo", &["what a lovely day to send no frame at all"])).await;
    assert!(noise.contains("code"), "{noise}");
    assert_eq!(n_idle, 0);
    let (missing, _) = outcome(of("/no/such/program", &[])).await;
    assert!(missing.contains("does not start"), "{missing}");
}

#[tokio::test]
async fn a_result_that_is_too_large_is_refused() {
    let pool = Pool::new(PoolConfig { answer_bytes_max: 100_000, ..config() });
    let error = run(&pool, "return {a: 'x'.repeat(200000)}").await.unwrap_err();
    assert!(matches!(error, NodeError::Limit { .. }), "{error}");
    assert_eq!(pool.n_idle(), 0);
}

#[tokio::test]
async fn many_runs_at_the_same_time_each_get_their_own_answer() {
    let pool = Pool::new(PoolConfig { processes_max: 3, processes_per_workspace_max: 3, ..config() });
    let runs: Vec<_> = (0..40)
        .map(|n| {
            let runner = pool.runner(workspace(n % 4), None);
            tokio::spawn(async move {
                let call = CodeCall { time_ms: 20_000, ..call(&format!("return {{n: {n}}}"), numbered(2)) };
                (n, runner.run(call).await)
            })
        })
        .collect();
    for run in runs {
        let (n, result) = run.await.unwrap();
        assert_eq!(jsons(result), json!([{ "n": n }]));
    }
    assert!(pool.n_idle() <= 3);
}

#[tokio::test]
async fn a_child_that_died_at_rest_is_replaced() {
    let pool = Pool::new(PoolConfig { starts_ahead: false, ..config() });
    run(&pool, "return {a: 1}").await.unwrap();
    pool.kill_idle();
    assert_eq!(jsons(run(&pool, "return {a: 2}").await), json!([{"a": 2}]));
}

#[tokio::test]
async fn a_canceled_run_takes_its_child_with_it() {
    let pool = Pool::new(config());
    run(&pool, "return []").await.unwrap();
    let endless = tokio::time::timeout(Duration::from_millis(50), run(&pool, "for(;;);"));
    assert!(endless.await.is_err());
    assert_eq!(pool.n_idle(), 0);
}

#[tokio::test]
async fn a_child_ends_after_its_runs_and_when_nobody_needs_it() {
    let pool = Pool::new(PoolConfig { runs_max: 2, idle_ms: 30, ..config() });
    run(&pool, "return []").await.unwrap();
    assert_eq!(pool.n_idle(), 1);
    run(&pool, "return []").await.unwrap();
    assert_eq!(pool.n_idle(), 0);
    run(&pool, "return []").await.unwrap();
    let began = Instant::now();
    while pool.n_idle() > 0 && began.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(pool.n_idle(), 0);
}

#[tokio::test]
async fn code_may_write_files_and_hand_on_its_own_but_forge_none() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::in_dir(dir.path());
    let pool = Pool::new(config());
    let runner = pool.runner(workspace(1), Some(blobs.clone()));
    let write =
        "return {json: {}, binary: {data: {data: 'aGVsbG8=', mimeType: 'text/plain', fileName: 'a.txt'}}}";
    let result = runner.run(call(write, numbered(1))).await.unwrap();
    let file = result.items[0].binary.as_ref().unwrap()["data"].clone();
    assert_eq!(&blobs.read(&file).await.unwrap()[..], b"hello");
    let read = "const b = await this.helpers.getBinaryDataBuffer(0, 'data'); return {t: b.toString(), d: items[0].binary.data.data}";
    let text = runner.run(call(read, result.items.clone())).await;
    assert_eq!(jsons(text), json!([{"t": "hello", "d": "aGVsbG8="}]));
    let handed_on = runner.run(call("return items", result.items)).await.unwrap();
    assert_eq!(handed_on.items[0].binary.as_ref().unwrap()["data"].id, file.id);
    let forged =
        format!("return {{json: {{}}, binary: {{data: {{id: '{}', mimeType: 'text/plain'}}}}}}", file.id);
    assert!(
        runner.run(call(&forged, numbered(1))).await.unwrap_err().to_string().contains("none of the files")
    );
}

/// What each attempt to get out, to stay or to take too much must come to.
#[tokio::test]
async fn every_attempt_to_escape_is_refused_or_ended() {
    let pool = Pool::new(config());
    let refused = |text: &str| {
        text.contains("is not defined")
            || text.contains("not a function")
            || text.contains("is not available")
    };
    let ended = |text: &str| {
        text.contains("longer than") || text.contains("limit of") || text.contains("out of memory")
    };
    let attempts: &[(&str, &str)] = &[
        ("open a file", "return {a: require('fs').readFileSync('/etc/passwd')}"),
        ("open a socket", "return {a: require('net').connect(22)}"),
        ("fetch", "return {a: await fetch('http://127.0.0.1')}"),
        ("start a process", "return {a: require('child_process').execSync('id')}"),
        ("read the environment", "return {a: process.env}"),
        ("process by a constructor", "return {a: this.constructor.constructor('return process')().env}"),
        (
            "process by an error",
            "try { null.f() } catch (e) { return {a: e.constructor.constructor('return process')()} }",
        ),
        ("process by a host function", "return {a: console.log.constructor('return process')()}"),
        ("process by a proxy", "return {a: $node.Set.constructor.constructor('return process')()}"),
        ("native modules", "return {a: await import('os')}"),
        ("an endless loop", "for(;;);"),
        ("a regular expression without end", "return {a: /^(a+)+$/.test('a'.repeat(40)+'b')}"),
        ("a flood of promises", "const f=()=>{Promise.resolve().then(f)}; f(); await new Promise(()=>{})"),
        ("a flood of timers", "const f=()=>setTimeout(f,1); f(); await new Promise(()=>{})"),
        ("waiting for ever", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)"),
        ("a number of a million digits", "return {a: String(7n ** 300000n).length}"),
        ("a memory bomb", "const a=[]; for(;;) a.push('x'.repeat(1000)+a.length)"),
        ("a text that doubles", "let s='x'; for(;;) s+=s+Math.random()"),
        ("a huge sparse list as text", "return {a: new Array(1e9)+''}"),
        ("a huge buffer", "return {a: new Uint8Array(4e9).length}"),
        ("recursion", "const f=()=>f(); f()"),
        ("recursion in JSON", "let a=[]; for(let i=0;i<1e6;i++) a=[a]; return {a}"),
        ("a catch around everything", "for(;;) { try { for(;;); } catch {} }"),
    ];
    for (name, source) in attempts {
        let began = Instant::now();
        let outcome = run(&pool, source).await;
        let text = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let ok = match *name {
            "recursion" | "recursion in JSON" => text.contains("stack") || ended(&text),
            "a huge sparse list as text" => text.contains("list is longer") || ended(&text),
            "a huge buffer" | "a text that doubles" => {
                text.contains("invalid") || text.contains("too long") || ended(&text)
            }
            "native modules" => !text.is_empty(),
            "waiting for ever" => text.contains("cannot block"),
            "a number of a million digits" => ended(&text) || text.contains("longer than"),
            _ => refused(&text) || ended(&text),
        };
        assert!(ok, "{name}: {outcome:?}");
        assert!(began.elapsed() < Duration::from_secs(3), "{name} took {:?}", began.elapsed());
    }
    assert_eq!(jsons(run(&pool, "return {fine: true}").await), json!([{"fine": true}]));
}

#[tokio::test]
async fn what_one_run_pollutes_the_next_does_not_see() {
    let pool = Pool::new(config());
    let dirt = "Object.prototype.x = 1; Array.prototype.map = () => 'no'; JSON.stringify = () => '[]'; globalThis.y = 2; return []";
    let _ = run(&pool, dirt).await;
    let clean =
        run(&pool, "return {x: ({}).x ?? null, y: typeof y, m: [1].map(a => a + 1), j: JSON.stringify([1])}")
            .await;
    assert_eq!(jsons(clean), json!([{"x": null, "y": "undefined", "m": [2], "j": "[1]"}]));
}

#[test]
fn a_restricted_process_can_open_reach_and_start_nothing() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_linkflow-sandbox-child"))
        .arg("probe")
        .output()
        .expect("the probe runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for name in ["open", "write", "list", "connect", "listen", "udp", "unix", "thread", "exec"] {
        let line = text.lines().find(|l| l.starts_with(&format!("{name}: "))).unwrap_or_default();
        assert!(!line.is_empty() && !line.ends_with(": done"), "{name}: {line:?} in {text}");
    }
}

#[tokio::test]
async fn a_hundred_items_cost_a_few_milliseconds() {
    let pool = Pool::new(config());
    let warm = || pool.runner(workspace(1), None);
    let source = "return items.map(i => ({json: {...i.json, upper: i.json.name.toUpperCase()}}))";
    warm().run(call(source, numbered(100))).await.unwrap();
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let began = Instant::now();
        let result = warm().run(call(source, numbered(100))).await.unwrap();
        best = best.min(began.elapsed());
        assert_eq!(result.items.len(), 100);
    }
    eprintln!("best of 20 runs over 100 items: {best:?}");
    assert!(best < Duration::from_millis(60), "{best:?}");
}

fn in_python(source: &str, items: Vec<Item>) -> CodeCall {
    CodeCall { language: Language::Python, time_ms: 5_000, ..call(source, items) }
}

async fn python(pool: &Arc<Pool>, source: &str) -> Result<CodeResult, NodeError> {
    pool.runner(workspace(1), None).run(in_python(source, numbered(3))).await
}

async fn check_python(pool: &Arc<Pool>, source: &str, expected: Value) {
    assert_eq!(jsons(python(pool, source).await), expected, "{source}");
}

#[tokio::test]
async fn python_sees_its_items_and_other_nodes_and_gives_items() {
    let pool = Pool::new(config());
    let one = |value: Value| json!([value]);
    check_python(&pool, "return [{'json': {'n': len(_items)}}]", one(json!({"n": 3}))).await;
    check_python(
        &pool,
        "return {'a': _items[1]['json']['n'], 'b': _items[1].json.n}",
        one(json!({"a": 1, "b": 1})),
    )
    .await;
    check_python(
        &pool,
        "return [{'json': _('Set').last().json}]",
        one(json!({"n": 2, "name": "item number 2"})),
    )
    .await;
    check_python(
        &pool,
        "import math\ndef twice(n):\n  return math.floor(n * 2.5)\nreturn [{'d': twice(i['json']['n'])} for i in _input.all()]",
        json!([{"d": 0}, {"d": 2}, {"d": 5}]),
    )
    .await;
    check_python(
        &pool,
        "import datetime\nreturn {'x': float('nan'), 's': {1}, 'd': datetime.date(2026, 3, 4)}",
        one(json!({"x": null, "s": [1], "d": "2026-03-04"})),
    )
    .await;
    check_python(&pool, "return", json!([])).await;
    assert_eq!(pool.n_idle(), 1, "its process is used again");
}

#[tokio::test]
async fn python_runs_item_by_item_too_and_goes_on_where_it_may() {
    let pool = Pool::new(config());
    let source = "if _json['n'] == 1:\n  raise ValueError('no')\nreturn {'m': _item['json']['n'] + 1}";
    let each = |mode| CodeCall { mode, ..in_python(source, numbered(3)) };
    let runner = pool.runner(workspace(1), None);
    let message = "ValueError: no [line 2]".to_owned();
    let stopped = runner.run(each(CodeMode::EachItem)).await.unwrap_err();
    assert_eq!(stopped, NodeError::Data { message: message.clone(), description: None, item: Some(1) });
    let gone_on = jsons(runner.run(each(CodeMode::EachItemGoingOn)).await);
    assert_eq!(gone_on, json!([{"m": 1}, {"error": message}, {"m": 3}]));
}

#[tokio::test]
async fn python_keeps_static_data_notes_and_what_it_prints() {
    let pool = Pool::new(config());
    let source = "d = _getWorkflowStaticData('node')\nd['n'] = d.get('n', 0) + 1\nprint('a', 1)\n_execution.customData.set('k', 'v')\nreturn []";
    let result = python(&pool, source).await.unwrap();
    assert_eq!((json!(result.static_node), json!(result.static_global)), (json!({"n": 1}), Value::Null));
    assert_eq!((json!(result.custom_data), result.logs), (json!({"k": "v"}), vec!["a 1".to_owned()]));
}

#[tokio::test]
async fn what_is_wrong_with_python_code_is_said_with_its_line() {
    let pool = Pool::new(config());
    check_python(&pool, "x = 1\nreturn 1/0", json!("ZeroDivisionError: division by zero [line 2]")).await;
    check_python(&pool, "x = (", json!("the code cannot be read: '(' was never closed [line 1]")).await;
    let none = "the code must return a list of items, each an object: got int";
    check_python(&pool, "return 7", json!(none)).await;
    let node = python(&pool, "return _('Nobody').all()").await.unwrap_err().to_string();
    assert!(node.contains("Nobody"), "{node}");
}

#[tokio::test]
async fn python_reaches_no_file_network_or_process_and_leaves_nothing_behind() {
    let pool = Pool::new(config());
    for source in [
        "import os\nreturn [{'r': os.open('/etc/passwd', os.O_RDONLY)}]",
        "import os\nreturn [{'r': os.listdir('/')}]",
        "import os\nreturn [{'r': os.fork()}]",
        "import os\nos.execv('/bin/true', ['true'])",
        "import _socket\nreturn [{'r': str(_socket.socket())}]",
        "import ctypes\nreturn []",
        "import io\nreturn [{'r': io.open('/etc/passwd').read()}]",
        "return [{'r': open('/etc/passwd').read()}]",
        "import threading\nreturn []\n",
        "import requests\nreturn []",
    ] {
        let ended = python(&pool, source).await;
        let is_harmless = source.contains("threading");
        assert!(ended.is_err() || is_harmless, "{source}: {ended:?}");
    }
    check_python(&pool, "import math\nmath.pi = 3\nreturn []", json!([])).await;
    check_python(&pool, "import math\nreturn {'p': math.pi > 3.1}", json!([{"p": true}])).await;
    // What it writes into its pipe itself is that run's, not the next one's.
    let forged = "import os\nos.write(1, b'D\\x0d\\x00\\x00\\x00{\"items\": []}' * 3)\nreturn [{'r': 1}]";
    check_python(&pool, forged, json!([])).await;
    check_python(&pool, "return {'still': 'here'}", json!([{"still": "here"}])).await;
}

#[tokio::test]
async fn python_that_takes_too_long_or_too_much_is_ended() {
    let pool = Pool::new(config());
    let endless = CodeCall { time_ms: 300, ..in_python("while True: pass", numbered(1)) };
    let ended = pool.runner(workspace(1), None).run(endless).await.unwrap_err();
    assert_eq!(ended, NodeError::TimedOut { limit_ms: 300 });
    let ended = python(&pool, "x = 'a' * (900 * 1024 * 1024)\nreturn []").await.unwrap_err();
    assert!(matches!(ended, NodeError::Limit { .. }), "{ended:?}");
    check_python(&pool, "return []", json!([])).await;
    let gone = python(&pool, "import os\nos._exit(7)").await.unwrap_err().to_string();
    assert!(gone.contains("its process ended"), "{gone}");
    check_python(&pool, "return []", json!([])).await;
}

#[tokio::test]
async fn without_python_the_error_says_what_to_install() {
    let pool = Pool::new(PoolConfig { python: None, ..config() });
    let error = python(&pool, "return []").await.unwrap_err().to_string();
    assert!(error.starts_with("`language`: is Python, and there is no `python3`"), "{error}");
}
