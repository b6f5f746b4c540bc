//! Reads that may come from a replica of the database, and still see what the reader wrote.
//!
//! Whoever changes something is told how far the database's log was then: in a header for programs,
//! in a cookie for the page. A list that is asked for with either comes from a replica that has got
//! so far, or from the primary. Without replicas there is nothing to tell.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use linkflow_store::{Freshness, Store, WriteToken};

use crate::Api;

/// The header, in answers to changes and in the requests that are to see them.
const NAME: &str = "linkflow-written";
/// A replica that is further behind than this is not in service.
const COOKIE_S: u32 = 60;

/// Tells those who changed something how far the log was afterwards.
pub async fn tell(State(api): State<Api>, request: Request, next: Next) -> Response {
    let is_change = !request.method().is_safe();
    let mut response = next.run(request).await;
    if !is_change || !response.status().is_success() || !api.store.has_replicas() {
        return response;
    }
    // Who cannot be told reads from a replica, a little behind.
    let Ok(WriteToken(place)) = api.store.write_token().await else { return response };
    let cookie = format!("{NAME}={place}; Path=/api; Max-Age={COOKIE_S}; HttpOnly; SameSite=Lax");
    response.headers_mut().insert(HeaderName::from_static(NAME), HeaderValue::from(place));
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The store as lists may read it.
pub fn store_for(api: &Api, headers: &HeaderMap) -> Store {
    api.store.reading(Freshness::After(written(headers)))
}

/// How far the log was when the reader last wrote; the later of the two, if there are both.
fn written(headers: &HeaderMap) -> WriteToken {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let of_header = headers.get(NAME).and_then(|value| number(value.to_str().ok()?));
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let of_cookies = cookies.flat_map(|text| text.split(';')).filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        number(value).filter(|_| name.trim() == NAME)
    });
    WriteToken(of_header.into_iter().chain(of_cookies).max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_reader_wrote_last_is_read_from_headers_and_cookies() {
        let told = || HeaderName::from_static(NAME);
        let of = |pairs: &[(HeaderName, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name.clone(), HeaderValue::from_str(value).unwrap());
            }
            written(&headers).0
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[(told(), "17")]), 17);
        assert_eq!(of(&[(header::COOKIE, "linkflow=x; linkflow-written=23")]), 23);
        assert_eq!(of(&[(told(), "17"), (header::COOKIE, "linkflow-written=23; a=b")]), 23);
        assert_eq!(of(&[(told(), "-1"), (header::COOKIE, "linkflow-written=x; written")]), 0);
    }
}
