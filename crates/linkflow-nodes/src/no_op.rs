//! No Operation: passes everything on as it is.

use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub struct NoOp;

/// Passes everything on as it is.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Params {}

impl Node for NoOp {
    const KIND: &'static str = "no_op";
    const SPEC: Spec = Spec {
        title: "No Operation",
        summary: "Passes everything on as it is.",
        category: Category::Flow,
        aliases: &["nothing", "pass", "join", "placeholder"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Pass items on",
            params: "{}",
            input: r#"[{"n": 1}, {"n": 2}]"#,
            output: r#"[[{"n": 1}, {"n": 2}]]"#,
        },
        Example { title: "Pass on nothing", params: "{}", input: "[]", output: "[[]]" },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, _ctx: &Ctx) -> Result<Outcome, NodeError> {
        let items = input.items().iter().enumerate();
        Ok(Outcome::items(items.map(|(i, item)| item.clone().paired_with(i)).collect()))
    }
}
