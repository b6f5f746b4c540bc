//! Executions: what was accepted, where each one stands, and what wakes or cancels it.
//!
//! The journal of an execution and what a worker writes are in `journal.rs`.

use linkflow_engine::Wake;
use linkflow_model::{ExecutionId, Millis, Mode, Status, WorkflowId, WorkspaceId};
use serde_json::Value;

use crate::db::{Row, Tx, params};
use crate::entry::{self, Chunk, wake_name, wake_named};
use crate::faults::Planted;
use crate::journal;
use crate::postgres::HotJob;
use crate::start::Start;
use crate::workers::{WorkerKey, holds};
use crate::{Entry, Store, StoreError};

/// An execution to be accepted.
#[derive(Clone, Debug)]
pub struct NewExecution {
    pub id: ExecutionId,
    pub workspace: WorkspaceId,
    pub workflow: WorkflowId,
    pub version: i64,
    pub mode: Mode,
    pub parent: Option<Parent>,
    /// The execution that this one repeats.
    pub retry_of: Option<ExecutionId>,
    pub idempotency: Option<Idempotency>,
    /// Which queue it is hinted in.
    pub queue: String,
    /// Since when it can be claimed; the time in its id is what is shown.
    pub created_at: Millis,
    pub entries: Vec<Entry>,
}

/// The step of another execution that waits for this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    pub execution: ExecutionId,
    pub step: u32,
    /// Place among the children of that step.
    pub index: u32,
}

/// The same key with the same fingerprint gives the execution that exists; with another
/// fingerprint it is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    pub key: String,
    /// What the request was, such as a hash of its body.
    pub fingerprint: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub id: ExecutionId,
    /// It had been accepted before; nothing was written.
    pub existing: bool,
    /// What a worker needs to begin with it, where that is little and it is new.
    pub start: Option<Start>,
}

/// An execution that a worker has just taken.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub id: ExecutionId,
    pub workspace: WorkspaceId,
    pub workflow: WorkflowId,
    pub version: i64,
    pub mode: Mode,
    /// Claims since it last came to rest, this one included.
    pub attempt: u32,
    /// Number of this claim among all of the execution; what is appended carries it.
    pub claim: u64,
    pub parent: Option<Parent>,
    pub retry_of: Option<ExecutionId>,
    pub created_at: Millis,
    pub started_at: Option<Millis>,
    pub cancel_requested: bool,
    /// Sequence number of the next entry.
    pub seq: u64,
    /// The whole journal.
    pub entries: Vec<Entry>,
    /// What has come for its parked steps, oldest first. A wake-up stays until a
    /// [`linkflow_engine::Event::Woken`] of its step is appended, or the execution comes to rest.
    pub wakes: Vec<WakeRow>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct WakeRow {
    pub step: u32,
    pub by: Wake,
    pub payload: Option<Value>,
}

/// What became of a call to a waiting execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeCall {
    Woken,
    /// It exists and waits for no call.
    NotWaiting(Status),
    Unknown,
}

/// What became of the wish to cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelAsked {
    /// It will end; those that no worker holds are ready, so that one ends them. Open children
    /// are asked to end too.
    Asked {
        ready: Vec<ExecutionId>,
    },
    /// It had ended before.
    Ended(Status),
    Unknown,
}

/// The row of an execution.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionRecord {
    pub id: ExecutionId,
    pub workspace: WorkspaceId,
    pub workflow: WorkflowId,
    pub version: i64,
    pub mode: Mode,
    pub status: Status,
    pub queue: String,
    pub attempt: u32,
    pub cancel_requested: bool,
    pub created_at: Millis,
    pub ready_at: Option<Millis>,
    pub wake_at: Option<Millis>,
    pub started_at: Option<Millis>,
    pub ended_at: Option<Millis>,
    pub parent: Option<Parent>,
    pub retry_of: Option<ExecutionId>,
    pub error: Option<String>,
    /// Name of the node that failed.
    pub error_node: Option<String>,
    pub custom_data: Option<Value>,
}

/// An execution with its journal.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub record: ExecutionRecord,
    pub entries: Vec<Entry>,
}

/// A child of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    pub id: ExecutionId,
    pub index: u32,
    pub status: Status,
    pub error: Option<String>,
    pub error_node: Option<String>,
}

/// The columns that [`record`] reads, in its order.
pub(crate) const RECORD_COLUMNS: &str = "id, workspace, workflow, version, mode, status, queue, attempt, \
     cancel, ready_at, wake_at, started_at, ended_at, parent, parent_step, parent_index, retry_of, error, \
     error_node, custom_data";

pub(crate) fn record(row: &Row<'_>) -> Result<ExecutionRecord, StoreError> {
    let id: ExecutionId = row.get(0)?;
    Ok(ExecutionRecord {
        id,
        workspace: row.get(1)?,
        workflow: row.get(2)?,
        version: row.get(3)?,
        mode: row.get(4)?,
        status: row.get(5)?,
        queue: row.get(6)?,
        attempt: row.get(7)?,
        cancel_requested: row.get(8)?,
        created_at: created_at(id),
        ready_at: row.get(9)?,
        wake_at: row.get(10)?,
        started_at: row.get(11)?,
        ended_at: row.get(12)?,
        parent: parent_of(row, 13)?,
        retry_of: row.get(16)?,
        error: row.get(17)?,
        error_node: row.get(18)?,
        custom_data: row.get(19)?,
    })
}

/// The time in an execution's id.
pub(crate) fn created_at(id: ExecutionId) -> Millis {
    Millis((id.0.as_u128() >> 80) as i64)
}

/// The smallest id of that time: ids below it are older.
pub(crate) fn first_id_at(time: Millis) -> ExecutionId {
    ExecutionId(uuid::Uuid::from_u128((time.0.max(0) as u128) << 80))
}

fn parent_of(row: &Row<'_>, column: usize) -> Result<Option<Parent>, StoreError> {
    let Some(execution) = row.get::<Option<ExecutionId>>(column)? else { return Ok(None) };
    Ok(Some(Parent { execution, step: row.get(column + 1)?, index: row.get(column + 2)? }))
}

/// A new execution whose entries have their stored form already: that work is the caller's, not
/// the writer's.
pub(crate) struct Prepared {
    pub new: NewExecution,
    pub chunk: Chunk,
}

impl Prepared {
    /// Whether nothing but its own rows is written for it.
    fn is_plain(&self) -> bool {
        self.new.parent.is_none() && self.new.idempotency.is_none()
    }

    pub fn is_child_of(&self, parent: ExecutionId) -> bool {
        self.new.parent.is_some_and(|p| p.execution == parent)
    }
}

impl Store {
    /// Accepts an execution: after this it is owed. The same id or idempotency key again gives
    /// the one that exists.
    pub async fn accept(&self, new: NewExecution) -> Result<Accepted, StoreError> {
        if self.has(Planted::AcknowledgedBeforeCommit) {
            return Ok(Accepted { id: new.id, existing: false, start: None });
        }
        let prepared = self.prepare(new).await?;
        match self.db.hot() {
            Some(hot) if prepared.is_plain() => {
                self.db.commit(hot, |caller| HotJob::Accept { new: prepared, caller }).await
            }
            _ => self.db.write(move |tx| insert(tx, &prepared)).await,
        }
    }

    /// Accepts all of them or none.
    pub async fn accept_many(&self, new: Vec<NewExecution>) -> Result<Vec<Accepted>, StoreError> {
        let prepared = self.prepare_all(new).await?;
        self.db.write(move |tx| prepared.iter().map(|p| insert(tx, p)).collect()).await
    }

    pub(crate) async fn prepare(&self, mut new: NewExecution) -> Result<Prepared, StoreError> {
        let chunk = self.encode(&std::mem::take(&mut new.entries)).await?;
        Ok(Prepared { new, chunk })
    }

    pub(crate) async fn prepare_all(&self, new: Vec<NewExecution>) -> Result<Vec<Prepared>, StoreError> {
        let mut prepared = Vec::with_capacity(new.len());
        for new in new {
            prepared.push(self.prepare(new).await?);
        }
        Ok(prepared)
    }

    /// Takes those of `ids` that are ready. One that has been taken too often without coming to
    /// rest ends as dead instead. Refused with [`StoreError::Fenced`] when the worker's lease has
    /// ended.
    pub async fn claim(
        &self,
        key: &WorkerKey,
        ids: Vec<ExecutionId>,
        now: Millis,
    ) -> Result<Vec<Claimed>, StoreError> {
        let claim = Claim { key: key.clone(), ids, now, poison_limit: self.options.poison_limit };
        let claimed = match self.db.hot() {
            Some(hot) => self.db.commit(hot, |caller| HotJob::Claim { claim, caller }).await?,
            None => self.db.write_owed(move |tx| claim.run(tx)).await?,
        };
        self.decode_claims(claimed, now).await
    }

    /// Takes up to `limit` executions that are ready: of each queue and workspace those that have
    /// been ready longest.
    pub async fn claim_ready(
        &self,
        key: &WorkerKey,
        limit: usize,
        now: Millis,
    ) -> Result<Vec<Claimed>, StoreError> {
        let ready = self.ready_older_than(Millis(i64::MAX), 0, limit).await?;
        self.claim(key, ready.into_iter().map(|row| row.id).collect(), now).await
    }

    /// One whose journal cannot be read ends as dead, or goes back when another try may succeed;
    /// it must not stay with a worker that knows nothing of it.
    pub(crate) async fn decode_claims(
        &self,
        claimed: Vec<RawClaim>,
        now: Millis,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut decoded = Vec::with_capacity(claimed.len());
        for RawClaim { mut claimed, chunks } in claimed {
            match self.decode(&chunks) {
                Ok(entries) => {
                    claimed.entries = entries;
                    decoded.push(claimed);
                }
                Err(error) => {
                    let id = claimed.id;
                    tracing::error!(execution = %id, %error, "the journal of {id} cannot be read");
                    self.db.write_owed(move |tx| put_aside(tx, &claimed, &error, now)).await?;
                }
            }
        }
        Ok(decoded)
    }

    /// Makes ready what waited for a time that has come.
    pub async fn wake_due(&self, now: Millis, limit: usize) -> Result<Vec<ExecutionId>, StoreError> {
        self.db
            .write_owed(move |tx| {
                let sql = format!(
                    "UPDATE executions SET status = 'ready', ready_at = $1, wake_at = NULL WHERE id IN \
                     (SELECT id FROM executions WHERE status = 'waiting' AND wake_at <= $1 \
                      ORDER BY wake_at LIMIT $2{}) RETURNING id",
                    tx.skip_locked()
                );
                tx.query(&sql, params![now, limit], |row| row.get(0))
            })
            .await
    }

    /// Hands `payload` to the step that waits for a call. Without a workspace the caller has
    /// checked by other means that it may.
    pub async fn wake_by_call(
        &self,
        workspace: Option<WorkspaceId>,
        id: ExecutionId,
        now: Millis,
        payload: Option<Value>,
    ) -> Result<WakeCall, StoreError> {
        let blobs = payload.as_ref().map_or(Ok(Vec::new()), |p| entry::blobs_in("payload", p))?;
        let is_lost = self.has(Planted::WakeUpLost);
        self.db
            .write(move |tx| {
                let answer = wake_by_call(tx, workspace, id, now, payload.as_ref())?;
                if answer == WakeCall::Woken && is_lost {
                    tx.execute("DELETE FROM wakes WHERE execution = $1", params![id])?;
                } else if answer == WakeCall::Woken {
                    journal::refer_to(tx, id, &blobs)?;
                }
                Ok(answer)
            })
            .await
    }

    /// Asks an execution to end. One that no worker holds becomes ready, so that a worker ends
    /// it; one that runs is told at its next append.
    pub async fn request_cancel(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        now: Millis,
    ) -> Result<CancelAsked, StoreError> {
        self.db.write(move |tx| request_cancel(tx, workspace, id, now)).await
    }

    /// The children of a step, in their order.
    pub async fn children_of(&self, parent: ExecutionId, step: u32) -> Result<Vec<Child>, StoreError> {
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT id, parent_index, status, error, error_node FROM executions \
                     WHERE parent = $1 AND parent_step = $2 ORDER BY parent_index, id",
                    params![parent, step],
                    |row| {
                        Ok(Child {
                            id: row.get(0)?,
                            index: row.get(1)?,
                            status: row.get(2)?,
                            error: row.get(3)?,
                            error_node: row.get(4)?,
                        })
                    },
                )
            })
            .await
    }

    /// An execution with its journal; `None` when this workspace has none of that id.
    pub async fn load(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<Option<Loaded>, StoreError> {
        let found = self
            .db
            .read(move |tx| {
                let Some(record) = find(tx, workspace, id)? else { return Ok(None) };
                Ok::<_, StoreError>(Some((record, journal::chunks(tx, id)?)))
            })
            .await?;
        let Some((record, chunks)) = found else { return Ok(None) };
        Ok(Some(Loaded { record, entries: self.decode(&chunks)? }))
    }

    /// An execution without its journal.
    pub async fn execution(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
    ) -> Result<Option<ExecutionRecord>, StoreError> {
        self.db.read(move |tx| find(tx, workspace, id)).await
    }

    /// Where an execution stands; `None` when this workspace has none of that id.
    pub async fn status_of(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
    ) -> Result<Option<Status>, StoreError> {
        self.db
            .read(move |tx| {
                tx.query_opt(
                    "SELECT status FROM executions WHERE id = $1 AND workspace = $2",
                    params![id, workspace],
                    |row| row.get(0),
                )
            })
            .await
    }

    /// The workspace of an execution; `None` when there is no such execution.
    pub async fn workspace_of(&self, id: ExecutionId) -> Result<Option<WorkspaceId>, StoreError> {
        self.db
            .read(move |tx| {
                let sql = "SELECT workspace FROM executions WHERE id = $1";
                tx.query_opt(sql, params![id], |row| row.get(0))
            })
            .await
    }

    /// Those of `ids` that have ended, with their workspaces.
    pub async fn ended_of(
        &self,
        ids: Vec<ExecutionId>,
    ) -> Result<Vec<(ExecutionId, WorkspaceId)>, StoreError> {
        self.db
            .read(move |tx| {
                let sql = "SELECT workspace FROM executions WHERE id = $1 AND ended_at IS NOT NULL";
                let mut ended = Vec::new();
                for id in ids {
                    let workspace = tx.query_opt(sql, params![id], |row| row.get(0))?;
                    ended.extend(workspace.map(|w| (id, w)));
                }
                Ok(ended)
            })
            .await
    }

    /// How many entries the journals of those of `ids` that have not ended hold, with their workspaces.
    pub async fn written_of(
        &self,
        ids: Vec<ExecutionId>,
    ) -> Result<Vec<(ExecutionId, WorkspaceId, u64)>, StoreError> {
        self.db
            .read(move |tx| {
                let sql = "SELECT e.workspace, (SELECT MAX(j.seq + j.n) FROM journal j WHERE j.execution = e.id) \
                           FROM executions e WHERE e.id = $1 AND e.ended_at IS NULL";
                let mut written = Vec::new();
                for id in ids {
                    let row = tx.query_opt(sql, params![id], |row| Ok((row.get(0)?, row.get(1)?)))?;
                    written.extend(row.map(|(workspace, n): (_, Option<u64>)| (id, workspace, n.unwrap_or(0))));
                }
                Ok(written)
            })
            .await
    }

    /// How many executions wait for this one, one for the other; at most `max` are counted.
    pub async fn depth_of(&self, id: ExecutionId, max: u32) -> Result<u32, StoreError> {
        self.db
            .read(move |tx| {
                let (mut depth, mut at) = (0, id);
                let sql = "SELECT parent FROM executions WHERE id = $1";
                while depth < max
                    && let Some(parent) =
                        tx.query_opt(sql, params![at], |row| row.get::<Option<ExecutionId>>(0))?.flatten()
                {
                    (depth, at) = (depth + 1, parent);
                }
                Ok(depth)
            })
            .await
    }

    /// What the worker holds.
    pub async fn held_by(&self, key: &WorkerKey) -> Result<Vec<Holding>, StoreError> {
        let id = key.id;
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT id, claim, cancel FROM executions WHERE status = 'running' AND owner = $1",
                    params![id],
                    |row| Ok(Holding { id: row.get(0)?, claim: row.get(1)?, cancel_requested: row.get(2)? }),
                )
            })
            .await
    }

    /// Removes executions that have ended, and says how many those were. Others are left alone.
    pub async fn delete(&self, workspace: WorkspaceId, ids: Vec<ExecutionId>) -> Result<usize, StoreError> {
        self.db
            .write(move |tx| {
                let mut n = 0;
                for id in ids {
                    tx.lock_row("executions", id)?;
                    if find(tx, workspace, id)?.is_some_and(|r| r.status.is_terminal()) {
                        remove(tx, id)?;
                        n += 1;
                    }
                }
                Ok(n)
            })
            .await
    }
}

/// An execution that a worker holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    pub id: ExecutionId,
    /// The claim by which it is held.
    pub claim: u64,
    /// Somebody wants its end.
    pub cancel_requested: bool,
}

fn find(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: ExecutionId,
) -> Result<Option<ExecutionRecord>, StoreError> {
    tx.query_opt(
        &format!("SELECT {RECORD_COLUMNS} FROM executions WHERE id = $1 AND workspace = $2"),
        params![id, workspace],
        record,
    )
}

/// Writes an execution and its first entries, unless it is there already.
pub(crate) fn insert(tx: &mut Tx<'_>, prepared: &Prepared) -> Result<Accepted, StoreError> {
    let Prepared { new, chunk } = prepared;
    if let Some(idempotency) = &new.idempotency
        && let Some(id) = reserve_key(tx, new, idempotency)?
    {
        return Ok(Accepted { id, existing: true, start: None });
    }
    let written = tx.execute(
        "INSERT INTO executions (id, workspace, workflow, version, mode, status, queue, attempt, cancel, \
         ready_at, parent, parent_step, parent_index, retry_of, entries, drop_data) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, FALSE, $8, $9, $10, $11, $12, $13, FALSE) \
         ON CONFLICT (id) DO NOTHING",
        params![
            new.id,
            new.workspace,
            new.workflow,
            new.version,
            new.mode,
            Status::Ready,
            &new.queue,
            new.created_at,
            new.parent.map(|p| p.execution),
            new.parent.map(|p| p.step),
            new.parent.map(|p| p.index),
            new.retry_of,
            chunk.n,
        ],
    )?;
    if written == 0 {
        return Ok(Accepted { id: new.id, existing: true, start: None });
    }
    journal::insert(tx, new.id, 0, chunk)?;
    if let Some(parent) = new.parent
        && tx.is_postgres()
    {
        // Says at the parent's end whether there is anybody to look for.
        let sql = "UPDATE executions SET has_children = TRUE WHERE id = $1 AND NOT has_children";
        tx.execute(sql, params![parent.execution])?;
    }
    Ok(Accepted { id: new.id, existing: false, start: Start::of(prepared) })
}

/// The execution that has the key already, if one has.
fn reserve_key(
    tx: &mut Tx<'_>,
    new: &NewExecution,
    idempotency: &Idempotency,
) -> Result<Option<ExecutionId>, StoreError> {
    let Idempotency { key, fingerprint } = idempotency;
    let reserved = tx.execute(
        "INSERT INTO idempotency (workspace, key, fingerprint, execution) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (workspace, key) DO NOTHING",
        params![new.workspace, key, fingerprint, new.id],
    )?;
    if reserved == 1 {
        return Ok(None);
    }
    let (found, id): (String, ExecutionId) = tx
        .query_opt(
            "SELECT fingerprint, execution FROM idempotency WHERE workspace = $1 AND key = $2",
            params![new.workspace, key],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .ok_or(StoreError::Busy { retry_after_ms: 100 })?;
    if found == *fingerprint { Ok(Some(id)) } else { Err(StoreError::KeyReused { key: key.clone() }) }
}

/// A claim whose journal is still in its stored form.
pub(crate) struct RawClaim {
    pub claimed: Claimed,
    pub chunks: Vec<Vec<u8>>,
}

/// What a worker wants to take.
pub(crate) struct Claim {
    pub key: WorkerKey,
    pub ids: Vec<ExecutionId>,
    pub now: Millis,
    pub poison_limit: u32,
}

impl Claim {
    pub fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<RawClaim>, StoreError> {
        if !holds(tx, &self.key)? {
            return Err(StoreError::Fenced);
        }
        let mut claims = Vec::with_capacity(self.ids.len());
        for &id in &self.ids {
            let Some(claimed) = take(tx, &self.key, id, self.now)? else { continue };
            if claimed.attempt > self.poison_limit {
                bury(tx, &claimed, self.now)?;
                continue;
            }
            claims.push(with_journal(tx, claimed)?);
        }
        Ok(claims)
    }
}

/// The columns that [`claimed_row`] reads, in its order.
pub(crate) const CLAIM_COLUMNS: &str = "id, workspace, workflow, version, mode, attempt, parent, parent_step, \
     parent_index, retry_of, started_at, cancel, claim";

pub(crate) fn claimed_row(row: &Row<'_>) -> Result<Claimed, StoreError> {
    let id = row.get(0)?;
    Ok(Claimed {
        id,
        workspace: row.get(1)?,
        workflow: row.get(2)?,
        version: row.get(3)?,
        mode: row.get(4)?,
        attempt: row.get(5)?,
        parent: parent_of(row, 6)?,
        retry_of: row.get(9)?,
        created_at: created_at(id),
        started_at: row.get(10)?,
        cancel_requested: row.get(11)?,
        claim: row.get(12)?,
        seq: 0,
        entries: Vec::new(),
        wakes: Vec::new(),
    })
}

/// A row of `step, reason, payload`.
pub(crate) fn wake_row(row: &Row<'_>) -> Result<WakeRow, StoreError> {
    let by: String = row.get(1)?;
    Ok(WakeRow { step: row.get(0)?, by: wake_named(&by)?, payload: row.get(2)? })
}

/// A duplicate or stale hint changes no row.
fn take(
    tx: &mut Tx<'_>,
    key: &WorkerKey,
    id: ExecutionId,
    now: Millis,
) -> Result<Option<Claimed>, StoreError> {
    tx.query_opt(
        &format!(
            "UPDATE executions SET status = 'running', owner = $2, attempt = attempt + 1, claim = claim + 1, \
             ready_at = NULL, wake_at = NULL, started_at = COALESCE(started_at, $3) WHERE id = $1 AND status = 'ready' \
             RETURNING {CLAIM_COLUMNS}"
        ),
        params![id, key.id, now],
        claimed_row,
    )
}

fn with_journal(tx: &mut Tx<'_>, mut claimed: Claimed) -> Result<RawClaim, StoreError> {
    let id = claimed.id;
    let (chunks, seq) = journal::chunks_and_next(tx, id)?;
    claimed.seq = seq;
    claimed.wakes = tx.query(
        "SELECT step, reason, payload FROM wakes WHERE execution = $1 ORDER BY n",
        params![id],
        wake_row,
    )?;
    if !claimed.wakes.is_empty() {
        tx.execute("UPDATE wakes SET delivered = TRUE WHERE execution = $1", params![id])?;
    }
    Ok(RawClaim { claimed, chunks })
}

/// Gives up an execution that ended its workers too often.
pub(crate) fn bury(tx: &mut Tx<'_>, claimed: &Claimed, now: Millis) -> Result<(), StoreError> {
    let tries = claimed.attempt - 1;
    let last: Option<String> = tx
        .query_opt("SELECT error FROM executions WHERE id = $1", params![claimed.id], |row| row.get(0))?
        .flatten();
    let mut error = format!("given up: {tries} workers in a row ended while they ran it, or lost it");
    if let Some(last) = last {
        error = format!("{error}; last error: {last}");
    }
    tracing::warn!(execution = %claimed.id, "execution {} is dead after {tries} tries", claimed.id);
    let end = End {
        status: Status::Dead,
        at: now,
        error: Some(error),
        error_node: None,
        keep_data: true,
        custom_data: None,
        entries: journal::next_seq(tx, claimed.id)?,
    };
    end_execution(tx, claimed.id, &end).map(|_| ())
}

fn put_aside(tx: &mut Tx<'_>, claimed: &Claimed, error: &StoreError, now: Millis) -> Result<(), StoreError> {
    if !matches!(error, StoreError::Unreadable(_) | StoreError::NotFound { .. }) {
        return tx
            .execute(
                "UPDATE executions SET status = 'ready', owner = NULL, ready_at = $2 \
                 WHERE id = $1 AND status = 'running'",
                params![claimed.id, now],
            )
            .map(drop);
    }
    let end = End {
        status: Status::Dead,
        at: now,
        error: Some(format!("its journal cannot be read: {error}")),
        error_node: None,
        keep_data: true,
        custom_data: None,
        entries: claimed.seq,
    };
    end_execution(tx, claimed.id, &end).map(drop)
}

/// How an execution ends.
pub(crate) struct End {
    pub status: Status,
    pub at: Millis,
    pub error: Option<String>,
    pub error_node: Option<String>,
    pub keep_data: bool,
    pub custom_data: Option<Value>,
    /// Entries of its journal.
    pub entries: u64,
}

/// Ends an execution and, when it was the last child of a step, wakes its parent. Gives the
/// executions that became ready.
pub(crate) fn end_execution(
    tx: &mut Tx<'_>,
    id: ExecutionId,
    end: &End,
) -> Result<Vec<ExecutionId>, StoreError> {
    lock_with_parent(tx, id)?;
    let parent = tx
        .query_opt(
            "UPDATE executions SET status = $2, ended_at = $3, error = $4, error_node = $5, \
             custom_data = $6, drop_data = $7, entries = $8, ready_at = NULL, wake_at = NULL \
             WHERE id = $1 RETURNING parent, parent_step, parent_index",
            params![
                id,
                end.status,
                end.at,
                &end.error,
                &end.error_node,
                end.custom_data.as_ref().map_or(crate::db::Param::Text(None), Into::into),
                !end.keep_data,
                end.entries,
            ],
            |row| parent_of(row, 0),
        )?
        .flatten();
    tx.execute("DELETE FROM wakes WHERE execution = $1", params![id])?;
    tx.execute("DELETE FROM call_waits WHERE execution = $1", params![id])?;
    drop_data_of_children(tx, id, end.at)?;
    let is_needed = match &parent {
        Some(parent) => status(tx, parent.execution)?.is_some_and(|s| !s.is_terminal()),
        None => false,
    };
    if !end.keep_data && !is_needed {
        journal::drop_data(tx, id, end.at)?;
    }
    match parent {
        Some(parent) if is_needed => wake_parent(tx, parent, end.at),
        _ => Ok(Vec::new()),
    }
}

/// Two children that end at once would each take the other for one that still runs, so they take
/// turns; the parent is always locked before its children.
pub(crate) fn lock_with_parent(tx: &mut Tx<'_>, id: ExecutionId) -> Result<(), StoreError> {
    if !tx.is_postgres() {
        return Ok(());
    }
    let parent: Option<ExecutionId> =
        tx.query_opt("SELECT parent FROM executions WHERE id = $1", params![id], |row| row.get(0))?.flatten();
    if let Some(parent) = parent {
        tx.lock_row("executions", parent)?;
    }
    tx.lock_row("executions", id)
}

/// A child's journal is its answer to the parent, so it is kept until the parent ends, whatever
/// the child's own workflow says.
fn drop_data_of_children(tx: &mut Tx<'_>, parent: ExecutionId, now: Millis) -> Result<(), StoreError> {
    let children: Vec<ExecutionId> = tx.query(
        "SELECT id FROM executions WHERE parent = $1 AND drop_data AND ended_at IS NOT NULL",
        params![parent],
        |row| row.get(0),
    )?;
    children.into_iter().try_for_each(|child| journal::drop_data(tx, child, now))
}

fn wake_parent(tx: &mut Tx<'_>, parent: Parent, now: Millis) -> Result<Vec<ExecutionId>, StoreError> {
    let open: Option<i64> = tx.query_opt(
        "SELECT 1 FROM executions WHERE parent = $1 AND parent_step = $2 \
         AND status IN ('ready', 'running', 'waiting') LIMIT 1",
        params![parent.execution, parent.step],
        |row| row.get(0),
    )?;
    if open.is_some() {
        return Ok(Vec::new());
    }
    let is_ready = wake(tx, parent.execution, parent.step, Wake::Children, None, now)?;
    Ok(if is_ready { vec![parent.execution] } else { Vec::new() })
}

/// Notes what has come for a step; true when that made its execution ready. One that runs finds
/// the note when it comes to rest.
fn wake(
    tx: &mut Tx<'_>,
    id: ExecutionId,
    step: u32,
    by: Wake,
    payload: Option<&Value>,
    now: Millis,
) -> Result<bool, StoreError> {
    tx.execute(
        "INSERT INTO wakes (execution, n, step, reason, payload, delivered) \
         SELECT $1, COALESCE(MAX(n), 0) + 1, $2, $3, $4, FALSE FROM wakes WHERE execution = $1",
        params![id, step, wake_name(by), payload.map_or(crate::db::Param::Text(None), Into::into)],
    )?;
    let changed = tx.execute(
        "UPDATE executions SET status = 'ready', ready_at = $2, wake_at = NULL \
         WHERE id = $1 AND status = 'waiting'",
        params![id, now],
    )?;
    Ok(changed == 1)
}

pub(crate) fn status(tx: &mut Tx<'_>, id: ExecutionId) -> Result<Option<Status>, StoreError> {
    tx.query_opt("SELECT status FROM executions WHERE id = $1", params![id], |row| row.get(0))
}

fn wake_by_call(
    tx: &mut Tx<'_>,
    workspace: Option<WorkspaceId>,
    id: ExecutionId,
    now: Millis,
    payload: Option<&Value>,
) -> Result<WakeCall, StoreError> {
    tx.lock_row("executions", id)?;
    let found: Option<(WorkspaceId, Status)> =
        tx.query_opt("SELECT workspace, status FROM executions WHERE id = $1", params![id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let Some((owner, status)) = found else { return Ok(WakeCall::Unknown) };
    if workspace.is_some_and(|w| w != owner) {
        return Ok(WakeCall::Unknown);
    }
    let step: Option<u32> = tx.query_opt(
        "SELECT step FROM call_waits c WHERE c.execution = $1 AND NOT EXISTS \
         (SELECT 1 FROM wakes w WHERE w.execution = c.execution AND w.step = c.step) \
         ORDER BY step LIMIT 1",
        params![id],
        |row| row.get(0),
    )?;
    match step {
        Some(step) if !status.is_terminal() => {
            wake(tx, id, step, Wake::Call, payload, now)?;
            Ok(WakeCall::Woken)
        }
        _ => Ok(WakeCall::NotWaiting(status)),
    }
}

/// Most executions that one wish to cancel reaches.
const CANCELED_MAX: usize = 100_000;

fn request_cancel(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: ExecutionId,
    now: Millis,
) -> Result<CancelAsked, StoreError> {
    let Some(found) = find(tx, workspace, id)? else { return Ok(CancelAsked::Unknown) };
    if found.status.is_terminal() {
        return Ok(CancelAsked::Ended(found.status));
    }
    let (mut ready, mut open, mut n) = (Vec::new(), vec![id], 0);
    while let Some(id) = open.pop()
        && n < CANCELED_MAX
    {
        n += 1;
        tx.lock_row("executions", id)?;
        let before = status(tx, id)?;
        tx.execute(
            "UPDATE executions SET cancel = TRUE, wake_at = NULL, \
             status = CASE status WHEN 'waiting' THEN 'ready' ELSE status END, \
             ready_at = CASE status WHEN 'waiting' THEN $2 ELSE ready_at END \
             WHERE id = $1 AND status IN ('ready', 'running', 'waiting')",
            params![id, now],
        )?;
        if matches!(before, Some(Status::Waiting | Status::Ready)) {
            ready.push(id);
        }
        open.extend(tx.query(
            "SELECT id FROM executions WHERE parent = $1 AND status IN ('ready', 'running', 'waiting')",
            params![id],
            |row| row.get::<ExecutionId>(0),
        )?);
    }
    Ok(CancelAsked::Asked { ready })
}

/// Removes an execution and everything that belongs to it.
pub(crate) fn remove(tx: &mut Tx<'_>, id: ExecutionId) -> Result<(), StoreError> {
    tx.lock_row("executions", id)?;
    let ended: Option<Millis> = tx
        .query_opt("SELECT ended_at FROM executions WHERE id = $1", params![id], |row| row.get(0))?
        .flatten();
    journal::drop_data(tx, id, ended.unwrap_or_default())?;
    tx.execute("DELETE FROM wakes WHERE execution = $1", params![id])?;
    tx.execute("DELETE FROM call_waits WHERE execution = $1", params![id])?;
    tx.execute("DELETE FROM idempotency WHERE execution = $1", params![id])?;
    tx.execute("DELETE FROM executions WHERE id = $1", params![id])?;
    Ok(())
}

impl Store {
    /// Gives `entries` their stored form, those that are large in the blobs.
    pub(crate) async fn encode(&self, entries: &[Entry]) -> Result<Chunk, StoreError> {
        let mut chunk = entry::encode(entries)?;
        if chunk.data.len() <= self.options.inline_bytes_max {
            return Ok(chunk);
        }
        let blobs = self.blobs.clone();
        tokio::task::spawn_blocking(move || entry::move_out(&mut chunk, &blobs).map(|()| chunk))
            .await
            .map_err(|e| StoreError::Database(e.to_string()))?
    }

    pub(crate) fn decode(&self, chunks: &[Vec<u8>]) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        for chunk in chunks {
            entries.extend(entry::decode(chunk, &self.blobs)?);
        }
        Ok(entries)
    }
}
