//! Reading the body of a webhook's request, by its content type and within the limits.
//!
//! Handles of files come from here alone: a body cannot say that it is one.

use axum::body::{Body as HttpBody, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use linkflow_model::{Binary, Object};
use linkflow_node::trigger::{Body, Intake};
use multer::{Constraints, Multipart, SizeLimit};
use serde_json::Value;

use super::request::{NAMES_MAX, add, pairs};
use crate::Api;
use crate::extract::{check_json, read_body};
use crate::problem::Problem;

/// Kinds of bodies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Json,
    Form,
    Multipart,
    Text,
    Xml,
    Other,
}

/// The body, and its bytes as they came where the node wants them.
pub async fn read(
    api: &Api,
    intake: &Intake,
    headers: &HeaderMap,
    body: HttpBody,
) -> Result<(Body, Option<Binary>), Problem> {
    check_encoding(headers)?;
    let given =
        headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let kind = if intake.binary { Kind::Other } else { kind_of(&given) };
    if kind == Kind::Multipart && !intake.raw_body {
        let reading = multipart(api, &given, body);
        let limit = std::time::Duration::from_millis(api.settings.body_ms_max);
        let late = || Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
        return Ok((tokio::time::timeout(limit, reading).await.map_err(|_| late())??, None));
    }
    let bytes_max = match kind {
        Kind::Json | Kind::Form | Kind::Text | Kind::Xml => api.settings.webhook_parsed_bytes_max,
        Kind::Multipart | Kind::Other => api.settings.webhook_bytes_max,
    };
    let bytes = read_body(body, bytes_max, api.settings.body_ms_max).await?;
    if bytes.is_empty() {
        return Ok((Body::Empty, None));
    }
    let raw = match intake.raw_body {
        true => Some(store(api, &bytes, mime(&given), None).await?),
        false => None,
    };
    let body = match kind {
        Kind::Json => json(&bytes)?,
        Kind::Form => Body::Form(pairs(&bytes, "the form")?),
        Kind::Multipart => multipart(api, &given, HttpBody::from(bytes)).await?,
        Kind::Text => Body::Text(text(&bytes)?.to_owned()),
        Kind::Xml => xml(&bytes)?,
        Kind::Other => Body::Binary(store(api, &bytes, mime(&given), file_name(headers)).await?),
    };
    Ok((body, raw))
}

fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or("identity");
    if encoding.eq_ignore_ascii_case("identity") {
        return Ok(());
    }
    let detail = format!("compressed bodies are not taken, got Content-Encoding {encoding}");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).with_field("Content-Encoding"))
}

fn mime(content_type: &str) -> String {
    let mime = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if mime.is_empty() { "application/octet-stream".to_owned() } else { mime }
}

/// Whatever workflows would have to read themselves comes as a file.
fn kind_of(content_type: &str) -> Kind {
    match mime(content_type).as_str() {
        "application/json" => Kind::Json,
        "application/x-www-form-urlencoded" => Kind::Form,
        "multipart/form-data" => Kind::Multipart,
        "text/plain" => Kind::Text,
        mime if mime.ends_with("/xml") || mime.ends_with("+xml") => Kind::Xml,
        _ => Kind::Other,
    }
}

fn json(bytes: &[u8]) -> Result<Body, Problem> {
    check_json(bytes)?;
    serde_json::from_slice(bytes)
        .map(Body::Json)
        .map_err(|e| Problem::bad_request(format!("the body is not valid JSON: {e}")))
}

fn text(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).map_err(|e| {
        Problem::bad_request(format!("the body is not UTF-8: byte {} cannot be read", e.valid_up_to()))
    })
}

fn xml(bytes: &[u8]) -> Result<Body, Problem> {
    super::xml::parse(text(bytes)?)
        .map(Body::Json)
        .map_err(|problem| Problem::bad_request(format!("the body is not valid XML: {problem}")))
}

async fn store(api: &Api, bytes: &Bytes, mime: String, name: Option<String>) -> Result<Binary, Problem> {
    api.blobs.store(bytes, mime, name).await.map_err(|e| Problem::internal(&e))
}

/// The file name that a `Content-Disposition` gives, without folders.
fn file_name(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let name = text.split(';').map(str::trim).find_map(|part| part.strip_prefix("filename="))?;
    plain_name(name.trim_matches('"'))
}

/// The last part of a name: what a caller sends is no path here.
fn plain_name(name: &str) -> Option<String> {
    let name: String =
        name.rsplit(['/', '\\']).next()?.chars().filter(|c| !c.is_control()).take(255).collect();
    (!name.is_empty() && name != "." && name != "..").then_some(name)
}

async fn multipart(api: &Api, content_type: &str, body: HttpBody) -> Result<Body, Problem> {
    form(content_type, body, api.settings.webhook_bytes_max, Some(api)).await
}

/// What is read of a form when nobody keeps its files: for tests of the reader itself.
pub async fn read_form(content_type: &str, body: HttpBody, bytes_max: usize) -> Result<Body, Problem> {
    form(content_type, body, bytes_max, None).await
}

/// The fields and files of a form; the files' bytes are kept where there is a place for them.
async fn form(
    content_type: &str,
    body: HttpBody,
    bytes_max: usize,
    place: Option<&Api>,
) -> Result<Body, Problem> {
    let boundary = multer::parse_boundary(content_type).map_err(|e| unreadable(&e))?;
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(bytes_max as u64));
    let mut parts = Multipart::with_constraints(body.into_data_stream(), boundary, limits);
    let (mut fields, mut files) = (Object::new(), Vec::new());
    for n in 0.. {
        let Some(part) = parts.next_field().await.map_err(|e| part_problem(&e, bytes_max))? else { break };
        if n >= NAMES_MAX {
            return Err(Problem::bad_request(format!("the form has more than {NAMES_MAX} fields")));
        }
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().map(plain_name);
        let kind = part.content_type().map(ToString::to_string);
        let bytes = part.bytes().await.map_err(|e| part_problem(&e, bytes_max))?;
        match file {
            Some(file) => {
                let mime_type = mime(&kind.unwrap_or_default());
                let binary = match place {
                    Some(api) => store(api, &bytes, mime_type, file).await?,
                    None => {
                        Binary { mime_type, file_name: file, bytes: bytes.len() as u64, ..Binary::default() }
                    }
                };
                files.push((name, binary));
            }
            None => {
                let value = std::str::from_utf8(&bytes).map_err(|_| {
                    Problem::bad_request(format!("the field \"{name}\" of the form is not UTF-8"))
                })?;
                add(&mut fields, name, Value::String(value.to_owned()));
            }
        }
    }
    Ok(Body::Multipart { fields, files })
}

fn part_problem(error: &multer::Error, limit_bytes: usize) -> Problem {
    match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => {
            Problem::too_large(limit_bytes)
        }
        error => unreadable(error),
    }
}

fn unreadable(error: &multer::Error) -> Problem {
    Problem::bad_request(format!("the form cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_says_how_a_body_is_read() {
        for (given, expected) in [
            ("application/json; charset=utf-8", Kind::Json),
            ("application/vnd.api+json", Kind::Other),
            ("application/x-www-form-urlencoded", Kind::Form),
            ("Multipart/Form-Data; boundary=x", Kind::Multipart),
            ("text/plain;charset=utf-8", Kind::Text),
            ("text/csv", Kind::Other),
            ("text/xml", Kind::Xml),
            ("application/soap+xml", Kind::Xml),
            ("application/pdf", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(kind_of(given), expected, "{given}");
        }
    }

    #[test]
    fn file_names_are_no_paths() {
        assert_eq!(plain_name("../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(plain_name("C:\\x\\a\u{0}.txt").as_deref(), Some("a.txt"));
        assert_eq!(plain_name(".."), None);
    }
}
