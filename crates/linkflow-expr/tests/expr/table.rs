//! `cases.jsonl`: each line is a case with the answer that it must have. An `error` of `true`
//! asks only that there is one.

use serde_json::{Value, json};

const TABLE: &str = include_str!("../cases.jsonl");

#[test]
fn every_case_of_the_table_gives_its_answer() {
    let mut wrong = Vec::new();
    for (number, line) in TABLE.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("line {}: {e}", number + 1));
        let answer = linkflow_expr::eval_case(&case);
        let is_right = match case["expect"].get("error") {
            Some(_) => answer.get("error").is_some(),
            None => answer == case["expect"],
        };
        if !is_right {
            let (asked, expected) = (&case["expression"], &case["expect"]);
            wrong.push(format!("line {}: {asked}\n  expected {expected}\n  got      {answer}", number + 1));
        }
    }
    assert!(wrong.is_empty(), "{} cases are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_line_that_is_no_case_gets_an_error() {
    for line in [
        json!({}),
        json!(5),
        json!({"expression": 5}),
        json!({"expression": "={{ 1 }}", "context": {"now": "x"}}),
    ] {
        assert!(linkflow_expr::eval_case(&line).get("error").is_some(), "{line}");
    }
    let plain = linkflow_expr::eval_case(&json!({"expression": "no expression {{ 1 }}"}));
    assert_eq!(plain, json!({"value": "no expression {{ 1 }}", "type": "string"}));
}
