//! A store in a directory or database of its own, and short words for what the stories do.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use linkflow_engine::{Event, Outcome, Wait, Wake};
use linkflow_model::*;
use linkflow_store::*;
use serde_json::{Value, json};

pub use crate::server::Database;

pub const LEASE_MS: u64 = 15_000;

pub fn t(ms: i64) -> Millis {
    Millis(1_700_000_000_000 + ms)
}

pub fn workspace() -> WorkspaceId {
    WorkspaceId(uuid::Uuid::from_u128(1))
}

pub fn workflow() -> WorkflowId {
    WorkflowId(uuid::Uuid::from_u128(2))
}

/// As [`id`], where a variable has that name.
pub fn new_id(ms: i64) -> ExecutionId {
    id(ms)
}

/// Ids that differ from all others of the test run.
pub fn id(ms: i64) -> ExecutionId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    ExecutionId::new(t(ms), u128::from(NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// On what a story's store runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
    /// PostgreSQL through PgBouncer in transaction mode.
    Pooler,
}

pub struct World {
    pub dir: tempfile::TempDir,
    pub store: Store,
    pub database: Option<Database>,
}

impl std::ops::Deref for World {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

/// A store on SQLite, for stories about its files.
pub fn world() -> World {
    world_on(On::Sqlite, Options::default())
}

pub fn world_on(on: On, options: Options) -> World {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    if on == On::Sqlite {
        let store = Store::open(&data, options).unwrap();
        return World { dir, store, database: None };
    }
    let database = Database::new();
    let url = if on == On::Pooler { database.pooled_url() } else { database.url() };
    let direct_url = Some(database.url());
    let options = PgOptions { store: options, direct_url, ..PgOptions::new(url, data) };
    let store = Store::connect(options).unwrap();
    World { dir, store, database: Some(database) }
}

impl World {
    pub fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    /// Makes the journal of an execution unreadable.
    pub fn damage(&self, id: ExecutionId) {
        match &self.database {
            Some(database) => {
                database.run(&format!("UPDATE journal SET data = '\\x0163' WHERE execution = '{id}'"));
            }
            None => {
                let raw = rusqlite::Connection::open(self.data().join("linkflow.db")).unwrap();
                let sql = "UPDATE journal SET data = x'0163' WHERE execution = ?1";
                raw.execute(sql, [&id.0.as_bytes()[..]]).unwrap();
            }
        }
    }

    pub async fn worker(&self, ms: i64) -> WorkerKey {
        self.store.register_worker(t(ms), LEASE_MS, json!({"host": "here"})).await.unwrap()
    }

    pub async fn accepted(&self, ms: i64) -> ExecutionId {
        let new = new(id(ms), ms);
        self.store.accept(new).await.unwrap().id
    }

    pub async fn claimed(&self, key: &WorkerKey, id: ExecutionId, ms: i64) -> Claimed {
        let mut claimed = self.store.claim(key, vec![id], t(ms)).await.unwrap();
        assert_eq!(claimed.len(), 1, "{id} could not be claimed");
        claimed.remove(0)
    }

    pub async fn status(&self, id: ExecutionId) -> Status {
        self.store.status_of(workspace(), id).await.unwrap().expect("the execution exists")
    }

    pub async fn events(&self, id: ExecutionId) -> Vec<Event> {
        let loaded = self.store.load(workspace(), id).await.unwrap().expect("the execution exists");
        loaded.entries.into_iter().map(|e| e.event).collect()
    }
}

pub fn new(id: ExecutionId, ms: i64) -> NewExecution {
    NewExecution {
        id,
        workspace: workspace(),
        workflow: workflow(),
        version: 1,
        mode: Mode::Webhook,
        parent: None,
        retry_of: None,
        idempotency: None,
        queue: "default".to_owned(),
        created_at: t(ms),
        entries: vec![started(ms)],
    }
}

pub fn child(parent: ExecutionId, step: u32, index: u32, ms: i64) -> NewExecution {
    NewExecution {
        parent: Some(Parent { execution: parent, step, index }),
        mode: Mode::Workflow,
        ..new(id(ms), ms)
    }
}

pub fn items(value: Value) -> Items {
    Arc::new(vec![Item::from_value(value)])
}

pub fn started(ms: i64) -> Entry {
    let outputs = Some(vec![items(json!({"body": {"n": ms}}))]);
    Entry {
        event: Event::Started { at: t(ms), node: 0, outputs: vec![1] },
        data: EntryData { outputs, ..EntryData::default() },
    }
}

pub fn began(ms: i64, step: u32) -> Entry {
    Entry::of(Event::Began { at: t(ms), step, attempt: 1 })
}

pub fn done(ms: i64, step: u32, value: Value) -> Entry {
    Entry {
        event: Event::Done { at: t(ms), step, attempt: 1, outputs: vec![1], failed: false },
        data: EntryData { outputs: Some(vec![items(value)]), ..EntryData::default() },
    }
}

pub fn parked(ms: i64, step: u32, wait: Wait) -> Entry {
    Entry::of(Event::Parked { at: t(ms), step, wait })
}

pub fn woken(ms: i64, step: u32, by: Wake) -> Entry {
    Entry::of(Event::Woken { at: t(ms), step, by })
}

pub fn finished(ms: i64) -> Entry {
    Entry::of(Event::Finished { at: t(ms), outcome: Outcome::Success })
}

pub fn keep(claimed: &Claimed, entries: Vec<Entry>) -> Append {
    append(claimed, entries, Then::Keep)
}

pub fn append(claimed: &Claimed, entries: Vec<Entry>, then: Then) -> Append {
    let Claimed { id: execution, claim, seq, .. } = *claimed;
    Append { execution, claim, takes: false, seq, entries, then, started_at: None }
}

pub fn success() -> Then {
    end(Status::Success, true)
}

pub fn end(status: Status, keep_data: bool) -> Then {
    let error = (status == Status::Error).then(|| "it did not work".to_owned());
    Then::Finish { status, error, error_node: None, keep_data, custom_data: None }
}

pub fn rest(wake_at: Option<i64>) -> Then {
    Then::Park { wake_at: wake_at.map(t), children: Vec::new() }
}

/// What a process that was killed leaves: the files as they are at this moment.
pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy_dir(&file.path(), &target);
        } else {
            std::fs::copy(file.path(), target).unwrap();
        }
    }
}
