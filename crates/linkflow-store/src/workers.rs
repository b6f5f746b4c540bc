//! Workers: who executes, until when the others believe it, and what becomes of a dead one's
//! executions.

use linkflow_model::{ExecutionId, Millis, WorkerId};
use serde_json::Value;

use crate::db::{Tx, params};
use crate::faults::Planted;
use crate::{Store, StoreError};

/// What a worker shows with everything it writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkerKey {
    pub id: WorkerId,
    /// Grows with every registration.
    pub epoch: i64,
}

/// A registered worker.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerRow {
    pub key: WorkerKey,
    pub registered_at: Millis,
    pub heartbeat_at: Millis,
    pub lease_until: Millis,
    pub revoked: bool,
    /// What it said of itself.
    pub info: Value,
    /// How many executions it holds.
    pub running: u64,
}

impl Store {
    /// Registers a worker, whose lease ends `lease_ms` after `now` unless it is heard of.
    pub async fn register_worker(
        &self,
        now: Millis,
        lease_ms: u64,
        info: Value,
    ) -> Result<WorkerKey, StoreError> {
        let id = WorkerId::new(now, uuid::Uuid::new_v4().as_u128());
        self.db
            .write_owed(move |tx| {
                tx.lock_name("worker epochs")?;
                let epoch = tx.query_value(
                    "INSERT INTO workers (id, epoch, registered_at, heartbeat_at, lease_until, revoked, info) \
                     SELECT $1, COALESCE(MAX(epoch), 0) + 1, $2, $2, $3, FALSE, $4 FROM workers \
                     RETURNING epoch",
                    params![id, now, now.plus(lease_ms), &info],
                )?;
                Ok(WorkerKey { id, epoch })
            })
            .await
    }

    /// Makes the lease longer. False when it has been revoked: the worker then drops what it has
    /// in memory and registers again.
    pub async fn heartbeat(&self, key: &WorkerKey, now: Millis, lease_ms: u64) -> Result<bool, StoreError> {
        if self.loses_heartbeat() {
            return Ok(true);
        }
        let key = key.clone();
        self.db
            .write_owed(move |tx| {
                let changed = tx.execute(
                    "UPDATE workers SET heartbeat_at = $3, lease_until = $4 \
                     WHERE id = $1 AND epoch = $2 AND NOT revoked",
                    params![key.id, key.epoch, now, now.plus(lease_ms)],
                )?;
                Ok(changed == 1)
            })
            .await
    }

    /// Ends a worker in good order: what it still holds becomes ready for others.
    pub async fn retire(&self, key: &WorkerKey) -> Result<Vec<ExecutionId>, StoreError> {
        let key = key.clone();
        self.db
            .write_owed(move |tx| {
                tx.lock_row("workers", key.id)?;
                tx.execute(
                    "UPDATE workers SET revoked = TRUE WHERE id = $1 AND epoch = $2",
                    params![key.id, key.epoch],
                )?;
                lock_held(tx, key.id)?;
                let now: Option<Millis> = tx.query_opt(
                    "SELECT heartbeat_at FROM workers WHERE id = $1 AND epoch = $2",
                    params![key.id, key.epoch],
                    |row| row.get(0),
                )?;
                // A worker that stops in good order says nothing about its executions.
                tx.execute(
                    "UPDATE executions SET attempt = attempt - 1 \
                     WHERE owner = $1 AND status = 'running' AND attempt > 0",
                    params![key.id],
                )?;
                now.map_or(Ok(Vec::new()), |now| free(tx, key.id, now))
            })
            .await
    }

    /// Hands back an execution that the worker holds by this claim and cannot go on with. `counts` when the
    /// execution itself may be to blame: it is then dead after some such tries, with `error`.
    /// False when it is not held by that claim any more.
    pub async fn give_back(
        &self,
        key: &WorkerKey,
        (id, claim): (ExecutionId, u64),
        now: Millis,
        error: String,
        counts: bool,
    ) -> Result<bool, StoreError> {
        let key = key.clone();
        self.db
            .write_owed(move |tx| {
                if !holds(tx, &key)? {
                    return Ok(false);
                }
                let changed = tx.execute(
                    "UPDATE executions SET status = 'ready', owner = NULL, ready_at = $3, error = $4, \
                     attempt = CASE WHEN $5 OR attempt = 0 THEN attempt ELSE attempt - 1 END \
                     WHERE id = $1 AND owner = $2 AND status = 'running' AND claim = $6",
                    params![id, key.id, now, error, counts, claim],
                )?;
                Ok(changed == 1)
            })
            .await
    }

    /// Revokes workers whose lease has ended, and then makes their executions ready. Two commits:
    /// what such a worker still writes is refused before anybody else can claim.
    pub async fn reap(&self, now: Millis) -> Result<Vec<ExecutionId>, StoreError> {
        let dead: Vec<WorkerId> = self
            .db
            .read(move |tx| {
                tx.query(
                    "SELECT id FROM workers WHERE NOT revoked AND lease_until < $1",
                    params![now],
                    |row| row.get(0),
                )
            })
            .await?;
        if self.has(Planted::FreedBeforeRevoked) {
            return self.free_before_revoking(dead, now).await;
        }
        // One at a time, since whoever writes for several workers at once holds their rows too.
        for id in dead {
            self.db.write_owed(move |tx| revoke(tx, id, now)).await?;
        }
        // Asked anew, so that a reaper that died between the two steps is made good.
        let revoked: Vec<WorkerId> = self
            .db
            .read(|tx| {
                tx.query(
                    "SELECT id FROM workers w WHERE revoked AND EXISTS \
                     (SELECT 1 FROM executions e WHERE e.status = 'running' AND e.owner = w.id)",
                    params![],
                    |row| row.get(0),
                )
            })
            .await?;
        let mut freed = Vec::new();
        for id in revoked {
            freed.extend(self.db.write_owed(move |tx| free(tx, id, now)).await?);
        }
        Ok(freed)
    }

    /// The bug on purpose: revokes so late that one who was stopped for longer than its lease comes
    /// back before.
    async fn free_before_revoking(
        &self,
        dead: Vec<WorkerId>,
        now: Millis,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        const LATE_MS: i64 = 12_000;
        let mut freed = Vec::new();
        for id in dead {
            freed.extend(self.db.write_owed(move |tx| free(tx, id, now)).await?);
            let is_late = self
                .db
                .read(move |tx| {
                    tx.query_value(
                        "SELECT lease_until < $2 FROM workers WHERE id = $1",
                        params![id, Millis(now.0 - LATE_MS)],
                    )
                })
                .await?;
            if is_late {
                self.db.write_owed(move |tx| revoke(tx, id, now)).await?;
            }
        }
        Ok(freed)
    }

    /// All workers whose rows are still kept, newest first.
    pub async fn workers(&self) -> Result<Vec<WorkerRow>, StoreError> {
        self.db
            .read(|tx| {
                tx.query(
                    "SELECT id, epoch, registered_at, heartbeat_at, lease_until, revoked, info, \
                     (SELECT COUNT(*) FROM executions e WHERE e.status = 'running' AND e.owner = w.id) \
                     FROM workers w ORDER BY epoch DESC LIMIT 1000",
                    params![],
                    |row| {
                        Ok(WorkerRow {
                            key: WorkerKey { id: row.get(0)?, epoch: row.get(1)? },
                            registered_at: row.get(2)?,
                            heartbeat_at: row.get(3)?,
                            lease_until: row.get(4)?,
                            revoked: row.get(5)?,
                            info: row.get(6)?,
                            running: row.get(7)?,
                        })
                    },
                )
            })
            .await
    }
}

/// Whether the worker may write. Every batch of a worker asks this in its own transaction.
pub(crate) fn holds(tx: &mut Tx<'_>, key: &WorkerKey) -> Result<bool, StoreError> {
    let sql =
        format!("SELECT 1 FROM workers WHERE id = $1 AND epoch = $2 AND NOT revoked{}", tx.for_key_share());
    let found: Option<i64> = tx.query_opt(&sql, params![key.id, key.epoch], |row| row.get(0))?;
    Ok(found.is_some())
}

/// A heartbeat may have come between the look and this.
fn revoke(tx: &mut Tx<'_>, dead: WorkerId, now: Millis) -> Result<(), StoreError> {
    // Waits for those that write with this lease, and keeps others from beginning to.
    tx.lock_row("workers", dead)?;
    let sql = "UPDATE workers SET revoked = TRUE WHERE id = $1 AND lease_until < $2";
    tx.execute(sql, params![dead, now]).map(drop)
}

/// Rows are locked in the order of their ids, as everybody does who locks several: nobody waits for
/// one who waits for him.
fn lock_held(tx: &mut Tx<'_>, id: WorkerId) -> Result<(), StoreError> {
    if !tx.is_postgres() {
        return Ok(());
    }
    let sql = "SELECT 1 FROM executions WHERE owner = $1 AND status = 'running' ORDER BY id FOR UPDATE";
    tx.query(sql, params![id], |_| Ok(())).map(drop)
}

fn free(tx: &mut Tx<'_>, id: WorkerId, now: Millis) -> Result<Vec<ExecutionId>, StoreError> {
    lock_held(tx, id)?;
    tx.query(
        "UPDATE executions SET status = 'ready', owner = NULL, ready_at = $2 \
         WHERE owner = $1 AND status = 'running' RETURNING id",
        params![id, now],
        |row| row.get(0),
    )
}

/// Removes workers that have been gone for a day and hold nothing. The newest stays, so that
/// epochs go on growing.
pub(crate) fn forget(tx: &mut Tx<'_>, now: Millis) -> Result<usize, StoreError> {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    tx.execute(
        "DELETE FROM workers WHERE revoked AND lease_until < $1 \
         AND epoch < (SELECT MAX(epoch) FROM workers) AND NOT EXISTS \
         (SELECT 1 FROM executions e WHERE e.status = 'running' AND e.owner = workers.id)",
        params![Millis(now.0.saturating_sub(DAY_MS))],
    )
}
