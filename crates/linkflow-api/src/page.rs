//! The editor: files that were built into the program, served with strict headers.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

/// Scripts and styles come from here alone; `style-src` has inline styles because the canvas
/// places nodes with them.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; \
    connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; media-src 'self' blob:; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Addresses below these are never pages of the editor.
const NO_PAGES: [&str; 8] =
    ["/api/", "/webhook/", "/webhook-test/", "/webhook-waiting/", "/form/", "/health/", "/assets/", "/ws/"];

/// Whether the editor is part of this build.
pub fn is_embedded() -> bool {
    Files::get("index.html").is_some()
}

/// Any address that no route has: a file of the editor, or the editor itself.
pub async fn show(request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::not_found("address", &path).into_response();
    }
    if let Some(file) = Files::get(path.trim_start_matches('/')) {
        return answer(&request, &path, file);
    }
    if is_no_page(&path) {
        return Problem::not_found("address", &path).into_response();
    }
    match Files::get("index.html") {
        Some(file) => answer(&request, "/index.html", file),
        None => missing(&path),
    }
}

/// Pages have no ending: `/robots.txt` asks for a file that is not there.
fn is_no_page(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    last.contains('.') || NO_PAGES.iter().any(|prefix| path.starts_with(prefix))
}

fn missing(path: &str) -> Response {
    if path != "/" {
        return Problem::not_found("address", path).into_response();
    }
    let text = "The editor is not part of this build. The API is at /api/v1, its description at \
                /api/v1/openapi.json.\n";
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn answer(request: &Request, path: &str, file: EmbeddedFile) -> Response {
    let etag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let seen = request.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    let is_known = seen.is_some_and(|seen| seen.split(',').any(|tag| tag.trim() == etag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(file.data.into_owned()))
    };
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let kind = match kind.type_() {
        mime_guess::mime::TEXT => format!("{}; charset=utf-8", kind.essence_str()),
        _ => kind.essence_str().to_owned(),
    };
    // Files below /assets/ have the hash of their content in their name.
    let cache = if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, &kind);
    set(header::CACHE_CONTROL, cache);
    set(header::ETAG, &etag);
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    response
}
