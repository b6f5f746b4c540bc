//! Limit: lets only the first or the last few items through.

use linkflow_node::{Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub struct Limit;

/// Lets only the first or the last few items through.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// How many items to let through.
    #[serde(default = "one", deserialize_with = "lenient::integer")]
    #[schemars(range(min = 0))]
    max_items: i64,
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
    LastItems,
}

fn one() -> i64 {
    1
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
        let count = usize::try_from(params.max_items).unwrap_or(0).min(items.len());
        let range = match params.keep {
            Keep::FirstItems => 0..count,
            Keep::LastItems => items.len() - count..items.len(),
        };
        Ok(Outcome::items(range.map(|i| items[i].clone().paired_with(i)).collect()))
    }
}
