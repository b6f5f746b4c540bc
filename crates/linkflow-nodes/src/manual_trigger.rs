//! Manual Trigger: starts the workflow when somebody runs it.

use linkflow_model::{Item, Items, Object};
use linkflow_node::trigger::Trigger;
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub struct ManualTrigger;

/// Starts the workflow when somebody runs it.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Params {}

/// What a trigger gives when it runs: the items with which it was started, or one empty item.
pub(crate) fn first_items(items: &Items) -> Outcome {
    if items.is_empty() {
        return Outcome::items(vec![Item::new(Object::new()).paired_with(0)]);
    }
    Outcome::items(items.as_ref().clone())
}

impl Node for ManualTrigger {
    const KIND: &'static str = "manual_trigger";
    const SPEC: Spec = Spec {
        title: "Manual Trigger",
        summary: "Starts the workflow when somebody runs it.",
        category: Category::Trigger,
        aliases: &["start", "run", "click", "test"],
        inputs: &[],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example { title: "Start with one empty item", params: "{}", input: "[]", output: "[[{}]]" },
        Example {
            title: "Start with the items that the caller gives",
            params: "{}",
            input: r#"[{"order": 7}]"#,
            output: r#"[[{"order": 7}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, _ctx: &Ctx) -> Result<Outcome, NodeError> {
        Ok(first_items(input.items()))
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Manual)
    }
}
