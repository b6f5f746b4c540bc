//! Function Item: runs JavaScript once for each item: n8n's node from before Code.

use linkflow_model::OnError;
use linkflow_node::lenient;
use linkflow_node::{Category, CodeMode, Ctx, Example, Input, Language, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code;

pub struct FunctionItem;

/// Runs your own JavaScript once for each item. Code does the same and more.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// The code. It sees the fields of the item as `item` and returns the fields that come out.
    #[serde(default, deserialize_with = "lenient::text")]
    function_code: String,
}

impl Node for FunctionItem {
    const KIND: &'static str = "function_item";
    const SPEC: Spec = Spec {
        title: "Function Item",
        summary: "Runs your own JavaScript once for each item.",
        category: Category::Code,
        aliases: &["javascript", "js", "script"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Add a field to each item",
            params: r#"{"functionCode": "item.seen = true;\nreturn item;"}"#,
            input: r#"[{"id": 7, "n": 1}, {"id": 8, "n": 2}]"#,
            output: "null",
        },
        Example {
            title: "Make another object of each item",
            params: r#"{"functionCode": "return {id: item.id, double: item.n * 2};"}"#,
            input: r#"[{"id": 7, "n": 1}, {"id": 8, "n": 2}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        let mode = match ctx.on_error {
            OnError::Stop => CodeMode::FunctionItem,
            _ => CodeMode::FunctionItemGoingOn,
        };
        let source = ("functionCode", params.function_code.as_str());
        code::execute(&input, ctx, Language::JavaScript, mode, source).await
    }
}

#[cfg(test)]
mod tests {
    use linkflow_node::NodeKind;
    use serde_json::json;

    use super::*;
    use crate::code::tests::asked;

    #[tokio::test]
    async fn each_item_gets_its_turn_even_behind_one_that_failed() {
        let kind = NodeKind::of::<FunctionItem>();
        let params = json!({"functionCode": "a"});
        let (language, mode, source) = asked(kind, &params, OnError::Stop).await.unwrap();
        assert_eq!((language, mode, source.as_str()), (Language::JavaScript, CodeMode::FunctionItem, "a"));
        let (language, mode, source) = asked(kind, &params, OnError::ContinueRegular).await.unwrap();
        assert_eq!(
            (language, mode, source.as_str()),
            (Language::JavaScript, CodeMode::FunctionItemGoingOn, "a")
        );
        let error = asked(kind, &json!({}), OnError::Stop).await.unwrap_err();
        assert!(error.to_string().starts_with("`functionCode`: must not be empty"), "{error}");
    }
}
