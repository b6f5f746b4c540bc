//! Redis: reads and writes keys, lists and channels of a Redis server.
//!
//! One connection serves all items of a run. The protocol is in `resp`.

use linkflow_model::{Item, Object};
use linkflow_node::{
    Category, CredentialCheck, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::paths;
use crate::resp::{self, Answer, CREDENTIAL, Redis as Connection};

pub struct Redis;

/// Reads and writes keys, lists and channels of a Redis server.
///
/// A value that is set as a list takes the place of the whole list.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// What is done.
    operation: Operation,
    /// The key, for `delete`, `get`, `incr` and `set`.
    #[serde(deserialize_with = "lenient::text")]
    key: String,
    /// The property of the item that takes what is read.
    #[serde(deserialize_with = "lenient::text")]
    property_name: String,
    /// What the key holds.
    key_type: KeyType,
    /// What is written.
    value: Value,
    /// Whether the value of a hash is an object; else it is one text, the field and then its value.
    #[serde(rename = "valueIsJSON", deserialize_with = "lenient::flag")]
    value_is_json: bool,
    /// Let the key end by itself.
    #[serde(deserialize_with = "lenient::flag")]
    expire: bool,
    /// After how many seconds it ends.
    #[serde(deserialize_with = "lenient::integer")]
    #[schemars(range(min = 1))]
    ttl: i64,
    /// Which keys are meant: `*` for any text, `?` for any sign.
    #[serde(deserialize_with = "lenient::text")]
    key_pattern: String,
    /// Give the keys' values too.
    #[serde(deserialize_with = "lenient::flag")]
    get_values: bool,
    /// The channel of a message.
    #[serde(deserialize_with = "lenient::text")]
    channel: String,
    /// The list that is pushed to, popped from or counted.
    #[serde(deserialize_with = "lenient::text")]
    list: String,
    /// The message, or what is pushed.
    #[serde(deserialize_with = "lenient::text")]
    message_data: String,
    /// Use the end of the list instead of its beginning.
    #[serde(deserialize_with = "lenient::flag")]
    tail: bool,
    /// What is needed less often.
    options: Options,
}

/// What is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Remove a key.
    Delete,
    /// Read a key.
    Get,
    /// Add one to the number of a key.
    Incr,
    /// Tell about the server, once.
    #[default]
    Info,
    /// Find keys.
    Keys,
    /// Count a list's entries.
    Llen,
    /// Take an entry from a list.
    Pop,
    /// Send a message to a channel.
    Publish,
    /// Add an entry to a list.
    Push,
    /// Write a key.
    Set,
}

/// What a key holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KeyType {
    /// What the key holds, or what the value is.
    #[default]
    Automatic,
    /// Fields with values.
    Hash,
    /// A list.
    List,
    /// A set.
    Sets,
    /// A text.
    String,
}

/// What is needed less often.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether `a.b` as property means `b` in `a`.
    #[serde(deserialize_with = "lenient::flag")]
    dot_notation: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { dot_notation: true }
    }
}

impl Default for Params {
    fn default() -> Params {
        Params {
            operation: Operation::default(),
            key: String::new(),
            property_name: "propertyName".to_owned(),
            key_type: KeyType::default(),
            value: Value::Null,
            value_is_json: true,
            expire: false,
            ttl: 60,
            key_pattern: String::new(),
            get_values: true,
            channel: String::new(),
            list: String::new(),
            message_data: String::new(),
            tail: false,
            options: Options::default(),
        }
    }
}

impl Node for Redis {
    const KIND: &'static str = "redis";
    const SPEC: Spec = Spec {
        title: "Redis",
        summary: "Reads and writes keys, lists and channels of a Redis server.",
        category: Category::Service,
        aliases: &["cache", "key", "value", "valkey", "queue", "publish"],
        effects: Effects::Outside,
        credentials: &[CREDENTIAL],
        checks: &[CredentialCheck { slot: CREDENTIAL.name, check: resp::check }],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Keep a value for an hour",
            params: r#"{"operation": "set", "key": "=customer:{{ $json.id }}", "value": "={{ $json.name }}",
                "expire": true, "ttl": 3600}"#,
            input: r#"[{"id": 7, "name": "Ada"}]"#,
            output: "null",
        },
        Example {
            title: "Read it again",
            params: r#"{"operation": "get", "key": "=customer:{{ $json.id }}", "propertyName": "name"}"#,
            input: r#"[{"id": 7}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        if input.items().is_empty() {
            return Ok(Outcome::items(Vec::new()));
        }
        let mut redis = None;
        let mut out = Vec::with_capacity(input.items().len());
        for (index, item) in input.items().iter().enumerate() {
            let done = one(&input, ctx, &mut redis, index, item).await;
            match done {
                Ok(item) => out.push(item.paired_with(index)),
                Err(error) => {
                    // After a broken exchange nobody knows what the next answer belongs to.
                    if !matches!(error, NodeError::Data { .. } | NodeError::Param { .. }) {
                        redis = None;
                    }
                    out.push(ctx.failed_item(error, index)?);
                }
            }
            // It is the same for all items.
            if matches!(input.params(index), Ok(params) if params.operation == Operation::Info) {
                break;
            }
        }
        Ok(Outcome::items(out))
    }
}

async fn one<'a>(
    input: &Input<Params>,
    ctx: &'a Ctx,
    redis: &mut Option<Connection<'a>>,
    index: usize,
    item: &Item,
) -> Result<Item, NodeError> {
    let params = input.params(index)?;
    params.check()?;
    let redis = match redis {
        Some(redis) => redis,
        none => none.insert(Connection::connect(ctx).await?),
    };
    let json = match params.operation {
        Operation::Delete => {
            redis.ask(&["DEL", &params.key]).await?;
            return Ok(item.clone());
        }
        Operation::Publish => {
            redis.ask(&["PUBLISH", &params.channel, &params.message_data]).await?;
            return Ok(item.clone());
        }
        Operation::Push => {
            let command = if params.tail { "RPUSH" } else { "LPUSH" };
            redis.ask(&[command, &params.list, &params.message_data]).await?;
            return Ok(item.clone());
        }
        Operation::Set => {
            params.set(redis).await?;
            return Ok(item.clone());
        }
        Operation::Get => {
            let value = read(redis, &params.key, params.key_type).await?;
            params.under_property(value)
        }
        Operation::Pop => {
            let command = if params.tail { "RPOP" } else { "LPOP" };
            let value = match redis.ask(&[command, &params.list]).await? {
                Answer::Text(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
                _ => Value::Null,
            };
            params.under_property(value)
        }
        Operation::Incr => {
            let answer = redis.ask(&["INCR", &params.key]).await?;
            params.let_end(redis).await?;
            object(json!({ params.key.as_str(): value_of(answer) }))
        }
        Operation::Llen => {
            let answer = redis.ask(&["LLEN", &params.list]).await?;
            object(json!({ params.list.as_str(): value_of(answer) }))
        }
        Operation::Keys => params.keys(redis).await?,
        Operation::Info => info(&redis.ask(&["INFO"]).await?.text()),
    };
    Ok(Item::new(json))
}

/// How many entries are asked for at a time while keys are looked for.
const SCAN_COUNT: &str = "1000";

impl Params {
    fn check(&self) -> Result<(), NodeError> {
        let needed = match self.operation {
            Operation::Delete | Operation::Get | Operation::Incr | Operation::Set => {
                Some(("key", self.key.is_empty()))
            }
            Operation::Keys => Some(("keyPattern", self.key_pattern.is_empty())),
            Operation::Pop | Operation::Push | Operation::Llen => Some(("list", self.list.is_empty())),
            Operation::Publish => Some(("channel", self.channel.is_empty())),
            Operation::Info => None,
        };
        match needed {
            Some((param, true)) => Err(NodeError::param(param, "must not be empty")),
            _ => Ok(()),
        }
    }

    fn under_property(&self, value: Value) -> Object {
        let mut json = Object::new();
        match self.options.dot_notation {
            true => paths::set(&mut json, &paths::parse(&self.property_name), value),
            false => drop(json.insert(self.property_name.clone(), value)),
        }
        json
    }

    async fn let_end(&self, redis: &mut Connection<'_>) -> Result<(), NodeError> {
        if !self.expire {
            return Ok(());
        }
        if self.ttl < 1 {
            return Err(NodeError::param("ttl", format!("must be at least 1, got {}", self.ttl)));
        }
        redis.ask(&["EXPIRE", &self.key, &self.ttl.to_string()]).await.map(drop)
    }

    async fn keys(&self, redis: &mut Connection<'_>) -> Result<Object, NodeError> {
        let found = scan(redis, &self.key_pattern).await?;
        if !self.get_values {
            return Ok(object(json!({ "keys": found })));
        }
        let mut json = Object::new();
        for key in found {
            let value = read(redis, &key, self.key_type).await?;
            json.insert(key, value);
        }
        Ok(json)
    }

    async fn set(&self, redis: &mut Connection<'_>) -> Result<(), NodeError> {
        let key = self.key.as_str();
        let kind = match (self.key_type, &self.value) {
            (KeyType::Automatic, Value::Array(_)) => KeyType::List,
            (KeyType::Automatic, Value::Object(_)) => KeyType::Hash,
            (KeyType::Automatic, _) => KeyType::String,
            (chosen, _) => chosen,
        };
        match kind {
            KeyType::Hash => {
                let fields = self.fields()?;
                redis.ask(&command(&["HSET", key], &fields)).await?;
            }
            KeyType::List => {
                let entries = self.entries()?;
                redis.ask(&["MULTI"]).await?;
                redis.ask(&["DEL", key]).await?;
                redis.ask(&command(&["RPUSH", key], &entries)).await?;
                redis.ask(&["EXEC"]).await?;
            }
            KeyType::Sets => {
                redis.ask(&command(&["SADD", key], &self.entries()?)).await?;
            }
            KeyType::String | KeyType::Automatic => {
                redis.ask(&["SET", key, &lenient::as_text(&self.value)]).await?;
            }
        }
        self.let_end(redis).await
    }

    /// Fields and values of a hash, in turn.
    fn fields(&self) -> Result<Vec<String>, NodeError> {
        if !self.value_is_json {
            let text = lenient::as_text(&self.value);
            return match text.split_once(' ') {
                Some((field, value)) => Ok(vec![field.to_owned(), value.to_owned()]),
                None => Err(NodeError::param("value", "must be a field, a space and its value")),
            };
        }
        match parsed(&self.value) {
            Value::Object(object) if !object.is_empty() => {
                Ok(object.iter().flat_map(|(key, value)| [key.clone(), lenient::as_text(value)]).collect())
            }
            other => {
                let problem =
                    format!("must be an object with a field or more, got {}", lenient::show(&other));
                Err(NodeError::param("value", problem))
            }
        }
    }

    fn entries(&self) -> Result<Vec<String>, NodeError> {
        match parsed(&self.value) {
            Value::Array(list) if !list.is_empty() => Ok(list.iter().map(lenient::as_text).collect()),
            Value::Array(_) | Value::Null => {
                Err(NodeError::param("value", "must be a list with an entry or more"))
            }
            other => Ok(vec![lenient::as_text(&other)]),
        }
    }
}

/// JSON that is written as text.
fn parsed(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

fn command<'t>(head: &[&'t str], rest: &'t [String]) -> Vec<&'t str> {
    head.iter().copied().chain(rest.iter().map(String::as_str)).collect()
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

fn value_of(answer: Answer) -> Value {
    match answer {
        Answer::Nothing => Value::Null,
        Answer::Number(number) => number.into(),
        Answer::Text(text) => text.into(),
        Answer::List(list) => list.into_iter().map(value_of).collect(),
    }
}

/// The keys that fit, each once. `KEYS` would hold up everybody else on a large server.
async fn scan(redis: &mut Connection<'_>, pattern: &str) -> Result<Vec<String>, NodeError> {
    let mut found = std::collections::BTreeSet::new();
    let mut cursor = "0".to_owned();
    loop {
        let answer = redis.ask(&["SCAN", &cursor, "MATCH", pattern, "COUNT", SCAN_COUNT]).await?;
        let Answer::List(parts) = answer else { break };
        let mut parts = parts.into_iter();
        cursor = parts.next().map(Answer::text).unwrap_or_default();
        found.extend(parts.next().map(Answer::texts).unwrap_or_default());
        if cursor.is_empty() || cursor == "0" {
            break;
        }
    }
    Ok(found.into_iter().collect())
}

async fn read(redis: &mut Connection<'_>, key: &str, kind: KeyType) -> Result<Value, NodeError> {
    let kind = match kind {
        KeyType::Automatic => match redis.ask(&["TYPE", key]).await?.text().as_str() {
            "hash" => KeyType::Hash,
            "list" => KeyType::List,
            "set" => KeyType::Sets,
            "none" => return Ok(Value::Null),
            _ => KeyType::String,
        },
        chosen => chosen,
    };
    Ok(match kind {
        KeyType::Hash => {
            let mut parts = redis.ask(&["HGETALL", key]).await?.texts().into_iter();
            let mut hash = Object::new();
            while let (Some(field), Some(value)) = (parts.next(), parts.next()) {
                hash.insert(field, Value::String(value));
            }
            Value::Object(hash)
        }
        KeyType::List => value_of(redis.ask(&["LRANGE", key, "0", "-1"]).await?),
        KeyType::Sets => value_of(redis.ask(&["SMEMBERS", key]).await?),
        KeyType::String | KeyType::Automatic => value_of(redis.ask(&["GET", key]).await?),
    })
}

/// What the server says of itself: `name:value` lines, numbers as numbers, `a=1,b=2` as an object.
fn info(text: &str) -> Object {
    let value_of = |text: &str| match text.parse::<f64>() {
        Ok(number) if text.chars().all(|c| c.is_ascii_digit() || c == '.') => {
            serde_json::from_str(text).unwrap_or_else(|_| json!(number))
        }
        _ => Value::String(text.to_owned()),
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| {
            let value = match value.contains('=') {
                true => value
                    .split(',')
                    .filter_map(|pair| pair.split_once('='))
                    .map(|(key, value)| (key.to_owned(), value_of(value)))
                    .collect::<Object>()
                    .into(),
                false => value_of(value),
            };
            (name.to_owned(), value)
        })
        .collect()
}
