//! The router, and the server around it.

use std::future::Future;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::problem::Problem;
use crate::{Api, access, health, measure, openapi, page, routes, webhooks, ws};

/// Everything that is served over HTTP.
pub fn router(api: Api) -> Router {
    let (resources, document) = routes::all().split_for_parts();
    let document = openapi::complete(document, &api.settings.version);
    let guarded = resources
        .route("/api/v1/openapi.json", get(move || openapi::show(document.clone())))
        .route("/api/v1/schemas/workflow.json", get(openapi::workflow_schema))
        .route("/ws", get(ws::open))
        .method_not_allowed_fallback(no_such_method)
        .route_layer(from_fn_with_state(api.clone(), access::guard));
    let open = Router::new()
        .route("/health", get(health::show))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(measure::show))
        .route("/webhook/{*path}", any(webhooks::receive))
        .route("/webhook-test/{*path}", any(webhooks::receive_test))
        .route("/webhook-waiting/{id}", any(webhooks::resume))
        .route("/webhook-waiting/{id}/{*path}", any(webhooks::resume));
    guarded
        .merge(open)
        .fallback(page::show)
        .layer(from_fn(measure::measure))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(if_absent(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(if_absent(header::REFERRER_POLICY, "no-referrer"))
        .layer(if_absent(header::X_FRAME_OPTIONS, "DENY"))
        .with_state(api)
}

fn if_absent(name: header::HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn no_such_method(request: Request) -> Response {
    let path = request.uri().path();
    let allow: Vec<&str> = access::TABLE
        .iter()
        .filter(|(_, pattern, _)| matches(pattern, path))
        .map(|(method, _, _)| *method)
        .collect();
    let detail = format!("{path} does not know {}; it knows {}", request.method(), allow.join(", "));
    Problem::method_not_allowed(detail, allow.join(", ")).into_response()
}

fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.split('/'), path.split('/'));
    pattern.clone().count() == path.clone().count()
        && pattern.zip(path).all(|(pattern, segment)| pattern.starts_with('{') || pattern == segment)
}

fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no message");
    Problem::internal(&format!("a handler panicked: {text}")).into_response()
}

/// Serves until `shutdown` ends, then takes no new connections and answers what has begun.
pub async fn serve(
    listener: tokio::net::TcpListener,
    api: Api,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let service = router(api).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(shutdown).await
}
