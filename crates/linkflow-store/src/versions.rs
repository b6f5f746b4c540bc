//! Versions of workflows: documents that never change.

use linkflow_model::*;

use crate::db::{Tx, params};
use crate::listing::{Conditions, Key, Page, Place};
use crate::{Store, StoreError, tags};

/// A version, without its document.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRow {
    pub version: u32,
    /// Name of the person who saved it.
    pub author: Option<String>,
    pub message: String,
    pub created_at: Millis,
}

/// A version with its document. The document has the workflow's id in it.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionDocument {
    pub version: u32,
    pub document: Workflow,
    pub created_at: Millis,
}

pub(crate) struct NewVersion<'a> {
    pub workflow: WorkflowId,
    pub version: u32,
    pub document: &'a Workflow,
    pub author: Option<UserId>,
    pub message: &'a str,
    pub at: Millis,
}

impl Store {
    /// One version, with the workflow's tags as they are now.
    pub async fn workflow_version(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        version: u32,
    ) -> Result<Option<VersionDocument>, StoreError> {
        self.db.read(move |tx| find(tx, workspace, workflow, version)).await
    }

    /// The version that triggers start; `None` when none is published.
    pub async fn published_version(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
    ) -> Result<Option<VersionDocument>, StoreError> {
        self.db
            .read(move |tx| {
                let sql = "SELECT published_version FROM workflows WHERE workspace = $1 AND id = $2";
                let version: Option<Option<u32>> =
                    tx.query_opt(sql, params![workspace, workflow], |row| row.get::<Option<u32>>(0))?;
                match version.flatten() {
                    Some(version) => find(tx, workspace, workflow, version),
                    None => Ok(None),
                }
            })
            .await
    }

    /// Versions, the newest first.
    pub async fn workflow_versions(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<Page<VersionRow>, StoreError> {
        self.db.read(move |tx| list(tx, workspace, workflow, limit, cursor.as_deref())).await
    }
}

pub(crate) fn insert(tx: &mut Tx<'_>, new: NewVersion<'_>) -> Result<(), StoreError> {
    let mut document = new.document.clone();
    document.id = Some(new.workflow);
    let text = serde_json::to_string(&document)
        .map_err(|e| StoreError::invalid("workflow", format!("cannot be written as JSON: {e}")))?;
    tx.execute(
        "INSERT INTO versions (workflow, version, document, author, message, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![new.workflow, new.version, text, new.author, new.message, new.at],
    )?;
    Ok(())
}

pub(crate) fn find(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    workflow: WorkflowId,
    version: u32,
) -> Result<Option<VersionDocument>, StoreError> {
    let found = tx.query_opt(
        "SELECT v.document, v.created_at FROM versions v JOIN workflows w ON w.id = v.workflow
         WHERE w.workspace = $1 AND v.workflow = $2 AND v.version = $3",
        params![workspace, workflow, version],
        |row| Ok::<_, StoreError>((row.get::<String>(0)?, row.get::<Millis>(1)?)),
    )?;
    let Some((text, created_at)) = found else { return Ok(None) };
    let mut document: Workflow = serde_json::from_str(&text)
        .map_err(|e| StoreError::Unreadable(format!("version {version} of workflow {workflow}: {e}")))?;
    document.tags = tags::names_of(tx, workflow)?;
    Ok(Some(VersionDocument { version, document, created_at }))
}

fn list(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    workflow: WorkflowId,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page<VersionRow>, StoreError> {
    let mut wanted = Conditions::default();
    let workspace = wanted.param(workspace);
    let id = wanted.param(workflow);
    wanted.add(format!("w.workspace = {workspace} AND v.workflow = {id}"));
    if let Some(Place { key: Key::Number(version), .. }) = cursor.map(Place::of_cursor).transpose()? {
        let version = wanted.param(version);
        wanted.add(format!("v.version < {version}"));
    }
    let limit_param = wanted.param(limit + 1);
    let sql = format!(
        "SELECT v.version, u.name, v.message, v.created_at FROM versions v
         JOIN workflows w ON w.id = v.workflow LEFT JOIN users u ON u.id = v.author
         WHERE {} ORDER BY v.version DESC LIMIT {limit_param}",
        wanted.sql()
    );
    let rows = tx.query(&sql, &wanted.params, |row| {
        Ok::<_, StoreError>(VersionRow {
            version: row.get(0)?,
            author: row.get(1)?,
            message: row.get(2)?,
            created_at: row.get(3)?,
        })
    })?;
    Ok(Page::cut(rows, limit, |row| Place::number(row.version.into(), workflow.0)))
}
