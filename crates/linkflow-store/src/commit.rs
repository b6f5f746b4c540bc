//! Group commit: many callers' jobs, one transaction, one wait for the disk.
//!
//! A thread owns the only connection that writes. It takes what has queued up, gives each job a
//! savepoint of its own, commits once and answers all. Nothing lingers: under light load a batch
//! is one job, under heavy load it is hundreds.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::StoreError;
use crate::db::Tx;

/// Most jobs in one transaction.
const BATCH_MAX: usize = 512;
/// What is owed may queue up this many times the limit of new work.
const OWED_FACTOR: usize = 16;

/// Work for a thread that owns a connection.
pub(crate) trait Job: Send {
    /// Does the work; false when what it did has to be undone.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Tells the caller, once it is known whether the transaction holds.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;
    /// The place in the primary's log up to which a replica has to have come for this.
    fn after(&self) -> u64;
}

/// A closure and the caller who waits for its result.
pub(crate) struct WriteJob<F, T, E> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
    after: u64,
}

impl<F, T, E> WriteJob<F, T, E>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    pub fn new(work: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>) {
        let (caller, answer) = oneshot::channel();
        (WriteJob::answering(work, caller), answer)
    }

    /// A closure that answers somebody who waits already.
    pub fn answering(work: F, caller: oneshot::Sender<Result<T, E>>) -> Box<dyn Job> {
        Box::new(WriteJob { work: Some(work), result: None, caller, after: 0 })
    }

    /// A closure that reads, and wants to see everything up to `after`.
    pub fn reading(work: F, after: u64) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>) {
        let (caller, answer) = oneshot::channel();
        (Box::new(WriteJob { work: Some(work), result: None, caller, after }), answer)
    }
}

impl<F, T, E> Job for WriteJob<F, T, E>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let result = catch_unwind(AssertUnwindSafe(|| work(tx)))
            .unwrap_or_else(|panic| Err(StoreError::Database(panic_text(&*panic)).into()));
        let is_good = result.is_ok();
        self.result = Some(result);
        is_good
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (self.result, committed) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.into()),
            (None, Ok(())) => Err(StoreError::Closed.into()),
        };
        // A caller that went away wants no answer; its work is done all the same.
        let _ = self.caller.send(answer);
    }

    fn is_abandoned(&self) -> bool {
        self.caller.is_closed()
    }

    fn after(&self) -> u64 {
        self.after
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    format!("a query panicked: {text}")
}

/// Jobs that wait for a thread. Bounded: who comes when it is full is turned away at once.
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    limit: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Box<dyn Job>>,
    is_closed: bool,
}

impl Queue {
    pub fn new(limit: usize) -> Arc<Queue> {
        Arc::new(Queue { state: Mutex::default(), changed: Condvar::new(), limit: limit.max(1) })
    }

    pub fn offer(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.push(job, self.limit).map_err(|(_, error)| error)
    }

    pub fn offer_owed(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.hand_over(job).map_err(|(_, error)| error)
    }

    /// As [`Queue::offer_owed`]; a job that is turned away comes back, so that it can be answered.
    pub fn hand_over(&self, job: Box<dyn Job>) -> Result<(), (Box<dyn Job>, StoreError)> {
        self.push(job, self.limit.saturating_mul(OWED_FACTOR))
    }

    fn push(&self, job: Box<dyn Job>, limit: usize) -> Result<(), (Box<dyn Job>, StoreError)> {
        let mut state = self.lock();
        if state.is_closed {
            return Err((job, StoreError::Closed));
        }
        if state.jobs.len() >= limit {
            return Err((job, StoreError::Busy { retry_after_ms: 1_000 }));
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes up to `max` jobs, waiting for the first. `None` when the queue is closed and empty.
    pub fn take(&self, max: usize) -> Option<Vec<Box<dyn Job>>> {
        let mut state = self.lock();
        loop {
            if !state.jobs.is_empty() {
                let n = state.jobs.len().min(max);
                return Some(state.jobs.drain(..n).collect());
            }
            if state.is_closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets what is queued be done and nothing more come in.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    pub fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    // Jobs run outside the lock, so a poisoned lock guards sound data.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that writes. Ends when its queue is closed and empty, after a last checkpoint.
pub(crate) fn write_loop(connection: Connection, path: PathBuf, queue: &Queue) {
    while let Some(mut batch) = queue.take(BATCH_MAX) {
        let committed = run_batch(&connection, &path, &mut batch);
        for job in batch {
            job.answer(committed.clone());
        }
    }
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "the last checkpoint of {} failed; the next start does it", path.display());
    }
}

/// One transaction for all of `batch`. `Err` means that nothing of it was written.
fn run_batch(connection: &Connection, path: &PathBuf, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let sql = |text: &str| -> Result<(), StoreError> {
        connection
            .prepare_cached(text)
            .and_then(|mut statement| statement.execute([]))
            .map(|_| ())
            .map_err(|e| StoreError::sqlite(path, &e))
    };
    sql("BEGIN IMMEDIATE")?;
    let done = run_jobs(connection, path, batch, &sql).and_then(|()| sql("COMMIT"));
    if done.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    done
}

fn run_jobs(
    connection: &Connection,
    path: &PathBuf,
    batch: &mut [Box<dyn Job>],
    sql: &dyn Fn(&str) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut tx = Tx::sqlite(connection, path);
    for job in batch {
        sql("SAVEPOINT job")?;
        let keep = job.run(&mut tx);
        // Some errors (a full disk among them) end SQLite's whole transaction.
        if connection.is_autocommit() {
            return Err(StoreError::DiskFull { path: path.clone() });
        }
        if !keep {
            sql("ROLLBACK TO job")?;
        }
        sql("RELEASE job")?;
    }
    Ok(())
}

/// A thread that reads: each job sees one snapshot.
pub(crate) fn read_loop(connection: Connection, path: PathBuf, queue: &Queue) {
    while let Some(batch) = queue.take(1) {
        for mut job in batch {
            if job.is_abandoned() {
                continue;
            }
            let begun = connection
                .prepare_cached("BEGIN")
                .and_then(|mut statement| statement.execute([]))
                .map_err(|e| StoreError::sqlite(&path, &e));
            if begun.is_ok() {
                job.run(&mut Tx::sqlite(&connection, &path));
                let _ = connection.prepare_cached("ROLLBACK").and_then(|mut statement| statement.execute([]));
            }
            job.answer(begun.map(|_| ()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Store};

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        (dir, store)
    }

    async fn run(store: &Store, sql: &'static str) -> Result<(), StoreError> {
        store.db.write(move |tx| tx.batch(sql)).await
    }

    async fn rows(store: &Store) -> i64 {
        store.db.read(|tx| tx.query_value("SELECT COUNT(*) FROM cursors", &[])).await.unwrap()
    }

    #[tokio::test]
    async fn a_job_that_panics_is_undone_and_the_writer_lives_on() {
        let (_dir, store) = store();
        let answer: Result<(), StoreError> = store
            .db
            .write(|tx| {
                tx.batch("INSERT INTO cursors VALUES ('a', 1)")?;
                panic!("on purpose")
            })
            .await;
        assert_eq!(answer, Err(StoreError::Database("a query panicked: on purpose".to_owned())));
        assert_eq!(rows(&store).await, 0);
        run(&store, "INSERT INTO cursors VALUES ('b', 1)").await.unwrap();
        assert_eq!(rows(&store).await, 1);
    }

    #[tokio::test]
    async fn a_full_disk_is_called_so_and_work_goes_on_once_there_is_space() {
        let (_dir, store) = store();
        let pages: i64 = store.db.write(|tx| tx.query_value("PRAGMA page_count", &[])).await.unwrap();
        store
            .db
            .write(move |tx| tx.query(&format!("PRAGMA max_page_count = {pages}"), &[], |_| Ok(())))
            .await
            .unwrap();
        let fill = "INSERT INTO cursors VALUES (printf('%200000s', 'x'), 1)";
        let error = run(&store, fill).await.unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
        store.db.write(|tx| tx.query("PRAGMA max_page_count = 1000000", &[], |_| Ok(()))).await.unwrap();
        run(&store, fill).await.unwrap();
        assert_eq!(rows(&store).await, 1);
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let (_dir, store) = store();
        let answer = store.db.read(|tx| tx.batch("INSERT INTO cursors VALUES ('a', 1)")).await;
        assert!(matches!(answer, Err(StoreError::ReadOnly { .. })), "{answer:?}");
    }
}
