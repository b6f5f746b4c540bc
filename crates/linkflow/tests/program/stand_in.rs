//! A web server that stands in for services outside, and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub at: Instant,
    pub path: String,
    pub query: String,
    pub idempotency_key: Option<String>,
    pub body: Value,
}

/// What is answered to the `n`th request (from 0) of a path.
type Answer = dyn Fn(&Asked, usize) -> (u16, Value) + Send + Sync;

pub struct StandIn {
    pub base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl StandIn {
    pub async fn start(answer: impl Fn(&Asked, usize) -> (u16, Value) + Send + Sync + 'static) -> StandIn {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (memory, answer) = (Arc::clone(&asked), Arc::new(answer) as Arc<Answer>);
        let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let answer = note(&memory, request(&uri, &headers, &body), &*answer);
            async move { answer }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        StandIn { base, asked }
    }

    /// The requests of a path, in order; of all paths that begin so where it ends in `/`.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let is_it = |a: &&Asked| a.path == path || (path.ends_with('/') && a.path.starts_with(path));
        self.asked.lock().expect("no test panics with the lock").iter().filter(is_it).cloned().collect()
    }

    /// The same, once there are `n`.
    pub async fn wait_for(&self, path: &str, n: usize) -> Vec<Asked> {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let asked = self.asked(path);
            if asked.len() >= n {
                return asked;
            }
            assert!(Instant::now() < until, "{path} was asked {} times, not {n}", asked.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn request(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Asked {
    let key = headers.get("idempotency-key").and_then(|v| v.to_str().ok());
    Asked {
        at: Instant::now(),

        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        idempotency_key: key.map(str::to_owned),
        body: serde_json::from_slice(body).unwrap_or(Value::Null),
    }
}

fn note(memory: &Mutex<Vec<Asked>>, asked: Asked, answer: &Answer) -> (StatusCode, axum::Json<Value>) {
    let mut memory = memory.lock().expect("no test panics with the lock");
    let nth = memory.iter().filter(|a| a.path == asked.path).count();
    memory.push(asked.clone());
    drop(memory);
    let (status, body) = answer(&asked, nth);
    (StatusCode::from_u16(status).expect("a status"), axum::Json(body))
}
