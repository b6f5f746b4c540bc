//! Parts of the large tables for single weeks: made ahead, and dropped whole when everything in
//! them is old. Nothing is deleted row by row, except in the part `_rest`: there is what an old week
//! still had to keep, and what came with an id of a time for which there is no part.

use linkflow_model::{ExecutionId, Millis, WorkflowId};

use crate::StoreError;
use crate::db::{Tx, params};
use crate::executions::first_id_at;

pub(crate) const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Weeks that are made ahead.
const WEEKS_AHEAD: i64 = 2;
/// For how long others may be kept waiting by a change of the tables.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '2s'";

/// The partitioned tables, and the column by which they are.
const TABLES: [(&str, &str); 3] =
    [("executions", "id"), ("journal", "execution"), ("blob_refs", "execution")];

/// A part of the tables: a week, counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Week(i64);

impl Week {
    fn of(time: Millis) -> Week {
        Week(time.0.max(0) / WEEK_MS)
    }

    /// The first id of the week, and the first one behind it.
    fn bounds(self) -> (ExecutionId, ExecutionId) {
        (first_id_at(Millis(self.0 * WEEK_MS)), first_id_at(Millis((self.0 + 1) * WEEK_MS)))
    }

    fn end(self) -> Millis {
        Millis((self.0 + 1) * WEEK_MS)
    }
}

/// Makes the parts of this week and the next ones, in the caller's transaction.
pub(crate) fn ensure(tx: &mut Tx<'_>, now: Millis) -> Result<(), StoreError> {
    let first = Week::of(now).0;
    let known: Vec<i64> =
        tx.query("SELECT week FROM weeks WHERE week >= $1", params![first], |row| row.get(0))?;
    let missing: Vec<i64> = (first..=first + WEEKS_AHEAD).filter(|w| !known.contains(w)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    tx.batch(LOCK_TIMEOUT)?;
    tx.lock_name("linkflow partitions")?;
    for week in missing {
        make(tx, Week(week))?;
    }
    Ok(())
}

fn make(tx: &mut Tx<'_>, week: Week) -> Result<(), StoreError> {
    let (low, high) = week.bounds();
    let taken = "SELECT 1 FROM weeks WHERE week = $1 \
         UNION ALL (SELECT 1 FROM executions_rest WHERE id >= $2 AND id < $3 LIMIT 1) \
         UNION ALL (SELECT 1 FROM journal_rest WHERE execution >= $2 AND execution < $3 LIMIT 1) \
         UNION ALL (SELECT 1 FROM blob_refs_rest WHERE execution >= $2 AND execution < $3 LIMIT 1) LIMIT 1";
    // Rows of that time would have to move; they are found where they are.
    if tx.query_opt(taken, params![week.0, low, high], |row| row.get::<i64>(0))?.is_some() {
        return Ok(());
    }
    for (table, _) in TABLES {
        tx.batch(&format!(
            "CREATE TABLE {table}_{n} PARTITION OF {table} FOR VALUES FROM ('{low}') TO ('{high}')",
            n = week.0,
            low = low.0,
            high = high.0,
        ))?;
    }
    // Rows are rewritten when they are claimed and when they end, and hardly ever after.
    tx.batch(&format!(
        "ALTER TABLE executions_{n} SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, \
         autovacuum_vacuum_insert_scale_factor = 0.1); \
         ALTER TABLE journal_{n} SET (autovacuum_vacuum_scale_factor = 0.1, toast_tuple_target = 4080)",
        n = week.0
    ))?;
    let sql = "INSERT INTO weeks (week, low, high) VALUES ($1, $2, $3)";
    tx.execute(sql, params![week.0, low, high]).map(drop)
}

/// Drops the oldest week when all of it is older than `cutoff`, or when the weeks behind it have
/// `max_count` executions by themselves. What has not ended, or belongs to a workflow in `longer`
/// (with the time before which its own executions go), moves to `_rest`. Gives how many executions
/// went; `None` when there is no such week.
pub(crate) fn drop_old(
    tx: &mut Tx<'_>,
    cutoff: Option<Millis>,
    max_count: Option<u64>,
    longer: &[(WorkflowId, Millis)],
) -> Result<Option<u64>, StoreError> {
    let oldest = tx.query_opt("SELECT week FROM weeks ORDER BY week LIMIT 1", params![], |row| row.get(0))?;
    let Some(week) = oldest.map(Week) else { return Ok(None) };
    let is_old = cutoff.is_some_and(|cutoff| week.end() <= cutoff);
    if !is_old && !is_above_count(tx, week, max_count)? {
        return Ok(None);
    }
    tx.batch(LOCK_TIMEOUT)?;
    tx.lock_name("linkflow partitions")?;
    let known = "SELECT 1 FROM weeks WHERE week = $1";
    if tx.query_opt(known, params![week.0], |row| row.get::<i64>(0))?.is_none() {
        return Ok(Some(0));
    }
    let n = week.0;
    let all: u64 = tx.query_value(&format!("SELECT COUNT(*) FROM executions_{n}"), params![])?;
    tx.batch(&format!(
        "INSERT INTO blob_garbage (blob, since) SELECT DISTINCT blob, {end} FROM blob_refs_{n} \
         ON CONFLICT DO NOTHING",
        end = week.end().0
    ))?;
    for (table, _) in TABLES {
        tx.batch(&format!("ALTER TABLE {table} DETACH PARTITION {table}_{n}"))?;
    }
    let kept = keep(tx, week, longer)?;
    let (low, high) = week.bounds();
    tx.execute(
        "DELETE FROM idempotency i WHERE execution >= $1 AND execution < $2 \
         AND NOT EXISTS (SELECT 1 FROM executions_rest e WHERE e.id = i.execution)",
        params![low, high],
    )?;
    for (table, _) in TABLES {
        tx.batch(&format!("DROP TABLE {table}_{n}"))?;
    }
    tx.execute("DELETE FROM weeks WHERE week = $1", params![n])?;
    tracing::info!(week = n, dropped = all - kept, kept, "the executions of an old week are gone");
    Ok(Some(all - kept))
}

fn is_above_count(tx: &mut Tx<'_>, week: Week, max_count: Option<u64>) -> Result<bool, StoreError> {
    let Some(max) = max_count else { return Ok(false) };
    let behind = "SELECT COUNT(*) FROM (SELECT 1 FROM executions WHERE id >= $1 LIMIT $2) AS few";
    Ok(tx.query_value::<u64>(behind, params![week.bounds().1, max])? >= max)
}

/// Moves what has to stay out of a week that has been detached; gives how many executions it was.
fn keep(tx: &mut Tx<'_>, week: Week, longer: &[(WorkflowId, Millis)]) -> Result<u64, StoreError> {
    const OPEN: &str = "status IN ('ready', 'running', 'waiting')";
    let n = week.0;
    let mut kept = tx.execute(
        &format!(
            "INSERT INTO executions SELECT * FROM executions_{n} w WHERE {OPEN} OR parent IS NOT NULL \
             AND (EXISTS (SELECT 1 FROM executions p WHERE p.id = w.parent AND p.{OPEN}) \
             OR EXISTS (SELECT 1 FROM executions_{n} p WHERE p.id = w.parent AND p.{OPEN}))"
        ),
        params![],
    )?;
    for (workflow, before) in longer {
        kept += tx.execute(
            &format!(
                "INSERT INTO executions SELECT * FROM executions_{n} WHERE workflow = $1 AND id >= $2 \
                 ON CONFLICT DO NOTHING"
            ),
            params![*workflow, first_id_at(*before)],
        )?;
    }
    if kept > 0 {
        for (table, column) in TABLES.iter().skip(1) {
            tx.batch(&format!(
                "INSERT INTO {table} SELECT * FROM {table}_{n} o \
                 WHERE EXISTS (SELECT 1 FROM executions_rest e WHERE e.id = o.{column})"
            ))?;
        }
    }
    Ok(kept as u64)
}
