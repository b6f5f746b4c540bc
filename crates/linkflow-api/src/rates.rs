//! How many requests an address or an API key may send in a minute.
//!
//! Counted in this process: behind a balancer each instance allows as many. When nothing can be
//! counted any more, requests are let through: the limit protects the server, not the data.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use linkflow_model::Millis;

use crate::Api;
use crate::access::remote_address;
use crate::problem::Problem;

const WINDOW_MS: i64 = 60_000;
/// Callers that are remembered; more push out those that were seen longest ago.
const CALLERS_MAX: u64 = 200_000;

/// Requests of the current minute, by caller.
pub struct Rates(moka::sync::Cache<(i64, String), Arc<AtomicU32>>);

/// What is left of a minute's requests.
struct Left {
    requests: u32,
    ms: u64,
}

impl Rates {
    pub fn new() -> Rates {
        let forgotten = Duration::from_millis(2 * WINDOW_MS as u64);
        Rates(moka::sync::Cache::builder().max_capacity(CALLERS_MAX).time_to_live(forgotten).build())
    }

    fn take(&self, now: Millis, caller: String, max: u32) -> Result<Left, Problem> {
        let window = now.0.div_euclid(WINDOW_MS);
        let ms = ((window + 1) * WINDOW_MS - now.0).unsigned_abs();
        let count = self.0.get_with((window, caller), Arc::default);
        match max.checked_sub(count.fetch_add(1, Ordering::Relaxed).saturating_add(1)) {
            Some(requests) => Ok(Left { requests, ms }),
            None => {
                metrics::counter!("linkflow_requests_refused_total", "reason" => "rate").increment(1);
                count.store(max, Ordering::Relaxed);
                Err(Problem::too_many(format!("at most {max} requests a minute are taken"), ms))
            }
        }
    }

    /// Counts a request of an API key.
    pub fn take_of_key(&self, api: &Api, id: impl std::fmt::Display) -> Result<(), Problem> {
        let Some(max) = api.settings.key_requests_per_minute_max else { return Ok(()) };
        self.take(api.now(), format!("key {id}"), max).map(drop)
    }
}

/// Counts a request of its address, and says in the answer what is left.
pub async fn limit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Some(max) = api.settings.address_requests_per_minute_max else { return next.run(request).await };
    let path = request.uri().path();
    // Those who watch over the server must not be turned away when it has much to do.
    if path.starts_with("/health") || path == "/metrics" {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let caller = format!("address {}", remote_address(&api, &parts));
    let taken = api.memory.rates.take(api.now(), caller, max);
    let (mut response, left) = match taken {
        Ok(left) => (next.run(Request::from_parts(parts, body)).await, left),
        Err(problem) => (problem.into_response(), Left { requests: 0, ms: 0 }),
    };
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    };
    set("ratelimit-policy", format!("\"address\";q={max};w={}", WINDOW_MS / 1_000));
    set("ratelimit", format!("\"address\";r={};t={}", left.requests, left.ms.div_ceil(1_000)));
    response
}
