//! No text makes the parser or the evaluation panic.

use linkflow_expr::{Template, eval_case};
use proptest::prelude::*;
use serde_json::json;

const PARTS: [&str; 48] = [
    "{{", "}}", "\\{{", "$json", ".a", "[0]", "[\"b\"]", "?.", "?.[", "(", ")", "[", "]", "{", "}", "`",
    "${", "'", "\"", "/", "//", "/*", "*/", "\\", "\n", " ", "=>", "...", "+", "-", "!", "==", "&&", "??",
    "?", ":", ",", ";", "$('A')", ".item", ".first()", ".toInt()", "1e5", ".5", "é", "😀", "new ", "return ",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_an_answer(text in "\\PC{0,60}") {
        eval_case(&json!({"expression": format!("={text}"), "json": {"a": 1}}));
        eval_case(&json!({"expression": format!("={{{{{text}}}}}"), "json": {"a": 1}}));
    }

    #[test]
    fn any_mixture_of_pieces_has_an_answer(picks in prop::collection::vec(0usize..48, 0..24)) {
        let text: String = picks.into_iter().map(|i| PARTS[i]).collect();
        eval_case(&json!({"expression": format!("={{{{ {text} }}}}"), "json": {"a": [1, {"b": "x"}]}}));
    }
}

#[test]
fn a_check_finds_bad_syntax_without_evaluating() {
    for (text, is_good) in [
        ("{{ $json.a }}", true),
        ("{{ (() => { while (true) {} })() }}", true),
        ("x {{ $('No such node').item.json.a }} {{ nope.x }}", true),
        ("{{ 1 + }}", false),
        ("{{ $json.a }} {{ if (1) 2 }}", false),
        ("{{ [].constructor }}", false),
    ] {
        let checked = Template::parse(text).and_then(|t| t.check());
        assert_eq!(checked.is_ok(), is_good, "{text}: {checked:?}");
    }
}

/// Half of what a worker's thread has.
const STACK_BYTES: usize = 1 << 20;

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(deep_nesting);
    thread.unwrap().join().unwrap();
}

fn deep_nesting() {
    for (open, close) in
        [("(", ")"), ("[", "]"), ("!", ""), ("{a:", "}"), ("`${", "}`"), ("$if(1,", ")"), ("x=>", "")]
    {
        let code = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        eval_case(&json!({"expression": format!("={{{{ {code} }}}}")}));
    }
    let code = format!("$json{}", ".a".repeat(20_000));
    eval_case(&json!({"expression": format!("={{{{ {code} }}}}"), "json": {}}));
    for n in [25, 55, 59, 60, 61, 200] {
        let steps = ".a".repeat(n);
        let code = format!("{}1 + $json{steps}{}", "(".repeat(15), ")".repeat(15));
        eval_case(&json!({"expression": format!("={{{{ {code} }}}}"), "json": {}}));
        let code = format!("{}'a'{}", "!".repeat(30), " + 'a'".repeat(n));
        eval_case(&json!({"expression": format!("={{{{ {code} }}}}"), "json": {}}));
    }
    let code = format!("'a'{}", ".trim()".repeat(5_000));
    eval_case(&json!({"expression": format!("={{{{ {code} }}}}")}));
}
