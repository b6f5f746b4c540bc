//! Tasks that other programs put into the queue: each names a workflow and brings its input. The
//! id of the task is the idempotency key, so that a task that comes twice starts one execution.

use std::sync::Arc;

use linkflow_model::{Item, Mode, WorkspaceId};
use linkflow_queue::{ForeignJob, Request};
use linkflow_store::{Idempotency, StoreError, WorkflowRow};
use serde_json::Value;

use crate::contract::StartError;
use crate::shell::{Inner, called_start};

/// What keeps a task from being accepted.
pub enum Refused {
    /// It can never be.
    Wrong(String),
    /// It may be later.
    Later(String),
}

/// Accepts the execution that a task asks for.
pub async fn accept(inner: &Arc<Inner>, job: &ForeignJob) -> Result<(), Refused> {
    let request = job.request().map_err(|e| Refused::Wrong(e.to_string()))?;
    let (workspace, row) = find(inner, &request).await?;
    let version = row.published_version.unwrap_or(row.version);
    let prepared = inner.prepared(workspace, row.id, version).await.map_err(refused)?;
    let prepared = prepared.ok_or_else(|| Refused::Wrong("the workflow has no version".to_owned()))?;
    let start = called_start(&prepared)
        .ok_or_else(|| Refused::Wrong(format!("the workflow \"{}\" has no trigger", row.name)))?;
    let items = items(request.input)?;
    let new = inner.new_execution(workspace, row.id, version, &prepared, start, items, Mode::Trigger).await;
    let mut new = new.map_err(not_started)?;
    new.idempotency =
        Some(Idempotency { key: format!("{}/task/{}", row.id, job.id), fingerprint: String::new() });
    inner.accept(new, None).await.map(drop).map_err(not_started)
}

/// The workflow, in whichever workspace it is.
async fn find(inner: &Inner, request: &Request) -> Result<(WorkspaceId, WorkflowRow), Refused> {
    let id = &request.workflow_id;
    for workspace in inner.store.workspaces().await.map_err(refused)? {
        let found = inner.store.workflow_by_any_id(workspace, id.clone()).await.map_err(refused)?;
        if let Some(row) = found {
            return Ok((workspace, row));
        }
    }
    Err(Refused::Wrong(format!("`workflow_id` names no workflow, got {id:?}")))
}

/// An object is an item, a list is a list of them, nothing is one that is empty.
fn items(input: Value) -> Result<Vec<Item>, Refused> {
    let item = |value: Value| match value {
        Value::Null => Ok(Item::default()),
        Value::Object(object) => Ok(Item::new(object)),
        other => Err(Refused::Wrong(format!("`input` must be an object or a list of them, got {other}"))),
    };
    match input {
        Value::Array(list) => list.into_iter().map(item).collect(),
        one => Ok(vec![item(one)?]),
    }
}

fn refused(error: StoreError) -> Refused {
    match error {
        StoreError::Invalid { .. } | StoreError::NotFound { .. } => Refused::Wrong(error.to_string()),
        other => Refused::Later(other.to_string()),
    }
}

fn not_started(error: StartError) -> Refused {
    match error {
        StartError::Invalid { .. } | StartError::NotFound(_) | StartError::Conflict(_) => {
            Refused::Wrong(error.to_string())
        }
        other => Refused::Later(other.to_string()),
    }
}
