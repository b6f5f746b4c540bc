//! Reading requests: path, query, JSON and conditions, with refusals that name what is wrong.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::Api;
use crate::problem::Problem;

/// The deepest nesting of JSON that is read.
pub const JSON_DEPTH_MAX: usize = 100;

/// Parameters of the path.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Path(value)),
            Err(e) => Err(Problem::bad_request(format!("the address cannot be read: {}", e.body_text()))),
        }
    }
}

/// Parameters of the query.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Query<T>, Problem> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Query(value)),
            Err(e) => {
                let detail = e.body_text();
                Err(Problem::bad_request(detail.replacen(
                    "Failed to deserialize query string",
                    "the query cannot be read",
                    1,
                )))
            }
        }
    }
}

/// A body of JSON.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Json<T>, Problem> {
        check_is_json(request.headers())?;
        let bytes =
            read_body(request.into_body(), api.settings.body_bytes_max, api.settings.body_ms_max).await?;
        parse_json(&bytes).map(Json)
    }
}

/// The bytes of a body, whatever they are.
pub struct Raw(pub Bytes);

impl FromRequest<Api> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Raw, Problem> {
        read_body(request.into_body(), api.settings.body_bytes_max, api.settings.body_ms_max).await.map(Raw)
    }
}

/// `If-Match`: the version that the caller saw.
pub struct IfMatch(pub Option<u32>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfMatch, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(IfMatch(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(IfMatch(None));
        }
        let version = text.trim_start_matches("W/").trim_matches('"').parse();
        // An entity tag that was never given fits no version, so the condition fails.
        version.map(|v| IfMatch(Some(v))).map_err(|_| {
            let detail = format!("`If-Match` must be an `ETag` that was given before, got {text}");
            Problem::new(StatusCode::PRECONDITION_FAILED, detail).with_field("If-Match")
        })
    }
}

/// The `Idempotency-Key` of a request, if it has one.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str().map(str::trim) {
        Ok(key) if (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(Some(key.to_owned()))
        }
        _ => Err(Problem::bad_request("`Idempotency-Key` must have 1 to 255 visible ASCII characters")
            .with_field("Idempotency-Key")),
    }
}

/// Reads a body whole, within a size and a time.
pub async fn read_body(body: Body, bytes_max: usize, ms_max: u64) -> Result<Bytes, Problem> {
    let reading = axum::body::to_bytes(body, bytes_max);
    match tokio::time::timeout(std::time::Duration::from_millis(ms_max), reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_length_limit(&error) => Err(Problem::too_large(bytes_max)),
        Ok(Err(_)) => Err(Problem::bad_request("the body ended before it was complete")),
        Err(_) => {
            let detail = format!("the body did not arrive within {ms_max} ms");
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail))
        }
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.to_string().contains("length limit") {
            return true;
        }
        source = cause.source();
    }
    error.to_string().contains("length limit")
}

fn check_is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    let detail = format!("`Content-Type` must be application/json, got \"{given}\"");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).with_field("Content-Type"))
}

/// Reads JSON: what is no JSON is 400, what is JSON of another form is 422 and names the field.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let value = parse_any_json(bytes)?;
    // A list fills the fields of an object one by one, in an order that nobody promised.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::invalid("body", "cannot be taken: it must be an object, got a list"));
    }
    Ok(value)
}

/// Reads JSON that need not be an object.
pub fn parse_any_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    check_json(bytes)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            let field = if path == "." { "body".to_owned() } else { path };
            Problem::invalid(field, format!("cannot be taken: {inner}"))
        } else {
            Problem::bad_request(format!("the body is not valid JSON: {inner}"))
        }
    })?;
    reader.end().map_err(|e| Problem::bad_request(format!("the body is not valid JSON: {e}")))?;
    Ok(value)
}

/// Refuses JSON that is not UTF-8 or nested too deeply, before anything is built from it.
pub fn check_json(bytes: &[u8]) -> Result<(), Problem> {
    if let Err(error) = std::str::from_utf8(bytes) {
        let at = error.valid_up_to();
        return Err(Problem::bad_request(format!("the body is not UTF-8: byte {at} cannot be read")));
    }
    match depth_of(bytes) {
        depth if depth > JSON_DEPTH_MAX => Err(Problem::bad_request(format!(
            "the JSON is nested deeper than the limit of {JSON_DEPTH_MAX} levels"
        ))),
        _ => Ok(()),
    }
}

fn depth_of(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_texts_are_no_depth() {
        assert_eq!(depth_of(br#"{"a": "[[[\"[[", "b": [1, {}]}"#), 3);
        assert_eq!(depth_of(b"]]]["), 1);
    }
}
