//! What is sent, while it is put together.

use base64::Engine as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use linkflow_model::{Binary, Item, Object};
use linkflow_node::http::Call;
use linkflow_node::{Ctx, NodeError, lenient};
use serde_json::{Value, json};
use url::Url;

use super::answer::Format;
use super::{ContentType, Fields, ListStyle, Params, Specify};
use crate::{js, paths};

/// What is asked for, by how the answer is read.
fn accept(format: Format) -> HeaderValue {
    HeaderValue::from_static(match format {
        Format::Json => "application/json,text/*;q=0.99",
        Format::Text => {
            "application/json,text/html,application/xhtml+xml,application/xml,text/*;q=0.9, */*;q=0.1"
        }
        Format::Autodetect | Format::File => {
            "application/json,text/html,application/xhtml+xml,application/xml,text/*;q=0.9, \
             image/*;q=0.8, */*;q=0.7"
        }
    })
}

/// Headers that belong to the connection, or decide how a body is packed: they are the client's.
/// People copy them out of their browsers, and wrong ones break the exchange.
const CLIENTS_OWN: &[&str] =
    &["accept-encoding", "connection", "content-length", "keep-alive", "te", "transfer-encoding", "upgrade"];

/// A request that can still be changed.
#[derive(Clone, Debug)]
pub struct Draft {
    pub method: http::Method,
    pub url: String,
    pub query: Object,
    pub list_style: ListStyle,
    pub headers: HeaderMap,
    pub secret_headers: Vec<HeaderName>,
    /// Names of parameters of the address that hold secrets.
    pub secret_query: Vec<String>,
    /// The next page was at another origin: credentials are left out.
    pub is_away: bool,
    /// The key that was made here, not one that the author gave.
    idempotency_key: Option<String>,
    pub body: Payload,
}

#[derive(Clone, Debug)]
pub enum Payload {
    None,
    Json(Value),
    Form(Object),
    Multipart(Vec<Part>),
    Bytes(Bytes),
}

/// One part of a form.
#[derive(Clone, Debug)]
pub struct Part {
    name: String,
    file: Option<Binary>,
    bytes: Bytes,
}

impl Draft {
    /// The request of one item, without credentials.
    pub async fn of(params: &Params, item: &Item, ctx: &Ctx) -> Result<Draft, NodeError> {
        let method = params.method.trim().to_ascii_uppercase();
        let mut draft = Draft {
            method: method
                .parse()
                .map_err(|_| NodeError::param("method", format!("\"{method}\" is no HTTP method")))?,
            url: checked_url("url", &params.url)?,
            query: Object::new(),
            list_style: params.options.query_parameter_arrays,
            headers: HeaderMap::from_iter([(
                http::header::ACCEPT,
                accept(params.options.response.response.response_format),
            )]),
            secret_headers: Vec::new(),
            secret_query: Vec::new(),
            is_away: false,
            idempotency_key: None,
            body: Payload::None,
        };
        if params.send_query {
            draft.query = match params.specify_query {
                Specify::Json => object("jsonQuery", &params.json_query)?,
                _ => lists(&params.query_parameters),
            };
        }
        if params.send_body {
            draft.set_body(params, item, ctx).await?;
        }
        if params.send_headers {
            let headers = match params.specify_headers {
                Specify::Json => object("jsonHeaders", &params.json_headers)?,
                _ => fields(&params.header_parameters),
            };
            for (name, value) in headers.iter().filter(|(_, value)| !value.is_null()) {
                draft.set_header(name, &js::text(value))?;
            }
        }
        Ok(draft)
    }

    async fn set_body(&mut self, params: &Params, item: &Item, ctx: &Ctx) -> Result<(), NodeError> {
        let mut content_type = "";
        self.body = match (params.content_type, params.specify_body) {
            (ContentType::Json, Specify::Json) => Payload::Json(json("jsonBody", &params.json_body)?),
            (ContentType::Json, _) => Payload::Json(Value::Object(json_of(params))),
            (ContentType::Form, Specify::String) => {
                content_type = "application/x-www-form-urlencoded";
                Payload::Bytes(encoded_anew(&params.body).into())
            }
            (ContentType::Form, Specify::Json) => Payload::Form(object("jsonBody", &params.json_body)?),
            (ContentType::Form, Specify::Keypair) => Payload::Form(lists(&params.body_parameters)),
            (ContentType::Multipart, _) => Payload::Multipart(parts(params, item, ctx).await?),
            (ContentType::Raw, _) => {
                content_type = params.raw_content_type.trim();
                Payload::Bytes(params.body.clone().into())
            }
            (ContentType::Binary, _) => {
                let file = file(item, &params.input_data_field_name, "inputDataFieldName")?;
                if !file.mime_type.is_empty() {
                    self.set_header("content-type", &file.mime_type)?;
                }
                Payload::Bytes(ctx.blobs.read(file).await?)
            }
        };
        match &self.body {
            Payload::Json(_) => content_type = "application/json",
            Payload::Form(_) => content_type = "application/x-www-form-urlencoded",
            _ => {}
        }
        if !content_type.is_empty() {
            self.set_header("content-type", content_type)?;
        }
        Ok(())
    }

    /// Sets a header; one without a name is left out, and so are those of the connection.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<(), NodeError> {
        let name = name.trim();
        if name.is_empty() || CLIENTS_OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return Ok(());
        }
        let key: HeaderName = name.parse().map_err(|_| {
            NodeError::param("headerParameters", format!("\"{name}\" is no name of a header"))
        })?;
        // Not in the message: it can be a secret.
        let value = HeaderValue::from_bytes(value.trim().as_bytes()).map_err(|_| {
            NodeError::param(
                "headerParameters",
                format!("the value of \"{name}\" has characters that no header may have"),
            )
        })?;
        self.headers.insert(key, value);
        Ok(())
    }

    /// As [`Draft::set_header`], for a value that must not go to another origin.
    pub fn set_secret_header(&mut self, name: &str, value: &str) -> Result<(), NodeError> {
        self.set_header(name, value)?;
        self.secret_headers.extend(name.trim().parse::<HeaderName>());
        Ok(())
    }

    pub fn add_idempotency_key(&mut self, params: &Params, key: String) {
        let changes = !matches!(self.method, http::Method::GET | http::Method::HEAD | http::Method::OPTIONS);
        if params.idempotency_key && changes && !self.headers.contains_key("idempotency-key") {
            self.set_idempotency_key(&key);
            self.idempotency_key = Some(key);
        }
    }

    fn set_idempotency_key(&mut self, key: &str) {
        let value = HeaderValue::from_str(key).expect("a key is hex digits and a page's number");
        self.headers.insert(HeaderName::from_static("idempotency-key"), value);
    }

    /// The same request for page `n` of the answers, which is an effect of its own.
    pub fn for_page(&self, n: usize) -> Draft {
        let mut draft = self.clone();
        if let (Some(key), 1..) = (&self.idempotency_key, n) {
            draft.set_idempotency_key(&format!("{key}-{n}"));
        }
        draft
    }

    pub fn set_secret_query(&mut self, name: &str, value: Value) {
        self.query.insert(name.to_owned(), value);
        self.secret_query.push(name.to_owned());
    }

    /// Sets a field of the body, where it has fields.
    pub fn set_field(&mut self, name: &str, value: Value) {
        match &mut self.body {
            Payload::Json(Value::Object(object)) | Payload::Form(object) => {
                object.insert(name.to_owned(), value);
            }
            Payload::None => {
                let object = Object::from_iter([(name.to_owned(), value)]);
                self.body = Payload::Json(Value::Object(object));
                self.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            }
            _ => {}
        }
    }

    /// Goes to another address with the same request. Parameters that are in the address already
    /// are not added again, and credentials stay with the origin they were meant for.
    pub fn go_to(&mut self, url: String) {
        let (old, new) = (self.url.parse::<Url>(), url.parse::<Url>());
        if let Ok(new) = &new {
            let given: Vec<String> = new.query_pairs().map(|(name, _)| name.into_owned()).collect();
            self.query.retain(|name, _| !given.contains(name));
        }
        if old.map(|u| u.origin()) != new.map(|u| u.origin()) {
            self.query.retain(|name, _| !self.secret_query.contains(name));
            for name in &self.secret_headers {
                self.headers.remove(name);
            }
            self.is_away = true;
        }
        self.url = url;
    }

    /// The address with its parameters.
    fn full_url(&self) -> Result<Url, NodeError> {
        let mut url: Url = self
            .url
            .parse()
            .map_err(|e| NodeError::param("url", format!("\"{}\" is no address: {e}", self.url)))?;
        let mut pairs = Vec::new();
        for (name, value) in &self.query {
            flatten(name, value, self.list_style, &mut pairs);
        }
        if !pairs.is_empty() {
            let added = pairs.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v)));
            let added = added.collect::<Vec<_>>().join("&");
            let query = match url.query().filter(|q| !q.is_empty()) {
                Some(query) => format!("{query}&{added}"),
                None => added,
            };
            url.set_query(Some(&query));
        }
        Ok(url)
    }

    pub fn call(&self) -> Result<Call, NodeError> {
        let mut call = Call::new(self.method.clone(), self.full_url()?);
        call.headers = self.headers.clone();
        call.secret_headers = self.secret_headers.clone();
        call.body = match &self.body {
            Payload::None => None,
            Payload::Json(value) => Some(value.to_string().into()),
            Payload::Form(fields) => Some(form(fields).into()),
            Payload::Bytes(bytes) => Some(bytes.clone()),
            Payload::Multipart(parts) => {
                let boundary = format!("linkflow-{}", uuid::Uuid::new_v4().simple());
                let value = format!("multipart/form-data; boundary={boundary}");
                let value = value.parse().expect("a boundary is hex digits");
                call.headers.insert(CONTENT_TYPE, value);
                Some(multipart(parts, &boundary))
            }
        };
        Ok(call)
    }

    /// As expressions of pages see it: `$request`.
    pub fn shown(&self) -> Value {
        let headers: Object = self
            .headers
            .iter()
            .filter(|(name, _)| !self.secret_headers.contains(name) && *name != http::header::AUTHORIZATION)
            .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
            .collect();
        let plain = self.query.iter().filter(|(name, _)| !self.secret_query.contains(name));
        let query: Object = plain.map(|(name, value)| (name.clone(), value.clone())).collect();
        let body = match &self.body {
            Payload::Json(value) => value.clone(),
            Payload::Form(fields) => Value::Object(fields.clone()),
            _ => Value::Null,
        };
        json!({
            "method": self.method.as_str(), "uri": self.url, "url": self.url, "qs": query,
            "headers": headers, "body": body
        })
    }
}

/// An address in its trimmed form.
pub fn checked_url(param: &str, text: &str) -> Result<String, NodeError> {
    let url = text.trim();
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err(NodeError::param(param, format!("must begin with http:// or https://, got \"{url}\"")));
    }
    Ok(url.to_owned())
}

fn fields(fields: &Fields) -> Object {
    let given = fields.parameters.iter().filter(|f| !f.name.is_empty());
    given.filter_map(|f| Some((f.name.clone(), f.value.clone()?))).collect()
}

/// As [`fields`]; fields of the same name become a list.
fn lists(fields: &Fields) -> Object {
    let mut object = Object::new();
    for field in fields.parameters.iter().filter(|f| !f.name.is_empty()) {
        let Some(value) = field.value.clone() else { continue };
        let count = fields.parameters.iter().filter(|f| f.name == field.name).count();
        match object.get_mut(&field.name) {
            Some(Value::Array(list)) if count > 1 => list.push(value),
            _ if count > 1 => drop(object.insert(field.name.clone(), json!([value]))),
            _ => drop(object.insert(field.name.clone(), value)),
        }
    }
    object
}

fn json_of(params: &Params) -> Object {
    let mut object = Object::new();
    for field in &params.body_parameters.parameters {
        let Some(value) = field.value.clone() else { continue };
        if params.nest_fields {
            set_nested(&mut object, &field.name, value);
        } else {
            object.insert(field.name.clone(), value);
        }
    }
    object
}

/// A form that the author wrote out, with everything escaped that has to be.
fn encoded_anew(text: &str) -> String {
    let pairs = url::form_urlencoded::parse(text.trim().as_bytes());
    pairs.map(|(k, v)| format!("{}={}", encode(&k), encode(&v))).collect::<Vec<_>>().join("&")
}

fn set_nested(object: &mut Object, name: &str, value: Value) {
    if name.contains(['.', '[']) {
        paths::set(object, &paths::parse(name), value);
    } else {
        object.insert(name.to_owned(), value);
    }
}

/// A value that may be written as JSON text. Nothing is refused: it is an expression that found
/// nothing more often than it is meant.
fn json(param: &str, value: &Value) -> Result<Value, NodeError> {
    let nothing = || NodeError::param(param, "must be JSON, got nothing; {} is an empty object");
    match value {
        Value::Null => Err(nothing()),
        Value::String(text) if text.trim().is_empty() => Err(nothing()),
        Value::String(text) => serde_json::from_str(text).map_err(|e| {
            NodeError::param(param, format!("is not valid JSON ({e}): {}", lenient::show(value)))
        }),
        value => Ok(value.clone()),
    }
}

fn object(param: &str, value: &Value) -> Result<Object, NodeError> {
    match json(param, value)? {
        Value::Object(object) => Ok(object),
        other => Err(NodeError::param(param, format!("must be an object, got {}", lenient::show(&other)))),
    }
}

async fn parts(params: &Params, item: &Item, ctx: &Ctx) -> Result<Vec<Part>, NodeError> {
    let mut parts = Vec::new();
    if params.specify_body == Specify::Json {
        for (name, value) in object("jsonBody", &params.json_body)? {
            parts.push(Part { name, file: None, bytes: js_or_json(&value).into() });
        }
    }
    for field in &params.body_parameters.parameters {
        let name = field.name.clone();
        if field.parameter_type == "formBinaryData" {
            let found = file(item, &field.input_data_field_name, "bodyParameters")?;
            parts.push(Part { name, file: Some(found.clone()), bytes: ctx.blobs.read(found).await? });
        } else if let Some(value) = &field.value {
            parts.push(Part { name, file: None, bytes: js_or_json(value).into() });
        }
    }
    Ok(parts)
}

fn js_or_json(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => value.to_string(),
        value => js::text(value),
    }
}

fn file<'a>(item: &'a Item, name: &str, param: &str) -> Result<&'a Binary, NodeError> {
    let name = if name.trim().is_empty() { "data" } else { name.trim() };
    item.binary
        .as_ref()
        .and_then(|files| files.get(name))
        .ok_or_else(|| NodeError::param(param, format!("the item has no file \"{name}\"")))
}

/// The pairs of a parameter: lists and objects become several.
fn flatten(name: &str, value: &Value, style: ListStyle, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                flatten(&format!("{name}[{key}]"), inner, style, pairs);
            }
        }
        Value::Array(list) => {
            for (i, inner) in list.iter().enumerate() {
                let name = match style {
                    ListStyle::Indices => format!("{name}[{i}]"),
                    ListStyle::Brackets => format!("{name}[]"),
                    ListStyle::Repeat => name.to_owned(),
                };
                flatten(&name, inner, style, pairs);
            }
        }
        Value::Null => pairs.push((name.to_owned(), String::new())),
        value => pairs.push((name.to_owned(), js::text(value))),
    }
}

fn form(fields: &Object) -> String {
    let mut pairs = Vec::new();
    for (name, value) in fields {
        flatten(name, value, ListStyle::Indices, &mut pairs);
    }
    pairs.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect::<Vec<_>>().join("&")
}

/// Everything but letters, digits and `-._~` as %XX.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn multipart(parts: &[Part], boundary: &str) -> Bytes {
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        let mut head = format!("Content-Disposition: form-data; name=\"{}\"", quoted(&part.name));
        if let Some(file) = &part.file {
            let name = file.file_name.as_deref().unwrap_or("file");
            head.push_str(&format!("; filename=\"{}\"", quoted(name)));
            if !file.mime_type.is_empty() {
                head.push_str(&format!("\r\nContent-Type: {}", quoted(&file.mime_type)));
            }
        }
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&part.bytes);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out.into()
}

/// A name in a part's head: what could end it is escaped as browsers do.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

pub fn basic(user: &str, password: &str) -> String {
    let text = format!("{user}:{password}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
}
