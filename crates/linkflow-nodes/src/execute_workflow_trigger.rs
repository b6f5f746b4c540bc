//! Called by Another Workflow: where a workflow starts when another one calls it.

use linkflow_model::{Item, Object};
use linkflow_node::trigger::Trigger;
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::manual_trigger::first_items;

pub struct ExecuteWorkflowTrigger;

/// Where a workflow starts when another one calls it.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Which fields of the caller's items come in.
    #[serde(default)]
    input_source: InputSource,
    /// The fields, for `workflowInputs`. Those that the caller does not give are null.
    #[serde(default)]
    workflow_inputs: Fields,
    /// An object that has the fields, for `jsonExample`.
    #[serde(default, deserialize_with = "lenient::json")]
    json_example: Value,
}

/// Which fields come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum InputSource {
    /// All.
    #[default]
    Passthrough,
    /// Those of a list.
    WorkflowInputs,
    /// Those of an example.
    JsonExample,
}

/// A list of fields.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Fields {
    /// The fields.
    values: Vec<Field>,
}

/// A field of the items that come in.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Field {
    /// Its name.
    #[serde(deserialize_with = "lenient::text")]
    name: String,
    /// What callers should put there, such as `string` or `number`.
    #[serde(rename = "type", deserialize_with = "lenient::text")]
    kind: String,
}

impl Node for ExecuteWorkflowTrigger {
    const KIND: &'static str = "execute_workflow_trigger";
    const SPEC: Spec = Spec {
        title: "Called by Another Workflow",
        summary: "Starts the workflow when another one calls it.",
        category: Category::Trigger,
        aliases: &["sub-workflow", "subworkflow", "execute workflow trigger", "function"],
        inputs: &[],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Take what the caller gives",
            params: "{}",
            input: r#"[{"order": 7, "note": "x"}]"#,
            output: r#"[[{"order": 7, "note": "x"}]]"#,
        },
        Example {
            title: "Take certain fields only",
            params: r#"{"inputSource": "workflowInputs", "workflowInputs": {"values": [
                {"name": "order", "type": "number"}, {"name": "customer"}]}}"#,
            input: r#"[{"order": 7, "note": "x"}]"#,
            output: r#"[[{"order": 7, "customer": null}]]"#,
        },
        Example {
            title: "Take the fields of an example",
            params: r#"{"inputSource": "jsonExample", "jsonExample": "{\"order\": 1}"}"#,
            input: r#"[{"order": 7, "note": "x"}]"#,
            output: r#"[[{"order": 7}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, _ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        let names: Vec<&str> = match params.input_source {
            InputSource::Passthrough => return Ok(first_items(input.items())),
            InputSource::WorkflowInputs => {
                params.workflow_inputs.values.iter().map(|f| f.name.as_str()).collect()
            }
            InputSource::JsonExample => {
                let example = params.json_example.as_object();
                let example = example.ok_or_else(|| NodeError::param("jsonExample", "must be an object"))?;
                example.keys().map(String::as_str).collect()
            }
        };
        let items = input.items().iter().enumerate();
        Ok(Outcome::items(items.map(|(i, item)| only(item, &names).paired_with(i)).collect()))
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Workflow)
    }
}

fn only(item: &Item, names: &[&str]) -> Item {
    let field = |name: &str| (name.to_owned(), item.json.get(name).cloned().unwrap_or(Value::Null));
    let json: Object = names.iter().filter(|n| !n.is_empty()).map(|n| field(n)).collect();
    Item { binary: item.binary.clone(), ..Item::new(json) }
}
