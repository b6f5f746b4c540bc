//! Respond to Chat: answers the message of a chat that started the execution.

use linkflow_model::Object;
use linkflow_node::{
    Category, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Reply, ReplyBody, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub struct RespondToChat;

/// Answers the message of a chat that started the execution, and goes on.
///
/// The Chat Trigger has to leave the answer to nodes (`responseMode`: `responseNodes`). A message has one
/// answer: what is said after the first is not heard.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// What is said.
    #[serde(default, deserialize_with = "lenient::text")]
    message: String,
}

impl Node for RespondToChat {
    const KIND: &'static str = "respond_to_chat";
    const SPEC: Spec = Spec {
        title: "Respond to Chat",
        summary: "Answers the message of a chat that started the execution.",
        category: Category::Network,
        aliases: &["answer", "reply", "chat", "message", "send"],
        effects: Effects::Outside,
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Say that it is being looked at, and go on",
            params: r#"{"message": "=Looking for {{ $json.chatInput }} .."}"#,
            input: r#"[{"chatInput": "ships"}]"#,
            output: r#"[[{"chatInput": "ships"}]]"#,
        },
        Example {
            title: "Say the same to everybody",
            params: r#"{"message": "Thank you!"}"#,
            input: r#"[{"sessionId": "a", "chatInput": "Hello"}]"#,
            output: r#"[[{"sessionId": "a", "chatInput": "Hello"}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        if !input.items().is_empty() {
            let message = input.params(0)?.message.clone();
            let body = Object::from_iter([("output".to_owned(), Value::String(message))]);
            let reply = Reply { status: 200, headers: Vec::new(), body: ReplyBody::Json(json!(body)) };
            // Nobody waits when it is run by hand.
            ctx.host.reply(reply).await?;
        }
        Ok(Outcome::items(input.items().as_ref().clone()))
    }
}
