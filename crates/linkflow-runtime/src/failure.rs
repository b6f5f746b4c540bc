//! The workflow that is started when another one fails.

use std::sync::Arc;

use linkflow_model::{Item, Mode};
use linkflow_node::trigger::Trigger;
use linkflow_store::{NewExecution, StoreError};
use serde_json::{Value, json};

use crate::contract::{ExecutionError, StartError};
use crate::drive::Drive;
use crate::prepared::Prepared;
use crate::shell::Inner;

/// The execution that the failure of another one starts, to be accepted together with its end;
/// `None` where there is nothing to start. Errors are trouble of the store: try again.
pub async fn started_by(
    inner: &Arc<Inner>,
    drive: &Drive,
    error: &ExecutionError,
) -> Result<Option<NewExecution>, StoreError> {
    // An error workflow that fails starts none: two of them could go on for ever.
    if matches!(drive.mode, Mode::Manual | Mode::Error) {
        return Ok(None);
    }
    match find(inner, drive, error).await {
        Ok(new) => Ok(new),
        Err(Trouble::Store(error)) => Err(error),
        Err(Trouble::Workflow(why)) => {
            tracing::warn!(execution = %drive.execution, "the error workflow was not started: {why}");
            Ok(None)
        }
    }
}

enum Trouble {
    Store(StoreError),
    Workflow(String),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        match error {
            StoreError::Invalid { .. } => Trouble::Workflow(error.to_string()),
            error => Trouble::Store(error),
        }
    }
}

async fn find(
    inner: &Arc<Inner>,
    drive: &Drive,
    error: &ExecutionError,
) -> Result<Option<NewExecution>, Trouble> {
    let (id, version, prepared) = match &drive.prepared.workflow.settings.error_workflow {
        Some(wanted) => {
            let row = inner.store.workflow_by_any_id(drive.workspace, wanted.clone()).await?;
            let row = row.ok_or_else(|| Trouble::Workflow(format!("there is no workflow \"{wanted}\"")))?;
            let version = row.published_version.unwrap_or(row.version);
            let prepared = inner.prepared(drive.workspace, row.id, version).await?;
            let none = || Trouble::Workflow(format!("the workflow \"{}\" has no version", row.name));
            (row.id, version, prepared.ok_or_else(none)?)
        }
        // One with an error trigger of its own looks after itself.
        None if error_trigger(&drive.prepared).is_some() => {
            (drive.workflow, drive.version, drive.prepared.clone())
        }
        None => return Ok(None),
    };
    let start = error_trigger(&prepared).ok_or_else(|| {
        Trouble::Workflow(format!("the workflow \"{}\" has no error trigger", prepared.workflow.name))
    })?;
    let items = vec![Item::from_value(item(inner, drive, error))];
    let new = inner.new_execution(drive.workspace, id, version, &prepared, start, items, Mode::Error).await;
    match new {
        Ok(new) => Ok(Some(new)),
        Err(StartError::Invalid { field, problem }) => Err(Trouble::Workflow(format!("{field} {problem}"))),
        Err(error) => Err(Trouble::Store(StoreError::Database(error.to_string()))),
    }
}

fn error_trigger(prepared: &Prepared) -> Option<u32> {
    let is_start = |&i: &usize| {
        !prepared.workflow.nodes[i].disabled
            && matches!(prepared.nodes[i].kind.and_then(|k| k.trigger()), Some(Trigger::Error))
    };
    (0..prepared.nodes.len()).find(is_start).map(|i| i as u32)
}

/// What the error trigger is given. The fields are those that imported workflows read.
fn item(inner: &Inner, drive: &Drive, error: &ExecutionError) -> Value {
    let last = drive.recorded.machine.last_finished_node().map(|n| drive.prepared.node(n).name.clone());
    let mut execution = json!({
        "id": drive.execution,
        "url": format!("{}/executions/{}", inner.services.public_url, drive.execution),
        "error": {"message": error.message, "node": error.node},
        "lastNodeExecuted": error.node.clone().or(last),
        "mode": drive.mode.as_str(),
    });
    if let Some(retry_of) = drive.retry_of {
        execution["retryOf"] = json!(retry_of);
    }
    json!({
        "execution": execution,
        "workflow": {"id": drive.workflow, "name": drive.prepared.workflow.name},
    })
}
