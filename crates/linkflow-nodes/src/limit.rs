//! Limit: lets only the first or the last few items through.

use std::ops::Range;

use linkflow_expr::Resolved;
use linkflow_node::{Ctx, Example, Input, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::js;

pub struct Limit;

/// Lets only the first or the last few items through.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// How many items to let through.
    ///
    /// A fraction is cut off; a negative number counts from the other end of the list.
    #[serde(default = "one")]
    #[schemars(with = "f64")]
    max_items: Value,
    /// Which end of the list to keep.
    #[serde(default)]
    keep: Keep,
}

/// Which end of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Keep {
    /// The first items.
    #[default]
    FirstItems,
    /// The last items.
    #[serde(other)]
    LastItems,
}

fn one() -> Value {
    Value::from(1)
}

impl Node for Limit {
    const KIND: &'static str = "limit";
    const SPEC: Spec = Spec {
        title: "Limit",
        summary: "Lets only the first or the last few items through.",
        aliases: &["first", "last", "top", "take"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Keep the first two items",
            params: r#"{"maxItems": 2}"#,
            input: r#"[{"n": 1}, {"n": 2}, {"n": 3}]"#,
            output: r#"[[{"n": 1}, {"n": 2}]]"#,
        },
        Example {
            title: "Keep the last item",
            params: r#"{"maxItems": 1, "keep": "lastItems"}"#,
            input: r#"[{"n": 1}, {"n": 2}, {"n": 3}]"#,
            output: r#"[[{"n": 3}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, _ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        let items = input.items();
        let given = input.part("maxItems").map(|part| input.evaluate(part, 0)).transpose()?;
        if matches!(given, Some(Resolved::Undefined)) {
            // Nothing is no limit.
            return Ok(Outcome::items(
                items.iter().enumerate().map(|(i, item)| item.clone().paired_with(i)).collect(),
            ));
        }
        let range = range(js::number(&params.max_items), params.keep, items.len());
        Ok(Outcome::items(range.map(|i| items[i].clone().paired_with(i)).collect()))
    }
}

/// As JavaScript cuts lists: fractions are cut off, what is no number is 0, and what is below 0
/// counts from the list's end.
fn range(count: f64, keep: Keep, n_items: usize) -> Range<usize> {
    let at = |index: f64| {
        let index = if index.is_nan() { 0.0 } else { index.trunc() };
        let from_start = if index < 0.0 { index + n_items as f64 } else { index };
        from_start.clamp(0.0, n_items as f64) as usize
    };
    match keep {
        _ if count >= n_items as f64 => 0..n_items,
        Keep::FirstItems => 0..at(count),
        Keep::LastItems => at(n_items as f64 - count)..n_items,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_counts_cut_as_javascript_does() {
        for (count, first, last) in [
            (2.0, 0..2, 3..5),
            (1.5, 0..1, 3..5),
            (0.0, 0..0, 5..5),
            (-1.0, 0..4, 5..5),
            (f64::NAN, 0..0, 0..5),
            (9.0, 0..5, 0..5),
        ] {
            assert_eq!(range(count, Keep::FirstItems, 5), first, "first {count}");
            assert_eq!(range(count, Keep::LastItems, 5), last, "last {count}");
        }
    }
}
