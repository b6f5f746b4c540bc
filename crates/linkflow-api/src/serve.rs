//! The router, and the server around it.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::problem::Problem;
use crate::{Api, access, freshness, health, measure, openapi, page, rates, routes, webhooks, ws};

/// How long the first request of such a connection is waited for.
const FIRST_REQUEST: Duration = Duration::from_millis(200);

/// Everything that is served over HTTP.
pub fn router(api: Api) -> Router {
    let (resources, document) = routes::all().split_for_parts();
    let document = openapi::complete(document, &api.settings.version);
    let guarded = resources
        .route("/api/v1/openapi.json", get(move || openapi::show(document.clone())))
        .route("/api/v1/schemas/workflow.json", get(openapi::workflow_schema))
        .route("/ws", get(ws::open))
        .method_not_allowed_fallback(no_such_method)
        .route_layer(from_fn_with_state(api.clone(), freshness::tell))
        .route_layer(from_fn_with_state(api.clone(), access::guard))
        .layer(if_absent(header::CACHE_CONTROL, "no-store"));
    let open = Router::new()
        .route("/health", get(health::show))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(measure::show))
        .route("/webhook/{*path}", any(webhooks::receive))
        .route("/webhook-test/{*path}", any(webhooks::receive_test))
        .route("/form/{*path}", any(webhooks::receive_form))
        .route("/form-test/{*path}", any(webhooks::receive_form_test))
        .route("/form-waiting/{id}", any(webhooks::resume_form))
        .route("/webhook-waiting/{id}", any(webhooks::resume))
        .route("/webhook-waiting/{id}/{*path}", any(webhooks::resume));
    guarded
        .merge(open)
        .fallback(page::show)
        .layer(from_fn_with_state(api.clone(), rates::limit))
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
    // The pattern, not the address: `/workflows/import` would fit `/workflows/{id}` as well.
    let route = request.extensions().get::<MatchedPath>().map_or(path, MatchedPath::as_str);
    let allow: Vec<&str> = access::TABLE
        .iter()
        .filter(|(_, pattern, _)| *pattern == route)
        .map(|(method, _, _)| *method)
        .collect();
    let detail = format!("{path} does not know {}; it knows {}", request.method(), allow.join(", "));
    Problem::method_not_allowed(detail, allow.join(", ")).into_response()
}

fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no message");
    Problem::internal(&format!("a handler panicked: {text}")).into_response()
}

/// Serves until `shutdown` ends. Then it is no longer ready, but takes requests for as long as the
/// settings say, so that nobody who has not noticed yet is turned away. After that it takes no new
/// connections, and lets what has begun end, as long as the settings say.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_router(listener, router(api.clone()), &api, shutdown).await
}

/// Serves health and metrics alone, as [`serve`] does: for processes that answer nothing else.
pub async fn serve_health(
    listener: TcpListener,
    api: Api,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/health", get(health::show))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(measure::show))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(api.clone());
    serve_router(listener, router, &api, shutdown).await
}

async fn serve_router(
    listener: TcpListener,
    router: Router,
    api: &Api,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let settings = &api.settings;
    let door = Door {
        router,
        places: Arc::new(Semaphore::new(settings.connections_max)),
        leaving: api.memory.leaving.clone(),
        ending: CancellationToken::new(),
        connections: TaskTracker::new(),
        head_ms_max: settings.head_ms_max,
    };
    door.take_until(&listener, shutdown).await;
    api.leave();
    door.take_until(&listener, tokio::time::sleep(Duration::from_millis(settings.drain_ms))).await;
    // Connections that wait to be taken would be cut off with the listener.
    door.take_what_waits(listener)?;
    let Door { ending, connections, .. } = door;
    ending.cancel();
    connections.close();
    api.memory.sockets.close();
    let all = async { tokio::join!(connections.wait(), api.memory.sockets.wait()) };
    if tokio::time::timeout(Duration::from_millis(settings.shutdown_ms_max), all).await.is_err() {
        tracing::warn!("some requests still ran when the server ended");
    }
    Ok(())
}

/// Where connections come in.
struct Door {
    router: Router,
    places: Arc<Semaphore>,
    /// Connections end with the request that they are at.
    leaving: CancellationToken,
    /// Connections end now, if they are at none.
    ending: CancellationToken,
    connections: TaskTracker,
    head_ms_max: u64,
}

impl Door {
    async fn take_until(&self, listener: &TcpListener, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        loop {
            let place = self.places.clone().acquire_owned();
            let (place, stream, peer) = tokio::select! {
                () = &mut end => return,
                (place, accepted) = async { (place.await, listener.accept().await) } => match accepted {
                    Ok((stream, peer)) => (place, stream, peer),
                    Err(error) => {
                        // Too many open files, or a caller that has gone: neither ends the server.
                        tracing::warn!(%error, "a connection could not be taken: {error}");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        continue;
                    }
                },
            };
            let Ok(place) = place else { return };
            self.begin(place, stream, peer);
        }
    }

    /// Takes the connections that are there, and no more from then on. The system is asked itself, since
    /// what has just come may not have been told of yet.
    fn take_what_waits(&self, listener: TcpListener) -> std::io::Result<()> {
        let listener = listener.into_std()?;
        while let Ok(place) = self.places.clone().try_acquire_owned()
            && let Ok((stream, peer)) = listener.accept()
        {
            stream.set_nonblocking(true)?;
            self.begin(place, TcpStream::from_std(stream)?, peer);
        }
        Ok(())
    }

    fn begin(&self, place: OwnedSemaphorePermit, stream: TcpStream, peer: SocketAddr) {
        let conversation = Conversation {
            router: self.router.clone(),
            leaving: self.leaving.clone(),
            ending: self.ending.clone(),
            head_ms_max: self.head_ms_max,
        };
        self.connections.spawn(async move {
            if let Err(error) = conversation.hold(stream, peer).await {
                tracing::debug!(%error, "a connection ended early: {error}");
            }
            drop(place);
        });
    }
}

/// One connection to its end, with limits on how long its caller may think.
struct Conversation {
    router: Router,
    leaving: CancellationToken,
    ending: CancellationToken,
    head_ms_max: u64,
}

impl Conversation {
    async fn hold(self, stream: TcpStream, peer: SocketAddr) -> Result<(), hyper::Error> {
        let Conversation { router, leaving, ending, head_ms_max } = self;
        let begun = Arc::new(Notify::new());
        let says = begun.clone();
        let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
            says.notify_one();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let (answer, leaving) = (router.clone().oneshot(request), leaving.clone());
            async move {
                let mut response = answer.await?;
                let is_upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                if leaving.is_cancelled() && !is_upgrade {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        // Small answers must not wait for the next packet.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(head_ms_max))
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        tokio::select! {
            ended = &mut connection => return ended,
            () = ending.cancelled() => {}
        }
        // What has just come in may have a request behind it that nobody has read yet.
        tokio::select! {
            ended = &mut connection => return ended,
            _ = tokio::time::timeout(FIRST_REQUEST, begun.notified()) => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    }
}
