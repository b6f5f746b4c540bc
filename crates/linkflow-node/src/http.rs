//! The one HTTP client of all nodes, with its guard.
//!
//! A name is resolved, every address is checked, and only a checked address is connected to;
//! redirects are followed here, one by one, so that the same holds for each of them and
//! credentials stay with the origin they were meant for. Nothing here knows what a response
//! means.

use std::collections::HashMap;
use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::header::{self, HeaderMap, HeaderName};
use http::{Method, StatusCode};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use crate::NodeError;
pub use crate::guard::{Blocked, Guard};

const CONNECT_MS_MAX: u64 = 15_000;

/// A client that checks every address before it connects. Cheap to clone; connections are shared.
#[derive(Clone)]
pub struct Http {
    inner: Arc<Inner>,
}

struct Inner {
    guard: Arc<Guard>,
    /// By whether any certificate is taken, and by port where the guard asks for it.
    clients: Mutex<HashMap<(bool, u16), reqwest::Client>>,
}

/// One request, as a node wants it.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Bytes>,
    /// Headers with secrets in them, besides the usual ones: not sent to another origin.
    pub secret_headers: Vec<HeaderName>,
    /// How many redirects are followed; at 0 the redirect itself is the answer.
    pub redirects_max: u32,
    /// For the whole exchange, the body included.
    pub timeout_ms: u64,
    /// Largest body that is read, after decompression.
    pub body_bytes_max: usize,
    /// Takes any certificate. Only where the author says so.
    pub accept_invalid_certs: bool,
    pub cancel: CancellationToken,
}

impl Call {
    /// A call without headers and body: 20 redirects, five minutes, 64 MiB.
    pub fn new(method: Method, url: Url) -> Call {
        Call {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            secret_headers: Vec::new(),
            redirects_max: 20,
            timeout_ms: 300_000,
            body_bytes_max: 64 << 20,
            accept_invalid_certs: false,
            cancel: CancellationToken::new(),
        }
    }
}

/// The head of a response; the body is still to be read.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Where it came from, after redirects.
    pub url: Url,
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    bounds: Bounds,
}

struct Bounds {
    deadline: Instant,
    timeout_ms: u64,
    body_bytes_max: usize,
    cancel: CancellationToken,
    service: String,
}

impl Http {
    pub fn new(guard: Guard) -> Http {
        Http { inner: Arc::new(Inner { guard: Arc::new(guard), clients: Mutex::default() }) }
    }

    /// A client that may connect to loopback and private addresses.
    pub fn for_tests() -> Http {
        Http::new(Guard::own_machine())
    }

    /// The rules, for clients of other protocols.
    pub fn guard(&self) -> &Guard {
        &self.inner.guard
    }

    /// Sends `call`, follows redirects, and gives the head of the answer whatever its status is.
    ///
    /// Errors: [`NodeError::Data`] for an address that is not allowed and for bad redirects,
    /// `Unavailable` when nobody answers, `TimedOut`, `Canceled`.
    pub async fn send(&self, call: Call) -> Result<Answer, NodeError> {
        let bounds = Bounds {
            deadline: Instant::now() + Duration::from_millis(call.timeout_ms.min(86_400_000)),
            timeout_ms: call.timeout_ms,
            body_bytes_max: call.body_bytes_max,
            cancel: call.cancel.clone(),
            service: origin_text(&call.url),
        };
        let limit = call.redirects_max;
        let (mut hop, mut hops) = (call, 0);
        loop {
            let response = self.hop(&hop, &bounds).await?;
            let Some(next) = redirect_target(&hop, &response) else {
                return Ok(answer(response, hop.url, bounds));
            };
            hops += 1;
            if hops > limit {
                return Err(NodeError::data(format!("{} redirects more than {limit} times", bounds.service)));
            }
            follow(&mut hop, next?, response.status());
        }
    }

    async fn hop(&self, call: &Call, bounds: &Bounds) -> Result<reqwest::Response, NodeError> {
        self.check_literal(&call.url)?;
        let client = self.client(call.accept_invalid_certs, &call.url)?;
        let mut request = client.request(call.method.clone(), call.url.clone()).headers(call.headers.clone());
        match &call.body {
            Some(body) => request = request.body(body.clone()),
            // Servers may insist on a length where a body would be usual.
            None if matches!(call.method, Method::POST | Method::PUT | Method::PATCH) => {
                request = request.header(header::CONTENT_LENGTH, 0);
            }
            None => {}
        }
        bounds.hold(request.send()).await?.map_err(|e| send_error(&e, &call.url))
    }

    /// Host names are checked when they are resolved; an address in the URL is never resolved.
    fn check_literal(&self, url: &Url) -> Result<(), NodeError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(NodeError::param(
                "url",
                format!("must begin with http:// or https://, got \"{url}\""),
            ));
        }
        let port = url.port_or_known_default().unwrap_or(80);
        let ip: IpAddr = match url.host() {
            Some(Host::Ipv4(ip)) => ip.into(),
            Some(Host::Ipv6(ip)) => ip.into(),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(NodeError::param("url", format!("has no host: \"{url}\""))),
        };
        self.inner
            .guard
            .check(&ip.to_string(), SocketAddr::new(ip, port))
            .map_err(|blocked| NodeError::data(blocked.to_string()))
    }

    /// The client for `url`. A resolver is not told the port, so the few ports on which an address
    /// can be forbidden have a client of their own, whose resolver knows it.
    fn client(&self, accept_invalid_certs: bool, url: &Url) -> Result<reqwest::Client, NodeError> {
        let port = url.port_or_known_default().filter(|port| self.inner.guard.forbids_on(*port)).unwrap_or(0);
        let mut clients = self.inner.clients.lock().expect("nobody panics while holding the clients");
        if let Some(client) = clients.get(&(accept_invalid_certs, port)) {
            return Ok(client.clone());
        }
        let resolver = Arc::new(Resolver { guard: self.inner.guard.clone(), port });
        let builder = || {
            reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .user_agent("Linkflow")
                .connect_timeout(Duration::from_millis(CONNECT_MS_MAX))
                .tls_danger_accept_invalid_certs(accept_invalid_certs)
                .dns_resolver(resolver.clone())
        };
        // A slim container has no certificates of its own: those that came with the program do then.
        let client = builder().build().or_else(|_| builder().tls_certs_only(bundled_roots()).build());
        let client =
            client.map_err(|e| NodeError::data(format!("no HTTP client can be made: {}", causes(&e))))?;
        clients.insert((accept_invalid_certs, port), client.clone());
        Ok(client)
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Http({:?})", self.inner.guard)
    }
}

/// Mozilla's list of certificate authorities.
fn bundled_roots() -> impl Iterator<Item = reqwest::Certificate> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    roots.filter_map(|der| reqwest::Certificate::from_der(der).ok())
}

struct Resolver {
    guard: Arc<Guard>,
    port: u16,
}

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (guard, port) = (self.guard.clone(), self.port);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), port)).await?.collect();
            let mut open = guard.filter(name.as_str(), found)?;
            // Port 0 stands for the one in the URL.
            open.iter_mut().for_each(|address| address.set_port(0));
            Ok(Box::new(open.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

impl Answer {
    /// The whole body. An error when it is larger than the call allows; what is too large is not
    /// read to its end.
    pub async fn bytes(mut self) -> Result<Bytes, NodeError> {
        let most = self.bounds.body_bytes_max;
        match self.read(most).await? {
            (bytes, true) => Ok(bytes),
            (_, false) => Err(NodeError::Limit {
                what: format!("the size of the response of {}", self.bounds.service),
                limit: format!("{most} bytes"),
            }),
        }
    }

    /// The first `most` bytes of the body.
    pub async fn start(mut self, most: usize) -> Result<Bytes, NodeError> {
        Ok(self.read(most).await?.0)
    }

    /// Up to `most` bytes, and whether that is all.
    async fn read(&mut self, most: usize) -> Result<(Bytes, bool), NodeError> {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = self.bounds.hold(self.body.next()).await? {
            let chunk = chunk.map_err(|e| send_error(&e, &self.url))?;
            let room = most - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                return Ok((bytes.freeze(), false));
            }
        }
        Ok((bytes.freeze(), true))
    }

    /// Milliseconds that the other side asks to wait, from `Retry-After` in either form.
    pub fn retry_after_ms(&self, now: linkflow_model::Millis) -> Option<u64> {
        retry_after_ms(&self.headers, now)
    }
}

/// Milliseconds that `Retry-After` asks to wait, whether it gives seconds or a date.
pub fn retry_after_ms(headers: &HeaderMap, now: linkflow_model::Millis) -> Option<u64> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1000);
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
    Some(linkflow_model::Millis(at).since(now))
}

impl Bounds {
    async fn hold<T>(&self, work: impl Future<Output = T>) -> Result<T, NodeError> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(NodeError::Canceled),
            done = tokio::time::timeout_at(self.deadline, work) => done.map_err(|_| NodeError::Unavailable {
                service: self.service.clone(),
                cause: format!("no complete answer within {} ms", self.timeout_ms),
                retry_after_ms: None,
                item: None,
            }),
        }
    }
}

fn answer(response: reqwest::Response, url: Url, bounds: Bounds) -> Answer {
    Answer {
        status: response.status(),
        headers: response.headers().clone(),
        url,
        body: response.bytes_stream().boxed(),
        bounds,
    }
}

/// Where a response leads, when it is a redirect that `call` may follow.
fn redirect_target(call: &Call, response: &reqwest::Response) -> Option<Result<Url, NodeError>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) || call.redirects_max == 0 {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?;
    let text = String::from_utf8_lossy(location.as_bytes());
    Some(call.url.join(&text).map_err(|e| {
        NodeError::data(format!(
            "{} redirects to \"{text}\", which is no address: {e}",
            origin_text(&call.url)
        ))
    }))
}

/// Makes `call` the one that a redirect asks for, without what was meant for the old origin.
fn follow(call: &mut Call, next: Url, status: StatusCode) {
    let becomes_get = match status.as_u16() {
        303 => call.method != Method::HEAD,
        301 | 302 => call.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        call.method = Method::GET;
        call.body = None;
        for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
            call.headers.remove(name);
        }
    }
    if next.origin() != call.url.origin() {
        for name in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::HOST] {
            call.headers.remove(name);
        }
        for name in &call.secret_headers {
            call.headers.remove(name);
        }
    }
    call.url = next;
}

fn origin_text(url: &Url) -> String {
    match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    }
}

/// Errors of the client carry the URL, which can hold secrets in its query: only the causes are
/// told.
fn send_error(error: &reqwest::Error, url: &Url) -> NodeError {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(blocked) = cause.downcast_ref::<Blocked>() {
            return NodeError::data(blocked.to_string());
        }
        source = cause.source();
    }
    let cause = causes(error);
    NodeError::Unavailable { service: origin_text(url), cause, retry_after_ms: None, item: None }
}

/// The innermost cause, which says most.
fn causes(error: &reqwest::Error) -> String {
    let mut source = error.source();
    let mut text = None;
    while let Some(cause) = source {
        text = Some(cause.to_string());
        source = cause.source();
    }
    text.unwrap_or_else(|| "the exchange failed".to_owned())
}
