//! How long requests take, by route, method and status.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Api;

/// Upper ends of the histogram's buckets, for whoever makes the recorder.
pub const HTTP_SECONDS_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Measures every request. The route is its pattern, so that there are as many as the program has.
pub async fn measure(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = name_of(request.method());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    metrics::histogram!(
        "http_request_duration_seconds",
        "method" => method,
        "route" => route.unwrap_or_else(|| "other".to_owned()),
        "status" => response.status().as_u16().to_string(),
    )
    .record(began.elapsed().as_secs_f64());
    response
}

/// Methods that somebody made up are one.
fn name_of(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// `GET /metrics`, in the text format of Prometheus.
pub async fn show(State(api): State<Api>) -> Response {
    let text = api.metrics.as_ref().map(|handle| handle.render()).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
