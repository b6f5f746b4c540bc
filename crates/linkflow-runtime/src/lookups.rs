//! What every request asks for again: whose key or session this is, who listens where, what a version
//! says. Looked up on three levels: in memory, on the shelf that all processes share, in the database.
//!
//! Versions never change. The rest is dropped everywhere by whoever changes it through the API
//! ([`Lookups::changed`]). What changes past the API, and what a process without a way to the queue's
//! server does not hear, is seen when its time is over: a second for memory, [`SHELF_CHANGING`] for the
//! shelf. Without the shelf the database is asked; answers are the same.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use linkflow_model::{ApiKeyId, Millis, UserId, Workflow, WorkflowId, WorkspaceId};
use linkflow_queue::{Queue, RedisQueue, Shelved, Slip};
use linkflow_store::{Store, StoreError, UserRow, WebhookRow};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::hints::{News, tell};

/// How long what may change stays in memory.
const MEMORY_MS: u64 = 1_000;
/// How long it stays on the shelf.
pub const SHELF_CHANGING: Duration = Duration::from_secs(4);
/// How long versions stay there, which never change.
const SHELF_VERSIONS: Duration = Duration::from_secs(600);
/// Larger values are not put on the shelf, in bytes.
const SHELVED_MAX: usize = 1 << 20;
/// A shelf that takes longer to answer is left alone for a moment.
const SHELF_WITHIN: Duration = Duration::from_millis(200);
const LEFT_ALONE_MS: u64 = 1_000;
/// Who waits for a value that somebody else brings looks so often, and then asks the database itself.
const LOOKS: usize = 8;
const LOOK_EVERY: Duration = Duration::from_millis(15);
/// Callers that are remembered.
const CALLERS_MAX: u64 = 50_000;

/// What is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// What callers may do: sessions, API keys, roles.
    Rights,
    /// Who listens where.
    Webhooks,
    /// Documents of versions.
    Versions,
}

impl Topic {
    fn name(self) -> &'static str {
        match self {
            Topic::Rights => "rights",
            Topic::Webhooks => "webhooks",
            Topic::Versions => "versions",
        }
    }

    fn shelf_for(self) -> Duration {
        if self == Topic::Versions { SHELF_VERSIONS } else { SHELF_CHANGING }
    }
}

/// Where something was found, or looked for last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Memory,
    Shelf,
    Database,
}

/// An API key, and what the person who made it may still do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyGrant {
    pub id: ApiKeyId,
    pub workspace: WorkspaceId,
    pub created_by: Option<UserId>,
    pub scopes: Vec<String>,
    /// The role of that person; `None` for a key that nobody made.
    pub role: Option<String>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Lookups {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    queue: Option<Arc<Queue>>,
    /// Until when the shelf is left alone, in milliseconds since `since`.
    left_alone_until: AtomicU64,
    since: std::time::Instant,
    /// Count the changes of each topic. What was looked up before one is not found after it.
    rights_changes: AtomicU64,
    webhook_changes: AtomicU64,
    sessions: Remembered<Vec<u8>, UserRow>,
    keys: Remembered<Vec<u8>, KeyGrant>,
}

impl Lookups {
    /// Without a queue that others share there are two levels.
    pub fn new(store: Store, queue: Option<Arc<Queue>>) -> Lookups {
        let queue = queue.filter(|queue| matches!(**queue, Queue::Redis(_)));
        Lookups {
            inner: Arc::new(Inner {
                store,
                queue,
                left_alone_until: AtomicU64::new(0),
                since: std::time::Instant::now(),
                rights_changes: AtomicU64::new(0),
                webhook_changes: AtomicU64::new(0),
                sessions: Remembered::new("sessions"),
                keys: Remembered::new("api_keys"),
            }),
        }
    }

    /// Whose session this is; `None` when there is none, or none any more.
    pub async fn session(&self, token_hash: Vec<u8>, now: Millis) -> Result<Option<UserRow>, StoreError> {
        let inner = &self.inner;
        let name = format!("session:{}", hex(&token_hash));
        let load = || inner.store.session(token_hash.clone(), now);
        let shared = || inner.shared(Topic::Rights, "sessions", &name, load);
        inner.sessions.get(inner.changes(Topic::Rights), token_hash.clone(), now, shared).await
    }

    /// What the API key with this hash allows; `None` when there is none, its time is over, or the
    /// person who made it is gone.
    pub async fn api_key(&self, key_hash: Vec<u8>, now: Millis) -> Result<Option<KeyGrant>, StoreError> {
        let inner = &self.inner;
        let name = format!("key:{}", hex(&key_hash));
        let load = || inner.grant(key_hash.clone(), now);
        let shared = || inner.shared(Topic::Rights, "api_keys", &name, load);
        inner.keys.get(inner.changes(Topic::Rights), key_hash.clone(), now, shared).await
    }

    /// All published addresses of all workspaces. Callers keep what they make of it for as long as
    /// [`Lookups::changes`] says the same number.
    pub async fn webhooks(&self) -> Result<Vec<WebhookRow>, StoreError> {
        let load = || async { self.inner.store.webhooks().await.map(Some) };
        Ok(self.inner.shared(Topic::Webhooks, "webhooks", "all", load).await?.unwrap_or_default())
    }

    /// The document of a version. Callers keep it: it never changes.
    pub async fn document(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        version: u32,
    ) -> Result<Option<Workflow>, StoreError> {
        let inner = &self.inner;
        let name = format!("{workspace}:{workflow}:{version}");
        let load = || async {
            let found = inner.store.workflow_version(workspace, workflow, version).await?;
            Ok(found.map(|found| found.document))
        };
        inner.shared(Topic::Versions, "versions", &name, load).await
    }

    /// How often something of this topic has changed, as far as this process has heard.
    pub fn changes(&self, topic: Topic) -> u64 {
        self.inner.changes(topic)
    }

    /// Drops what this process, the shelf and the other processes know of a topic. Called after the
    /// change is stored.
    pub async fn changed(&self, topic: Topic) {
        self.heard(topic);
        let Some(shelf) = self.inner.shelf() else { return };
        let told = async {
            let cleared = shelf.clear_shelf(topic.name()).await;
            // First the shelf: who hears of it looks there.
            cleared.is_ok() && tell(shelf, &News::Changed(topic)).await
        };
        if !matches!(tokio::time::timeout(SHELF_WITHIN, told).await, Ok(true)) {
            self.inner.leave_alone();
        }
    }

    /// Drops what this process knows of a topic: somebody else has changed it.
    pub fn heard(&self, topic: Topic) {
        match topic {
            Topic::Rights => self.inner.rights_changes.fetch_add(1, Ordering::SeqCst),
            Topic::Webhooks => self.inner.webhook_changes.fetch_add(1, Ordering::SeqCst),
            Topic::Versions => 0,
        };
    }
}

impl Inner {
    fn changes(&self, topic: Topic) -> u64 {
        match topic {
            Topic::Rights => self.rights_changes.load(Ordering::SeqCst),
            Topic::Webhooks => self.webhook_changes.load(Ordering::SeqCst),
            Topic::Versions => 0,
        }
    }

    async fn grant(&self, key_hash: Vec<u8>, now: Millis) -> Result<Option<KeyGrant>, StoreError> {
        let Some(row) = self.store.api_key(key_hash, now).await? else { return Ok(None) };
        let role = match row.created_by {
            None => None,
            Some(user) => match self.store.user(row.workspace, user).await? {
                Some(user) => Some(user.role),
                None => return Ok(None),
            },
        };
        let (id, workspace, created_by, scopes) = (row.id, row.workspace, row.created_by, row.scopes);
        Ok(Some(KeyGrant { id, workspace, created_by, scopes, role }))
    }

    /// A value from the shelf, or from the database and then put there.
    async fn shared<V: Serialize + DeserializeOwned>(
        &self,
        topic: Topic,
        cache: &'static str,
        name: &str,
        load: impl AsyncFnOnce() -> Result<Option<V>, StoreError>,
    ) -> Result<Option<V>, StoreError> {
        let slip = match self.look(topic, name).await {
            Looked::Found(value) => {
                looked_up(cache, Level::Shelf);
                return Ok(Some(value));
            }
            Looked::Missing(slip) => slip,
        };
        looked_up(cache, Level::Database);
        let loaded = load().await?;
        if let Some(slip) = slip {
            self.bring(slip, topic, loaded.as_ref()).await;
        }
        Ok(loaded)
    }

    async fn look<V: DeserializeOwned>(&self, topic: Topic, name: &str) -> Looked<V> {
        let Some(shelf) = self.shelf() else { return Looked::Missing(None) };
        for _ in 0..LOOKS {
            match tokio::time::timeout(SHELF_WITHIN, shelf.shelved(topic.name(), name)).await {
                Ok(Ok(Shelved::Found(bytes))) => match serde_json::from_slice(&bytes) {
                    Ok(value) => return Looked::Found(value),
                    // Put there by another version of this program.
                    Err(_) => return Looked::Missing(None),
                },
                Ok(Ok(Shelved::Missing(slip))) => return Looked::Missing(Some(slip)),
                Ok(Ok(Shelved::Coming)) => tokio::time::sleep(LOOK_EVERY).await,
                Ok(Err(_)) | Err(_) => {
                    self.leave_alone();
                    break;
                }
            }
        }
        Looked::Missing(None)
    }

    async fn bring<V: Serialize>(&self, slip: Slip, topic: Topic, value: Option<&V>) {
        let Some(shelf) = self.shelf() else { return };
        let bytes = value.and_then(|value| serde_json::to_vec(value).ok());
        let brought = async {
            match bytes.filter(|bytes| bytes.len() <= SHELVED_MAX) {
                Some(bytes) => shelf.shelve(slip, &bytes, topic.shelf_for()).await,
                None => shelf.bring_nothing(slip).await,
            }
        };
        if !matches!(tokio::time::timeout(SHELF_WITHIN, brought).await, Ok(Ok(()))) {
            self.leave_alone();
        }
    }

    fn shelf(&self) -> Option<&RedisQueue> {
        let Some(Queue::Redis(queue)) = self.queue.as_deref() else { return None };
        (queue.is_up() && self.now_ms() >= self.left_alone_until.load(Ordering::Relaxed)).then_some(queue)
    }

    fn leave_alone(&self) {
        self.left_alone_until.store(self.now_ms() + LEFT_ALONE_MS, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

enum Looked<V> {
    Found(V),
    /// With a slip, the caller is to bring it.
    Missing(Option<Slip>),
}

/// Values in memory, for a second. Those who want the same one at once share one question.
struct Remembered<K, V> {
    cache: &'static str,
    cells: moka::sync::Cache<(u64, K), Arc<OnceCell<(Millis, Option<V>)>>>,
}

impl<K, V> Remembered<K, V>
where
    K: Clone + Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn new(cache: &'static str) -> Remembered<K, V> {
        let idle = Duration::from_millis(4 * MEMORY_MS);
        let cells = moka::sync::Cache::builder().max_capacity(CALLERS_MAX).time_to_live(idle).build();
        Remembered { cache, cells }
    }

    async fn get(
        &self,
        changes: u64,
        key: K,
        now: Millis,
        look: impl AsyncFnOnce() -> Result<Option<V>, StoreError>,
    ) -> Result<Option<V>, StoreError> {
        let key = (changes, key);
        let mut cell = self.cells.get_with(key.clone(), Arc::default);
        if let Some((at, value)) = cell.get() {
            let is_fresh = *at <= now && now.since(*at) < MEMORY_MS;
            if is_fresh && value.is_some() {
                looked_up(self.cache, Level::Memory);
                return Ok(value.clone());
            }
            cell = Arc::default();
            self.cells.insert(key.clone(), cell.clone());
        }
        let (_, value) = cell.get_or_try_init(async || Ok((now, look().await?))).await?;
        // What is not there may be there in a moment.
        if value.is_none() {
            self.cells.invalidate(&key);
        }
        Ok(value.clone())
    }
}

/// Counts what was looked up. A level below memory is asked only for what the one above does not have.
pub fn looked_up(cache: &'static str, level: Level) {
    let level = match level {
        Level::Memory => "memory",
        Level::Shelf => "shelf",
        Level::Database => "database",
    };
    metrics::counter!("linkflow_cache_lookups_total", "cache" => cache, "level" => level).increment(1);
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
