//! Function: runs JavaScript once on all items: n8n's node from before Code.

use linkflow_node::lenient;
use linkflow_node::{Category, CodeMode, Ctx, Example, Input, Language, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code;

pub struct Function;

/// Runs your own JavaScript once on all items. Code does the same and more.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// The code. It sees `items` and returns items.
    #[serde(default, deserialize_with = "lenient::text")]
    function_code: String,
}

impl Node for Function {
    const KIND: &'static str = "function";
    const SPEC: Spec = Spec {
        title: "Function",
        summary: "Runs your own JavaScript once on all items.",
        category: Category::Code,
        aliases: &["javascript", "js", "script"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Change the first item",
            params: r#"{"functionCode": "items[0].json.seen = true;\nreturn items;"}"#,
            input: r#"[{"id": 7, "n": 1}, {"id": 8, "n": 2}]"#,
            output: "null",
        },
        Example {
            title: "Count the items",
            params: r#"{"functionCode": "return [{json: {count: items.length}}];"}"#,
            input: r#"[{"id": 7, "n": 1}, {"id": 8, "n": 2}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        let source = ("functionCode", params.function_code.as_str());
        code::execute(&input, ctx, Language::JavaScript, CodeMode::Function, source).await
    }
}

#[cfg(test)]
mod tests {
    use linkflow_model::OnError;
    use linkflow_node::NodeKind;
    use serde_json::json;

    use super::*;
    use crate::code::tests::asked;

    #[tokio::test]
    async fn the_code_runs_once_in_the_older_way() {
        let kind = NodeKind::of::<Function>();
        let params = json!({"functionCode": "a"});
        let (language, mode, source) = asked(kind, &params, OnError::Stop).await.unwrap();
        assert_eq!((language, mode, source.as_str()), (Language::JavaScript, CodeMode::Function, "a"));
        let error = asked(kind, &json!({}), OnError::Stop).await.unwrap_err();
        assert!(error.to_string().starts_with("`functionCode`: must not be empty"), "{error}");
    }
}
