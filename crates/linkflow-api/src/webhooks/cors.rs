//! What browsers of other sites may do with a webhook, as its node says.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use linkflow_node::trigger::Intake;

pub type Headers = Vec<(HeaderName, HeaderValue)>;

/// The headers that let the page of this request read the answer; none when it may not.
pub fn headers(intake: &Intake, request: &HeaderMap) -> Headers {
    let Some(origin) = request.get(header::ORIGIN) else { return Vec::new() };
    if intake.origins.is_empty() {
        return vec![(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))];
    }
    let vary = (header::VARY, HeaderValue::from_static("Origin"));
    let text = origin.to_str().unwrap_or_default();
    if intake.origins.iter().any(|known| known.trim_end_matches('/').eq_ignore_ascii_case(text)) {
        return vec![(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()), vary];
    }
    vec![vary]
}

pub fn add(mut response: Response, headers: Headers) -> Response {
    for (name, value) in headers {
        response.headers_mut().append(name, value);
    }
    response
}

/// The answer to `OPTIONS`.
pub fn preflight(intake: &Intake, request: &HeaderMap, methods: &[String]) -> Response {
    let allow = format!("OPTIONS, {}", methods.join(", "));
    let mut response = StatusCode::NO_CONTENT.into_response();
    let origin = headers(intake, request);
    let may_call = origin.iter().any(|(name, _)| *name == header::ACCESS_CONTROL_ALLOW_ORIGIN);
    let mut set = |name: HeaderName, value: HeaderValue| response.headers_mut().insert(name, value);
    if let Ok(allow) = HeaderValue::try_from(allow) {
        set(header::ALLOW, allow.clone());
        if may_call {
            set(header::ACCESS_CONTROL_ALLOW_METHODS, allow);
        }
    }
    if may_call {
        if let Some(asked) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            set(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        set(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("300"));
    }
    add(response, origin)
}
