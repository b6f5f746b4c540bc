//! Webhook: starts the workflow when its address is called.
//!
//! The address, the checks and the first items are pure functions of node and request; reading
//! the request, the authentication itself and the answer are the server's.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use linkflow_model::{Binary, Item, Node as WorkflowNode, Object, Pair, Paired};
use linkflow_node::trigger::{
    Accepted, Auth, Body, Intake, LastNode, Refusal, Request, Respond, Route, Trigger, WebhookTrigger,
    no_pages,
};
use linkflow_node::{
    Category, CredentialSlot, Ctx, Example, Input, Node, NodeError, Outcome, Ports, Reply, ReplyBody, Spec,
    lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::manual_trigger::first_items;
use crate::trigger_params;

pub struct Webhook;

/// Starts the workflow when its address is called.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Whether `httpMethod` is a list of methods.
    #[serde(default, deserialize_with = "lenient::flag")]
    multiple_methods: bool,
    /// The HTTP method, or the list of methods, to which the address answers. With a list, each
    /// method has an output of its own.
    #[serde(default = "get", deserialize_with = "lenient::names")]
    http_method: Vec<String>,
    /// The address behind `/webhook/`. Segments such as `:id` take any value; with them the address
    /// begins with the node's own webhook id.
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) path: String,
    /// Who may call.
    #[serde(default)]
    pub(crate) authentication: Authentication,
    /// When the call is answered.
    #[serde(default)]
    response_mode: ResponseMode,
    /// Status code of the answer, where no Respond to Webhook node gives it.
    #[serde(default = "ok", deserialize_with = "lenient::integer")]
    #[schemars(range(min = 100, max = 599))]
    response_code: i64,
    /// What the answer holds when it is given by the node that ran last.
    #[serde(default)]
    response_data: ResponseData,
    /// The file of the last node's first item that is the answer.
    #[serde(default = "data", deserialize_with = "lenient::text")]
    response_binary_property_name: String,
    /// What is needed less often.
    #[serde(default)]
    pub(crate) options: Options,
}

/// Who may call a webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Authentication {
    /// Everybody.
    #[default]
    None,
    /// Who knows a user name and a password.
    BasicAuth,
    /// Who sends a header with the right value.
    HeaderAuth,
    /// Who sends a JSON Web Token that was signed with the right key.
    JwtAuth,
}

/// When a call is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ResponseMode {
    /// At once, as soon as the execution is on disk.
    #[default]
    OnReceived,
    /// When the workflow has ended, with the items of the node that ran last.
    LastNode,
    /// When a Respond to Webhook node says so.
    ResponseNode,
    /// As `responseNode`.
    Streaming,
}

/// Which part of the last node's items is the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ResponseData {
    /// The JSON of the first item.
    #[default]
    FirstEntryJson,
    /// A list of the JSON of all items.
    AllEntries,
    /// A file of the first item.
    FirstEntryBinary,
    /// Nothing but the status code.
    NoData,
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Give the body as a file `data` with its bytes as they came, beside the parsed one.
    #[serde(deserialize_with = "lenient::flag")]
    raw_body: bool,
    /// Take the body as a file, whatever its content type is.
    #[serde(deserialize_with = "lenient::flag")]
    binary_data: bool,
    /// Property of the item that takes files; files of a form are numbered behind it.
    #[serde(deserialize_with = "lenient::text")]
    binary_property_name: String,
    /// Refuse calls of robots, such as link previews and crawlers.
    #[serde(deserialize_with = "lenient::flag")]
    ignore_bots: bool,
    /// Addresses or networks that may call, separated by commas; empty for all.
    #[serde(deserialize_with = "lenient::text")]
    ip_whitelist: String,
    /// Answer without a body when the call is answered at once.
    #[serde(deserialize_with = "lenient::flag")]
    no_response_body: bool,
    /// Text with which a call is answered at once, or an object or list for JSON.
    response_data: Option<Value>,
    /// Content type of the answer of the last node.
    #[serde(deserialize_with = "lenient::text")]
    response_content_type: String,
    /// Headers of the answer.
    response_headers: Entries,
    /// Answer with this property of the first item only, as a path with dots.
    #[serde(deserialize_with = "lenient::text")]
    response_property_name: String,
    /// Origins of which browsers may call, separated by commas; `*` or empty for all.
    #[serde(deserialize_with = "lenient::text")]
    allowed_origins: String,
}

/// A list of headers.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Entries {
    /// The headers.
    pub(crate) entries: Vec<Entry>,
}

/// A header.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Entry {
    /// Its name.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) name: String,
    /// Its value.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) value: String,
}

fn get() -> Vec<String> {
    vec!["GET".to_owned()]
}

fn ok() -> i64 {
    200
}

fn data() -> String {
    "data".to_owned()
}

pub(crate) const BASIC: CredentialSlot = CredentialSlot {
    name: "http_basic",
    title: "User name and password",
    fields: &["user", "password"],
    secret: &["password"],
};
pub(crate) const HEADER: CredentialSlot =
    CredentialSlot { name: "http_header", title: "Header", fields: &["name", "value"], secret: &["value"] };
pub(crate) const JWT: CredentialSlot = CredentialSlot {
    name: "jwt",
    title: "JSON Web Token",
    fields: &["key_type", "secret", "private_key", "public_key", "algorithm"],
    secret: &["secret", "private_key"],
};

impl Node for Webhook {
    const KIND: &'static str = "webhook";
    const SPEC: Spec = Spec {
        title: "Webhook",
        summary: "Starts the workflow when its address is called.",
        category: Category::Trigger,
        aliases: &["http", "callback", "api", "endpoint", "request"],
        inputs: &[],
        credentials: &[BASIC, HEADER, JWT],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Answer at once, and work on the order afterwards",
            params: r#"{"httpMethod": "POST", "path": "orders"}"#,
            input: r#"[{"headers": {}, "params": {}, "query": {}, "body": {"order": 7}}]"#,
            output: r#"[[{"headers": {}, "params": {}, "query": {}, "body": {"order": 7}}]]"#,
        },
        Example {
            title: "Answer with what the last node gives",
            params: r#"{"path": "customers/:id", "responseMode": "lastNode", "responseData": "allEntries"}"#,
            input: r#"[{"params": {"id": "12"}}]"#,
            output: r#"[[{"params": {"id": "12"}}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, _ctx: &Ctx) -> Result<Outcome, NodeError> {
        let outputs = outputs_of(input.scope(0).params);
        let items = input.items();
        if outputs.len() < 2 || items.is_empty() {
            return Ok(first_items(items));
        }
        let mut ports = vec![Vec::new(); outputs.len()];
        for item in items.iter() {
            ports[output_of(item).min(outputs.len() - 1)].push(item.clone().paired_with(0));
        }
        Ok(Outcome::ports(ports))
    }

    fn ports(params: &Object) -> Ports {
        Ports { outputs: outputs_of(params), ..Ports::of(&Self::SPEC) }
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Webhook(WebhookTrigger { routes, auth, intake, accept, has_pages: no_pages }))
    }
}

/// The addresses at which `node` listens.
pub fn routes(node: &WorkflowNode) -> Result<Vec<Route>, NodeError> {
    let params: Params = trigger_params::read(node, None)?;
    let path = params.path.trim_matches('/').to_owned();
    let id = node.webhook_id.clone().unwrap_or_default();
    let path = match (path.is_empty(), path.split('/').any(|s| s.starts_with(':'))) {
        (true, _) => id,
        (false, true) if !id.is_empty() => format!("{id}/{path}"),
        (false, _) => path,
    };
    if path.is_empty() {
        return Err(NodeError::param("path", "must not be empty"));
    }
    params
        .methods()
        .map(|methods| methods.into_iter().map(|method| Route { method, path: path.clone() }).collect())
}

/// Who may call `node`.
pub fn auth(node: &WorkflowNode) -> Result<Auth, NodeError> {
    trigger_params::read::<Params>(node, None).map(|params| params.authentication.auth())
}

/// How requests of `node` are read.
pub fn intake(node: &WorkflowNode) -> Result<Intake, NodeError> {
    let options = trigger_params::read::<Params>(node, None)?.options;
    Ok(options.intake())
}

/// The first items of `request` and how it will be answered, or why it is refused.
pub fn accept(node: &WorkflowNode, request: &Request) -> Result<Accepted, Refusal> {
    let broken = |e: NodeError| Refusal::new(500, e.to_string());
    let seen = item(request, &Options::default());
    let params: Params = trigger_params::read(node, Some(&seen)).map_err(broken)?;
    params.options.admit(request)?;
    let output = params.output(&request.method);
    let item =
        item(request, &params.options).with_paired(Paired::One(Pair { input: output, ..Pair::default() }));
    Ok(Accepted { items: vec![item], respond: params.respond() })
}

/// The names of the outputs: with several methods, each has one.
fn outputs_of(params: &Object) -> Vec<String> {
    let several = params.get("multipleMethods").is_some_and(|v| *v == json!(true));
    match params.get("httpMethod").and_then(Value::as_array).filter(|methods| several && methods.len() > 1) {
        Some(methods) => methods.iter().map(|m| m.as_str().unwrap_or_default().to_owned()).collect(),
        None => Ports::of(&Webhook::SPEC).outputs,
    }
}

/// The output for an item of a request. The first items of an execution come from no input, so
/// [`accept`] notes the number of the output in the place of the input's.
fn output_of(item: &Item) -> usize {
    match &item.paired {
        Paired::One(pair) => pair.input as usize,
        Paired::Unknown | Paired::Many(_) => 0,
    }
}

impl Params {
    fn output(&self, method: &str) -> u32 {
        let methods = self.http_method.iter();
        methods.map(|m| m.trim()).position(|m| m.eq_ignore_ascii_case(method)).unwrap_or(0) as u32
    }

    pub(crate) fn methods(&self) -> Result<Vec<String>, NodeError> {
        const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
        let methods: Vec<String> = self.http_method.iter().map(|m| m.trim().to_ascii_uppercase()).collect();
        if let Some(wrong) = methods.iter().find(|m| !METHODS.contains(&m.as_str())) {
            let problem = format!("must be one of {}, got \"{wrong}\"", METHODS.join(", "));
            return Err(NodeError::param("httpMethod", problem));
        }
        match methods.len() {
            0 => Err(NodeError::param("httpMethod", "must name at least one method")),
            _ if self.multiple_methods => Ok(methods),
            _ => Ok(methods[..1].to_vec()),
        }
    }

    pub(crate) fn respond(&self) -> Respond {
        let headers = self.options.reply_headers();
        let status = u16::try_from(self.response_code).ok().filter(|s| (100..600).contains(s)).unwrap_or(200);
        match self.response_mode {
            ResponseMode::OnReceived => {
                Respond::Immediately(Reply { status, headers, body: self.options.immediate_body() })
            }
            ResponseMode::LastNode => Respond::LastNode { status, headers, what: self.last_node() },
            ResponseMode::ResponseNode | ResponseMode::Streaming => Respond::Node,
        }
    }

    fn last_node(&self) -> LastNode {
        let given = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
        match self.response_data {
            ResponseData::AllEntries => LastNode::AllItems,
            ResponseData::FirstEntryJson => LastNode::FirstItem {
                property: given(&self.options.response_property_name),
                content_type: given(&self.options.response_content_type),
            },
            ResponseData::FirstEntryBinary => {
                LastNode::FirstItemBinary { property: self.response_binary_property_name.clone() }
            }
            ResponseData::NoData => LastNode::Nothing,
        }
    }
}

impl Authentication {
    pub(crate) fn auth(self) -> Auth {
        match self {
            Authentication::None => Auth::None,
            Authentication::BasicAuth => Auth::Basic { slot: BASIC.name },
            Authentication::HeaderAuth => Auth::Header { slot: HEADER.name },
            Authentication::JwtAuth => Auth::Jwt { slot: JWT.name },
        }
    }
}

impl Options {
    pub(crate) fn intake(&self) -> Intake {
        let origins = self.allowed_origins.split(',').map(str::trim).filter(|o| !o.is_empty());
        let origins: Vec<String> = origins.map(str::to_owned).collect();
        Intake {
            raw_body: self.raw_body,
            binary: self.binary_data,
            origins: if origins.iter().any(|o| o == "*") { Vec::new() } else { origins },
        }
    }

    /// Options that only say who may call.
    pub(crate) fn guard(ip_whitelist: &str, ignore_bots: bool) -> Options {
        Options { ip_whitelist: ip_whitelist.to_owned(), ignore_bots, ..Options::default() }
    }

    /// Refuses robots and addresses that are not on the list.
    pub(crate) fn admit(&self, request: &Request) -> Result<(), Refusal> {
        let refused = |message: &str| Err(Refusal::new(403, message));
        if !is_listed(&self.ip_whitelist, &request.remote_address) {
            return refused("this address may not call");
        }
        let agent = request.headers.get("user-agent").and_then(Value::as_str).unwrap_or_default();
        if self.ignore_bots && is_robot(agent) {
            return refused("robots may not call");
        }
        Ok(())
    }

    pub(crate) fn reply_headers(&self) -> Vec<(String, String)> {
        let entries = self.response_headers.entries.iter().filter(|e| !e.name.is_empty());
        entries.map(|e| (e.name.to_ascii_lowercase(), e.value.clone())).collect()
    }

    fn immediate_body(&self) -> ReplyBody {
        if self.no_response_body {
            return ReplyBody::Empty;
        }
        match &self.response_data {
            None | Some(Value::Null) => ReplyBody::Json(json!({"message": "Workflow was started"})),
            Some(Value::String(text)) => ReplyBody::Text(text.clone()),
            Some(value) => ReplyBody::Json(value.clone()),
        }
    }
}

/// The item of a request.
pub(crate) fn item(request: &Request, options: &Options) -> Item {
    let mut files = BTreeMap::new();
    let body = body_of(request, options, &mut files);
    let mut json = Object::new();
    json.insert("headers".to_owned(), Value::Object(request.headers.clone()));
    json.insert("params".to_owned(), Value::Object(request.params.clone()));
    json.insert("query".to_owned(), Value::Object(request.query.clone()));
    json.insert("body".to_owned(), body);
    json.insert("webhookUrl".to_owned(), Value::String(request.url.clone()));
    let mode = if request.test { "test" } else { "production" };
    json.insert("executionMode".to_owned(), Value::String(mode.to_owned()));
    if let Some(claims) = &request.jwt_payload {
        json.insert("jwtPayload".to_owned(), claims.clone());
    }
    let binary = Some(files).filter(|files| !files.is_empty()).map(Arc::new);
    Item { json: Arc::new(json), binary, ..Item::default() }.paired_with(0)
}

fn body_of(request: &Request, options: &Options, files: &mut BTreeMap<String, Binary>) -> Value {
    if options.raw_body
        && let Some(raw) = &request.raw
    {
        files.insert("data".to_owned(), raw.clone());
    }
    match &request.body {
        Body::Empty => Value::Object(Object::new()),
        Body::Json(value) => value.clone(),
        Body::Form(fields) => Value::Object(fields.clone()),
        Body::Text(text) => Value::String(text.clone()),
        Body::Binary(binary) => {
            let name = Some(options.binary_property_name.as_str()).filter(|name| !name.is_empty());
            files.insert(name.unwrap_or("data").to_owned(), binary.clone());
            Value::Object(Object::new())
        }
        Body::Multipart { fields, files: uploaded } => {
            name_files(uploaded, &options.binary_property_name, files);
            Value::Object(fields.clone())
        }
    }
}

/// Files of a form: by a common name with a number, or by their fields, numbered where a field
/// has several. A field without a name is called `data`.
fn name_files(uploaded: &[(String, Binary)], common: &str, files: &mut BTreeMap<String, Binary>) {
    let mut fields: Vec<(&str, Vec<&Binary>)> = Vec::new();
    for (field, file) in uploaded {
        let field = field.strip_suffix("[]").unwrap_or(field).trim();
        match fields.iter_mut().find(|(known, _)| *known == field) {
            Some((_, list)) => list.push(file),
            None => fields.push((field, vec![file])),
        }
    }
    let mut n_before = 0;
    for (field, list) in fields {
        let is_one = list.len() == 1;
        for (i, file) in list.into_iter().enumerate() {
            let name = match (common, field) {
                ("", "") => format!("data{n_before}"),
                ("", field) if is_one => field.to_owned(),
                ("", field) => format!("{field}{i}"),
                (common, _) => format!("{common}{n_before}"),
            };
            files.insert(name, file.clone());
            n_before += 1;
        }
    }
}

/// Whether `address` is on the list. An empty list has everybody on it; an entry that cannot be
/// read has nobody.
fn is_listed(list: &str, address: &str) -> bool {
    let entries: Vec<&str> = list.split(',').map(str::trim).filter(|e| !e.is_empty()).collect();
    if entries.is_empty() {
        return true;
    }
    let Ok(address) = address.parse::<IpAddr>().map(|ip| ip.to_canonical()) else { return false };
    entries.iter().any(|entry| match entry.split_once('/') {
        Some((network, bits)) => match (network.parse::<IpAddr>(), bits.parse::<u32>()) {
            (Ok(network), Ok(bits)) => is_within(address, network, bits),
            _ => false,
        },
        None => entry.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical() == address),
    })
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let same = |a: u128, b: u128, width: u32| {
        bits <= width && (bits == 0 || (a ^ b).checked_shr(width - bits).unwrap_or(0) == 0)
    };
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => same(a.to_bits().into(), n.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => same(a.to_bits(), n.to_bits(), 128),
        _ => false,
    }
}

/// Whether a user agent names itself as a program that looks at links on its own account.
fn is_robot(agent: &str) -> bool {
    const SIGNS: [&str; 12] = [
        "bot",
        "crawl",
        "spider",
        "slurp",
        "preview",
        "facebookexternalhit",
        "embedly",
        "whatsapp",
        "headless",
        "lighthouse",
        "scrape",
        "archiver",
    ];
    let agent = agent.to_ascii_lowercase();
    SIGNS.iter().any(|sign| agent.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(params: Value) -> WorkflowNode {
        let params = params.as_object().cloned().unwrap();
        WorkflowNode { params, webhook_id: Some("w1".to_owned()), ..WorkflowNode::default() }
    }

    fn check_routes(params: Value, expected: &[&str]) {
        let found: Vec<String> =
            routes(&node(params)).unwrap().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
        assert_eq!(found, expected);
    }

    fn request(body: Body) -> Request {
        Request {
            method: "POST".to_owned(),
            url: "http://here/webhook/x".to_owned(),
            headers: Object::from_iter([("user-agent".to_owned(), json!("curl/8"))]),
            remote_address: "10.1.2.3".to_owned(),
            body,
            ..Request::default()
        }
    }

    fn file(id: &str) -> Binary {
        Binary { id: id.to_owned(), ..Binary::default() }
    }

    #[test]
    fn the_address_has_the_secret_id_where_it_takes_any_value() {
        check_routes(json!({"path": "/orders/"}), &["GET orders"]);
        check_routes(json!({"path": "orders/:id", "httpMethod": "POST"}), &["POST w1/orders/:id"]);
        check_routes(json!({}), &["GET w1"]);
        check_routes(
            json!({"path": "x", "multipleMethods": true, "httpMethod": ["GET", "post"]}),
            &["GET x", "POST x"],
        );
        assert!(routes(&node(json!({"path": "x", "httpMethod": "BREW"}))).is_err());
    }

    #[test]
    fn the_item_shows_the_whole_request() {
        let accepted = accept(&node(json!({})), &request(Body::Json(json!({"a": 1})))).unwrap();
        assert_eq!(
            Value::Object((*accepted.items[0].json).clone()),
            json!({
                "headers": {"user-agent": "curl/8"}, "params": {}, "query": {}, "body": {"a": 1},
                "webhookUrl": "http://here/webhook/x", "executionMode": "production"
            })
        );
        let started = ReplyBody::Json(json!({"message": "Workflow was started"}));
        let expected = Reply { status: 200, headers: vec![], body: started };
        assert_eq!(accepted.respond, Respond::Immediately(expected));
    }

    #[tokio::test]
    async fn each_of_several_methods_has_an_output() {
        use linkflow_node::NodeKind;
        use linkflow_node::testing::{TestHost, ctx, input};
        let params = json!({"path": "x", "multipleMethods": true, "httpMethod": ["GET", "POST"]});
        assert_eq!(Webhook::ports(params.as_object().unwrap()).outputs, ["GET", "POST"]);
        let accepted = accept(&node(params.clone()), &request(Body::Empty)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let ctx = ctx(dir.path(), Arc::new(TestHost::default()));
        let given = input(&params, vec![accepted.items]);
        let Ok(Outcome::Items(outputs)) = NodeKind::of::<Webhook>().run(given, &ctx).await else {
            panic!("no items")
        };
        assert_eq!(outputs.ports.iter().map(|port| port.len()).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(outputs.ports[1][0].paired, Paired::to(0));
    }

    #[test]
    fn an_answer_at_once_is_sent_as_it_is_given() {
        for (given, expected) in [
            (json!({"a": 1}), ReplyBody::Json(json!({"a": 1}))),
            (json!("{\"a\": 1}"), ReplyBody::Text("{\"a\": 1}".to_owned())),
            (json!(""), ReplyBody::Text(String::new())),
            (json!(null), ReplyBody::Json(json!({"message": "Workflow was started"}))),
        ] {
            let accepted = accept(&node(json!({"options": {"responseData": given}})), &request(Body::Empty));
            let Respond::Immediately(reply) = accepted.unwrap().respond else { panic!("it waits") };
            assert_eq!(reply.body, expected, "{given}");
        }
    }

    #[test]
    fn files_of_a_form_go_by_their_fields_or_by_a_common_name() {
        let files = vec![("a".into(), file("1")), ("b[]".into(), file("2")), ("b[]".into(), file("3"))];
        let body = Body::Multipart { fields: Object::new(), files };
        let names = |params: Value| -> Vec<String> {
            let accepted = accept(&node(params), &request(body.clone())).unwrap();
            accepted.items[0].binary.as_ref().unwrap().keys().cloned().collect()
        };
        assert_eq!(names(json!({})), ["a", "b0", "b1"]);
        assert_eq!(names(json!({"options": {"binaryPropertyName": "f"}})), ["f0", "f1", "f2"]);
        let unnamed = Body::Multipart { fields: Object::new(), files: vec![(String::new(), file("1"))] };
        let accepted = accept(&node(json!({})), &request(unnamed)).unwrap();
        assert_eq!(accepted.items[0].binary.as_ref().unwrap().keys().collect::<Vec<_>>(), ["data0"]);
    }

    #[test]
    fn the_answer_is_what_the_parameters_say() {
        let respond = |params| accept(&node(params), &request(Body::Empty)).unwrap().respond;
        assert_eq!(respond(json!({"responseMode": "streaming"})), Respond::Node);
        let last = |what| Respond::LastNode { status: 201, headers: vec![("x-a".into(), "b".into())], what };
        let given = |data: &str| {
            respond(json!({
                "responseMode": "lastNode", "responseData": data, "responseCode": "201",
                "responseBinaryPropertyName": "pdf",
                "options": {"responsePropertyName": "a.b",
                    "responseHeaders": {"entries": [{"name": "X-A", "value": "b"}]}}
            }))
        };
        assert_eq!(given("allEntries"), last(LastNode::AllItems));
        assert_eq!(given("noData"), last(LastNode::Nothing));
        assert_eq!(given("firstEntryBinary"), last(LastNode::FirstItemBinary { property: "pdf".into() }));
        let first = LastNode::FirstItem { property: Some("a.b".into()), content_type: None };
        assert_eq!(given("firstEntryJson"), last(first));
        let quiet = respond(json!({"options": {"noResponseBody": true}}));
        assert!(matches!(quiet, Respond::Immediately(Reply { body: ReplyBody::Empty, .. })));
    }

    #[test]
    fn strangers_and_robots_are_refused() {
        let admits = |options: Value, agent: &str| {
            let mut request = request(Body::Empty);
            request.headers.insert("user-agent".to_owned(), json!(agent));
            accept(&node(json!({"options": options})), &request).is_ok()
        };
        assert!(admits(json!({"ipWhitelist": "10.1.0.0/16"}), "x"));
        assert!(admits(json!({"ipWhitelist": "1.1.1.1, 10.1.2.3"}), "x"));
        assert!(!admits(json!({"ipWhitelist": "10.1.2.30"}), "x"));
        assert!(!admits(json!({"ipWhitelist": "10.1.2"}), "x"));
        assert!(!admits(json!({"ignoreBots": true}), "Googlebot/2.1"));
        assert!(admits(json!({"ignoreBots": true}), "curl/8"));
        assert!(admits(json!({}), "Googlebot/2.1"));
    }
}
