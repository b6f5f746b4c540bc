//! Execution Data: writes notes on the execution, by which people find it again.

use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::notes;

pub struct ExecutionData;

/// Writes notes on the execution. The items go through as they are.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// What is done.
    #[serde(default)]
    operation: Operation,
    /// The notes. An execution has at most 10; further ones are left out.
    #[serde(default)]
    data_to_save: Notes,
    /// Whether null is an empty note; otherwise it is an error.
    #[serde(default = "yes", deserialize_with = "lenient::flag")]
    null_is_empty: bool,
}

fn yes() -> bool {
    true
}

/// What is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Notes are written.
    #[default]
    Save,
}

/// A list of notes.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notes {
    /// The notes.
    #[serde(default)]
    values: Vec<Note>,
}

/// One note.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Note {
    /// Its name: up to 50 letters, digits and underscores.
    #[serde(deserialize_with = "lenient::text")]
    key: String,
    /// Its text, up to 512 characters.
    value: Value,
}

impl Node for ExecutionData {
    const KIND: &'static str = "execution_data";
    const SPEC: Spec = Spec {
        title: "Execution Data",
        summary: "Writes notes on the execution, by which it is found again.",
        category: Category::Flow,
        aliases: &["custom data", "annotate", "tag", "search", "filter"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Note which order the execution is about",
            params: r#"{"dataToSave": {"values": [{"key": "order", "value": "={{ $json.order }}"}]}}"#,
            input: r#"[{"order": 7}]"#,
            output: r#"[[{"order": 7}]]"#,
        },
        Example {
            title: "Write two notes",
            params: r#"{"dataToSave": {"values": [{"key": "team", "value": "sales"},
                {"key": "priority", "value": "high"}]}}"#,
            input: r#"[{"id": 1}, {"id": 2}]"#,
            output: r#"[[{"id": 1}, {"id": 2}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut out = Vec::with_capacity(input.items().len());
        for (index, item) in input.items().iter().enumerate() {
            out.push(match save(&input, index) {
                Ok(()) => item.clone().paired_with(index),
                Err(error) => ctx.failed_item(error, index)?,
            });
        }
        Ok(Outcome::items(out))
    }
}

fn save(input: &Input<Params>, index: usize) -> Result<(), NodeError> {
    let params = input.params(index)?;
    let Operation::Save = params.operation;
    for (place, note) in params.data_to_save.values.iter().enumerate() {
        let empty = Value::String(String::new());
        let value = if params.null_is_empty && note.value.is_null() { &empty } else { &note.value };
        notes::write(&input.whole().env.custom_data, &note.key, value)
            .map_err(|e| e.inside(&format!("dataToSave.values[{place}]")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use linkflow_model::OnError;
    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx, input, items};
    use serde_json::json;

    use super::*;

    async fn check(values: Value, null_is_empty: bool, expected: Result<Value, &str>) {
        let dir = tempfile::tempdir().unwrap();
        let ctx = ctx(dir.path(), Arc::new(TestHost::default()));
        let params = json!({"dataToSave": {"values": values}, "nullIsEmpty": null_is_empty});
        let given = input(&params, vec![items(&json!([{"n": 1}, {"n": 2}]))]);
        let outcome = NodeKind::of::<ExecutionData>().run(given.clone(), &ctx).await;
        let found = outcome.map(|_| json!(*given.env.custom_data.lock().unwrap())).map_err(|e| e.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{params}");
    }

    #[tokio::test]
    async fn notes_are_texts_and_the_last_item_has_the_last_word() {
        check(json!([{"key": "k", "value": "={{ $json.n }}"}]), true, Ok(json!({"k": "2"}))).await;
        check(json!([{"key": "k", "value": null}]), true, Ok(json!({"k": ""}))).await;
        check(json!([]), true, Ok(json!({}))).await;
    }

    #[tokio::test]
    async fn notes_stay_short_and_few() {
        let many: Vec<Value> = (0..12).map(|i| json!({"key": format!("k{i}"), "value": "v"})).collect();
        let kept: Value = (0..10).map(|i| (format!("k{i}"), json!("v"))).collect();
        check(json!(many), true, Ok(kept)).await;
        let long = json!([{"key": "k".repeat(60), "value": "é".repeat(600)}]);
        check(long, true, Ok(json!({"k".repeat(50): "é".repeat(512)}))).await;
    }

    #[tokio::test]
    async fn what_is_no_note_is_refused() {
        let key = "`dataToSave.values[0].key`: must have only letters, digits and underscores, got \"a b\"";
        check(json!([{"key": "a b", "value": "v"}]), true, Err(key)).await;
        let value = "`dataToSave.values[0].value`: must be text, got {\"a\":1}";
        check(json!([{"key": "k", "value": {"a": 1}}]), true, Err(value)).await;
        let null = "`dataToSave.values[0].value`: must be text, got null";
        check(json!([{"key": "k", "value": null}]), false, Err(null)).await;
    }

    #[tokio::test]
    async fn an_item_that_failed_carries_the_error_where_the_node_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut ctx = ctx(dir.path(), Arc::new(TestHost::default()));
        ctx.on_error = OnError::ContinueRegular;
        let params = json!({"dataToSave": {"values": [{"key": "={{ $json.k }}", "value": "v"}]}});
        let given = input(&params, vec![items(&json!([{"k": "a b"}, {"k": "c"}]))]);
        let Outcome::Items(out) = NodeKind::of::<ExecutionData>().run(given, &ctx).await.unwrap() else {
            panic!("no items came out")
        };
        assert!(out.ports[0][0].json.contains_key("error"));
        assert_eq!(json!(*out.ports[0][1].json), json!({"k": "c"}));
    }
}
