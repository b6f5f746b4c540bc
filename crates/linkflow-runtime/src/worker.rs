//! Takes executions and drives them, as many side by side as it may.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use linkflow_engine::Input;
use linkflow_model::{ExecutionId, Millis, Mode, Status};
use linkflow_queue::{ForeignJob, Job, QueueError, Taken, Ticket};
use linkflow_store::{Append, Claimed, EntryData, StoreError, Then, WorkerKey};
use serde_json::json;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::contract::{ExecutionError, Finished};
use crate::drive::{Drive, Lost, Rest, Sink, env_of};
use crate::foreign::{self, Refused};
use crate::open_hint::OpenHint;
use crate::record::replay;
use crate::shell::{Inner, Place};
use crate::turns::Turns;

pub const LEASE_MS: u64 = 20_000;
const BATCH_MAX: usize = 64;
/// The pause after something that may work in a moment.
const TROUBLE: Duration = Duration::from_millis(200);
/// How often the store is asked while the queue cannot be.
const POLL: Duration = Duration::from_millis(300);

/// The right of this process to drive executions: the present key, and how to get a new one.
pub struct Lease {
    key: watch::Sender<WorkerKey>,
    renewing: Mutex<()>,
}

impl Lease {
    pub fn key(&self) -> WorkerKey {
        self.key.borrow().clone()
    }

    /// Registers anew, unless that was done since `lost` was the key.
    pub async fn renew(&self, inner: &Inner, lost: &WorkerKey) -> Result<(), StoreError> {
        let _one_at_a_time = self.renewing.lock().await;
        if self.key() == *lost {
            tracing::warn!("the lease of this worker has ended; it registers again");
            self.key.send_replace(register(inner).await?);
        }
        Ok(())
    }
}

/// Which duties a process has beside driving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// All of them: it is alone.
    All,
    /// Those that concern what it drives.
    Driving,
}

pub async fn work(inner: Arc<Inner>, stop: CancellationToken, grace_ms: u64, share: Share) {
    let key = tokio::select! {
        () = stop.cancelled() => return,
        key = first_key(&inner) => key,
    };
    let lease = Arc::new(Lease { key: watch::Sender::new(key), renewing: Mutex::default() });
    // They go on while the last executions end: without heartbeats the lease would be lost.
    let drained = CancellationToken::new();
    let (beside, of, until) = (inner.clone(), lease.clone(), drained.clone());
    let duties = AbortOnDropHandle::new(match share {
        Share::All => tokio::spawn(crate::duties::run(beside, of, until)),
        Share::Driving => tokio::spawn(crate::duties::drive(beside, of, until)),
    });
    let slots = Arc::new(Semaphore::new(inner.concurrency));
    metrics::gauge!("linkflow_worker_slots").set(inner.concurrency as f64);
    let mut keys = lease.key.subscribe();
    let mut tasks = JoinSet::new();
    let mut turns = Turns::default();
    loop {
        while tasks.try_join_next().is_some() {}
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            // What runs under the old key belongs to others now.
            Ok(()) = keys.changed() => tasks.abort_all(),
            Some((slot, found)) = next(&inner, &slots, &mut turns) => {
                drop(slot);
                match found {
                    Ok(Found::Jobs(taken)) => take_in(&inner, &lease, taken, &slots, &mut tasks).await,
                    Ok(Found::ByTurns(ids)) => {
                        claim(&inner, &lease, ids, Vec::new(), &slots, &mut tasks).await;
                    }
                    Err(error) => ask_store(&inner, &lease, &error, &slots, &mut tasks).await,
                }
            }
        }
    }
    inner.draining.store(true, Ordering::Relaxed);
    let all = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_millis(grace_ms), all).await;
    tasks.abort_all();
    retire(&inner, &lease).await;
    drained.cancel();
    let _ = duties.await;
}

/// Gives back what was not finished, and tells the others.
async fn retire(inner: &Inner, lease: &Lease) {
    let given_back = match inner.store.retire(&lease.key()).await {
        Ok(ids) => inner.hint_ready(ids).await,
        Err(error) => Err(error),
    };
    if let Err(error) = given_back {
        tracing::error!(%error, "the worker could not give back what it held: {error}");
    }
}

async fn first_key(inner: &Inner) -> WorkerKey {
    loop {
        match register(inner).await {
            Ok(key) => return key,
            Err(error) => {
                tracing::error!(%error, "the worker cannot register: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn register(inner: &Inner) -> Result<WorkerKey, StoreError> {
    let info = json!({"pid": std::process::id(), "concurrency": inner.concurrency});
    inner.store.register_worker(inner.services.now(), LEASE_MS, info).await
}

/// An execution to run; with its hint while its claim is not written.
type Begun = (Claimed, Option<OpenHint>);

/// What there is to look at.
enum Found {
    Jobs(Vec<Taken>),
    /// Executions of workspaces whose turn it is.
    ByTurns(Vec<ExecutionId>),
}

/// What to look at next, no more than there are free slots. May be dropped while it waits.
async fn next(
    inner: &Inner,
    slots: &Arc<Semaphore>,
    turns: &mut Turns,
) -> Option<(OwnedSemaphorePermit, Result<Found, QueueError>)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    let room = inner.memory.room(|| inner.concurrency.saturating_sub(slots.available_permits() + 1)).await;
    let n = (slots.available_permits() + 1).min(BATCH_MAX).min(room);
    match turns.next(inner, n).await {
        Ok(ids) if !ids.is_empty() => return Some((slot, Ok(Found::ByTurns(ids)))),
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, "nobody knows whose turn it is: {error}"),
    }
    let taken = inner.hints.take(n).await;
    turns.took(taken.as_ref().map_or(0, Vec::len), n);
    Some((slot, taken.map(Found::Jobs)))
}

/// Claims what was taken; what other programs ask for is accepted first.
async fn take_in(
    inner: &Arc<Inner>,
    lease: &Lease,
    taken: Vec<Taken>,
    slots: &Arc<Semaphore>,
    tasks: &mut JoinSet<()>,
) {
    let mut tickets = HashMap::with_capacity(taken.len());
    let mut new = Vec::new();
    for job in taken {
        match job {
            Taken::Execution { ticket, job } => match unclaimed(inner, &job).await {
                Some(claim) => new.push((claim, Some(OpenHint::new(inner, ticket, job)))),
                None => _ = tickets.insert(job.execution, ticket),
            },
            Taken::Foreign(job) => take_foreign(inner, job).await,
        }
    }
    begin(inner, &lease.key(), new, slots, tasks).await;
    if !tickets.is_empty() {
        let ids = tickets.keys().copied().collect();
        claim(inner, lease, ids, tickets.into_values().collect(), slots, tasks).await;
    }
}

/// An execution that came with all that is needed to begin, and that nobody limits.
async fn unclaimed(inner: &Inner, job: &Job) -> Option<Claimed> {
    let start = job.start.as_deref()?;
    let claim = inner.store.unclaimed(job.execution, job.workspace, start).ok()?;
    let is_limited = inner.places().await.ok()?.limit(claim.workflow);
    (!is_limited).then_some(claim)
}

pub async fn take_foreign(inner: &Arc<Inner>, job: ForeignJob) {
    match foreign::accept(inner, &job).await {
        Ok(()) => inner.hints.done(job.ticket),
        Err(Refused::Wrong(why)) => {
            tracing::warn!(task = %job.id, "the task {} is put aside: {why}", job.id);
            inner.hints.archive(job.ticket, why);
        }
        Err(Refused::Later(why)) => {
            tracing::error!(task = %job.id, "the task {} could not be accepted yet: {why}", job.id);
            inner.hints.give_back(vec![job.ticket]);
            tokio::time::sleep(TROUBLE).await;
        }
    }
}

async fn claim(
    inner: &Arc<Inner>,
    lease: &Lease,
    ids: Vec<ExecutionId>,
    tickets: Vec<Ticket>,
    slots: &Arc<Semaphore>,
    tasks: &mut JoinSet<()>,
) {
    let key = lease.key();
    let trouble = match claimed(inner, &key, ids).await {
        Ok(claimed) => {
            // From here on the store says whose they are. A job that were held for as long as its
            // execution runs would keep away the hint that comes when this process has died.
            tickets.into_iter().for_each(|ticket| inner.hints.done(ticket));
            return begin(inner, &key, claimed, slots, tasks).await;
        }
        Err(StoreError::Fenced) => lease.renew(inner, &key).await.err(),
        Err(error) => Some(error),
    };
    // Those that were taken although the answer says no are found by `duties::look_after`.
    inner.hints.give_back(tickets);
    if let Some(error) = trouble {
        tracing::error!(%error, "nothing could be claimed: {error}");
        tokio::time::sleep(TROUBLE).await;
    }
}

/// Those that find a place; what is held back is hinted at when there is one.
async fn claimed(inner: &Inner, key: &WorkerKey, ids: Vec<ExecutionId>) -> Result<Vec<Begun>, StoreError> {
    let places = inner.places().await?;
    let claimed = inner.store.claim_within(&places, key, ids, inner.services.now()).await?;
    Ok(claimed.into_iter().map(|claim| (claim, None)).collect())
}

/// While the queue cannot be reached: takes what has been ready longest, whoever's queue it is in.
async fn ask_store(
    inner: &Arc<Inner>,
    lease: &Lease,
    why: &QueueError,
    slots: &Arc<Semaphore>,
    tasks: &mut JoinSet<()>,
) {
    tracing::debug!(error = %why, "the store is asked for work: {why}");
    let key = lease.key();
    let n = slots.available_permits().clamp(1, BATCH_MAX);
    let ready = inner.store.ready_older_than(Millis(i64::MAX), 0, n).await;
    let ids = ready.map(|rows| rows.into_iter().take(n).map(|row| row.id).collect());
    let claimed = match ids {
        Ok(ids) => claimed(inner, &key, ids).await,
        Err(error) => Err(error),
    };
    let trouble = match claimed {
        Ok(claimed) if claimed.is_empty() => None,
        Ok(claimed) => {
            return begin(inner, &key, claimed, slots, tasks).await;
        }
        Err(StoreError::Fenced) => lease.renew(inner, &key).await.err(),
        Err(error) => Some(error),
    };
    if let Some(error) = trouble {
        tracing::error!(%error, "nothing could be claimed: {error}");
    }
    tokio::time::sleep(POLL).await;
}

/// Runs each in a slot of its own.
async fn begin(
    inner: &Arc<Inner>,
    key: &WorkerKey,
    claimed: Vec<Begun>,
    slots: &Arc<Semaphore>,
    tasks: &mut JoinSet<()>,
) {
    for (claim, hint) in claimed {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let place = Place::take(inner, claim.id);
        let (inner, key) = (inner.clone(), key.clone());
        tasks.spawn(async move {
            let (workflow, began) = (claim.workflow, Instant::now());
            run(&inner, key, claim, hint, place).await;
            metrics::histogram!("linkflow_slot_seconds").record(began.elapsed().as_secs_f64());
            drop(slot);
            if inner.places().await.is_ok_and(|places| places.limit(workflow)) {
                inner.place_left.notify_one();
            }
        });
    }
}

/// Drives an execution to its rest, and hands it back when that does not work.
async fn run(inner: &Arc<Inner>, key: WorkerKey, claim: Claimed, hint: Option<OpenHint>, place: Place) {
    let (id, number) = (claim.id, claim.claim);
    let driven = drive(inner, &key, claim, hint, place.cancel.clone());
    let (error, counts) = match AssertUnwindSafe(driven).catch_unwind().await {
        Ok(Ok(())) => return,
        Ok(Err(Lost::Taken)) => {
            return tracing::warn!(execution = %id, "execution {id} is another worker's now");
        }
        Ok(Err(Lost::Fenced)) => {
            return tracing::warn!(execution = %id, "the lease ended while execution {id} ran");
        }
        Ok(Err(Lost::Store(error))) => {
            let counts = matches!(
                error,
                StoreError::Unreadable(_) | StoreError::NotFound { .. } | StoreError::Invalid { .. }
            );
            (error.to_string(), counts)
        }
        Err(panic) => (format!("the program failed: {}", panic_text(&*panic)), true),
    };
    tracing::error!(execution = %id, %error, "execution {id} could not go on: {error}");
    if let Err(error) = inner.store.give_back(&key, (id, number), inner.services.now(), error, counts).await {
        tracing::error!(execution = %id, %error, "execution {id} could not be handed back yet: {error}");
    }
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason given".to_owned())
}

async fn drive(
    inner: &Arc<Inner>,
    key: &WorkerKey,
    claim: Claimed,
    hint: Option<OpenHint>,
    cancel: CancellationToken,
) -> Result<(), Lost> {
    let (id, workspace, workflow) = (claim.id, claim.workspace, claim.workflow);
    let version = u32::try_from(claim.version).unwrap_or_default();
    let prepared = match inner.prepared(workspace, workflow, version).await {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return give_up(inner, key, claim, hint, "the version of the workflow is gone").await,
        Err(error @ StoreError::Invalid { .. }) => {
            return give_up(inner, key, claim, hint, &error.to_string()).await;
        }
        Err(error) => return Err(Lost::Store(error)),
    };
    let vars = inner.variables(workspace).await.map_err(Lost::Store)?;
    let env = env_of(&inner.services, &prepared, id, claim.mode, vars);
    let recorded = replay(&prepared, &claim.entries);
    *env.custom_data.lock().expect("nobody else has it yet") = recorded.custom_data.clone();
    let now = inner.services.now();
    if claim.started_at.is_none() {
        seconds("linkflow_execution_wait_seconds", now.since(claim.created_at));
    }
    let started_at = Some(claim.started_at.unwrap_or(now));
    let mut drive = Drive::new(
        inner.services.clone(),
        prepared,
        Arc::new(env),
        recorded,
        (workspace, workflow, id),
        claim.mode,
        claim.mode == Mode::Manual,
        cancel,
        Sink::Store { inner: inner.clone(), key: key.clone(), claim: claim.claim },
        claim.seq,
        started_at,
    );
    drive.version = version;
    drive.retry_of = claim.retry_of;
    drive.unclaimed = hint;
    inner.tell("execution.started", workspace, Some(id), Some(workflow), json!({"status": "running"}));
    for wake in claim.wakes {
        let data = EntryData { resume: wake.payload, ..EntryData::default() };
        drive.take(Input::Wake { step: wake.step, by: wake.by }, data, None);
    }
    let first = if claim.cancel_requested { Input::Cancel } else { Input::Tick };
    drive.take(first, EntryData::default(), None);
    if let Rest::Ended(status) = drive.run().await? {
        ended(inner, &drive, status);
    }
    Ok(())
}

fn seconds(name: &'static str, ms: u64) {
    metrics::histogram!(name).record(ms as f64 / 1_000.0);
}

fn ended(inner: &Inner, drive: &Drive, status: Status) {
    if let Some(started_at) = drive.started_at {
        seconds("linkflow_execution_seconds", inner.services.now().since(started_at));
    }
    metrics::counter!("linkflow_executions_finished_total", "status" => status.as_str()).increment(1);
    if inner.replies.is_expected(drive.execution) {
        inner.replies.finished(&drive.finished(status));
    }
    inner.hints.ended(drive.workspace, drive.execution);
    let error = if status == Status::Error { drive.finished(status).error } else { None };
    inner.tell(
        "execution.finished",
        drive.workspace,
        Some(drive.execution),
        Some(drive.workflow),
        json!({"status": status.as_str(), "error": error}),
    );
}

/// Ends an execution that can never run.
async fn give_up(
    inner: &Arc<Inner>,
    key: &WorkerKey,
    claim: Claimed,
    hint: Option<OpenHint>,
    why: &str,
) -> Result<(), Lost> {
    let id: ExecutionId = claim.id;
    let append = Append {
        execution: id,
        claim: claim.claim,
        takes: hint.is_some(),
        seq: claim.seq,
        entries: Vec::new(),
        then: Then::Finish {
            status: Status::Error,
            error: Some(why.to_owned()),
            error_node: None,
            keep_data: true,
            custom_data: None,
        },
        started_at: Some(inner.services.now()),
    };
    let appended = inner.store.append(key, append).await.map_err(Lost::from)?;
    if let Some(hint) = hint {
        hint.claimed();
    }
    inner.hint(claim.workspace, appended.ready);
    let error = ExecutionError { message: why.to_owned(), node: None };
    let data = json!({"status": Status::Error.as_str(), "error": error});
    inner.tell("execution.finished", claim.workspace, Some(id), Some(claim.workflow), data);
    inner.hints.ended(claim.workspace, id);
    inner.replies.finished(&Finished {
        execution: id,
        status: Status::Error,
        error: Some(error),
        last_node_items: Vec::new(),
        nodes: Vec::new(),
    });
    Ok(())
}
