//! The guarded client against servers on this machine.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use linkflow_node::NodeError;
use linkflow_node::http::{Call, Guard, Http};

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn call(url: &str) -> Call {
    Call::new(http::Method::GET, url.parse().unwrap())
}

async fn text(http: &Http, call: Call) -> Result<String, NodeError> {
    let bytes = http.send(call).await?.bytes().await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn check_refused(guard: Guard, url: &str) {
    match text(&Http::new(guard), call(url)).await {
        Err(NodeError::Data { message, .. }) => assert!(message.contains("not allowed"), "{url}: {message}"),
        other => panic!("{url}: {other:?}"),
    }
}

#[tokio::test]
async fn no_way_to_write_a_closed_address_gets_through() {
    let port = serve(Router::new().route("/", get(|| async { "inside" }))).await.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "2130706433",
        "0x7f000001",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "0.0.0.0",
        "0",
        "[::]",
        "10.0.0.1",
        "169.254.169.254",
        "user:pw@127.0.0.1",
        "１２７.0.0.1",
    ] {
        check_refused(Guard::public_only(), &format!("http://{host}:{port}/")).await;
    }
    check_refused(Guard::own_machine(), "http://169.254.169.254/latest/meta-data").await;
    check_refused(Guard::own_machine(), "http://[::ffff:169.254.169.254]/").await;
}

#[tokio::test]
async fn an_allowed_name_or_address_is_reached() {
    let port = serve(Router::new().route("/", get(|| async { "inside" }))).await.port();
    for (list, host) in [("localhost", "localhost"), ("127.0.0.0/8", "127.0.0.1")] {
        let http = Http::new(Guard::parse(false, list).unwrap());
        assert_eq!(text(&http, call(&format!("http://{host}:{port}/"))).await.unwrap(), "inside");
    }
    check_refused(Guard::parse(false, "localhost").unwrap(), &format!("http://127.0.0.1:{port}/")).await;
}

#[tokio::test]
async fn a_forbidden_address_is_closed_by_name_too() {
    let address = serve(Router::new().route("/", get(|| async { "database" }))).await;
    let open = serve(Router::new().route("/", get(|| async { "other" }))).await;
    let guard = || Guard::own_machine().forbid([address]);
    check_refused(guard(), &format!("http://127.0.0.1:{}/", address.port())).await;
    check_refused(guard(), &format!("http://localhost:{}/", address.port())).await;
    let http = Http::new(guard());
    assert_eq!(text(&http, call(&format!("http://localhost:{}/", open.port()))).await.unwrap(), "other");
}

#[tokio::test]
async fn a_redirect_to_a_closed_address_is_refused() {
    let router = Router::new()
        .route("/", get(|| async { (StatusCode::FOUND, [(header::LOCATION, "http://169.254.169.254/")]) }));
    let address = serve(router).await;
    check_refused(Guard::own_machine(), &format!("http://{address}/")).await;
}

#[tokio::test]
async fn credentials_stay_with_the_origin() {
    async fn show(headers: HeaderMap) -> String {
        let has = |name: &str| headers.contains_key(name).to_string();
        [has("authorization"), has("cookie"), has("x-key"), has("x-plain")].join(" ")
    }
    let other = serve(Router::new().route("/show", any(show))).await;
    let away = move || async move {
        (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, format!("http://{other}/show"))])
    };
    let home = || async { (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/show")]) };
    let router = Router::new().route("/away", any(away)).route("/home", any(home)).route("/show", any(show));
    let first = serve(router).await;
    let http = Http::for_tests();
    for (path, expected) in [("home", "true true true true"), ("away", "false false false true")] {
        let mut call = call(&format!("http://{first}/{path}"));
        for name in ["authorization", "cookie", "x-key", "x-plain"] {
            call.headers.insert(name, "v".parse().unwrap());
        }
        call.secret_headers.push("x-key".parse().unwrap());
        assert_eq!(text(&http, call).await.unwrap(), expected, "{path}");
    }
}

#[tokio::test]
async fn redirects_keep_or_change_the_method_and_end_somewhere() {
    async fn redirect(Path(code): Path<u16>) -> impl IntoResponse {
        (StatusCode::from_u16(code).unwrap(), [(header::LOCATION, "/show")])
    }
    async fn show(method: axum::http::Method, body: String) -> String {
        format!("{method} {body}")
    }
    let again = || async { (StatusCode::FOUND, [(header::LOCATION, "/loop")]) };
    let router =
        Router::new().route("/to/{code}", any(redirect)).route("/show", any(show)).route("/loop", any(again));
    let address = serve(router).await;
    let http = Http::for_tests();
    for (code, expected) in [(301, "GET "), (302, "GET "), (303, "GET "), (307, "POST b"), (308, "POST b")] {
        let mut call = call(&format!("http://{address}/to/{code}"));
        call.method = http::Method::POST;
        call.body = Some("b".into());
        assert_eq!(text(&http, call).await.unwrap(), expected, "{code}");
    }
    let problem = text(&http, call(&format!("http://{address}/loop"))).await.unwrap_err().to_string();
    assert!(problem.contains("more than 20 times"), "{problem}");
    let mut stay = call(&format!("http://{address}/loop"));
    stay.redirects_max = 0;
    assert_eq!(http.send(stay).await.unwrap().status, 302);
}

#[tokio::test]
async fn a_body_that_never_ends_is_left_at_the_limit() {
    let endless = || async {
        Body::from_stream(futures_util::stream::repeat_with(|| {
            Ok::<_, std::io::Error>(bytes::Bytes::from_static(&[b'x'; 4096]))
        }))
    };
    let address = serve(Router::new().route("/", get(endless))).await;
    let mut small = call(&format!("http://{address}/"));
    small.body_bytes_max = 10_000;
    let problem = text(&Http::for_tests(), small).await.unwrap_err().to_string();
    assert!(problem.contains("10000 bytes"), "{problem}");
    let start = Http::for_tests().send(call(&format!("http://{address}/"))).await.unwrap();
    assert_eq!(start.start(100).await.unwrap().len(), 100);
}

#[tokio::test]
async fn silence_ends_at_the_time_limit_and_at_cancel() {
    let silent = || async {
        std::future::pending::<()>().await;
    };
    let address = serve(Router::new().route("/", get(silent))).await;
    let mut quick = call(&format!("http://{address}/"));
    quick.timeout_ms = 50;
    let error = text(&Http::for_tests(), quick).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("50 ms"), "{error}");
    let canceled = call(&format!("http://{address}/"));
    let cancel = canceled.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        cancel.cancel();
    });
    assert_eq!(text(&Http::for_tests(), canceled).await, Err(NodeError::Canceled));
}

#[tokio::test]
async fn nobody_there_is_worth_another_try() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = text(&Http::for_tests(), call(&format!("http://{address}/?key=secret"))).await.unwrap_err();
    assert!(error.is_retryable() && !error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn connections_are_used_again() {
    let show = |axum::extract::ConnectInfo(from): axum::extract::ConnectInfo<SocketAddr>| async move {
        from.port().to_string()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = Router::new().route("/", get(show)).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    let http = Http::for_tests();
    let first = text(&http, call(&format!("http://{address}/"))).await.unwrap();
    assert_eq!(text(&http, call(&format!("http://{address}/"))).await.unwrap(), first);
}
