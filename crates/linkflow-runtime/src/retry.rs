//! New executions that begin with what an earlier one did: retries, and runs of a part.

use std::collections::HashSet;
use std::sync::Arc;

use linkflow_engine::{Event, Outcome};
use linkflow_model::{ExecutionId, Mode, WorkspaceId};
use linkflow_store::{Entry, Idempotency, Loaded, NewExecution};

use crate::contract::{AtNode, RetryFrom, RetryRequest, Reuse, StartError, StartRequest};
use crate::prepared::Prepared;
use crate::record::{Recorded, replay};
use crate::shell::{Inner, USUAL_QUEUE, invalid_or_trouble, start_error};
use crate::take_over::{Earlier, Wanted, take_over};

/// Runs an execution that has ended once more, as a new one.
pub async fn retry(
    inner: &Arc<Inner>,
    workspace: WorkspaceId,
    execution: ExecutionId,
    retry: RetryRequest,
) -> Result<ExecutionId, StartError> {
    let loaded = load(inner, workspace, execution).await?;
    if !loaded.record.status.is_terminal() {
        return Err(StartError::Conflict("the execution has not ended yet; cancel it first".to_owned()));
    }
    let ran = u32::try_from(loaded.record.version).unwrap_or_default();
    let version = retry.version.unwrap_or(ran);
    let mut entries = match (&retry.from, version == ran) {
        (RetryFrom::Start, true) => loaded.entries.iter().take(1).cloned().collect(),
        (RetryFrom::Failed, true) => before_failure(&loaded.entries),
        (from, _) => entries_of(inner, workspace, &loaded, from, version).await?,
    };
    if entries.is_empty() {
        return Err(StartError::NotFound("the data of the execution are not kept".to_owned()));
    }
    let now = inner.services.now();
    if let Some(Event::Started { at, .. }) = entries.first_mut().map(|e| &mut e.event) {
        *at = now;
    }
    let new = NewExecution {
        id: ExecutionId::new(now, uuid::Uuid::new_v4().as_u128()),
        workspace,
        workflow: loaded.record.workflow,
        version: i64::from(version),
        mode: Mode::Retry,
        parent: None,
        retry_of: Some(execution),
        idempotency: retry.idempotency_key.map(|key| Idempotency {
            key: format!("{}/retry/{execution}/{key}", loaded.record.workflow),
            fingerprint: format!("{:?} {version}", retry.from),
        }),
        queue: loaded.record.queue,
        created_at: now,
        entries,
    };
    inner.remember_queue(new.id, workspace, &new.queue);
    inner.accept(new, None).await.map(|started| started.execution)
}

/// What is taken over where one node is to run anew, or another version.
async fn entries_of(
    inner: &Arc<Inner>,
    workspace: WorkspaceId,
    loaded: &Loaded,
    from: &RetryFrom,
    version: u32,
) -> Result<Vec<Entry>, StartError> {
    let (then, recorded) = earlier(inner, workspace, loaded).await?;
    let now = inner.prepared(workspace, loaded.record.workflow, version).await.map_err(invalid_or_trouble)?;
    let now = now.ok_or_else(|| StartError::Invalid {
        field: "version".to_owned(),
        problem: format!("{version} does not exist"),
    })?;
    let (entries, again) = match from {
        RetryFrom::Start => (loaded.entries.iter().take(1).cloned().collect(), None),
        RetryFrom::Failed => (before_failure(&loaded.entries), None),
        RetryFrom::Node(again) => (before_failure(&loaded.entries), Some(again)),
    };
    // A retry of a part is one of the same part.
    let until = loaded.entries.first().and_then(|entry| entry.data.until.as_deref());
    let until = until.filter(|name| now.index_of(name).is_some());
    let earlier = Earlier { prepared: &then, recorded: &recorded, entries: &entries, used_pins: false };
    let wanted = Wanted { prepared: &now, until, again, uses_pins: false };
    take_over(&earlier, &wanted, inner.services.now())
}

/// An execution in which what an earlier one did is taken over.
pub async fn reusing(
    inner: &Arc<Inner>,
    request: &StartRequest,
    prepared: &Arc<Prepared>,
    reuse: &Reuse,
) -> Result<NewExecution, StartError> {
    let loaded = load(inner, request.workspace, reuse.execution).await?;
    if loaded.record.workflow != request.workflow_id {
        return Err(StartError::Invalid {
            field: "reuse.execution".to_owned(),
            problem: "must be an execution of the same workflow".to_owned(),
        });
    }
    let (then, recorded) = earlier(inner, request.workspace, &loaded).await?;
    let names = [request.until.as_ref(), reuse.again.as_ref().map(|AtNode { name, .. }| name)];
    for (field, name) in ["until", "reuse.node"].into_iter().zip(names) {
        if let Some(name) = name.filter(|name| prepared.index_of(name).is_none()) {
            let problem = format!("must be the name of a node, there is no \"{name}\"");
            return Err(StartError::Invalid { field: field.to_owned(), problem });
        }
    }
    let entries = before_failure(&loaded.entries);
    let used_pins = loaded.record.mode == Mode::Manual;
    let earlier = Earlier { prepared: &then, recorded: &recorded, entries: &entries, used_pins };
    let wanted = Wanted {
        prepared,
        until: request.until.as_deref(),
        again: reuse.again.as_ref(),
        uses_pins: request.mode == Mode::Manual,
    };
    let now = inner.services.now();
    let id = ExecutionId::new(now, uuid::Uuid::new_v4().as_u128());
    let queue = prepared.workflow.settings.queue.clone().unwrap_or_else(|| USUAL_QUEUE.to_owned());
    inner.remember_queue(id, request.workspace, &queue);
    Ok(NewExecution {
        id,
        workspace: request.workspace,
        workflow: request.workflow_id,
        version: i64::from(request.version),
        mode: request.mode,
        parent: None,
        retry_of: None,
        idempotency: None,
        queue,
        created_at: now,
        entries: take_over(&earlier, &wanted, now)?,
    })
}

async fn load(inner: &Inner, workspace: WorkspaceId, id: ExecutionId) -> Result<Loaded, StartError> {
    let loaded = inner.store.load(workspace, id).await.map_err(start_error)?;
    loaded.ok_or_else(|| StartError::NotFound("there is no such execution".to_owned()))
}

async fn earlier(
    inner: &Inner,
    workspace: WorkspaceId,
    loaded: &Loaded,
) -> Result<(Arc<Prepared>, Recorded), StartError> {
    let version = u32::try_from(loaded.record.version).unwrap_or_default();
    let prepared = inner.prepared(workspace, loaded.record.workflow, version).await;
    let prepared = prepared.map_err(invalid_or_trouble)?;
    let gone = || StartError::NotFound("the version that ran does not exist any more".to_owned());
    let prepared = prepared.ok_or_else(gone)?;
    let recorded = replay(&prepared, &loaded.entries);
    Ok((prepared, recorded))
}

/// What succeeded, with all that led to it. Steps that failed, or that the end kept from going
/// on, begin anew: nobody would wake them, and their called workflows belong to the old execution.
fn before_failure(entries: &[Entry]) -> Vec<Entry> {
    let is_failure = |e: &Entry| matches!(e.event, Event::Failed { retry_at: None, .. });
    let is_error = |e: &Entry| matches!(e.event, Event::Finished { outcome: Outcome::Error, .. });
    let last = entries.iter().rev().find_map(|e| match e.event {
        Event::Done { step, failed, .. } => Some((step, failed)),
        _ => None,
    });
    // A last node that failed ends an execution although it may go on after errors.
    let by_last = entries.iter().any(is_error) && !entries.iter().any(is_failure);
    let failed = last.filter(|(_, failed)| by_last && *failed).map(|(step, _)| step);
    let done: HashSet<u32> = entries
        .iter()
        .filter_map(|e| match e.event {
            Event::Done { step, .. } if Some(step) != failed => Some(step),
            _ => None,
        })
        .collect();
    let is_kept = |entry: &&Entry| match &entry.event {
        Event::Started { .. } => true,
        Event::Began { step, .. }
        | Event::Done { step, .. }
        | Event::Failed { step, .. }
        | Event::Parked { step, .. }
        | Event::Woken { step, .. } => done.contains(step),
        Event::Canceled { .. } | Event::TimedOut { .. } | Event::Finished { .. } => false,
    };
    entries.iter().filter(is_kept).cloned().collect()
}
