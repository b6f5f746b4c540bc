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
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

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

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    for (open, close) in
        [("(", ")"), ("[", "]"), ("!", ""), ("{a:", "}"), ("`${", "}`"), ("$if(1,", ")"), ("x=>", "")]
    {
        let code = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        eval_case(&json!({"expression": format!("={{{{ {code} }}}}")}));
    }
    let code = format!("$json{}", ".a".repeat(20_000));
    eval_case(&json!({"expression": format!("={{{{ {code} }}}}"), "json": {}}));
    for n in [90, 180, 199, 200, 201] {
        let steps = ".a".repeat(n);
        let code = format!("{}1 + $json{steps}{}", "(".repeat(40), ")".repeat(40));
        eval_case(&json!({"expression": format!("={{{{ {code} }}}}"), "json": {}}));
        let code = format!("{}'a'{}", "!".repeat(40), " + 'a'".repeat(n));
        eval_case(&json!({"expression": format!("={{{{ {code} }}}}"), "json": {}}));
    }
    let code = format!("'a'{}", ".trim()".repeat(5_000));
    eval_case(&json!({"expression": format!("={{{{ {code} }}}}")}));
}
