//! HTTP Request: asks a server, and makes items of what it answers.
//!
//! What is sent is put together in [`draft`], credentials are added by [`auth`], answers are read
//! by [`answer`], and pages are asked for by [`paging`].

mod answer;
mod auth;
mod draft;
mod paging;

use std::ops::Range;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use linkflow_expr::Compiled;
use linkflow_model::{Item, Object, OnError};
use linkflow_node::input::read_params;
use linkflow_node::{
    Category, CredentialCheck, CredentialSlot, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Spec,
    lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use answer::{Format, JsonText};
use auth::Auth;
use draft::Draft;
use paging::Paging;

pub struct HttpRequest;

/// Asks a server, and makes items of what it answers.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// The HTTP method.
    #[serde(default = "get", deserialize_with = "lenient::text")]
    method: String,
    /// The address, with `http://` or `https://` in front.
    #[serde(default, deserialize_with = "lenient::text")]
    url: String,
    /// Whether a credential is used.
    #[serde(default)]
    authentication: Authentication,
    /// Which credential is used.
    #[serde(default)]
    generic_auth_type: AuthType,
    /// The credential of a service, as the file it came from names it.
    #[serde(default, deserialize_with = "lenient::text")]
    node_credential_type: String,
    /// Whether parameters are added to the address.
    #[serde(default, deserialize_with = "lenient::flag")]
    send_query: bool,
    /// Whether these are fields or one JSON object.
    #[serde(default)]
    specify_query: Specify,
    /// The fields.
    #[serde(default)]
    query_parameters: Fields,
    /// The JSON object.
    #[serde(default)]
    json_query: Value,
    /// Whether headers are added.
    #[serde(default, deserialize_with = "lenient::flag")]
    send_headers: bool,
    /// Whether these are fields or one JSON object.
    #[serde(default)]
    specify_headers: Specify,
    /// The fields.
    #[serde(default)]
    header_parameters: Fields,
    /// The JSON object.
    #[serde(default)]
    json_headers: Value,
    /// Whether a body is sent.
    #[serde(default, deserialize_with = "lenient::flag")]
    send_body: bool,
    /// What the body is.
    #[serde(default)]
    content_type: ContentType,
    /// Whether it is made of fields, one JSON value, or a text.
    #[serde(default)]
    specify_body: Specify,
    /// The fields.
    #[serde(default)]
    body_parameters: Fields,
    /// In JSON, dots in the names of fields make objects.
    #[serde(default = "yes", deserialize_with = "lenient::flag")]
    nest_fields: bool,
    /// The JSON value.
    #[serde(default)]
    json_body: Value,
    /// The text.
    #[serde(default, deserialize_with = "lenient::text")]
    body: String,
    /// Content type of the text.
    #[serde(default, deserialize_with = "lenient::text")]
    raw_content_type: String,
    /// The file of the item that is the body.
    #[serde(default, deserialize_with = "lenient::text")]
    input_data_field_name: String,
    /// Send an `Idempotency-Key` that is the same for every try, so that services that know it do
    /// the work once. Not for GET and HEAD, and not where the headers have one already.
    #[serde(default = "yes", deserialize_with = "lenient::flag")]
    idempotency_key: bool,
    /// Fail as versions 1 and 2 of n8n's node do: a request that cannot be made and an answer that
    /// cannot be read end the whole run, whatever the error policy is.
    #[serde(default, deserialize_with = "lenient::flag")]
    fail_as_a_whole: bool,
    /// What is needed less often.
    #[serde(default)]
    options: Options,
}

/// Whether a credential is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Authentication {
    /// None.
    #[default]
    None,
    /// The one that `genericAuthType` names.
    GenericCredentialType,
    /// That of a service.
    PredefinedCredentialType,
}

/// Which credential is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AuthType {
    /// User name and password.
    #[default]
    HttpBasicAuth,
    /// A token in the `Authorization` header.
    HttpBearerAuth,
    /// User name and password, by challenge.
    HttpDigestAuth,
    /// A header.
    HttpHeaderAuth,
    /// A parameter of the address.
    HttpQueryAuth,
    /// Headers, parameters and fields of the body, as JSON.
    HttpCustomAuth,
    /// A token that is fetched with id and secret.
    #[serde(rename = "oAuth2Api")]
    OAuth2,
    /// Signed requests of OAuth 1. Not supported yet.
    #[serde(rename = "oAuth1Api")]
    OAuth1,
}

/// How something is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Specify {
    /// As fields with name and value.
    #[default]
    Keypair,
    /// As JSON.
    Json,
    /// As text.
    String,
}

/// What a body is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub enum ContentType {
    /// JSON.
    #[default]
    #[serde(rename = "json")]
    Json,
    /// A form without files.
    #[serde(rename = "form-urlencoded")]
    Form,
    /// A form, with files.
    #[serde(rename = "multipart-form-data")]
    Multipart,
    /// A file.
    #[serde(rename = "binaryData")]
    Binary,
    /// A text of any type.
    #[serde(rename = "raw")]
    Raw,
}

/// A list of fields.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Fields {
    /// The fields.
    parameters: Vec<Field>,
}

/// A field.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Field {
    /// Its name.
    #[serde(deserialize_with = "lenient::text")]
    name: String,
    /// Its value; left out where it is undefined.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    value: Option<Value>,
    /// `formBinaryData` for a file.
    #[serde(deserialize_with = "lenient::text")]
    parameter_type: String,
    /// The file of the item.
    #[serde(deserialize_with = "lenient::text")]
    input_data_field_name: String,
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Sends requests in groups, with a rest between them.
    batching: BatchingOption,
    /// Takes any certificate. Anybody between here and there can then read and change everything.
    #[serde(deserialize_with = "lenient::flag")]
    allow_unauthorized_certs: bool,
    /// How lists are written in the address: `indices` (`a[0]=1`), `brackets` (`a[]=1`) or `repeat`
    /// (`a=1&a=2`).
    query_parameter_arrays: ListStyle,
    /// Whether redirects are followed.
    redirect: RedirectOption,
    /// How the answer is read.
    response: ResponseOption,
    /// Asks for further pages. Expressions see `$response` (body, headers, statusCode), `$pageCount`
    /// and `$request`.
    pagination: PagingOption,
    /// The longest that one exchange may take, in milliseconds.
    #[serde(deserialize_with = "lenient::integer_or_none")]
    timeout: Option<i64>,
}

/// How lists are written in an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ListStyle {
    /// `a[0]=1&a[1]=2`
    #[default]
    Indices,
    /// `a[]=1&a[]=2`
    Brackets,
    /// `a=1&a=2`
    Repeat,
}

/// Groups of requests.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct BatchingOption {
    /// The groups.
    batch: Option<Batch>,
}

/// Groups of requests.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Batch {
    /// How many requests are sent side by side; -1 for no groups.
    #[serde(deserialize_with = "lenient::integer")]
    batch_size: i64,
    /// Milliseconds between groups.
    #[serde(deserialize_with = "lenient::integer")]
    batch_interval: i64,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch { batch_size: 50, batch_interval: 1_000 }
    }
}

/// Whether redirects are followed.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct RedirectOption {
    /// The rule.
    redirect: Redirects,
}

/// Whether redirects are followed.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Redirects {
    /// Follow them. Credentials are not sent to another origin.
    #[serde(deserialize_with = "lenient::flag")]
    follow_redirects: bool,
    /// How many are followed.
    #[serde(deserialize_with = "lenient::integer")]
    #[schemars(range(min = 0, max = 100))]
    max_redirects: i64,
}

impl Default for Redirects {
    fn default() -> Redirects {
        Redirects { follow_redirects: true, max_redirects: 21 }
    }
}

/// How the answer is read.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct ResponseOption {
    /// The rule.
    response: Reading,
}

/// How the answer is read.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Reading {
    /// Give headers and status too, and the body below `body`.
    #[serde(deserialize_with = "lenient::flag")]
    full_response: bool,
    /// Take every status as success.
    #[serde(deserialize_with = "lenient::flag")]
    never_error: bool,
    /// What the body is.
    response_format: Format,
    /// Property of the item that takes a text or a file.
    #[serde(deserialize_with = "lenient::text")]
    output_property_name: String,
    /// What becomes of a text that is JSON, where the body is read as text.
    json_text: JsonText,
    /// Make an item of each element of a list.
    #[serde(deserialize_with = "lenient::flag")]
    split_into_items: bool,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading {
            full_response: false,
            never_error: false,
            response_format: Format::Autodetect,
            output_property_name: "data".to_owned(),
            json_text: JsonText::Keep,
            split_into_items: true,
        }
    }
}

/// Asks for further pages.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct PagingOption {
    /// The rule.
    pagination: Paging,
}

fn get() -> String {
    "GET".to_owned()
}

fn yes() -> bool {
    true
}

fn some<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(d).map(Some)
}

/// Requests that are under way at a time when the author does not say.
const SIDE_BY_SIDE: usize = 20;
const BATCH_MAX: usize = 200;
const TIMEOUT_MS: u64 = 300_000;

impl Node for HttpRequest {
    const KIND: &'static str = "http_request";
    const SPEC: Spec = Spec {
        title: "HTTP Request",
        summary: "Asks a server, and makes items of what it answers.",
        category: Category::Network,
        aliases: &["api", "rest", "curl", "fetch", "download", "get", "post"],
        effects: Effects::Outside,
        credentials: CREDENTIALS,
        checks: &[CredentialCheck { slot: "oauth2", check: auth::check }],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Read a list; each element becomes an item",
            params: r#"{"url": "https://example.com/orders", "sendQuery": true,
                "queryParameters": {"parameters": [{"name": "state", "value": "open"}]}}"#,
            input: "[{}]",
            output: "null",
        },
        Example {
            title: "Send each item as JSON",
            params: r#"{"method": "POST", "url": "https://example.com/orders", "sendBody": true,
                "specifyBody": "json", "jsonBody": "={{ $json }}"}"#,
            input: r#"[{"order": 7}]"#,
            output: "null",
        },
        Example {
            title: "Ask for page after page until one is empty",
            params: r#"{"url": "https://example.com/orders", "options": {"pagination": {"pagination": {
                "paginationMode": "updateAParameterInEachRequest",
                "parameters": {"parameters": [
                    {"type": "qs", "name": "page", "value": "={{ $pageCount + 1 }}"}]}}}}}"#,
            input: "[{}]",
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let reader = Reader::new(&input);
        let n = input.items().len();
        if n == 0 {
            return Ok(Outcome::items(Vec::new()));
        }
        // Credentials and groups are the same for all items: they are taken from the first one whose
        // parameters can be read. Where none can, each item says why.
        let first = (0..n).find_map(|i| reader.params(&input, i).ok());
        let auth = match &first {
            Some(params) => Auth::of(params, ctx).await?,
            None => Auth::None,
        };
        let batch = first.and_then(|params| params.options.batching.batch).and_then(Batch::bounds);
        let job = Job { input: &input, reader: &reader, auth: &auth, ctx };
        let (size, rest_ms) = batch.unwrap_or((n, 0));
        let mut items = Vec::new();
        for start in (0..n).step_by(size) {
            if start > 0 && rest_ms > 0 {
                rest(rest_ms, ctx).await?;
            }
            let width = if batch.is_some() { size } else { SIDE_BY_SIDE };
            job.group(start..(start + size).min(n), width, &mut items).await?;
        }
        Ok(Outcome::items(items))
    }
}

const OAUTH2_FIELDS: &[&str] = &[
    "authorization_url",
    "access_token_url",
    "client_id",
    "client_secret",
    "scope",
    "authentication",
    "access_token",
    "refresh_token",
];

pub(crate) const CREDENTIALS: &[CredentialSlot] = &[
    crate::webhook::BASIC,
    CredentialSlot { name: "http_bearer", title: "Bearer token", fields: &["token"], secret: &["token"] },
    CredentialSlot {
        name: "http_digest",
        title: "User name and password, by challenge",
        fields: &["user", "password"],
        secret: &["password"],
    },
    crate::webhook::HEADER,
    CredentialSlot {
        name: "http_query",
        title: "Parameter of the address",
        fields: &["name", "value"],
        secret: &["value"],
    },
    CredentialSlot {
        name: "http_custom",
        title: "Headers, parameters and fields",
        fields: &["json"],
        secret: &["json"],
    },
    CredentialSlot {
        name: "oauth2",
        title: "OAuth 2",
        fields: OAUTH2_FIELDS,
        secret: &["client_secret", "access_token", "refresh_token"],
    },
];

impl Batch {
    fn bounds(self) -> Option<(usize, u64)> {
        let size = usize::try_from(self.batch_size).ok().filter(|size| *size > 0)?;
        Some((size.min(BATCH_MAX), u64::try_from(self.batch_interval).unwrap_or(0)))
    }
}

/// Reads the parameters of each item, without those that see answers.
struct Reader {
    compiled: Compiled,
    paging: Option<Value>,
}

impl Reader {
    fn new(input: &Input<Params>) -> Reader {
        let mut params = (*input.whole().params).clone();
        let options = params.get_mut("options").and_then(Value::as_object_mut);
        let paging = options.and_then(|options| options.shift_remove("pagination"));
        let paging = paging.and_then(|p| p.get("pagination").cloned());
        Reader { compiled: Compiled::of_object(&params), paging }
    }

    fn params(&self, input: &Input<Params>, index: usize) -> Result<Params, NodeError> {
        let resolved = self.compiled.resolve(&input.scope(index));
        let value = resolved.map_err(|e| NodeError::param(e.param, e.error.to_string()))?;
        read_params(&value)
    }
}

/// What the items of one run share.
#[derive(Clone, Copy)]
struct Job<'a> {
    input: &'a Input<Params>,
    reader: &'a Reader,
    auth: &'a Auth,
    ctx: &'a Ctx,
}

/// What item `index` is about to ask.
struct Prepared {
    params: Params,
    draft: Draft,
}

/// Why an item gives nothing, and whether that is the end of the run.
struct Failure {
    error: NodeError,
    ends_run: bool,
    old_form: bool,
}

impl Job<'_> {
    /// Adds what comes of these items, of which `width` are asked for side by side.
    async fn group(
        self,
        indexes: Range<usize>,
        width: usize,
        items: &mut Vec<Item>,
    ) -> Result<(), NodeError> {
        let mut under_way = FuturesOrdered::new();
        for index in indexes {
            if under_way.len() >= width {
                self.add(under_way.next().await, items)?;
            }
            let prepared = self.prepared(index).await;
            let is_end = prepared.as_ref().is_err_and(|failure| failure.ends_run);
            under_way.push_back(self.item(index, prepared));
            // Nothing is sent behind an item that ends the run.
            if is_end {
                break;
            }
        }
        while let Some(found) = under_way.next().await {
            self.add(Some(found), items)?;
        }
        Ok(())
    }

    fn add(
        self,
        found: Option<Result<Vec<Item>, NodeError>>,
        items: &mut Vec<Item>,
    ) -> Result<(), NodeError> {
        items.extend(found.transpose()?.unwrap_or_default());
        limit_items(items.len(), self.ctx)
    }

    async fn prepared(self, index: usize) -> Result<Prepared, Failure> {
        let params = self.reader.params(self.input, index).map_err(|error| self.failure(error))?;
        match self.draft(index, &params).await {
            Ok(draft) => Ok(Prepared { params, draft }),
            Err(error) => Err(self.failure(error)),
        }
    }

    async fn draft(self, index: usize, params: &Params) -> Result<Draft, NodeError> {
        let mut draft = Draft::of(params, &self.input.items()[index], self.ctx).await?;
        self.auth.add_to(&mut draft)?;
        draft.add_idempotency_key(params, self.ctx.idempotency_key(index));
        Ok(draft)
    }

    fn failure(self, error: NodeError) -> Failure {
        let answered = matches!(error, NodeError::Refused { .. } | NodeError::Unavailable { .. });
        let old_form = self.input.whole().params.get("failAsAWhole") == Some(&json!(true));
        let ends_run = self.ctx.on_error == OnError::Stop
            || matches!(error, NodeError::Canceled)
            || (old_form && !answered);
        Failure { error, ends_run, old_form }
    }

    /// The items that come of item `index`.
    async fn item(self, index: usize, prepared: Result<Prepared, Failure>) -> Result<Vec<Item>, NodeError> {
        let done = match prepared {
            Ok(prepared) => self.exchange(index, prepared).await.map_err(|error| self.failure(error)),
            Err(failure) => Err(failure),
        };
        match done {
            Ok(items) => Ok(items),
            Err(failure) if failure.ends_run => Err(failure.error.at_item(index)),
            Err(failure) => Ok(vec![failure.item().paired_with(index)]),
        }
    }

    async fn exchange(self, index: usize, prepared: Prepared) -> Result<Vec<Item>, NodeError> {
        let Prepared { params, draft } = prepared;
        let given = &self.input.items()[index];
        let pages = match &self.reader.paging {
            Some(paging) => paging::pages(self, index, &params, draft, paging).await?,
            None => vec![self.ask(&draft, &params, &[]).await?],
        };
        let mut items = Vec::new();
        for page in pages {
            items.extend(page.items(&params.options.response.response, given)?);
        }
        Ok(items.into_iter().map(|item| item.paired_with(index)).collect())
    }

    /// One request and its answer. Statuses other than 2xx are an error unless they are among
    /// `fine` or all are taken.
    async fn ask(self, draft: &Draft, params: &Params, fine: &[u16]) -> Result<answer::Page, NodeError> {
        let options = &params.options;
        let mut call = draft.call()?;
        let redirects = &options.redirect.redirect;
        let most = u32::try_from(redirects.max_redirects).unwrap_or(0).min(100);
        call.redirects_max = if redirects.follow_redirects { most } else { 0 };
        let timeout = options.timeout.and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms > 0);
        call.timeout_ms = timeout.unwrap_or(TIMEOUT_MS);
        call.accept_invalid_certs = options.allow_unauthorized_certs;
        call.cancel = self.ctx.cancel.clone();
        let reading = &options.response.response;
        let largest = self.ctx.limits.response_bytes_max.max(self.ctx.limits.file_bytes_max);
        call.body_bytes_max = largest;
        let answer = match self.auth.challenged(draft) {
            None => self.ctx.http.send(call).await?,
            Some(digest) => digest.send(call, &self.ctx.http).await?,
        };
        let status = answer.status;
        if status == 401 {
            self.auth.was_refused();
        }
        if !status.is_success() && !reading.never_error && !fine.contains(&status.as_u16()) {
            return Err(answer::refused(answer, self.ctx.now).await);
        }
        answer::read(answer, reading, self.ctx).await
    }
}

fn limit_items(n: usize, ctx: &Ctx) -> Result<(), NodeError> {
    if n <= ctx.limits.items_max {
        return Ok(());
    }
    let limit = format!("{} items", ctx.limits.items_max);
    Err(NodeError::Limit { what: "what the answers give".to_owned(), limit })
}

async fn rest(ms: u64, ctx: &Ctx) -> Result<(), NodeError> {
    tokio::select! {
        () = ctx.cancel.cancelled() => Err(NodeError::Canceled),
        () = tokio::time::sleep(Duration::from_millis(ms)) => Ok(()),
    }
}

impl Failure {
    /// What comes out where an item failed. As files from n8n expect it, `error` is an object where
    /// the other side was asked, and a text where it came to no question.
    fn item(&self) -> Item {
        let shown = match &self.error {
            NodeError::Refused { status, description, .. } => {
                let body = description.clone().unwrap_or_default();
                let parsed = if self.old_form { serde_json::from_str(&body).ok() } else { None };
                let message = format!("{status} - {}", parsed.unwrap_or(Value::String(body)));
                json!({"message": message, "name": "AxiosError", "status": status})
            }
            NodeError::Unavailable { cause, .. } => {
                let mut shown = json!({"message": self.error.to_string(), "name": "Error"});
                if let Some(code) = code(cause) {
                    shown["code"] = json!(code);
                }
                shown
            }
            other => json!(other.to_string()),
        };
        Item::new(Object::from_iter([("error".to_owned(), shown)]))
    }
}

/// The name that JavaScript's network layer has for why nothing was answered.
fn code(cause: &str) -> Option<&'static str> {
    let known = [
        ("refused", "ECONNREFUSED"),
        ("answer within", "ECONNABORTED"),
        ("closed before", "ECONNRESET"),
        ("reset", "ECONNRESET"),
        ("resolve", "ENOTFOUND"),
        ("lookup", "ENOTFOUND"),
    ];
    known.iter().find(|(words, _)| cause.contains(words)).map(|(_, code)| *code)
}
