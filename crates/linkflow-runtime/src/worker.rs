//! Takes executions and drives them, as many side by side as it may.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use linkflow_engine::Input;
use linkflow_model::{ExecutionId, Mode, Status};
use linkflow_store::{Append, Claimed, EntryData, Then, WorkerKey};
use serde_json::json;
use tokio::sync::{RwLock, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::contract::{ExecutionError, Finished};
use crate::drive::{Drive, Lost, Rest, Sink, env_of};
use crate::record::replay;
use crate::shell::Inner;

pub const LEASE_MS: u64 = 20_000;
const BATCH_MAX: usize = 64;

pub async fn work(inner: Arc<Inner>, stop: CancellationToken, grace_ms: u64) {
    let key = loop {
        match register(&inner).await {
            Ok(key) => break Arc::new(RwLock::new(key)),
            Err(error) => {
                tracing::error!(%error, "the worker cannot register: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    };
    let duties = tokio::spawn(crate::duties::run(inner.clone(), key.clone(), stop.clone()));
    let slots = Arc::new(Semaphore::new(inner.concurrency));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { break };
        let ids = tokio::select! {
            () = stop.cancelled() => break,
            ids = inner.queue.take((slots.available_permits() + 1).min(BATCH_MAX)) => ids,
        };
        drop(slot);
        let held = key.read().await.clone();
        let now = inner.services.now();
        match inner.store.claim(&held, ids.clone(), now).await {
            Ok(claimed) => {
                for claim in claimed {
                    let Ok(slot) = slots.clone().acquire_owned().await else { break };
                    let (inner, held) = (inner.clone(), held.clone());
                    tokio::spawn(async move {
                        drive(&inner, held, claim).await;
                        drop(slot);
                    });
                }
            }
            Err(linkflow_store::StoreError::Fenced) => {
                tracing::warn!("the lease of this worker has ended; it registers again");
                if let Ok(new) = register(&inner).await {
                    *key.write().await = new;
                }
                inner.queue.push(ids);
            }
            Err(error) => {
                tracing::error!(%error, "nothing could be claimed: {error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
                inner.queue.push(ids);
            }
        }
    }
    inner.draining.store(true, Ordering::Relaxed);
    let all = u32::try_from(inner.concurrency).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(Duration::from_millis(grace_ms), slots.acquire_many(all)).await;
    let held = key.read().await.clone();
    if let Err(error) = inner.store.retire(&held).await {
        tracing::error!(%error, "the worker could not give back what it held: {error}");
    }
    let _ = duties.await;
}

pub async fn register(inner: &Inner) -> Result<WorkerKey, linkflow_store::StoreError> {
    let info = json!({"pid": std::process::id(), "concurrency": inner.concurrency});
    inner.store.register_worker(inner.services.now(), LEASE_MS, info).await
}

async fn drive(inner: &Arc<Inner>, key: WorkerKey, claim: Claimed) {
    let (id, workspace, workflow) = (claim.id, claim.workspace, claim.workflow);
    let version = u32::try_from(claim.version).unwrap_or_default();
    let prepared = match inner.prepared(workspace, workflow, version).await {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return give_up(inner, &key, claim, "the version of the workflow is gone").await,
        Err(error) => return give_up(inner, &key, claim, &error.to_string()).await,
    };
    let vars = inner.variables(workspace).await;
    let env = env_of(&inner.services, &prepared, id, claim.mode, vars);
    let recorded = replay(&prepared, &claim.entries);
    *env.custom_data.lock().expect("nobody else has it yet") = recorded.custom_data.clone();
    let cancel = CancellationToken::new();
    inner.running.lock().expect("nothing panics while it holds the list").insert(id, cancel.clone());
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
        Sink::Store { inner: inner.clone(), key },
        claim.seq,
        started_at,
    );
    inner.tell("execution.started", workspace, Some(id), Some(workflow), json!({"status": "running"}));
    for wake in claim.wakes {
        let data = EntryData { resume: wake.payload, ..EntryData::default() };
        drive.take(Input::Wake { step: wake.step, by: wake.by }, data, None);
    }
    if claim.cancel_requested {
        drive.take(Input::Cancel, EntryData::default(), None);
    } else {
        drive.take(Input::Tick, EntryData::default(), None);
    }
    let rest = drive.run().await;
    inner.running.lock().expect("nothing panics while it holds the list").remove(&id);
    match rest {
        Ok(Rest::Ended(status)) => ended(inner, &drive, status).await,
        Ok(Rest::Parked) => {}
        Err(Lost::Taken) => tracing::warn!(execution = %id, "execution {id} is another worker's now"),
        Err(Lost::Fenced) => tracing::warn!(execution = %id, "the lease ended while execution {id} ran"),
        Err(Lost::Store(error)) => {
            tracing::error!(execution = %id, %error, "execution {id} could not go on: {error}")
        }
    }
}

async fn ended(inner: &Arc<Inner>, drive: &Drive, status: Status) {
    metrics::counter!("linkflow_executions_finished_total", "status" => status.as_str()).increment(1);
    if inner.replies.is_expected(drive.execution) {
        inner.replies.finished(&drive.finished(status));
    }
    let finished = (status == Status::Error).then(|| drive.finished(status));
    let error = finished.as_ref().and_then(|f| f.error.clone());
    inner.tell(
        "execution.finished",
        drive.workspace,
        Some(drive.execution),
        Some(drive.workflow),
        json!({"status": status.as_str(), "error": error}),
    );
    if let (Some(error), false) = (error, drive.mode == Mode::Manual || drive.mode == Mode::Error) {
        if let Err(problem) = crate::duties::start_error_workflow(inner, drive, &error).await {
            tracing::warn!(execution = %drive.execution, "the error workflow was not started: {problem}");
        }
    }
}

/// Ends an execution that can never run.
async fn give_up(inner: &Arc<Inner>, key: &WorkerKey, claim: Claimed, why: &str) {
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
        started_at: None,
    };
    if let Err(error) = inner.store.append(key, append).await {
        tracing::error!(execution = %id, %error, "execution {id} could not be ended: {error}");
    }
    inner.replies.finished(&Finished {
        execution: id,
        status: Status::Error,
        error: Some(ExecutionError { message: why.to_owned(), node: None }),
        last_node_items: Vec::new(),
        nodes: Vec::new(),
    });
}
