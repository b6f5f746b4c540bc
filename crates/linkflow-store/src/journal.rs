//! The journal of an execution, and what a worker writes to it.
//!
//! Two workers can hold the same execution for a moment after a long pause, so the journal
//! decides: every append first reads the worker's own row, and the slower one finds its place
//! taken. Within a worker it is the number of the claim that decides, so that what has come for an
//! execution was told to whoever writes.

use linkflow_engine::{Event, Wait};
use linkflow_model::{ExecutionId, Millis, Object, Status};
use serde_json::Value;

use crate::blobs::BlobId;
use crate::db::{Tx, params};
use crate::entry::{Chunk, time_of, wake_name};
use crate::executions::{End, Prepared, end_execution, insert as insert_execution, lock_with_parent};
use crate::faults::Planted;
use crate::postgres::HotJob;
use crate::workers::{WorkerKey, holds};
use crate::{Entry, NewExecution, Store, StoreError, entry};

/// What a worker writes about one execution.
#[derive(Clone, Debug)]
pub struct Append {
    pub execution: ExecutionId,
    /// The claim by which the worker holds it.
    pub claim: u64,
    /// Whether that claim is made with this append: nobody else may have claimed it before, or wish its
    /// end.
    pub takes: bool,
    /// Sequence number of the first entry.
    pub seq: u64,
    pub entries: Vec<Entry>,
    pub then: Then,
    /// When it first ran; kept when the execution has such a time already.
    pub started_at: Option<Millis>,
}

/// What becomes of the execution after the entries.
#[derive(Clone, Debug)]
pub enum Then {
    /// The worker goes on with it.
    Keep,
    /// It rests until the time, a call, or the end of its children, which are accepted with it.
    /// When what it waits for has come meanwhile, it is ready at once.
    Park { wake_at: Option<Millis>, children: Vec<NewExecution> },
    /// Its end. `status` must be terminal.
    Finish {
        status: Status,
        error: Option<String>,
        error_node: Option<String>,
        /// Whether the journal is kept. That of a child is kept until its parent has ended.
        keep_data: bool,
        custom_data: Option<Object>,
    },
    /// The worker hands it back unfinished; this claim does not count as a try.
    Release,
    /// Others are accepted with it, children or one that its end starts, and `then` follows. Once
    /// somebody has asked to cancel it, no children of it are accepted any more.
    Accept { new: Vec<NewExecution>, then: Box<Then> },
}

/// What an append found and brought about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Somebody has asked to cancel the execution.
    pub cancel_requested: bool,
    /// Executions that became ready through this: new children, a parent, or itself.
    pub ready: Vec<ExecutionId>,
}

/// Why nothing was appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The worker's lease has ended: it drops what it has in memory and registers again.
    #[error("the lease of this worker has ended")]
    Fenced,
    /// The execution is not held by this claim any more, or its place in the journal is taken.
    #[error("another worker has gone on with this execution")]
    Conflict,
    /// The execution has ended, or was removed.
    #[error("the execution has ended")]
    Ended,
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for AppendError {
    fn from(error: StoreError) -> AppendError {
        match error {
            StoreError::Fenced => AppendError::Fenced,
            error => AppendError::Store(error),
        }
    }
}

impl Then {
    /// What is accepted with it, and what becomes of the execution itself.
    fn split(self) -> (Vec<NewExecution>, Then) {
        match self {
            Then::Accept { mut new, then } => {
                let (more, then) = then.split();
                new.extend(more);
                (new, then)
            }
            Then::Park { wake_at, children } => (children, Then::Park { wake_at, children: Vec::new() }),
            then => (Vec::new(), then),
        }
    }
}

impl Store {
    /// Appends to the journal of an execution that the worker holds, and says what becomes of it,
    /// in one transaction. The same append again is answered as the first one was, so that one
    /// whose answer got lost can be repeated.
    pub async fn append(&self, key: &WorkerKey, append: Append) -> Result<Appended, AppendError> {
        let notes = Notes::of(&append);
        let (new, then) = append.then.split();
        let work = Work {
            key: key.clone(),
            execution: append.execution,
            claim: append.claim,
            takes: append.takes,
            seq: append.seq,
            chunk: self.encode(&append.entries).await?,
            notes,
            started_at: append.started_at,
            accepts: self.prepare_all(new).await?,
            next: self.prepare_next(then).await?,
            is_lenient: self.has(Planted::LeaseAlone) || self.has(Planted::FreedBeforeRevoked),
            is_fenceless: self.has(Planted::NoFence),
            forgets_wakes: self.has(Planted::EarlyWakeForgotten),
        };
        match self.db.hot() {
            Some(hot) if work.is_plain() => {
                self.db.commit(hot, |caller| HotJob::Append { work: Box::new(work), caller }).await
            }
            _ => self.db.write_owed(move |tx| work.run(tx)).await,
        }
    }

    async fn prepare_next(&self, then: Then) -> Result<Next, StoreError> {
        Ok(match then {
            Then::Keep | Then::Accept { .. } => Next::Keep,
            Then::Release => Next::Release,
            Then::Park { wake_at, .. } => Next::Park { wake_at },
            Then::Finish { status, error, error_node, keep_data, custom_data } => {
                if !status.is_terminal() {
                    let problem = format!("must be one in which an execution ends, got {}", status.as_str());
                    return Err(StoreError::invalid("status", problem));
                }
                let custom_data = custom_data.map(Value::Object);
                if let Some(data) = &custom_data {
                    entry::blobs_in("custom_data", data)?;
                }
                Next::Finish { status, error, error_node, keep_data, custom_data }
            }
        })
    }
}

/// An append whose entries have their stored form.
pub(crate) struct Work {
    pub key: WorkerKey,
    pub execution: ExecutionId,
    pub claim: u64,
    pub takes: bool,
    pub seq: u64,
    pub chunk: Chunk,
    pub notes: Notes,
    pub started_at: Option<Millis>,
    /// Executions that are accepted with it.
    accepts: Vec<Prepared>,
    pub next: Next,
    // Planted bugs; false outside of tests.
    is_lenient: bool,
    is_fenceless: bool,
    forgets_wakes: bool,
}

pub(crate) enum Next {
    Keep,
    Release,
    Park {
        wake_at: Option<Millis>,
    },
    Finish {
        status: Status,
        error: Option<String>,
        error_node: Option<String>,
        keep_data: bool,
        custom_data: Option<Value>,
    },
}

/// What the tables need to know of the entries.
pub(crate) struct Notes {
    pub at: Millis,
    /// Steps that began to wait for a call.
    calls: Vec<u32>,
    /// Steps that went on, and why.
    woken: Vec<(u32, &'static str)>,
}

impl Notes {
    fn of(append: &Append) -> Notes {
        let at = append.entries.iter().map(|e| time_of(&e.event)).max();
        let mut notes =
            Notes { at: at.or(append.started_at).unwrap_or_default(), calls: Vec::new(), woken: Vec::new() };
        for entry in &append.entries {
            match entry.event {
                Event::Parked { step, wait: Wait::Call { .. }, .. } => notes.calls.push(step),
                Event::Woken { step, by, .. } => notes.woken.push((step, wake_name(by))),
                _ => {}
            }
        }
        notes
    }
}

/// What an append has to know of the execution's row.
struct Held {
    status: Status,
    is_mine: bool,
    cancel: bool,
    has_started: bool,
}

impl Work {
    /// Whether nothing but the journal and the execution's own row is written.
    fn is_plain(&self) -> bool {
        matches!(self.next, Next::Keep | Next::Finish { .. })
            && self.accepts.is_empty()
            && self.notes.calls.is_empty()
            && self.notes.woken.is_empty()
            && !(self.is_lenient || self.is_fenceless || self.forgets_wakes)
    }

    pub fn run(&self, tx: &mut Tx<'_>) -> Result<Appended, AppendError> {
        if !self.is_fenceless && !holds(tx, &self.key)? {
            return Err(AppendError::Fenced);
        }
        match self.next {
            Next::Finish { .. } => lock_with_parent(tx, self.execution)?,
            _ => tx.lock_row("executions", self.execution)?,
        }
        if self.takes {
            self.take(tx)?;
        }
        let held = self.held(tx)?.ok_or(AppendError::Ended)?;
        let next = next_seq(tx, self.execution)?;
        let fits = held.status == Status::Running && held.is_mine && next == self.seq;
        // Whether a claim can be made is no matter of the fence.
        let seq = if (self.is_lenient || self.is_fenceless) && !self.takes { next } else { self.seq };
        if !fits && seq == self.seq {
            return self.repeated(tx, &held);
        }
        self.take_in_notes(tx)?;
        if self.started_at.is_some() && !held.has_started {
            tx.execute(
                "UPDATE executions SET started_at = $2 WHERE id = $1",
                params![self.execution, self.started_at],
            )?;
        }
        insert(tx, self.execution, seq, &self.chunk)?;
        let mut ready = Vec::new();
        for new in &self.accepts {
            // Those whose parent is about to be ended would be nobody's.
            if !(held.cancel && new.is_child_of(self.execution)) {
                ready.push(insert_execution(tx, new)?.id);
            }
        }
        ready.extend(self.go_on(tx, held.cancel)?);
        Ok(Appended { cancel_requested: held.cancel, ready })
    }

    /// Makes the claim, if nobody has, and nobody wants its end. One that was made in this way before is found to be held.
    fn take(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.execute(
            "UPDATE executions SET status = 'running', owner = $2, attempt = attempt + 1, claim = $3, \
             ready_at = NULL, wake_at = NULL, started_at = COALESCE(started_at, $4) \
             WHERE id = $1 AND status = 'ready' AND ready_at IS NOT NULL AND NOT cancel AND claim = $3 - 1",
            params![self.execution, self.key.id, self.claim, self.started_at],
        )
        .map(drop)
    }

    fn held(&self, tx: &mut Tx<'_>) -> Result<Option<Held>, StoreError> {
        tx.query_opt(
            "SELECT status, owner, claim, cancel, started_at IS NOT NULL FROM executions WHERE id = $1",
            params![self.execution],
            |row| {
                let owner: Option<linkflow_model::WorkerId> = row.get(1)?;
                Ok(Held {
                    status: row.get(0)?,
                    is_mine: owner == Some(self.key.id) && row.get::<u64>(2)? == self.claim,
                    cancel: row.get(3)?,
                    has_started: row.get(4)?,
                })
            },
        )
    }

    /// The answer for an append that does not fit: fine when it is one that was written before.
    fn repeated(&self, tx: &mut Tx<'_>, held: &Held) -> Result<Appended, AppendError> {
        let written: Option<Vec<u8>> = tx.query_opt(
            "SELECT data FROM journal WHERE execution = $1 AND seq = $2",
            params![self.execution, self.seq],
            |row| row.get(0),
        )?;
        let is_same_chunk = self.chunk.n > 0 && written.is_some_and(|data| data == self.chunk.data);
        if is_same_chunk || self.is_same_end(tx, held)? {
            return Ok(Appended { cancel_requested: held.cancel, ready: Vec::new() });
        }
        Err(if held.status.is_terminal() { AppendError::Ended } else { AppendError::Conflict })
    }

    /// An end whose journal was given up leaves only its row to compare with.
    fn is_same_end(&self, tx: &mut Tx<'_>, held: &Held) -> Result<bool, StoreError> {
        let Next::Finish { status, .. } = &self.next else { return Ok(false) };
        if held.status != *status || !held.is_mine {
            return Ok(false);
        }
        let row: Option<(u64, Option<Millis>)> = tx.query_opt(
            "SELECT entries, ended_at FROM executions WHERE id = $1",
            params![self.execution],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(row == Some((self.seq + u64::from(self.chunk.n), Some(self.notes.at))))
    }

    fn take_in_notes(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for &(step, by) in &self.notes.woken {
            tx.execute(
                "DELETE FROM wakes WHERE execution = $1 AND step = $2 AND reason = $3",
                params![self.execution, step, by],
            )?;
            tx.execute(
                "DELETE FROM call_waits WHERE execution = $1 AND step = $2",
                params![self.execution, step],
            )?;
        }
        for &step in &self.notes.calls {
            tx.execute(
                "INSERT INTO call_waits (execution, step) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                params![self.execution, step],
            )?;
        }
        Ok(())
    }

    fn go_on(&self, tx: &mut Tx<'_>, cancel: bool) -> Result<Vec<ExecutionId>, StoreError> {
        match &self.next {
            Next::Keep => Ok(Vec::new()),
            Next::Release => self.release(tx),
            Next::Park { wake_at } => self.park(tx, *wake_at, cancel),
            Next::Finish { status, error, error_node, keep_data, custom_data } => {
                let end = End {
                    status: *status,
                    at: self.notes.at,
                    error: error.clone(),
                    error_node: error_node.clone(),
                    keep_data: *keep_data,
                    custom_data: custom_data.clone(),
                    entries: self.seq + u64::from(self.chunk.n),
                };
                end_execution(tx, self.execution, &end)
            }
        }
    }

    fn release(&self, tx: &mut Tx<'_>) -> Result<Vec<ExecutionId>, StoreError> {
        tx.execute(
            "UPDATE executions SET status = 'ready', owner = NULL, ready_at = $2, \
             attempt = CASE WHEN attempt > 0 THEN attempt - 1 ELSE 0 END WHERE id = $1",
            params![self.execution, self.notes.at],
        )?;
        Ok(vec![self.execution])
    }

    fn park(
        &self,
        tx: &mut Tx<'_>,
        wake_at: Option<Millis>,
        cancel: bool,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        // What was handed over at this claim and not taken in, nobody waits for.
        tx.execute("DELETE FROM wakes WHERE execution = $1 AND delivered", params![self.execution])?;
        let has_come: Option<i64> = tx.query_opt(
            "SELECT 1 FROM wakes WHERE execution = $1 LIMIT 1",
            params![self.execution],
            |row| row.get(0),
        )?;
        let is_ready = cancel || has_come.is_some() && !self.forgets_wakes;
        tx.execute(
            "UPDATE executions SET status = $2, owner = NULL, attempt = 0, ready_at = $3, wake_at = $4, \
             entries = $5 WHERE id = $1",
            params![
                self.execution,
                if is_ready { Status::Ready } else { Status::Waiting },
                is_ready.then_some(self.notes.at),
                if is_ready { None } else { wake_at },
                self.seq + u64::from(self.chunk.n),
            ],
        )?;
        Ok(if is_ready { vec![self.execution] } else { Vec::new() })
    }
}

/// Sequence number of the next entry.
pub(crate) fn next_seq(tx: &mut Tx<'_>, id: ExecutionId) -> Result<u64, StoreError> {
    let next = tx.query_opt(
        "SELECT seq + n FROM journal WHERE execution = $1 ORDER BY seq DESC LIMIT 1",
        params![id],
        |row| row.get(0),
    )?;
    Ok(next.unwrap_or(0))
}

/// The chunks of a journal, in order, and the sequence number of the next entry.
pub(crate) fn chunks_and_next(tx: &mut Tx<'_>, id: ExecutionId) -> Result<(Vec<Vec<u8>>, u64), StoreError> {
    let mut next = 0;
    let chunks = tx.query(
        "SELECT data, seq + n FROM journal WHERE execution = $1 ORDER BY seq",
        params![id],
        |row| {
            next = row.get(1)?;
            row.get(0)
        },
    )?;
    Ok((chunks, next))
}

/// The chunks of a journal, in order.
pub(crate) fn chunks(tx: &mut Tx<'_>, id: ExecutionId) -> Result<Vec<Vec<u8>>, StoreError> {
    tx.query("SELECT data FROM journal WHERE execution = $1 ORDER BY seq", params![id], |row| row.get(0))
}

pub(crate) fn insert(tx: &mut Tx<'_>, id: ExecutionId, seq: u64, chunk: &Chunk) -> Result<(), StoreError> {
    if chunk.n == 0 {
        return Ok(());
    }
    tx.execute(
        "INSERT INTO journal (execution, seq, n, data) VALUES ($1, $2, $3, $4)",
        params![id, seq, chunk.n, &chunk.data],
    )?;
    refer_to(tx, id, &chunk.blobs)
}

/// Keeps `blobs` for as long as the execution keeps its data.
pub(crate) fn refer_to(tx: &mut Tx<'_>, id: ExecutionId, blobs: &[BlobId]) -> Result<(), StoreError> {
    for blob in blobs {
        tx.execute(
            "INSERT INTO blob_refs (execution, blob) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            params![id, &blob[..]],
        )?;
    }
    Ok(())
}

/// Gives up the journal of an execution and its hold on blobs.
pub(crate) fn drop_data(tx: &mut Tx<'_>, id: ExecutionId, now: Millis) -> Result<(), StoreError> {
    tx.execute("DELETE FROM journal WHERE execution = $1", params![id])?;
    tx.execute(
        "INSERT INTO blob_garbage (blob, since) SELECT blob, $2 FROM blob_refs WHERE execution = $1 \
         ON CONFLICT DO NOTHING",
        params![id, now],
    )?;
    tx.execute("DELETE FROM blob_refs WHERE execution = $1", params![id])?;
    Ok(())
}
