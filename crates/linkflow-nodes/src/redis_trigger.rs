//! Redis Trigger: starts the workflow with each message on some channels of a Redis server.

use std::sync::Arc;

use linkflow_model::{Item, Object};
use linkflow_node::trigger::{Ear, ListenTrigger, Trigger, leaves_nothing};
use linkflow_node::{
    BoxFuture, Category, Ctx, Effects, Example, Input, Node, NodeError, Outcome, RunInput, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::listening;
use crate::resp::{CREDENTIAL, Redis};

pub struct RedisTrigger;

/// Starts the workflow with each message on some channels of a Redis server. Messages that are sent
/// while nobody listens are lost: Redis keeps none.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// The channels, with commas between them; `*` stands for any text, `?` for any sign.
    #[serde(deserialize_with = "lenient::text")]
    channels: String,
    /// What is needed less often.
    options: Options,
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Read messages as JSON. One that is none stays a text.
    #[serde(deserialize_with = "lenient::flag")]
    json_parse_body: bool,
    /// Leave out on which channel a message came.
    #[serde(deserialize_with = "lenient::flag")]
    only_message: bool,
}

/// Channels that one node may listen to.
const CHANNELS_MAX: usize = 1_000;

impl Node for RedisTrigger {
    const KIND: &'static str = "redis_trigger";
    const SPEC: Spec = Spec {
        title: "Redis Trigger",
        summary: "Starts the workflow with each message on some channels of a Redis server.",
        category: Category::Trigger,
        aliases: &["subscribe", "channel", "message", "valkey", "pub/sub"],
        inputs: &[],
        effects: Effects::Outside,
        credentials: &[CREDENTIAL],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Hear of orders",
            params: r#"{"channels": "orders", "options": {"jsonParseBody": true}}"#,
            input: "[]",
            output: "null",
        },
        Example {
            title: "Hear of all that happens to a customer",
            params: r#"{"channels": "customers:*, news", "options": {"onlyMessage": true}}"#,
            input: "[]",
            output: "null",
        },
    ];
    type Params = Params;

    /// By hand it waits for a message.
    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        listening::run(&input, ctx, listen).await
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Listen(ListenTrigger { listen, leave: leaves_nothing }))
    }
}

fn listen<'a>(input: Arc<RunInput>, ctx: &'a Ctx, ear: &'a dyn Ear) -> BoxFuture<'a, Result<(), NodeError>> {
    Box::pin(async move {
        let params: Params = listening::params(&input)?;
        let channels = params.channels()?;
        let mut redis = Redis::connect(ctx).await?;
        redis.subscribe(&channels).await?;
        ear.connected().await?;
        loop {
            let (channel, message) = redis.next_message().await?;
            ear.heard(vec![params.item(channel, message)]).await?;
        }
    })
}

impl Params {
    fn channels(&self) -> Result<Vec<&str>, NodeError> {
        let names: Vec<&str> =
            self.channels.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        match names.len() {
            0 => Err(NodeError::param("channels", "must name a channel or more")),
            n if n > CHANNELS_MAX => {
                Err(NodeError::param("channels", format!("may name {CHANNELS_MAX} channels, got {n}")))
            }
            _ => Ok(names),
        }
    }

    fn item(&self, channel: String, message: String) -> Item {
        let message = match self.options.json_parse_body {
            true => serde_json::from_str(&message).unwrap_or(Value::String(message)),
            false => Value::String(message),
        };
        let mut json = Object::new();
        if !self.options.only_message {
            json.insert("channel".to_owned(), Value::String(channel));
        }
        json.insert("message".to_owned(), message);
        Item::new(json)
    }
}
