//! Values as people write them: read when they can be meant so, refused with the value otherwise.

use linkflow_node::lenient;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, PartialEq, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Params {
    #[serde(deserialize_with = "lenient::number")]
    number: f64,
    #[serde(deserialize_with = "lenient::integer")]
    integer: i64,
    #[serde(deserialize_with = "lenient::integer_or_none")]
    perhaps: Option<i64>,
    #[serde(deserialize_with = "lenient::flag")]
    flag: bool,
    #[serde(deserialize_with = "lenient::text")]
    text: String,
    #[serde(deserialize_with = "lenient::names")]
    names: Vec<String>,
    #[serde(deserialize_with = "lenient::json")]
    json: Value,
}

fn read(params: Value) -> Result<Params, String> {
    serde_json::from_value(params).map_err(|e| e.to_string())
}

#[track_caller]
fn check(params: Value, expected: Params) {
    assert_eq!(read(params.clone()), Ok(expected), "{params}");
}

#[track_caller]
fn refused(params: Value, part: &str) {
    let problem = read(params.clone()).expect_err("a refusal");
    assert!(problem.contains(part), "{params}: {problem} does not say {part}");
}

#[test]
fn numbers_flags_and_lists_may_be_written_as_text() {
    check(json!({"number": " 2.5 "}), Params { number: 2.5, ..Params::default() });
    check(json!({"integer": "7"}), Params { integer: 7, ..Params::default() });
    check(json!({"perhaps": ""}), Params::default());
    check(json!({"perhaps": 3.0}), Params { perhaps: Some(3), ..Params::default() });
    check(json!({"flag": "Yes"}), Params { flag: true, ..Params::default() });
    check(json!({"text": 5}), Params { text: "5".to_owned(), ..Params::default() });
    check(
        json!({"names": " a, ,b "}),
        Params { names: vec!["a".to_owned(), "b".to_owned()], ..Params::default() },
    );
    check(json!({"json": "[1]"}), Params { json: json!([1]), ..Params::default() });
}

#[test]
fn what_cannot_be_meant_is_refused_and_shown() {
    refused(json!({"integer": 2.5}), "must be a whole number, got 2.5");
    refused(json!({"integer": 1e300}), "must be a whole number");
    refused(json!({"number": "five"}), "must be a number, got \"five\"");
    refused(json!({"flag": "perhaps"}), "must be true or false, got \"perhaps\"");
    refused(json!({"names": {}}), "must be a list of names");
    refused(json!({"json": "{a"}), "not valid JSON");
    refused(json!({"number": "x".repeat(5_000)}), "...");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[ ]?-?[0-9]{1,25}(\\.[0-9]{0,3})?(e[0-9]{1,4})?".prop_map(Value::from),
        prop::sample::select(&["", " ", "true", "NaN", "inf", "Infinity", "-0", "[[", "{}", "1,2"][..])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-c]", inner), 0..4).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_is_read_or_refused_with_a_short_reason(value in any_json()) {
        for field in ["number", "integer", "perhaps", "flag", "text", "names", "json"] {
            match read(json!({field: value})) {
                Ok(params) => prop_assert!(params.number.is_finite(), "{params:?}"),
                Err(problem) => prop_assert!(problem.chars().count() < 300, "{problem}"),
            }
        }
    }

    #[test]
    fn a_number_means_the_same_with_quotes_and_without(n in -9_007_199_254_740_991..=9_007_199_254_740_991_i64) {
        let bare = read(json!({"integer": n, "number": n, "perhaps": n}));
        let quoted = read(json!({"integer": n.to_string(), "number": n.to_string(), "perhaps": n.to_string()}));
        prop_assert_eq!(bare.as_ref().map(|p| p.integer), Ok(n));
        prop_assert_eq!(bare, quoted);
    }

    #[test]
    fn names_in_a_list_and_in_one_text_are_the_same(names in prop::collection::vec("[a-z][a-z0-9 ]{0,5}[a-z]", 0..5)) {
        prop_assert_eq!(read(json!({"names": names})), read(json!({"names": names.join(", ")})));
    }
}
