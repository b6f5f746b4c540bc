//! What is made of an answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, SET_COOKIE};
use linkflow_model::{Binary, Item, Millis, Object};
use linkflow_node::http::Answer;
use linkflow_node::{Ctx, NodeError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Reading;

/// What a body is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Format {
    /// What its content type says.
    #[default]
    Autodetect,
    /// A file.
    File,
    /// JSON.
    Json,
    /// Text.
    #[serde(alias = "string")]
    Text,
}

/// How much of an answer that says no is shown.
const EXCERPT_BYTES: usize = 2_000;

/// One answer, read.
#[derive(Clone, Debug)]
pub struct Page {
    pub status: u16,
    reason: String,
    headers: Object,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Json(Value),
    /// A text, or the value that was read from it.
    Text(Value),
    File(Binary),
    Empty,
}

/// What becomes of a text that is JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum JsonText {
    /// It stays as it is.
    #[default]
    Keep,
    /// Objects and lists are written without spaces; a number, a text in quotes, true, false and
    /// null become that value. So files from n8n expect it.
    Compact,
    /// It is read. So files of old versions of n8n expect it.
    Read,
}

impl JsonText {
    fn of(self, text: String) -> Body {
        let parsed = match self {
            JsonText::Keep => None,
            _ => serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')).ok(),
        };
        match parsed {
            None => Body::Text(Value::String(text)),
            Some(value @ (Value::Object(_) | Value::Array(_))) if self == JsonText::Compact => {
                Body::Text(Value::String(value.to_string()))
            }
            Some(value) => Body::Text(value),
        }
    }
}

impl Page {
    /// As expressions of pages see it: `$response`.
    pub fn shown(&self) -> Value {
        let body = match &self.body {
            Body::Json(value) => value.clone(),
            Body::Text(text) => text.clone(),
            Body::File(_) | Body::Empty => Value::Null,
        };
        json!({
            "body": body, "headers": self.headers, "statusCode": self.status, "statusMessage": self.reason
        })
    }

    /// How many items it gives at most.
    pub fn size(&self) -> usize {
        match &self.body {
            Body::Json(Value::Array(list)) => list.len(),
            _ => 1,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        match &self.body {
            Body::Json(Value::Null) => true,
            Body::Json(Value::Array(list)) => list.is_empty(),
            Body::Json(Value::Object(object)) => object.is_empty(),
            Body::Json(_) => false,
            Body::Text(text) => text.as_str() == Some(""),
            Body::Empty => true,
            Body::File(file) => file.bytes == 0,
        }
    }

    /// The items of an answer to the request of item `given`.
    pub fn items(self, reading: &Reading, given: &Item) -> Result<Vec<Item>, NodeError> {
        let name = match (reading.output_property_name.as_str(), reading.response_format) {
            ("", _) | (_, Format::Autodetect) => "data".to_owned(),
            (name, _) => name.to_owned(),
        };
        let full = reading.full_response;
        let around = |mut json: Object| {
            if full {
                json.insert("headers".to_owned(), Value::Object(self.headers));
                json.insert("statusCode".to_owned(), json!(self.status));
                json.insert("statusMessage".to_owned(), json!(self.reason));
            }
            json
        };
        Ok(match self.body {
            Body::Json(value) if full => {
                vec![Item::new(around(Object::from_iter([("body".to_owned(), value)])))]
            }
            Body::Json(Value::Array(list)) if reading.split_into_items => {
                list.into_iter().map(item_of).collect()
            }
            Body::Json(value) => vec![item_of(value)],
            Body::Text(text) => vec![Item::new(around(Object::from_iter([(name, text)])))],
            Body::Empty => vec![Item::new(around(Object::new()))],
            Body::File(file) => {
                let json = if full { Arc::new(around(Object::new())) } else { given.json.clone() };
                let mut files: BTreeMap<String, Binary> =
                    given.binary.as_ref().map(|files| (**files).clone()).unwrap_or_default();
                files.insert(name, file);
                vec![Item { json, binary: Some(Arc::new(files)), ..Item::default() }]
            }
        })
    }
}

fn item_of(value: Value) -> Item {
    if value.is_null() { Item::default() } else { Item::of_json(value) }
}

/// Reads `answer` as the author wants it.
pub async fn read(answer: Answer, reading: &Reading, ctx: &Ctx) -> Result<Page, NodeError> {
    let content_type = text_of(&answer.headers, CONTENT_TYPE).unwrap_or_default();
    let status = answer.status;
    let headers = shown_headers(&answer.headers);
    let name = file_name(&answer);
    let format = match reading.response_format {
        Format::Autodetect => detect(&content_type),
        format => format,
    };
    let bytes = answer.bytes().await?;
    let most = if format == Format::File { ctx.limits.file_bytes_max } else { ctx.limits.response_bytes_max };
    if bytes.len() > most {
        return Err(NodeError::Limit {
            what: "the size of a response".into(),
            limit: format!("{most} bytes"),
        });
    }
    let body = match format {
        Format::File => Body::File(stored(&bytes, &content_type, name, ctx).await?),
        Format::Json if bytes.is_empty() && reading.response_format == Format::Autodetect => {
            Body::Json(json!({}))
        }
        _ if bytes.is_empty() => Body::Empty,
        Format::Json => Body::Json(match parsed(&bytes, &content_type) {
            // Where no answer is an error, one that only says that it is JSON is none either.
            Err(_) if reading.never_error && reading.response_format == Format::Autodetect => json!({}),
            value => value?,
        }),
        Format::Text => reading.json_text.of(decode(&bytes, &content_type)),
        Format::Autodetect => Body::Text(Value::String(decode(&bytes, &content_type))),
    };
    let reason = status.canonical_reason().unwrap_or_default().to_owned();
    Ok(Page { status: status.as_u16(), reason, headers, body })
}

/// What a content type stands for. Only plain JSON counts as JSON, as in n8n.
fn detect(content_type: &str) -> Format {
    const FILES: &[&str] = &[
        "image/",
        "audio/",
        "video/",
        "font/",
        "application/octet-stream",
        "application/pdf",
        "application/zip",
        "application/gzip",
        "application/x-gzip",
        "application/x-bzip",
        "application/x-tar",
        "application/x-7z-compressed",
        "application/vnd.rar",
        "application/x-rar",
        "application/epub+zip",
        "application/java-archive",
        "application/msword",
        "application/rtf",
        "application/vnd.ms-",
        "application/vnd.openxmlformats-",
        "application/vnd.oasis.",
        "application/x-msdownload",
        "application/vnd.android.package-archive",
        "application/wasm",
    ];
    let content_type = content_type.trim().to_ascii_lowercase();
    if content_type.contains("application/json") {
        Format::Json
    } else if FILES.iter().any(|start| content_type.starts_with(start)) && !content_type.contains("svg+xml") {
        Format::File
    } else {
        Format::Text
    }
}

/// The value of a JSON body; blanks are an empty object. A lone text is refused, because servers that say
/// JSON and send text mean it that way.
fn parsed(bytes: &Bytes, content_type: &str) -> Result<Value, NodeError> {
    let text = decode(bytes, content_type);
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(json!({}));
    }
    let wrong = |why: String| NodeError::Data {
        message: format!("the answer is not valid JSON ({why}); the response format Text takes it as it is"),
        description: Some(text.chars().take(EXCERPT_BYTES).collect()),
        item: None,
    };
    match serde_json::from_str(text) {
        Ok(Value::String(_)) => Err(wrong("it is a text".to_owned())),
        Ok(value) => Ok(value),
        Err(e) => Err(wrong(e.to_string())),
    }
}

fn decode(bytes: &[u8], content_type: &str) -> String {
    let charset = content_type
        .split(';')
        .filter_map(|part| part.trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .and_then(|(_, label)| encoding_rs::Encoding::for_label(label.trim().trim_matches('"').as_bytes()));
    charset.unwrap_or(encoding_rs::UTF_8).decode(bytes).0.into_owned()
}

async fn stored(
    bytes: &[u8],
    content_type: &str,
    name: Option<String>,
    ctx: &Ctx,
) -> Result<Binary, NodeError> {
    let mime = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let guessed = || name.as_deref().and_then(|n| mime_guess::from_path(n).first_raw()).map(str::to_owned);
    let mime = match mime.is_empty() {
        true => guessed().unwrap_or_else(|| "text/plain".to_owned()),
        false => mime,
    };
    let mut file = ctx.blobs.store(bytes, mime.clone(), name).await?;
    if file.file_extension.is_none() {
        file.file_extension = extension(&mime).map(str::to_owned);
    }
    Ok(file)
}

/// The usual extension of a type: its own name where that is one.
fn extension(mime: &str) -> Option<&str> {
    let named = [
        ("text/plain", "txt"),
        ("application/gzip", "gz"),
        ("application/msword", "doc"),
        ("application/vnd.ms-excel", "xls"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
        ("audio/mpeg", "mp3"),
        ("image/svg+xml", "svg"),
    ];
    let subtype = mime.split_once('/').map(|(_, subtype)| subtype)?;
    let is_own = || mime_guess::from_ext(subtype).first_raw() == Some(mime);
    let found = named.iter().find(|(name, _)| *name == mime).map(|(_, extension)| *extension);
    found.or_else(|| is_own().then_some(subtype))
}

/// The name that the server gives, or the end of the address.
fn file_name(answer: &Answer) -> Option<String> {
    let given = text_of(&answer.headers, CONTENT_DISPOSITION).and_then(|text| disposition_name(&text));
    let last = answer.url.path_segments().and_then(|mut s| s.next_back()).filter(|s| !s.is_empty());
    given.or_else(|| last.map(percent_decoded)).map(|name| {
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        name.chars().filter(|c| !c.is_control()).take(255).collect()
    })
}

fn disposition_name(text: &str) -> Option<String> {
    let value = |key: &str| {
        let (_, after) = text.split_once(&format!("{key}="))?;
        Some(match after.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
            None => after.split(';').next().unwrap_or_default().trim().to_owned(),
        })
    };
    let encoded = value("filename*").and_then(|v| Some(percent_decoded(v.splitn(3, '\'').nth(2)?)));
    encoded.or_else(|| value("filename")).filter(|name| !name.is_empty())
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = text.get(i + 1..i + 3).and_then(|h| u8::from_str_radix(h, 16).ok());
        match hex.filter(|_| bytes[i] == b'%') {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn text_of(headers: &HeaderMap, name: http::HeaderName) -> Option<String> {
    headers.get(name).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
}

/// Headers as an object: cookies as a list, others that come more than once joined.
fn shown_headers(headers: &HeaderMap) -> Object {
    let mut shown = Object::new();
    for name in headers.keys() {
        let values: Vec<String> = headers
            .get_all(name)
            .iter()
            .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
            .collect();
        let value = if name == SET_COOKIE { json!(values) } else { json!(values.join(", ")) };
        shown.insert(name.to_string(), value);
    }
    shown
}

/// The error that an answer with a bad status stands for.
pub async fn refused(answer: Answer, now: Millis) -> NodeError {
    let (status, retry_after_ms) = (answer.status, answer.retry_after_ms(now));
    let service = answer.url.host_str().unwrap_or_default().to_owned();
    let content_type = text_of(&answer.headers, CONTENT_TYPE).unwrap_or_default();
    let body = match answer.start(EXCERPT_BYTES).await {
        Ok(bytes) => decode(&bytes, &content_type),
        Err(NodeError::Canceled) => return NodeError::Canceled,
        Err(_) => String::new(),
    };
    let said = said(&body);
    let reason = status.canonical_reason().unwrap_or_default();
    let message = match said.is_empty() {
        true => format!("{service} answers {} {reason}", status.as_u16()),
        false => format!("{service} answers {} {reason}: {said}", status.as_u16()),
    };
    NodeError::Refused {
        service,
        status: status.as_u16(),
        message,
        description: Some(body).filter(|b| !b.is_empty()),
        retry_after_ms,
        item: None,
    }
}

/// What a service says in its own words: the usual fields of JSON, or the begin of a text.
fn said(body: &str) -> String {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let fields = ["message", "error_description", "detail", "error", "title", "errors"];
    let found = fields.iter().find_map(|field| match parsed.get(field)? {
        Value::String(text) => Some(text.clone()),
        Value::Object(inner) => inner.get("message").and_then(Value::as_str).map(str::to_owned),
        Value::Array(list) => match list.first()? {
            Value::String(text) => Some(text.clone()),
            first => first.get("message").and_then(Value::as_str).map(str::to_owned),
        },
        _ => None,
    });
    let is_page = body.trim_start().starts_with('<');
    let text = found.unwrap_or_else(|| if is_page { String::new() } else { body.trim().to_owned() });
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_cannot_leave_their_folder() {
        let name = |text: &str| disposition_name(text);
        assert_eq!(name("attachment; filename=\"a b.png\"").as_deref(), Some("a b.png"));
        assert_eq!(name("attachment; filename=x.pdf; size=5").as_deref(), Some("x.pdf"));
        assert_eq!(name("attachment; filename*=UTF-8''%C3%A4.txt").as_deref(), Some("ä.txt"));
        assert_eq!(name("inline"), None);
        assert_eq!(percent_decoded("a%2Fb%zz%"), "a/b%zz%");
    }

    #[test]
    fn the_service_is_quoted_in_its_own_words() {
        for (body, expected) in [
            (r#"{"message": "sold out"}"#, "sold out"),
            (r#"{"error": {"message": "bad key"}}"#, "bad key"),
            (r#"{"errors": ["a", "b"]}"#, "a"),
            ("plain", "plain"),
            ("<html>x</html>", ""),
            ("", ""),
        ] {
            assert_eq!(said(body), expected);
        }
    }
}
