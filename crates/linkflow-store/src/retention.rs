//! What is removed in time: old executions, bytes that nobody refers to, and the space they took.
//!
//! Everything is done in small steps, so that commits of others never wait long.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use linkflow_model::{ExecutionId, Millis, Status, WorkflowId};

use crate::blobs::{self, BlobId};
use crate::db::{Db, Tx, params};
use crate::executions::{first_id_at, remove};
use crate::{Store, StoreError, open, postgres, workers};

/// Executions removed in one transaction.
const BATCH: usize = 200;
/// Batches of one call.
const BATCHES_MAX: usize = 50;
/// Pages given back in one transaction, 8 MB.
const PAGES: u32 = 2_000;
/// Weeks that one call drops.
const WEEKS_MAX: usize = 20;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What a call of [`Store::retain`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionReport {
    pub executions: u64,
    pub blobs: u64,
    /// More is due than one call does: call again soon.
    pub more: bool,
}

/// How much space the store takes, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    pub database: u64,
    /// Part of `database` that is free for use.
    pub free: u64,
    /// What was written lately and is not in the database file yet.
    pub log: u64,
}

/// How many executions there are in each state.
pub type StatusCounts = BTreeMap<&'static str, u64>;

impl Store {
    /// Removes executions that have ended and were accepted more than `default_days` ago (or the
    /// workflow's own number of days), and the oldest ones above `max_count`; `None` means no
    /// limit. Then clears away bytes without references and gives space back.
    pub async fn retain(
        &self,
        now: Millis,
        default_days: Option<u32>,
        max_count: Option<u64>,
    ) -> Result<RetentionReport, StoreError> {
        let mut report = RetentionReport::default();
        if let Db::Postgres(..) = &self.db {
            report.executions = self.drop_weeks(now, default_days, max_count).await?;
        }
        for n in 0..BATCHES_MAX {
            let old = self.db.read(move |tx| candidates(tx, now, default_days, max_count)).await?;
            if old.is_empty() {
                break;
            }
            report.executions += old.len() as u64;
            report.more |= n + 1 == BATCHES_MAX;
            self.db.write(move |tx| old.into_iter().try_for_each(|id| remove(tx, id))).await?;
        }
        self.db.write(move |tx| workers::forget(tx, now)).await?;
        report.blobs = self.clear_garbage(now).await? + self.sweep_folder(now).await?;
        if let Db::Sqlite(_) = &self.db {
            self.give_space_back().await?;
        }
        Ok(report)
    }

    /// Sets for how many days executions of a workflow are kept; `None` for the server's setting.
    pub async fn set_retention(&self, workflow: WorkflowId, days: Option<u32>) -> Result<(), StoreError> {
        self.db.write(move |tx| set_retention(tx, workflow, days)).await
    }

    /// Makes the parts of the tables for the next weeks, and drops those that are old as a whole.
    /// Says how many executions went with them.
    async fn drop_weeks(
        &self,
        now: Millis,
        default_days: Option<u32>,
        max_count: Option<u64>,
    ) -> Result<u64, StoreError> {
        self.db.write(move |tx| postgres::ensure(tx, now)).await?;
        let mut n = 0;
        for _ in 0..WEEKS_MAX {
            let dropped = self
                .db
                .write(move |tx| {
                    let cutoff = default_days.map(|days| days_before(now, days));
                    let longer: Vec<_> = own_days(tx)?
                        .into_iter()
                        .map(|(workflow, days)| (workflow, days_before(now, days)))
                        .filter(|(_, before)| cutoff.is_none_or(|cutoff| *before < cutoff))
                        .collect();
                    postgres::drop_old(tx, cutoff, max_count, &longer)
                })
                .await?;
            match dropped {
                Some(dropped) => n += dropped,
                None => break,
            }
        }
        Ok(n)
    }

    /// Removes blobs that lost their last reference.
    async fn clear_garbage(&self, now: Millis) -> Result<u64, StoreError> {
        let mut n = 0;
        for _ in 0..BATCHES_MAX {
            let unused: Vec<BlobId> = self.db.write(take_garbage).await?;
            if unused.is_empty() {
                break;
            }
            let paths = unused.iter().map(|id| self.blobs.path(id)).collect();
            n += self.remove_files(now, paths).await?;
        }
        Ok(n)
    }

    /// Looks through one of the 256 folders, another one with each call, for bytes that nobody
    /// ever referred to: what a node stored before its process died.
    async fn sweep_folder(&self, now: Millis) -> Result<u64, StoreError> {
        let place: u32 = self
            .db
            .write(|tx| {
                tx.query_value(
                    "INSERT INTO cursors (name, place) VALUES ('blobs', 0) \
                     ON CONFLICT (name) DO UPDATE SET place = (cursors.place + 1) % 256 RETURNING place",
                    params![],
                )
            })
            .await?;
        let dir = self.blobs.dir().join(format!("{place:02x}"));
        let files = on_thread(move || list(&dir)).await??;
        let unused = self.db.read(move |tx| without_references(tx, files)).await?;
        self.remove_files(now, unused).await
    }

    /// Removes files that are older than the grace time: younger ones may be about to be
    /// referred to.
    async fn remove_files(&self, now: Millis, paths: Vec<PathBuf>) -> Result<u64, StoreError> {
        let before = now.0.saturating_sub(i64::try_from(self.options.blob_grace_ms).unwrap_or(i64::MAX));
        let before = SystemTime::UNIX_EPOCH + Duration::from_millis(before.max(0) as u64);
        on_thread(move || {
            let is_old = |path: &PathBuf| {
                std::fs::metadata(path).and_then(|m| m.modified()).is_ok_and(|modified| modified <= before)
            };
            paths.iter().filter(|path| is_old(path) && std::fs::remove_file(path).is_ok()).count() as u64
        })
        .await
    }

    async fn give_space_back(&self) -> Result<(), StoreError> {
        let mut is_smaller = false;
        for _ in 0..BATCHES_MAX {
            let free: u32 = self.db.read(|tx| tx.query_value("PRAGMA freelist_count", params![])).await?;
            // Some free pages are of use: the next executions go there.
            if free < PAGES {
                break;
            }
            self.db
                .write(|tx| {
                    tx.query(&format!("PRAGMA incremental_vacuum({PAGES})"), params![], |_| Ok(())).map(drop)
                })
                .await?;
            is_smaller = true;
        }
        // The file itself becomes shorter when the log is written into it.
        if is_smaller {
            let dir = self.dir().to_owned();
            on_thread(move || open::checkpoint(&dir)).await??;
        }
        Ok(())
    }

    /// How many executions there are in each state.
    pub async fn status_counts(&self) -> Result<StatusCounts, StoreError> {
        self.db.read(status_counts).await
    }

    /// How much space the database takes; blobs not counted.
    pub async fn size(&self) -> Result<Size, StoreError> {
        if let Db::Postgres(..) = &self.db {
            let database = self
                .db
                .read(|tx| tx.query_value("SELECT pg_database_size(current_database())", params![]))
                .await?;
            return Ok(Size { database, ..Size::default() });
        }
        let (pages, page, free): (u64, u64, u64) = self
            .db
            .read(|tx| {
                Ok::<_, StoreError>((
                    tx.query_value("PRAGMA page_count", params![])?,
                    tx.query_value("PRAGMA page_size", params![])?,
                    tx.query_value("PRAGMA freelist_count", params![])?,
                ))
            })
            .await?;
        let log = std::fs::metadata(self.dir().join("linkflow.db-wal")).map_or(0, |m| m.len());
        Ok(Size { database: pages * page, free: free * page, log })
    }
}

pub(crate) fn set_retention(
    tx: &mut Tx<'_>,
    workflow: WorkflowId,
    days: Option<u32>,
) -> Result<(), StoreError> {
    match days {
        None => tx.execute("DELETE FROM workflow_retention WHERE workflow = $1", params![workflow]),
        Some(days) => tx.execute(
            "INSERT INTO workflow_retention (workflow, days) VALUES ($1, $2) \
             ON CONFLICT (workflow) DO UPDATE SET days = EXCLUDED.days",
            params![workflow, days],
        ),
    }
    .map(drop)
}

const ENDED: &str = "status IN ('success', 'error', 'canceled', 'dead')";

/// Up to a batch of executions that are to be removed.
fn candidates(
    tx: &mut Tx<'_>,
    now: Millis,
    default_days: Option<u32>,
    max_count: Option<u64>,
) -> Result<Vec<ExecutionId>, StoreError> {
    let cutoff = |days: u32| first_id_at(days_before(now, days));
    for (workflow, days) in own_days(tx)? {
        let old = tx.query(
            &format!("SELECT id FROM executions WHERE workflow = $1 AND id < $2 AND {ENDED} LIMIT $3"),
            params![workflow, cutoff(days), BATCH],
            |row| row.get(0),
        )?;
        if !old.is_empty() {
            return Ok(old);
        }
    }
    if let Some(days) = default_days {
        let old = tx.query(
            &format!(
                "SELECT id FROM {} WHERE id < $1 AND {ENDED} \
                 AND workflow NOT IN (SELECT workflow FROM workflow_retention) ORDER BY id LIMIT $2",
                single_rows(tx)
            ),
            params![cutoff(days), BATCH],
            |row| row.get(0),
        )?;
        if !old.is_empty() {
            return Ok(old);
        }
    }
    over_count(tx, max_count)
}

fn days_before(now: Millis, days: u32) -> Millis {
    Millis(now.0.saturating_sub((u64::from(days) * DAY_MS) as i64))
}

/// Workflows whose executions are kept for a time of their own, in days.
fn own_days(tx: &mut Tx<'_>) -> Result<Vec<(WorkflowId, u32)>, StoreError> {
    tx.query("SELECT workflow, days FROM workflow_retention", params![], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Where executions are removed one by one; those in the parts for weeks go with their week.
fn single_rows(tx: &Tx<'_>) -> &'static str {
    if tx.is_postgres() { "executions_rest" } else { "executions" }
}

fn over_count(tx: &mut Tx<'_>, max_count: Option<u64>) -> Result<Vec<ExecutionId>, StoreError> {
    let Some(max) = max_count else { return Ok(Vec::new()) };
    let total: u64 = tx.query_value("SELECT COUNT(*) FROM executions", params![])?;
    if total <= max {
        return Ok(Vec::new());
    }
    tx.query(
        &format!("SELECT id FROM {} WHERE {ENDED} ORDER BY id LIMIT $1", single_rows(tx)),
        params![(total - max).min(BATCH as u64)],
        |row| row.get(0),
    )
}

/// Takes a batch off the list of suspects; gives those that nothing refers to.
fn take_garbage(tx: &mut Tx<'_>) -> Result<Vec<BlobId>, StoreError> {
    let suspects: Vec<Vec<u8>> = tx.query(
        "DELETE FROM blob_garbage WHERE blob IN (SELECT blob FROM blob_garbage ORDER BY blob LIMIT $1) \
         RETURNING blob",
        params![BATCH],
        |row| row.get(0),
    )?;
    let mut unused = Vec::new();
    for suspect in suspects {
        if !is_referred_to(tx, &suspect)? {
            unused.extend(BlobId::try_from(suspect));
        }
    }
    Ok(unused)
}

fn is_referred_to(tx: &mut Tx<'_>, blob: &[u8]) -> Result<bool, StoreError> {
    let found: Option<i64> =
        tx.query_opt("SELECT 1 FROM blob_refs WHERE blob = $1 LIMIT 1", params![blob], |row| row.get(0))?;
    Ok(found.is_some())
}

fn without_references(tx: &mut Tx<'_>, files: Vec<PathBuf>) -> Result<Vec<PathBuf>, StoreError> {
    let mut unused = Vec::new();
    for file in files {
        let name = file.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let is_needed = match blobs::parse(name) {
            Some(id) => is_referred_to(tx, &id)?,
            // Left by a process that died while it wrote; anything else is not ours.
            None => !name.starts_with('.'),
        };
        if !is_needed {
            unused.push(file);
        }
    }
    Ok(unused)
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    match std::fs::read_dir(dir) {
        Ok(files) => Ok(files.filter_map(|f| f.ok().map(|f| f.path())).filter(|p| p.is_file()).collect()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(StoreError::io(dir, &e)),
    }
}

async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| StoreError::Database(e.to_string()))
}

/// Only the total is counted over all rows; the rest has small indexes of its own.
fn status_counts(tx: &mut Tx<'_>) -> Result<StatusCounts, StoreError> {
    let mut counts = StatusCounts::new();
    for status in ["ready", "running", "waiting"] {
        // The text is part of the query, because only then the partial index is used.
        let n =
            tx.query_value(&format!("SELECT COUNT(*) FROM executions WHERE status = '{status}'"), params![])?;
        counts.insert(status, n);
    }
    let failed: Vec<(Status, u64)> = tx.query(
        "SELECT status, COUNT(*) FROM executions WHERE status IN ('error', 'canceled', 'dead') GROUP BY status",
        params![],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    counts.extend(["error", "canceled", "dead"].map(|status| (status, 0)));
    counts.extend(failed.into_iter().map(|(status, n)| (status.as_str(), n)));
    let total: u64 = tx.query_value("SELECT COUNT(*) FROM executions", params![])?;
    counts.insert("success", total.saturating_sub(counts.values().sum()));
    Ok(counts)
}
