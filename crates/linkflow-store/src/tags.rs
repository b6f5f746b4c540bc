//! Tags: labels on workflows. A document names them; the rows here are what is searched.

use linkflow_model::*;
use uuid::Uuid;

use crate::db::{Tx, params};
use crate::{Store, StoreError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub id: TagId,
    pub name: String,
    /// How many workflows carry it.
    pub n_workflows: u32,
    pub created_at: Millis,
}

impl Store {
    pub async fn tags(&self, workspace: WorkspaceId) -> Result<Vec<Tag>, StoreError> {
        self.db.read(move |tx| list(tx, workspace)).await
    }

    pub async fn create_tag(
        &self,
        workspace: WorkspaceId,
        id: TagId,
        name: String,
        at: Millis,
    ) -> Result<Tag, StoreError> {
        self.db
            .write(move |tx| {
                insert(tx, workspace, id, &name, at)?;
                expect(tx, workspace, id)
            })
            .await
    }

    pub async fn rename_tag(
        &self,
        workspace: WorkspaceId,
        id: TagId,
        name: String,
    ) -> Result<Tag, StoreError> {
        self.db
            .write(move |tx| {
                tx.execute(
                    "UPDATE tags SET name = $3 WHERE workspace = $1 AND id = $2",
                    params![workspace, id, &name],
                )?;
                expect(tx, workspace, id)
            })
            .await
    }

    pub async fn delete_tag(&self, workspace: WorkspaceId, id: TagId) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                let sql = "DELETE FROM tags WHERE workspace = $1 AND id = $2";
                match tx.execute(sql, params![workspace, id])? {
                    0 => Err(StoreError::not_found("tag", id)),
                    _ => Ok(()),
                }
            })
            .await
    }
}

const SELECT: &str = "SELECT t.id, t.name, t.created_at,
    (SELECT COUNT(*) FROM workflow_tags x WHERE x.tag = t.id) FROM tags t";

fn read(row: &crate::db::Row<'_>) -> Result<Tag, StoreError> {
    Ok(Tag { id: row.get(0)?, name: row.get(1)?, created_at: row.get(2)?, n_workflows: row.get(3)? })
}

fn list(tx: &mut Tx<'_>, workspace: WorkspaceId) -> Result<Vec<Tag>, StoreError> {
    tx.query(&format!("{SELECT} WHERE t.workspace = $1 ORDER BY t.name"), params![workspace], read)
}

fn expect(tx: &mut Tx<'_>, workspace: WorkspaceId, id: TagId) -> Result<Tag, StoreError> {
    tx.query_opt(&format!("{SELECT} WHERE t.workspace = $1 AND t.id = $2"), params![workspace, id], read)?
        .ok_or_else(|| StoreError::not_found("tag", id))
}

fn insert(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: TagId,
    name: &str,
    at: Millis,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO tags (id, workspace, name, created_at) VALUES ($1, $2, $3, $4)",
        params![id, workspace, name, at],
    )?;
    Ok(())
}

/// Names of a workflow's tags, sorted.
pub(crate) fn names_of(tx: &mut Tx<'_>, workflow: WorkflowId) -> Result<Vec<String>, StoreError> {
    tx.query(
        "SELECT t.name FROM workflow_tags x JOIN tags t ON t.id = x.tag WHERE x.workflow = $1 ORDER BY t.name",
        params![workflow],
        |row| row.get(0),
    )
}

/// Gives a workflow these tags and no others; what does not exist is made.
pub(crate) fn set(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    workflow: WorkflowId,
    names: &[String],
    at: Millis,
) -> Result<(), StoreError> {
    // Tags that do not exist yet are made once, whoever saves at the same time.
    if !names.is_empty() {
        tx.lock_name("tags")?;
    }
    tx.execute("DELETE FROM workflow_tags WHERE workflow = $1", params![workflow])?;
    for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        let sql = "SELECT id FROM tags WHERE workspace = $1 AND name = $2";
        let known: Option<TagId> = tx.query_opt(sql, params![workspace, name], |row| row.get(0))?;
        let tag = match known {
            Some(tag) => tag,
            None => {
                let tag = TagId::new(at, Uuid::new_v4().as_u128());
                insert(tx, workspace, tag, name, at)?;
                tag
            }
        };
        tx.execute(
            "INSERT INTO workflow_tags (workflow, tag) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            params![workflow, tag],
        )?;
    }
    Ok(())
}
