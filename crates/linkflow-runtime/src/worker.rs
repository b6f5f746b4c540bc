//! Takes executions and drives them, as many side by side as it may.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use linkflow_engine::Input;
use linkflow_model::{ExecutionId, Mode, Status};
use linkflow_store::{Append, Claimed, EntryData, StoreError, Then, WorkerKey};
use serde_json::json;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::contract::{ExecutionError, Finished};
use crate::drive::{Drive, Lost, Rest, Sink, env_of};
use crate::record::replay;
use crate::shell::{Inner, Place};

pub const LEASE_MS: u64 = 20_000;
const BATCH_MAX: usize = 64;

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

pub async fn work(inner: Arc<Inner>, stop: CancellationToken, grace_ms: u64) {
    let key = tokio::select! {
        () = stop.cancelled() => return,
        key = first_key(&inner) => key,
    };
    let lease = Arc::new(Lease { key: watch::Sender::new(key), renewing: Mutex::default() });
    // They go on while the last executions end: without heartbeats the lease would be lost.
    let drained = CancellationToken::new();
    let duties = tokio::spawn(crate::duties::run(inner.clone(), lease.clone(), drained.clone()));
    let duties = AbortOnDropHandle::new(duties);
    let slots = Arc::new(Semaphore::new(inner.concurrency));
    let mut keys = lease.key.subscribe();
    let mut tasks = JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            // What runs under the old key belongs to others now.
            Ok(()) = keys.changed() => tasks.abort_all(),
            Some((slot, ids)) = next(&inner, &slots) => {
                drop(slot);
                claim(&inner, &lease, ids, &slots, &mut tasks).await;
            }
        }
    }
    inner.draining.store(true, Ordering::Relaxed);
    let all = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_millis(grace_ms), all).await;
    tasks.abort_all();
    if let Err(error) = inner.store.retire(&lease.key()).await {
        tracing::error!(%error, "the worker could not give back what it held: {error}");
    }
    drained.cancel();
    let _ = duties.await;
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

/// The next executions to look at, no more than there are free slots. May be dropped while it
/// waits.
async fn next(inner: &Inner, slots: &Arc<Semaphore>) -> Option<(OwnedSemaphorePermit, Vec<ExecutionId>)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    let ids = inner.queue.take((slots.available_permits() + 1).min(BATCH_MAX)).await;
    Some((slot, ids))
}

async fn claim(
    inner: &Arc<Inner>,
    lease: &Lease,
    ids: Vec<ExecutionId>,
    slots: &Arc<Semaphore>,
    tasks: &mut JoinSet<()>,
) {
    let key = lease.key();
    let trouble = match inner.store.claim(&key, ids.clone(), inner.services.now()).await {
        Ok(claimed) => {
            for claim in claimed {
                let Ok(slot) = slots.clone().acquire_owned().await else { return };
                let place = Place::take(inner, claim.id);
                let (inner, key) = (inner.clone(), key.clone());
                tasks.spawn(async move {
                    run(&inner, key, claim, place).await;
                    drop(slot);
                });
            }
            return;
        }
        Err(StoreError::Fenced) => lease.renew(inner, &key).await.err(),
        Err(error) => Some(error),
    };
    // Those that were taken although the answer says no are found by `duties::orphans`.
    inner.hint(ids);
    if let Some(error) = trouble {
        tracing::error!(%error, "nothing could be claimed: {error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Drives an execution to its rest, and hands it back when that does not work.
async fn run(inner: &Arc<Inner>, key: WorkerKey, claim: Claimed, place: Place) {
    let id = claim.id;
    let driven = drive(inner, &key, claim, place.cancel.clone());
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
    if let Err(error) = inner.store.give_back(&key, id, inner.services.now(), error, counts).await {
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
    cancel: CancellationToken,
) -> Result<(), Lost> {
    let (id, workspace, workflow) = (claim.id, claim.workspace, claim.workflow);
    let version = u32::try_from(claim.version).unwrap_or_default();
    let prepared = match inner.prepared(workspace, workflow, version).await {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return give_up(inner, key, claim, "the version of the workflow is gone").await,
        Err(error @ StoreError::Invalid { .. }) => {
            return give_up(inner, key, claim, &error.to_string()).await;
        }
        Err(error) => return Err(Lost::Store(error)),
    };
    let vars = inner.variables(workspace).await.map_err(Lost::Store)?;
    let env = env_of(&inner.services, &prepared, id, claim.mode, vars);
    let recorded = replay(&prepared, &claim.entries);
    *env.custom_data.lock().expect("nobody else has it yet") = recorded.custom_data.clone();
    let started_at = Some(claim.started_at.unwrap_or_else(|| inner.services.now()));
    let mut drive = Drive::new(
        inner.services.clone(),
        prepared,
        Arc::new(env),
        recorded,
        (workspace, workflow, id),
        claim.mode,
        claim.mode == Mode::Manual,
        cancel,
        Sink::Store { inner: inner.clone(), key: key.clone() },
        claim.seq,
        started_at,
    );
    drive.version = version;
    drive.retry_of = claim.retry_of;
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

fn ended(inner: &Inner, drive: &Drive, status: Status) {
    metrics::counter!("linkflow_executions_finished_total", "status" => status.as_str()).increment(1);
    if inner.replies.is_expected(drive.execution) {
        inner.replies.finished(&drive.finished(status));
    }
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
async fn give_up(inner: &Arc<Inner>, key: &WorkerKey, claim: Claimed, why: &str) -> Result<(), Lost> {
    let id: ExecutionId = claim.id;
    let append = Append {
        execution: id,
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
    inner.hint(appended.ready);
    let error = ExecutionError { message: why.to_owned(), node: None };
    let data = json!({"status": Status::Error.as_str(), "error": error});
    inner.tell("execution.finished", claim.workspace, Some(id), Some(claim.workflow), data);
    inner.replies.finished(&Finished {
        execution: id,
        status: Status::Error,
        error: Some(error),
        last_node_items: Vec::new(),
        nodes: Vec::new(),
    });
    Ok(())
}
