//! Values that workflows keep between executions: static data, places of polls.

use linkflow_model::*;
use serde_json::Value;

use crate::db::{Tx, params};
use crate::{Store, StoreError};

/// The most bytes of JSON that one kept value may have.
pub const KEPT_BYTES_MAX: usize = 1 << 20;

impl Store {
    pub async fn kept(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        key: String,
    ) -> Result<Option<Value>, StoreError> {
        self.db
            .read(move |tx| {
                tx.query_opt(
                    "SELECT value FROM kept WHERE workspace = $1 AND workflow = $2 AND key = $3",
                    params![workspace, workflow, &key],
                    |row| row.get(0),
                )
            })
            .await
    }

    /// Keeps `value` under `key`; null forgets it. Nothing is kept for workflows that are gone.
    pub async fn keep(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        key: String,
        value: Value,
        at: Millis,
    ) -> Result<(), StoreError> {
        self.keep_all(workspace, workflow, vec![(key, value)], at).await
    }

    /// As [`Store::keep`], for several values: all of them or none.
    pub async fn keep_all(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        values: Vec<(String, Value)>,
        at: Millis,
    ) -> Result<(), StoreError> {
        values.iter().try_for_each(|(_, value)| Store::check_kept(value))?;
        self.db
            .write_owed(move |tx| {
                values.iter().try_for_each(|(key, value)| put(tx, workspace, workflow, key, value, at))
            })
            .await
    }

    /// Whether a value is small enough to be kept.
    pub fn check_kept(value: &Value) -> Result<(), StoreError> {
        let n = value.to_string().len();
        if n <= KEPT_BYTES_MAX {
            return Ok(());
        }
        Err(StoreError::invalid("value", format!("has {n} bytes, at most {KEPT_BYTES_MAX} can be kept")))
    }
}

pub(crate) fn put(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    workflow: WorkflowId,
    key: &String,
    value: &Value,
    at: Millis,
) -> Result<(), StoreError> {
    if value.is_null() {
        tx.execute(
            "DELETE FROM kept WHERE workspace = $1 AND workflow = $2 AND key = $3",
            params![workspace, workflow, key],
        )?;
        return Ok(());
    }
    tx.execute(
        "INSERT INTO kept (workspace, workflow, key, value, updated_at)
         SELECT w.workspace, w.id, $3, $4, $5 FROM workflows w
         WHERE w.workspace = $1 AND w.id = $2
         ON CONFLICT (workflow, key) DO UPDATE
         SET value = excluded.value, updated_at = excluded.updated_at",
        params![workspace, workflow, key, value.to_string(), at],
    )?;
    Ok(())
}
