//! The store on PostgreSQL: the same calls, answered by threads that own connections.
//!
//! - `session.rs`: one connection, and what becomes of a transaction whose answer got lost.
//! - `transaction.rs`: the transaction of one job. `threads.rs`: who runs the jobs.
//! - `group.rs`: accept, claim and append, written in groups.
//! - `partitions.rs`: parts of the tables for weeks, made ahead and dropped whole.
//! - `fault.rs`, `tls.rs`, `value.rs`: errors, addresses, values.
//!
//! Everything works through PgBouncer in transaction mode: no named statement, no setting of a
//! session, no lock that outlives its transaction.

mod fault;
mod group;
mod look;
mod partitions;
mod session;
mod threads;
mod tls;
mod transaction;
mod value;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use linkflow_model::Millis;

pub use look::{Follower, ServerLook, look_at};

pub(crate) use group::{HotJob, HotQueue};
pub(crate) use partitions::{drop_old, ensure};
pub(crate) use tls::Address;
pub(crate) use transaction::PgTx;
pub(crate) use value::cell;

use crate::commit::Queue;
use crate::db::{Db, Tx, params};
use crate::open::{make_dir, spawn};
use crate::{Options, Store, StoreError, migrations};
use session::{Session, Silence, Target};

/// How a store on PostgreSQL is reached, and what else can be chosen about it.
#[derive(Clone)]
pub struct PgOptions {
    /// `postgres://user:password@host:port/database?sslmode=...`, directly or through a pooler;
    /// several hosts, separated by commas, are tried until one takes writes.
    pub url: String,
    /// An address without a pooler, on which the tables are brought up to date; `url` when there
    /// is none.
    pub direct_url: Option<String>,
    /// Replicas, for reads that may be a little behind.
    pub replica_urls: Vec<String>,
    /// Where large data and files are kept: a directory that all processes share.
    pub dir: PathBuf,
    /// Connections that write single things.
    pub writers: usize,
    /// Connections that write in groups what comes in crowds.
    pub committers: usize,
    /// Connections to each replica. Those that read from the primary are `store.readers`.
    pub replica_readers: usize,
    /// The most time that one statement may take that only reads.
    pub read_timeout_ms: u64,
    /// The most time that one may take that writes: well below a worker's lease, so that a heartbeat
    /// that gets no answer is sent once more in time.
    pub write_timeout_ms: u64,
    /// The most time for which a transaction may stand still, as when its process is stopped: what it has
    /// locked keeps others from taking over.
    pub idle_in_transaction_timeout_ms: u64,
    pub connect_timeout_ms: u64,
    /// For how long a connection that does not even begin a transaction is believed to be alive. It is
    /// doubled, a few times, while none answers.
    pub begin_timeout_ms: u64,
    /// For how long a call waits for a database that cannot be reached.
    pub patience_ms: u64,
    pub store: Options,
}

impl PgOptions {
    pub fn new(url: impl Into<String>, dir: impl Into<PathBuf>) -> PgOptions {
        PgOptions {
            url: url.into(),
            direct_url: None,
            replica_urls: Vec::new(),
            dir: dir.into(),
            writers: 4,
            committers: 2,
            replica_readers: 2,
            read_timeout_ms: 30_000,
            write_timeout_ms: 10_000,
            idle_in_transaction_timeout_ms: 5_000,
            connect_timeout_ms: 3_000,
            begin_timeout_ms: 3_000,
            patience_ms: 10_000,
            store: Options {
                #[cfg(feature = "faults")]
                faults: crate::faults::by_environment(),
                ..Options::default()
            },
        }
    }
}

/// Addresses have passwords in them.
impl std::fmt::Debug for PgOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgOptions").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// A place in the primary's log: what was written before it is to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteToken(pub u64);

/// From where reads come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// From the primary: everything that was committed.
    #[default]
    Newest,
    /// From a replica that has everything up to the token, or from the primary.
    After(WriteToken),
}

/// The queues of the threads that own the connections.
pub(crate) struct Postgres {
    pub writes: Arc<Queue>,
    pub reads: Arc<Queue>,
    pub hot: Arc<HotQueue>,
    pub replicas: Vec<Arc<Queue>>,
    next_replica: AtomicUsize,
    #[cfg(feature = "faults")]
    pub faults: Option<Arc<dyn crate::faults::Faults>>,
}

impl Postgres {
    pub fn close(&self) {
        for replica in &self.replicas {
            replica.close();
        }
        self.hot.close();
        self.reads.close();
        self.writes.close();
    }

    /// The queue of the replica whose turn it is.
    pub fn a_replica(&self) -> Option<&Arc<Queue>> {
        let n = self.next_replica.fetch_add(1, Ordering::Relaxed);
        self.replicas.get(n.checked_rem(self.replicas.len())?)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.close();
    }
}

/// Brings the tables of a database up to date, and makes the parts for the next weeks. Several may
/// do so at the same time. Blocks for as long as that takes; needs a thread without a runtime, or
/// one that may block.
pub fn migrate(direct_url: &str) -> Result<(), StoreError> {
    let url = direct_url.to_owned();
    on_own_thread(move || {
        let address = Address::parse("DATABASE_DIRECT_URL", &url, Duration::from_secs(5))?.writable();
        migrate_at(address, Duration::from_secs(15))
    })
}

fn migrate_at(address: Address, patience: Duration) -> Result<(), StoreError> {
    let begin = session::begin_write(0, 0);
    let connects_within = MIGRATION_CONNECTS_WITHIN * address.n_hosts();
    let target = Target {
        address,
        pool: "migrate",
        begin_write: begin.clone(),
        begin_read: String::new(),
        patience,
        connects_within,
        begins_within: MIGRATES_WITHIN,
        answers_within: MIGRATES_WITHIN,
        silence: Arc::default(),
    };
    let mut session = Session::new(Arc::new(target))?;
    let mut tx = Tx::postgres(PgTx::new(&mut session, &begin));
    let done = tx.lock_name("linkflow schema").and_then(|()| migrations::migrate(&mut tx)).and_then(|()| {
        let now = tx.query_value(CLOCK, params![])?;
        ensure(&mut tx, now)
    });
    let ended = tx.end(done.is_ok());
    done.and(ended)
}

/// Tables of many rows may take their time.
const MIGRATES_WITHIN: Duration = Duration::from_secs(6 * 60 * 60);
const MIGRATION_CONNECTS_WITHIN: Duration = Duration::from_secs(5);
/// What a statement's own limit leaves for the way.
const ANSWER_SLACK: Duration = Duration::from_secs(2);
const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// A runtime cannot block on another one, so this gets a thread without any.
pub(crate) fn on_own_thread<T: Send>(
    work: impl FnOnce() -> Result<T, StoreError> + Send,
) -> Result<T, StoreError> {
    std::thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|_| Err(StoreError::Database("the connecting thread panicked".to_owned())))
}

/// Shows how many connections each pool may have.
fn count_connections(options: &PgOptions, n_replicas: usize) {
    let show = |pool: &'static str, n: usize| {
        metrics::gauge!("linkflow_database_connections_max", "pool" => pool).set(n as f64);
    };
    show("write", options.writers.max(1));
    show("read", options.store.readers.max(1));
    show("commit", options.committers.max(1));
    if n_replicas > 0 {
        show("replica", options.replica_readers.max(1) * n_replicas);
    }
}

impl Store {
    /// Connects to a store on PostgreSQL and brings its tables up to date. Blocks for as long as
    /// that takes.
    pub fn connect(options: PgOptions) -> Result<Store, StoreError> {
        make_dir(&options.dir)?;
        let connect = Duration::from_millis(options.connect_timeout_ms);
        let patience = Duration::from_millis(options.patience_ms);
        let primary = Address::parse("DATABASE_URL", &options.url, connect)?.writable();
        let direct = match &options.direct_url {
            Some(url) => Address::parse("DATABASE_DIRECT_URL", url, connect)?.writable(),
            None => primary.clone(),
        };
        on_own_thread(|| migrate_at(direct, patience))?;
        let mut replicas = Vec::new();
        for url in &options.replica_urls {
            replicas.push(Address::parse("DATABASE_REPLICA_URLS", url, connect)?);
        }
        let silence = Arc::default();
        let make = |address: &Address, pool, silence: &Arc<Silence>| {
            let idle = options.idle_in_transaction_timeout_ms;
            let is_reader = matches!(pool, "read" | "replica");
            let longest = if is_reader { options.read_timeout_ms } else { options.write_timeout_ms };
            Arc::new(Target {
                address: address.clone(),
                pool,
                begin_write: session::begin_write(longest, idle),
                begin_read: session::begin_read(longest, idle),
                patience,
                connects_within: connect * address.n_hosts(),
                begins_within: Duration::from_millis(options.begin_timeout_ms),
                answers_within: Duration::from_millis(longest) + ANSWER_SLACK,
                silence: silence.clone(),
            })
        };
        count_connections(&options, replicas.len());
        let mut threads = Vec::new();
        let shared = Arc::new(Postgres {
            writes: Queue::new(options.store.writes_queued_max),
            reads: Queue::new(options.store.reads_queued_max),
            hot: HotQueue::new(options.store.writes_queued_max),
            replicas: replicas.iter().map(|_| Queue::new(options.store.reads_queued_max)).collect(),
            next_replica: AtomicUsize::new(0),
            #[cfg(feature = "faults")]
            faults: options.store.faults.clone(),
        });
        for n in 0..options.writers.max(1) {
            let (session, queue) = (Session::new(make(&primary, "write", &silence))?, shared.writes.clone());
            let work = move || threads::write_loop(session, &queue);
            threads.push(spawn(format!("pg-write-{n}"), &options.dir, work)?);
        }
        for n in 0..options.store.readers.max(1) {
            let (session, queue) = (Session::new(make(&primary, "read", &silence))?, shared.reads.clone());
            let work = move || threads::read_loop(session, &queue);
            threads.push(spawn(format!("pg-read-{n}"), &options.dir, work)?);
        }
        for n in 0..options.committers.max(1) {
            let session = Session::new(make(&primary, "commit", &silence))?;
            let (hot, writes) = (shared.hot.clone(), shared.writes.clone());
            let work = move || group::commit_loop(session, n, &hot, &writes);
            threads.push(spawn(format!("pg-commit-{n}"), &options.dir, work)?);
        }
        for (address, queue) in replicas.iter().zip(&shared.replicas) {
            let silence = Arc::default();
            for n in 0..options.replica_readers.max(1) {
                let session = Session::new(make(address, "replica", &silence))?;
                let (queue, reads) = (queue.clone(), shared.reads.clone());
                let work = move || threads::replica_loop(session, &queue, &reads);
                threads.push(spawn(format!("pg-replica-{n}"), &options.dir, work)?);
            }
        }
        Ok(Store::of(Db::Postgres(shared, Freshness::Newest), options.store, threads, &options.dir))
    }

    /// The same store, whose reads may come from a replica. For lists, searches and executions that
    /// have ended; never for what decides about rights, claims or leases.
    #[must_use]
    pub fn reading(&self, freshness: Freshness) -> Store {
        let mut store = self.clone();
        if let Db::Postgres(_, asked) = &mut store.db {
            *asked = freshness;
        }
        store
    }

    /// Whether there are any, so that it matters from where is read.
    pub fn has_replicas(&self) -> bool {
        matches!(&self.db, Db::Postgres(shared, _) if !shared.replicas.is_empty())
    }

    /// A token for what was written until now, to be shown by those who want to read it.
    pub async fn write_token(&self) -> Result<WriteToken, StoreError> {
        let Db::Postgres(..) = &self.db else { return Ok(WriteToken(0)) };
        let sql = "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint";
        let lsn: u64 = self.reading(Freshness::Newest).db.read(|tx| tx.query_value(sql, params![])).await?;
        Ok(WriteToken(lsn))
    }

    /// The time by which leases are measured: the database's, which all processes share; that of
    /// this machine when the database is in this process.
    pub async fn clock(&self) -> Result<Millis, StoreError> {
        match &self.db {
            Db::Postgres(..) => {
                self.reading(Freshness::Newest).db.read(|tx| tx.query_value(CLOCK, params![])).await
            }
            Db::Sqlite(_) => {
                let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
                Ok(Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
            }
        }
    }
}
