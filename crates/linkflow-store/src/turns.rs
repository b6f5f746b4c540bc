//! Who waits: the workspaces that have executions which are ready, and of each those that have been
//! ready longest. Queries here look at one row for each workspace, however many wait in it.

use linkflow_model::{ExecutionId, Millis, WorkspaceId};

use crate::db::{Param, Tx, params};
use crate::{Store, StoreError};

/// Pairs of queue and workspace that one look finds.
const PAIRS_MAX: usize = 5_000;
/// Pairs that one statement asks for.
const ASKED_MAX: usize = 500;

/// What the index of those that can be taken knows. One that waits for a place has no `ready_at`.
const READY: &str = "status = 'ready' AND ready_at IS NOT NULL";

/// A workspace that waits in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Waiting {
    /// The queue as it stands in the rows.
    pub queue: String,
    pub workspace: WorkspaceId,
}

/// An execution that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyRow {
    pub id: ExecutionId,
    pub workspace: WorkspaceId,
    pub queue: String,
}

impl Store {
    /// All who wait, up to some thousands.
    pub async fn who_waits(&self) -> Result<Vec<Waiting>, StoreError> {
        self.db.read(who_waits).await
    }

    /// Of each of these, up to so many executions as it says: those that have been ready longest,
    /// and since before `before`.
    pub async fn oldest_of(
        &self,
        wanted: Vec<(Waiting, usize)>,
        before: Millis,
    ) -> Result<Vec<ReadyRow>, StoreError> {
        self.db.read(move |tx| oldest_of(tx, &wanted, before)).await
    }

    /// Executions that have been ready for longer than `age_ms`: their hints may be lost. Everybody
    /// who waits gets a share of the limit, and at least one.
    pub async fn ready_older_than(
        &self,
        now: Millis,
        age_ms: u64,
        limit: usize,
    ) -> Result<Vec<ReadyRow>, StoreError> {
        let before = Millis(now.0.saturating_sub(i64::try_from(age_ms).unwrap_or(i64::MAX)));
        self.db
            .read(move |tx| {
                let all = who_waits(tx)?;
                let each = (limit / all.len().max(1)).max(1);
                let wanted: Vec<_> = all.into_iter().map(|waiting| (waiting, each)).collect();
                oldest_of(tx, &wanted, before)
            })
            .await
    }

    /// Where these executions wait; those that are gone are left out.
    pub async fn places_of(&self, ids: Vec<ExecutionId>) -> Result<Vec<ReadyRow>, StoreError> {
        self.db
            .read(move |tx| {
                let sql = "SELECT id, workspace, queue FROM executions WHERE id = $1";
                let mut rows = Vec::with_capacity(ids.len());
                for id in ids {
                    rows.extend(tx.query_opt(sql, params![id], |row| {
                        Ok(ReadyRow { id: row.get(0)?, workspace: row.get(1)?, queue: row.get(2)? })
                    })?);
                }
                Ok(rows)
            })
            .await
    }
}

/// SQLite goes through what is ready, which all lies in memory; PostgreSQL leaps from one to the
/// next.
fn who_waits(tx: &mut Tx<'_>) -> Result<Vec<Waiting>, StoreError> {
    let sql = if tx.is_postgres() {
        format!(
            "WITH RECURSIVE w AS ( \
         (SELECT queue, workspace FROM executions WHERE {READY} ORDER BY queue, workspace LIMIT 1) \
         UNION ALL SELECT n.queue, n.workspace FROM w CROSS JOIN LATERAL \
         (SELECT e.queue, e.workspace FROM executions e WHERE {READY} \
          AND (e.queue, e.workspace) > (w.queue, w.workspace) ORDER BY e.queue, e.workspace LIMIT 1) n) \
         SELECT queue, workspace FROM w LIMIT $1"
        )
    } else {
        format!(
            "SELECT DISTINCT queue, workspace FROM executions WHERE {READY} \
             ORDER BY queue, workspace LIMIT $1"
        )
    };
    tx.query(&sql, params![PAIRS_MAX], |row| Ok(Waiting { queue: row.get(0)?, workspace: row.get(1)? }))
}

fn oldest_of(
    tx: &mut Tx<'_>,
    wanted: &[(Waiting, usize)],
    before: Millis,
) -> Result<Vec<ReadyRow>, StoreError> {
    let mut rows = Vec::new();
    if tx.is_postgres() {
        for some in wanted.chunks(ASKED_MAX) {
            rows.extend(oldest_in_postgres(tx, some, before)?);
        }
        return Ok(rows);
    }
    for (Waiting { queue, workspace }, n) in wanted {
        let ids: Vec<ExecutionId> = tx.query(
            &format!(
                "SELECT id FROM executions WHERE {READY} AND queue = $1 AND workspace = $2 \
                 AND ready_at < $3 ORDER BY ready_at LIMIT $4"
            ),
            params![queue, *workspace, before, *n],
            |row| row.get(0),
        )?;
        rows.extend(ids.into_iter().map(|id| ReadyRow { id, workspace: *workspace, queue: queue.clone() }));
    }
    Ok(rows)
}

/// All of them in one statement.
fn oldest_in_postgres(
    tx: &mut Tx<'_>,
    wanted: &[(Waiting, usize)],
    before: Millis,
) -> Result<Vec<ReadyRow>, StoreError> {
    let mut params: Vec<Param<'_>> = vec![before.into()];
    let mut values = Vec::with_capacity(wanted.len());
    for (Waiting { queue, workspace }, n) in wanted {
        let first = params.len() + 1;
        values.push(format!("(${}::text, ${}::uuid, ${}::bigint)", first, first + 1, first + 2));
        params.extend([Param::from(queue), Param::from(*workspace), Param::from(*n)]);
    }
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT r.id, w.workspace, w.queue FROM (VALUES {}) AS w (queue, workspace, n) CROSS JOIN LATERAL \
         (SELECT e.id FROM executions e WHERE {READY} AND e.queue = w.queue \
          AND e.workspace = w.workspace AND e.ready_at < $1 ORDER BY e.ready_at LIMIT w.n) r",
        values.join(", ")
    );
    tx.query(&sql, &params, |row| {
        Ok(ReadyRow { id: row.get(0)?, workspace: row.get(1)?, queue: row.get(2)? })
    })
}
