//! Error Trigger: starts the workflow when an execution of another workflow failed.

use linkflow_model::Item;
use linkflow_node::trigger::Trigger;
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub struct ErrorTrigger;

/// Starts the workflow when an execution of a workflow failed that names this one as its error
/// workflow.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Params {}

impl Node for ErrorTrigger {
    const KIND: &'static str = "error_trigger";
    const SPEC: Spec = Spec {
        title: "Error Trigger",
        summary: "Starts the workflow when an execution of another workflow failed.",
        category: Category::Trigger,
        aliases: &["failure", "alert", "on error"],
        inputs: &[],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Run by hand, it shows what a failure looks like",
            params: "{}",
            input: "[]",
            output: r#"[[{
                "execution": {"id": "231", "url": "", "retryOf": null,
                    "error": {"message": "example error message", "stack": ""},
                    "lastNodeExecuted": "Node With Error", "mode": "manual"},
                "workflow": {"id": "1", "name": "Example Workflow"}
            }]]"#,
        },
        Example {
            title: "Started by a failure, it gives that failure",
            params: "{}",
            input: r#"[{"execution": {"id": "7", "error": {"message": "sold out"}}}]"#,
            output: r#"[[{"execution": {"id": "7", "error": {"message": "sold out"}}}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, _ctx: &Ctx) -> Result<Outcome, NodeError> {
        if !input.items().is_empty() && input.items().iter().any(|item| !item.json.is_empty()) {
            return Ok(Outcome::items(input.items().as_ref().clone()));
        }
        let sample = json!({
            "execution": {
                "id": "231",
                "url": "",
                "retryOf": null,
                "error": {"message": "example error message", "stack": ""},
                "lastNodeExecuted": "Node With Error",
                "mode": "manual"
            },
            "workflow": {"id": "1", "name": "Example Workflow"}
        });
        Ok(Outcome::items(vec![Item::from_value(sample).paired_with(0)]))
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Error)
    }
}
