//! What has to be done now and then: heartbeat, due waits, lost hints, dead workers, schedules,
//! retention; and the workflow that is started when another one fails.

use std::sync::Arc;
use std::time::Duration;

use linkflow_model::{Item, Mode};
use linkflow_node::trigger::Trigger;
use linkflow_store::WorkerKey;
use serde_json::json;
use tokio::sync::RwLock;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::contract::ExecutionError;
use crate::drive::Drive;
use crate::shell::Inner;
use crate::worker::{LEASE_MS, register};

const SWEEP_MAX: usize = 1_000;

pub async fn run(inner: Arc<Inner>, key: Arc<RwLock<WorkerKey>>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut n: u64 = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(error) = round(&inner, &key, n).await {
            tracing::error!(%error, "a background duty failed: {error}");
        }
        n += 1;
    }
}

async fn round(
    inner: &Arc<Inner>,
    key: &RwLock<WorkerKey>,
    n: u64,
) -> Result<(), linkflow_store::StoreError> {
    let now = inner.services.now();
    inner.queue.push(inner.store.wake_due(now, SWEEP_MAX).await?);
    crate::scheduler::tick(inner).await?;
    if n.is_multiple_of(5) {
        // The first round takes in what an earlier process left; later ones only what was lost.
        let age_ms = if n == 0 { 0 } else { 2_000 };
        let ready = inner.store.ready_older_than(now, age_ms, SWEEP_MAX).await?;
        inner.queue.push(ready.into_iter().map(|r| r.id));
    }
    if n.is_multiple_of(25) {
        let held = key.read().await.clone();
        if !inner.store.heartbeat(&held, now, LEASE_MS).await? {
            *key.write().await = register(inner).await?;
        }
        inner.queue.push(inner.store.reap(now).await?);
    }
    if n % 3_000 == 150 {
        inner.store.retain(now, inner.retention_days, None).await?;
    }
    Ok(())
}

/// Starts the error workflow of a workflow whose execution failed.
pub async fn start_error_workflow(
    inner: &Arc<Inner>,
    drive: &Drive,
    error: &ExecutionError,
) -> Result<(), String> {
    let Some(wanted) = drive.prepared.workflow.settings.error_workflow.clone() else { return Ok(()) };
    let row =
        inner.store.workflow_by_any_id(drive.workspace, wanted.clone()).await.map_err(|e| e.to_string())?;
    let row = row.ok_or_else(|| format!("there is no workflow \"{wanted}\""))?;
    let version = row.published_version.unwrap_or(row.version);
    let prepared = inner.prepared(drive.workspace, row.id, version).await.map_err(|e| e.to_string())?;
    let prepared = prepared.ok_or_else(|| format!("the workflow \"{}\" has no version", row.name))?;
    let start = (0..prepared.nodes.len()).find(|&i| {
        !prepared.workflow.nodes[i].disabled
            && matches!(prepared.nodes[i].kind.and_then(|k| k.trigger()), Some(Trigger::Error))
    });
    let start = start.ok_or_else(|| format!("the workflow \"{}\" has no error trigger", row.name))?;
    let item = Item::from_value(json!({
        "execution": {
            "id": drive.execution,
            "url": format!("{}/executions/{}", inner.services.public_url, drive.execution),
            "error": {"message": error.message, "node": error.node},
            "lastNodeExecuted": error.node,
            "mode": drive.mode.as_str(),
        },
        "workflow": {"id": drive.workflow, "name": drive.prepared.workflow.name},
    }));
    let new = inner
        .new_execution(drive.workspace, row.id, version, &prepared, start as u32, vec![item], Mode::Error)
        .await
        .map_err(|e| e.to_string())?;
    let id = new.id;
    inner.store.accept(new).await.map_err(|e| e.to_string())?;
    inner.queue.push([id]);
    Ok(())
}
