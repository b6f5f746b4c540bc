//! Respond to Webhook: answers the call that started the execution.

use linkflow_model::{Binary, Item, Millis, Object};
use linkflow_node::lenient::as_text;
use linkflow_node::{
    Category, CredentialSlot, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Ports, Reply,
    ReplyBody, Secret, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::paths;
use crate::webhook::{Entries, JWT};

pub struct RespondToWebhook;

/// Answers the call that started the execution.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// What the answer holds.
    #[serde(default)]
    respond_with: RespondWith,
    /// The answer, for `json` and `text`.
    #[serde(default)]
    response_body: Value,
    /// Where the caller is sent.
    #[serde(default, rename = "redirectURL", deserialize_with = "lenient::text")]
    redirect_url: String,
    /// Which file of the first item is the answer: the only one, or the one that is named.
    #[serde(default)]
    response_data_source: DataSource,
    /// Name of the file.
    #[serde(default = "data", deserialize_with = "lenient::text")]
    input_field_name: String,
    /// The claims of the token.
    #[serde(default)]
    payload: Value,
    /// A second output gives the answer that was sent.
    #[serde(default, deserialize_with = "lenient::flag")]
    enable_response_output: bool,
    /// What is needed less often.
    #[serde(default)]
    options: Options,
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RespondWith {
    /// The JSON of the first item.
    #[default]
    FirstIncomingItem,
    /// A list of the JSON of all items.
    AllIncomingItems,
    /// A file.
    Binary,
    /// The JSON of `responseBody`.
    Json,
    /// A signed JSON Web Token.
    Jwt,
    /// Nothing but the status code.
    NoData,
    /// A redirect.
    Redirect,
    /// The text of `responseBody`.
    Text,
}

/// Which file is the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DataSource {
    /// The only file of the item.
    #[default]
    Automatically,
    /// The file named `inputFieldName`.
    Set,
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Status code; 200 when it is not given, 307 for redirects.
    #[serde(deserialize_with = "lenient::integer_or_none")]
    #[schemars(range(min = 100, max = 599))]
    response_code: Option<i64>,
    /// Headers of the answer.
    response_headers: Entries,
    /// Wraps the items in an object, under this key (a path with dots).
    #[serde(deserialize_with = "lenient::text")]
    response_key: String,
}

fn data() -> String {
    "data".to_owned()
}

impl Node for RespondToWebhook {
    const KIND: &'static str = "respond_to_webhook";
    const SPEC: Spec = Spec {
        title: "Respond to Webhook",
        summary: "Answers the call that started the execution.",
        category: Category::Network,
        aliases: &["answer", "reply", "response", "redirect"],
        effects: Effects::Outside,
        credentials: &[CredentialSlot { title: "Key that signs the token", ..JWT }],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Answer with the first item and go on",
            params: "{}",
            input: r#"[{"order": 7}, {"order": 8}]"#,
            output: r#"[[{"order": 7}, {"order": 8}]]"#,
        },
        Example {
            title: "Refuse, and see the answer at the second output",
            params: r#"{"respondWith": "json", "responseBody": {"problem": "sold out"},
                "enableResponseOutput": true, "options": {"responseCode": 409}}"#,
            input: r#"[{"order": 7}]"#,
            output: r#"[[{"order": 7}],
                [{"response": {"body": {"problem": "sold out"}, "headers": {}, "statusCode": 409}}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        let items = input.items();
        let reply = Reply {
            status: params.status()?,
            headers: params.headers(),
            body: body(&params, items, ctx).await?,
        };
        let shown = params.enable_response_output.then(|| shown(&reply));
        ctx.host.reply(reply).await?;
        let mut ports: Vec<Vec<Item>> =
            vec![items.iter().enumerate().map(|(i, item)| item.clone().paired_with(i)).collect()];
        ports.extend(shown.map(|item| vec![item.paired_with(0)]));
        Ok(Outcome::ports(ports))
    }

    fn ports(params: &Object) -> Ports {
        let mut ports = Ports::of(&Self::SPEC);
        if params.get("enableResponseOutput").and_then(Value::as_bool).unwrap_or(false) {
            ports.outputs = vec!["input data".to_owned(), "response".to_owned()];
        }
        ports
    }
}

impl Params {
    fn status(&self) -> Result<u16, NodeError> {
        let usual = if self.respond_with == RespondWith::Redirect { 307 } else { 200 };
        let code = self.options.response_code.filter(|code| *code != 0).unwrap_or(usual);
        u16::try_from(code).ok().filter(|c| (100..600).contains(c)).ok_or_else(|| {
            NodeError::param("options.responseCode", format!("must be from 100 to 599, got {code}"))
        })
    }

    fn headers(&self) -> Vec<(String, String)> {
        let entries = self.options.response_headers.entries.iter().filter(|e| !e.name.is_empty());
        let mut headers: Vec<(String, String)> =
            entries.map(|e| (e.name.to_ascii_lowercase(), e.value.clone())).collect();
        if self.respond_with == RespondWith::Redirect {
            headers.retain(|(name, _)| name != "location");
            headers.push(("location".to_owned(), self.redirect_url.clone()));
        }
        headers
    }

    fn wrap(&self, value: Value) -> Value {
        match self.options.response_key.as_str() {
            "" => value,
            path => {
                let mut object = Object::new();
                paths::set(&mut object, &paths::parse(path), value);
                Value::Object(object)
            }
        }
    }
}

async fn body(params: &Params, items: &[Item], ctx: &Ctx) -> Result<ReplyBody, NodeError> {
    let json_of = |item: &Item| Value::Object((*item.json).clone());
    Ok(match params.respond_with {
        RespondWith::FirstIncomingItem => match items.first() {
            Some(item) => ReplyBody::Json(params.wrap(json_of(item))),
            None => ReplyBody::Empty,
        },
        RespondWith::AllIncomingItems => {
            ReplyBody::Json(params.wrap(items.iter().map(json_of).collect::<Vec<_>>().into()))
        }
        RespondWith::Json => json_body(&params.response_body)?,
        RespondWith::Text => match &params.response_body {
            value @ (Value::Object(_) | Value::Array(_)) => ReplyBody::Json(value.clone()),
            value => ReplyBody::Text(as_text(value)),
        },
        RespondWith::Binary => ReplyBody::Binary(file(params, items)?),
        RespondWith::Jwt => {
            let secret = ctx.host.credential(JWT.name).await?;
            ReplyBody::Json(json!({"token": sign(&secret, &params.payload, ctx.now)?}))
        }
        RespondWith::NoData | RespondWith::Redirect => ReplyBody::Empty,
    })
}

fn json_body(given: &Value) -> Result<ReplyBody, NodeError> {
    match given {
        Value::Null => Ok(ReplyBody::Empty),
        Value::String(text) => serde_json::from_str(text)
            .map(ReplyBody::Json)
            .map_err(|e| NodeError::param("responseBody", format!("is not valid JSON: {e}"))),
        value => Ok(ReplyBody::Json(value.clone())),
    }
}

fn file(params: &Params, items: &[Item]) -> Result<Binary, NodeError> {
    let files = items.first().and_then(|item| item.binary.as_ref());
    let Some(files) = files.filter(|files| !files.is_empty()) else {
        return Err(NodeError::data("the first item has no file"));
    };
    match params.response_data_source {
        DataSource::Automatically => Ok(files.values().next().expect("it is not empty").clone()),
        DataSource::Set => files.get(&params.input_field_name).cloned().ok_or_else(|| {
            let problem = format!("the first item has no file \"{}\"", params.input_field_name);
            NodeError::param("inputFieldName", problem)
        }),
    }
}

/// Signs `payload` with the key of a JWT credential. Claims that are an object, not its text, are
/// dated where they are not.
fn sign(secret: &Secret, payload: &Value, now: Millis) -> Result<String, NodeError> {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    let claims = match payload {
        Value::String(text) => serde_json::from_str(text)
            .map_err(|e| NodeError::param("payload", format!("is not valid JSON: {e}")))?,
        Value::Object(claims) => {
            let mut claims = claims.clone();
            claims.entry("iat").or_insert_with(|| json!(now.0 / 1_000));
            Value::Object(claims)
        }
        value => value.clone(),
    };
    let name = secret.get("algorithm").filter(|a| !a.is_empty()).unwrap_or("HS256");
    let algorithm: Algorithm =
        name.parse().map_err(|_| NodeError::Credential(format!("\"{name}\" is no algorithm for tokens")))?;
    let wrong = |e| NodeError::Credential(format!("the private key cannot be read: {e}"));
    let key = if name.starts_with("HS") {
        EncodingKey::from_secret(secret.field("secret")?.as_bytes())
    } else {
        let pem = secret.field("private_key")?.as_bytes();
        match name.get(..2) {
            Some("ES") => EncodingKey::from_ec_pem(pem).map_err(wrong)?,
            Some("Ed") => EncodingKey::from_ed_pem(pem).map_err(wrong)?,
            _ => EncodingKey::from_rsa_pem(pem).map_err(wrong)?,
        }
    };
    encode(&Header::new(algorithm), &claims, &key)
        .map_err(|e| NodeError::data(format!("the token cannot be signed: {e}")))
}

/// The answer, as the second output shows it.
fn shown(reply: &Reply) -> Item {
    let headers: Object = reply.headers.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
    let mut response = Object::new();
    match &reply.body {
        ReplyBody::Empty => {}
        ReplyBody::Json(value) => drop(response.insert("body".to_owned(), value.clone())),
        ReplyBody::Text(text) => drop(response.insert("body".to_owned(), json!(text))),
        ReplyBody::Binary(file) => drop(response.insert("body".to_owned(), json!(file))),
    }
    response.insert("headers".to_owned(), Value::Object(headers));
    response.insert("statusCode".to_owned(), json!(reply.status));
    Item::from_value(json!({ "response": response }))
}
