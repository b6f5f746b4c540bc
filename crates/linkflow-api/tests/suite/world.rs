//! A server with a store of its own, and somebody who calls it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use linkflow_api::{Api, ApiParts, ApiSettings, serve, token_hash};
use linkflow_model::{ApiKeyId, Millis, UserId, WorkspaceId};
use linkflow_node::Blobs;
use linkflow_store::{Keyring, NewApiKey, NewSession, NewUser, Options, Store};
use metrics_exporter_prometheus::PrometheusHandle;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::described;
use super::runtime::{Course, FakeRuntime};

pub const NOW: i64 = 1_772_600_767_890;

pub struct World {
    pub base: String,
    pub runtime: Arc<FakeRuntime>,
    pub store: Store,
    pub api: Api,
    pub workspace: WorkspaceId,
    pub client: reqwest::Client,
    pub dir: TempDir,
    /// The description of the API, against which every answer to [`World::call`] is held.
    pub document: Value,
    clock: Arc<AtomicI64>,
    /// Sent with every request of [`World::call`].
    pub auth: String,
    _stop: oneshot::Sender<()>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Fails unless the status is `status`; gives the JSON.
    #[track_caller]
    pub fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// Fails unless this is a problem with that status whose detail has `part` in it.
    #[track_caller]
    pub fn is_problem(&self, status: u16, part: &str) -> Value {
        let json = self.is(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(json["status"], status);
        let detail = json["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{detail}");
        json
    }
}

impl World {
    /// A server where a program with all scopes calls.
    pub async fn new() -> World {
        World::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut ApiSettings)) -> World {
        World::measured(change, None).await
    }

    pub async fn measured(change: impl FnOnce(&mut ApiSettings), metrics: Option<PrometheusHandle>) -> World {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("data"), Options::default()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let runtime = Arc::new(FakeRuntime::new(store.clone()));
        let clock = Arc::new(AtomicI64::new(NOW));
        let mut settings = ApiSettings { local_url: base.clone(), ..ApiSettings::default() };
        change(&mut settings);
        let api = Api::new(ApiParts {
            store: store.clone(),
            runtime: runtime.clone(),
            lookups: linkflow_runtime::Lookups::new(store.clone(), None),
            kinds: linkflow_nodes::ALL,
            blobs: Blobs::in_dir(store.blob_dir()),
            keyring: Keyring::new("a secret of tests that is long enough", &[]).unwrap(),
            settings,
            clock: Arc::new({
                let clock = clock.clone();
                move || Millis(clock.load(Ordering::SeqCst))
            }),
            metrics,
        });
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(serve(listener, api.clone(), async move {
            let _ = stopped.await;
        }));
        let id = WorkspaceId(uuid::Uuid::new_v4());
        let workspace = store.ensure_workspace(id, "Tests".to_owned(), Millis(NOW)).await.unwrap().id;
        let client =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        let mut world = World {
            base,
            runtime,
            store,
            api,
            workspace,
            client: client.unwrap(),
            dir,
            document: Value::Null,
            clock,
            auth: String::new(),
            _stop: stop,
        };
        world.auth = world.key(&["read", "write", "execute", "admin"]).await;
        let name = world.base.strip_prefix("http://").unwrap().to_owned();
        let document = world.send("GET /api/v1/openapi.json", &[("host", &name)], "").await;
        world.document = document.is(200);
        world
    }

    pub fn pass_ms(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn goes(&self, course: Course) {
        *self.runtime.course.lock().unwrap() = course;
    }

    /// A key of nobody in particular with these scopes.
    pub async fn key(&self, scopes: &[&str]) -> String {
        let key = format!("lf_{}", uuid::Uuid::new_v4().simple());
        let row = NewApiKey {
            id: ApiKeyId(uuid::Uuid::new_v4()),
            workspace: self.workspace,
            created_by: None,
            name: "tests".to_owned(),
            prefix: key[..11].to_owned(),
            key_hash: token_hash(&key),
            scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
            at: Millis(NOW),
            expires_at: None,
        };
        self.store.create_api_key(row).await.unwrap();
        format!("Bearer {key}")
    }

    /// A person of this role, without a password that would fit.
    pub async fn person(&self, role: &str) -> UserId {
        let user = NewUser {
            id: UserId(uuid::Uuid::new_v4()),
            email: format!("{role}-{}@example.com", uuid::Uuid::new_v4().simple()),
            name: role.to_owned(),
            password_hash: "none".to_owned(),
            role: role.to_owned(),
            at: Millis(NOW),
        };
        self.store.create_user(self.workspace, user).await.unwrap().id
    }

    /// The cookie of a new session of this person.
    pub async fn session(&self, user: UserId) -> String {
        let token = uuid::Uuid::new_v4().to_string();
        let session = NewSession {
            token_hash: token_hash(&token),
            workspace: self.workspace,
            user,
            at: Millis(NOW),
            expires_at: Millis(NOW + 86_400_000),
        };
        self.store.open_session(session).await.unwrap();
        format!("linkflow={token}")
    }

    /// `GET /path` with the headers `name: value`, and a body.
    pub async fn send(&self, line: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.base));
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            request = request.header(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let response = request.body(body).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// A call of the API with a body of JSON; `null` for none.
    pub async fn call(&self, line: &str, body: Value) -> Answer {
        self.call_with(line, body, &[]).await
    }

    pub async fn call_with(&self, line: &str, body: Value, headers: &[(&str, &str)]) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let line = format!("{method} /api/v1{path}");
        let mut all = vec![("authorization", self.auth.as_str())];
        all.extend_from_slice(headers);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        if !body.is_empty() {
            all.push(("content-type", "application/json"));
        }
        let answer = self.send(&line, &all, body).await;
        described::check(&self.document, method, line.split_once(' ').unwrap().1, &answer);
        answer
    }

    /// Makes and publishes a workflow of one webhook node; gives its id.
    pub async fn webhook(&self, name: &str, params: Value) -> String {
        let id = self.workflow(name, json!([node("Hook", "webhook", params)])).await;
        self.call(&format!("POST /workflows/{id}/publish"), Value::Null).await.is(200);
        id
    }

    /// Makes a workflow of these nodes; gives its id.
    pub async fn workflow(&self, name: &str, nodes: Value) -> String {
        let made = self.call("POST /workflows", json!({"name": name, "nodes": nodes})).await.is(201);
        made["id"].as_str().unwrap().to_owned()
    }
}

pub fn node(name: &str, kind: &str, params: Value) -> Value {
    json!({"id": name.to_lowercase(), "name": name, "kind": kind, "params": params})
}
