//! HTTP, WebSocket, sign-in and the OpenAPI document of Linkflow.
//!
//! Nothing here knows a node kind by name, writes SQL, or speaks to Redis.

pub mod access;
mod extract;
mod freshness;
mod health;
mod measure;
mod offline;
mod openapi;
mod page;
mod problem;
mod rates;
mod routes;
pub use linkflow_runtime::contract as runtime;
mod secrets;
mod serve;
mod settings;
mod webhooks;
mod ws;

use std::sync::Arc;

use linkflow_model::Millis;
use linkflow_node::{Blobs, NodeKind};
use linkflow_store::{Keyring, Store};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use measure::HTTP_SECONDS_BUCKETS;
pub use offline::{check_file, has_page, import_file};
pub use problem::{FieldProblem, Problem};
pub use routes::import::{ImportedNode, ImportedView};
pub use secrets::{hash_password, new_token, token_hash};
pub use serve::{router, serve, serve_health};
pub use settings::ApiSettings;
pub use webhooks::read_form;

use linkflow_runtime::Lookups;
use linkflow_runtime::contract::Runtime;

/// What time it is, in milliseconds. Tests turn it themselves.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// All that the API needs. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    pub store: Store,
    pub runtime: Arc<dyn Runtime>,
    pub lookups: Lookups,
    pub kinds: &'static [NodeKind],
    pub blobs: Blobs,
    pub keyring: Keyring,
    pub settings: Arc<ApiSettings>,
    pub clock: Clock,
    /// Renders `/metrics`; without one the page is empty.
    pub metrics: Option<PrometheusHandle>,
    /// What this process remembers between requests.
    memory: Arc<Memory>,
}

/// Caches and short-lived registrations of this process. Losing them costs time, nothing else.
struct Memory {
    webhooks: webhooks::RouteCache,
    listens: webhooks::Listens,
    sign_ins: routes::session::FailedSignIns,
    rates: rates::Rates,
    /// Cancelled when the process is asked to end.
    leaving: CancellationToken,
    /// Those who watch.
    sockets: TaskTracker,
    /// Idempotency keys of requests that are being carried out.
    keys_at_work: std::sync::Mutex<std::collections::HashSet<(linkflow_model::WorkspaceId, String)>>,
}

/// What an [`Api`] is made of.
pub struct ApiParts {
    pub store: Store,
    pub runtime: Arc<dyn Runtime>,
    pub lookups: Lookups,
    pub kinds: &'static [NodeKind],
    pub blobs: Blobs,
    pub keyring: Keyring,
    pub settings: ApiSettings,
    pub clock: Clock,
    pub metrics: Option<PrometheusHandle>,
}

impl Api {
    pub fn new(parts: ApiParts) -> Api {
        Api {
            store: parts.store,
            runtime: parts.runtime,
            lookups: parts.lookups,
            kinds: parts.kinds,
            blobs: parts.blobs,
            keyring: parts.keyring,
            settings: Arc::new(parts.settings),
            clock: parts.clock,
            metrics: parts.metrics,
            memory: Arc::new(Memory {
                webhooks: webhooks::RouteCache::new(),
                listens: webhooks::Listens::default(),
                sign_ins: routes::session::FailedSignIns::new(),
                rates: rates::Rates::new(),
                leaving: CancellationToken::new(),
                sockets: TaskTracker::new(),
                keys_at_work: std::sync::Mutex::default(),
            }),
        }
    }

    pub fn now(&self) -> Millis {
        (self.clock)()
    }

    /// The process has been asked to end: it is no longer ready, those who watch go elsewhere, and
    /// connections end with the request they are at.
    pub fn leave(&self) {
        self.memory.leaving.cancel();
    }

    fn is_leaving(&self) -> bool {
        self.memory.leaving.is_cancelled()
    }

    fn kind(&self, name: &str) -> Option<&'static NodeKind> {
        self.kinds.iter().find(|kind| kind.kind == name)
    }

    /// A random number for ids.
    fn random(&self) -> u128 {
        uuid::Uuid::new_v4().as_u128()
    }
}
