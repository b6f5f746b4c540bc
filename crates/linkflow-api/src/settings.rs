//! What an operator can choose about the API.

use axum::http::{HeaderMap, header};

/// Settings of the API. Sizes in bytes, times in milliseconds.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    pub version: String,
    /// A name for this process, shown to watchers.
    pub instance: String,
    /// The address that people use, without a slash at the end: `https://flows.example.com`.
    pub public_url: Option<String>,
    /// The address at which this process listens, for links when there is no public one.
    pub local_url: String,
    /// Names under which requests are taken; empty for all. For a server that only this machine
    /// reaches: `localhost`, `127.0.0.1`, `[::1]`.
    pub hosts: Vec<String>,
    /// Pages of other origins that may use sessions, such as the editor's development server.
    pub origins: Vec<String>,
    /// How many proxies in front of the server write `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// Largest body of an API request.
    pub body_bytes_max: usize,
    /// Largest body of a webhook request.
    pub webhook_bytes_max: usize,
    /// Largest JSON, form or text of a webhook request; files may be larger.
    pub webhook_parsed_bytes_max: usize,
    /// Longest time for a body to arrive.
    pub body_ms_max: u64,
    /// Longest wait of a webhook's caller for an answer.
    pub webhook_answer_ms_max: u64,
    /// Longest silence of a watcher's socket.
    pub socket_silence_ms_max: u64,
    /// Longest time for the head of a request to arrive, and for a connection to lie idle.
    pub head_ms_max: u64,
    pub session_ms: u64,
    pub connections_max: usize,
    /// Most requests of one address, and of one API key, in a minute; no limit when unset.
    pub address_requests_per_minute_max: Option<u32>,
    pub key_requests_per_minute_max: Option<u32>,
    /// How long requests are still taken when the server is asked to end and is no longer ready.
    pub drain_ms: u64,
    /// Longest wait for requests that still run when the server ends.
    pub shutdown_ms_max: u64,
}

impl Default for ApiSettings {
    fn default() -> ApiSettings {
        ApiSettings {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: uuid::Uuid::new_v4().to_string(),
            public_url: None,
            local_url: "http://localhost:8090".to_owned(),
            hosts: Vec::new(),
            origins: Vec::new(),
            trusted_proxies: 0,
            body_bytes_max: 16 << 20,
            webhook_bytes_max: 64 << 20,
            webhook_parsed_bytes_max: 16 << 20,
            body_ms_max: 60_000,
            webhook_answer_ms_max: 300_000,
            socket_silence_ms_max: 60_000,
            head_ms_max: 75_000,
            session_ms: 14 * 24 * 60 * 60 * 1_000,
            connections_max: 10_000,
            address_requests_per_minute_max: None,
            key_requests_per_minute_max: None,
            drain_ms: 0,
            shutdown_ms_max: 30_000,
        }
    }
}

impl ApiSettings {
    /// The address for links, without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.public_url.as_deref().unwrap_or(&self.local_url).trim_end_matches('/')
    }

    pub(crate) fn is_https(&self) -> bool {
        self.base_url().starts_with("https://")
    }

    /// `__Host-` cookies need https; a server on this machine has none.
    pub(crate) fn cookie_name(&self) -> &'static str {
        if self.is_https() { "__Host-linkflow" } else { "linkflow" }
    }

    /// Whether a page of `origin` is one of ours.
    pub(crate) fn is_own_origin(&self, origin: &str, headers: &HeaderMap) -> bool {
        if self.origins.iter().any(|known| known == origin) {
            return true;
        }
        if let Some(public) = &self.public_url {
            return origin_of(public).is_some_and(|own| own.eq_ignore_ascii_case(origin));
        }
        let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let named = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        !host.is_empty() && named.is_some_and(|named| named.eq_ignore_ascii_case(host))
    }
}

/// Scheme, name and port of an address.
fn origin_of(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url[start..].find('/').map_or(url.len(), |n| start + n);
    Some(&url[..end])
}
