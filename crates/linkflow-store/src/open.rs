//! Opening and closing a store: the directory, its lock, the connections and their threads.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags};

use crate::blobs::BlobDir;
use crate::commit::{self, Queue};
use crate::db::{Db, Sqlite, Tx};
use crate::{StoreError, migrations};

/// What can be chosen about a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Jobs that may wait for the writer before new work is turned away with `Busy`.
    pub writes_queued_max: usize,
    /// Reads that may wait for a reader.
    pub reads_queued_max: usize,
    /// Threads that read.
    pub readers: usize,
    /// Claims of one execution without progress to a rest, after which it is dead.
    pub poison_limit: u32,
    /// Refuse to open a directory that another process has open.
    pub exclusive: bool,
    /// Payloads above this many bytes are kept beside the database.
    pub inline_bytes_max: usize,
    /// Blobs younger than this are kept even when nothing refers to them yet, in milliseconds.
    pub blob_grace_ms: u64,
    /// What goes wrong on purpose.
    #[cfg(feature = "faults")]
    pub faults: Option<Arc<dyn crate::faults::Faults>>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            writes_queued_max: 4_096,
            reads_queued_max: 4_096,
            readers: 4,
            poison_limit: 5,
            exclusive: true,
            inline_bytes_max: 256 * 1024,
            blob_grace_ms: 60 * 60 * 1_000,
            #[cfg(feature = "faults")]
            faults: None,
        }
    }
}

/// The store. Cheap to clone; the last clone to go lets the threads finish what was handed over.
#[derive(Clone)]
pub struct Store {
    pub(crate) db: Db,
    pub(crate) blobs: BlobDir,
    pub(crate) options: Arc<Options>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    dir: Arc<Path>,
}

impl Store {
    /// Opens the store in `dir`, which is made when it does not exist, and brings its tables up
    /// to date. Blocks for as long as that takes.
    pub fn open(dir: &Path, options: Options) -> Result<Store, StoreError> {
        make_dir(dir)?;
        let lock = options.exclusive.then(|| lock_dir(dir)).transpose()?;
        let path = dir.join("linkflow.db");
        make_private_file(&path)?;
        let writer = open_writer(&path, options.exclusive)?;
        let writes = Queue::new(options.writes_queued_max);
        let reads = Queue::new(options.reads_queued_max);
        let mut threads = Vec::new();
        for n in 0..options.readers.max(1) {
            let connection = open_reader(&path)?;
            let (path, reads) = (path.clone(), reads.clone());
            threads.push(spawn(format!("store-read-{n}"), dir, move || {
                commit::read_loop(connection, path, &reads);
            })?);
        }
        threads.push({
            let (path, writes) = (path.clone(), writes.clone());
            spawn("store-write".to_owned(), dir, move || {
                commit::write_loop(writer, path, &writes);
                // Held until the last commit. A process that is just being started has the file too,
                // so closing it here would not do.
                if let Some(Err(error)) = lock.map(|lock| lock.unlock()) {
                    tracing::warn!(%error, "the lock on the data directory could not be given up");
                }
            })?
        });
        let db = Db::Sqlite(Arc::new(Sqlite {
            writes,
            reads,
            #[cfg(feature = "faults")]
            faults: options.faults.clone(),
        }));
        Ok(Store::of(db, options, threads, dir))
    }

    pub(crate) fn of(db: Db, options: Options, threads: Vec<JoinHandle<()>>, dir: &Path) -> Store {
        Store {
            db,
            blobs: BlobDir::new(dir.join("blobs")),
            options: Arc::new(options),
            threads: Arc::new(Mutex::new(threads)),
            dir: dir.into(),
        }
    }

    /// Carries out what was handed over, writes everything into the database file and lets go of
    /// the directory. Later calls on any clone give [`StoreError::Closed`].
    pub async fn close(&self) {
        self.db.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined =
            tokio::task::spawn_blocking(move || threads.into_iter().for_each(|t| drop(t.join()))).await;
        if let Err(error) = joined {
            tracing::warn!(%error, "waiting for the store's threads failed");
        }
    }

    /// Where the store's files are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the bytes of binary data are, by the hash of their content.
    pub fn blob_dir(&self) -> &Path {
        self.blobs.dir()
    }

    /// How many writes wait for the next commit.
    pub fn writes_queued(&self) -> usize {
        self.db.writes_queued()
    }
}

pub(crate) fn spawn(
    name: String,
    dir: &Path,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new().name(name).spawn(work).map_err(|e| StoreError::io(dir, &e))
}

pub(crate) fn make_dir(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|e| StoreError::io(dir, &e))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// SQLite gives the files beside the database the mode of the database file.
fn make_private_file(path: &Path) -> Result<(), StoreError> {
    private().open(path).map(drop).map_err(|e| StoreError::io(path, &e))
}

/// The lock ends with the process, however it ends; the file says whose it is.
fn lock_dir(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("linkflow.lock");
    let failed = |e: std::io::Error| StoreError::io(&path, &e);
    let mut file = private().open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // Whoever holds the lock may just be writing its number.
            let _ = file.take(32).read_to_string(&mut pid);
            let pid = pid.trim().to_owned();
            let pid = if pid.is_empty() { "unknown".to_owned() } else { pid };
            return Err(StoreError::Locked { path: dir.to_owned(), pid });
        }
        Err(TryLockError::Error(e)) => return Err(failed(e)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

/// `auto_vacuum` only takes hold in an empty file, before the first table.
const WRITER_PRAGMAS: &str = "
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -12288;
    PRAGMA wal_autocheckpoint = 2000;
    PRAGMA journal_size_limit = 67108864;
";

const READER_PRAGMAS: &str = "
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -2048;
    PRAGMA query_only = ON;
";

fn open_writer(path: &Path, is_alone: bool) -> Result<Connection, StoreError> {
    let failed = |e: rusqlite::Error| StoreError::sqlite(path, &e);
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(WRITER_PRAGMAS).map_err(failed)?;
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    let mut tx = Tx::sqlite(&connection, path);
    migrations::migrate(&mut tx)?;
    if is_alone {
        // Nobody else has the directory, so workers of earlier processes are dead, whatever their
        // leases say: the first round of the reaper frees what they held.
        tx.batch("UPDATE workers SET revoked = TRUE WHERE NOT revoked")?;
    }
    connection.execute_batch("COMMIT").map_err(failed)?;
    Ok(connection)
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(READER_PRAGMAS).map_err(|e| StoreError::sqlite(path, &e))?;
    Ok(connection)
}

/// Writes the log into the database file in `dir` and empties it. Blocks.
pub(crate) fn checkpoint(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join("linkflow.db");
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(|e| StoreError::sqlite(&path, &e))
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let failed = |e: rusqlite::Error| StoreError::sqlite(path, &e);
    let connection =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(512);
    Ok(connection)
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.dir).finish_non_exhaustive()
    }
}
