//! Stop and Error: ends the execution with an error of the author's own.

use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub struct StopAndError;

/// Ends the execution with an error.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Whether the error is a message or an object.
    #[serde(default)]
    error_type: ErrorType,
    /// The message.
    #[serde(default, deserialize_with = "lenient::text")]
    error_message: String,
    /// The object; its `message`, `description` or `error` is the message.
    #[serde(default, deserialize_with = "lenient::json")]
    error_object: Value,
}

/// What the error is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ErrorType {
    /// A message.
    #[default]
    ErrorMessage,
    /// An object.
    ErrorObject,
}

impl Node for StopAndError {
    const KIND: &'static str = "stop_and_error";
    const SPEC: Spec = Spec {
        title: "Stop and Error",
        summary: "Ends the execution with an error.",
        category: Category::Flow,
        aliases: &["throw", "fail", "abort", "raise"],
        outputs: &[],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Fail with a message",
            params: r#"{"errorMessage": "the order is sold out"}"#,
            input: r#"[{"order": 7}]"#,
            output: "null",
        },
        Example {
            title: "Fail with an object",
            params: r#"{"errorType": "errorObject",
                "errorObject": {"message": "the order is sold out", "code": 409}}"#,
            input: r#"[{"order": 7}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, _ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        let (message, description) = match params.error_type {
            ErrorType::ErrorMessage if params.error_message.is_empty() => {
                return Err(NodeError::param("errorMessage", "must not be empty"));
            }
            ErrorType::ErrorMessage => (params.error_message.clone(), None),
            ErrorType::ErrorObject => (message(&params.error_object), Some(params.error_object.to_string())),
        };
        Err(NodeError::Data { message, description, item: Some(0) })
    }
}

fn message(object: &Value) -> String {
    let said = ["message", "description", "error"].iter().find_map(|key| object.get(key));
    match said {
        Some(Value::Null) | None => format!("Error: {object}"),
        Some(said) => lenient::as_text(said),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx, input, items};
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn the_error_is_what_the_author_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let ctx = ctx(dir.path(), Arc::new(TestHost::default()));
        for (params, expected) in [
            (json!({"errorMessage": "boom"}), "boom"),
            (json!({"errorType": "errorObject", "errorObject": "{\"message\": \"m\", \"code\": 5}"}), "m"),
            (json!({"errorType": "errorObject", "errorObject": {"description": "d", "error": "e"}}), "d"),
            (json!({"errorType": "errorObject", "errorObject": {"code": 5}}), "Error: {\"code\":5}"),
            (json!({}), "`errorMessage`: must not be empty"),
        ] {
            let given = input(&params, vec![items(&json!([{}]))]);
            let error = NodeKind::of::<StopAndError>().run(given, &ctx).await.unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
