//! If: sends each item one of two ways.

use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::conditions::{Check, Conditions};

pub struct If;

/// Sends each item one of two ways.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// What has to hold for an item to go through the first output. Without any condition, all do.
    #[serde(default)]
    conditions: Conditions,
}

impl Node for If {
    const KIND: &'static str = "if";
    const SPEC: Spec = Spec {
        title: "If",
        summary: "Sends the items for which the conditions hold one way, and the others another.",
        category: Category::Flow,
        aliases: &["condition", "branch", "router", "filter"],
        outputs: &["true", "false"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Split a constant question",
            params: r#"{"conditions": {"conditions": [
                {"leftValue": 3, "operator": {"type": "number", "operation": "gt"}, "rightValue": 2}]}}"#,
            input: r#"[{"n": 1}, {"n": 2}]"#,
            output: r#"[[{"n": 1}, {"n": 2}], []]"#,
        },
        Example {
            title: "Ask for one of two",
            params: r#"{"conditions": {"combinator": "or", "conditions": [
                {"leftValue": "a", "operator": {"type": "string", "operation": "equals"}, "rightValue": "b"},
                {"leftValue": [], "operator": {"type": "array", "operation": "notEmpty"}}]}}"#,
            input: r#"[{"n": 1}]"#,
            output: r#"[[], [{"n": 1}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let check = Check::read(input.part("conditions"), input.whole(), &ctx.timezone)
            .map_err(|e| e.inside("conditions"))?;
        let (mut yes, mut no) = (Vec::new(), Vec::new());
        for (i, item) in input.items().iter().enumerate() {
            let holds = check.holds(input.whole(), i).map_err(|e| e.inside("conditions"));
            let item = item.clone().paired_with(i);
            match holds {
                Ok(true) => yes.push(item),
                Ok(false) => no.push(item),
                // As in n8n: what cannot be asked does not hold, when the node goes on after errors.
                Err(error) => {
                    ctx.failed_item(error, i)?;
                    no.push(item);
                }
            }
        }
        Ok(Outcome::ports(vec![yes, no]))
    }
}
