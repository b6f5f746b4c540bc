//! The addresses at which published workflows listen.

use linkflow_model::*;

use crate::db::{Tx, params};
use crate::{Store, StoreError};

/// An address to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhook {
    /// Name of the node.
    pub node: String,
    /// Upper case.
    pub method: String,
    /// Without a leading slash; segments that start with `:` take anything.
    pub path: String,
}

/// An address that is taken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WebhookRow {
    pub workspace: WorkspaceId,
    pub workflow: WorkflowId,
    pub version: u32,
    pub node: String,
    pub method: String,
    pub path: String,
}

impl Store {
    /// All addresses of all workspaces.
    pub async fn webhooks(&self) -> Result<Vec<WebhookRow>, StoreError> {
        self.db
            .read(|tx| {
                tx.query(
                    "SELECT workspace, workflow, version, node, method, path FROM webhooks ORDER BY method, shape",
                    params![],
                    |row| {
                        Ok(WebhookRow {
                            workspace: row.get(0)?,
                            workflow: row.get(1)?,
                            version: row.get(2)?,
                            node: row.get(3)?,
                            method: row.get(4)?,
                            path: row.get(5)?,
                        })
                    },
                )
            })
            .await
    }

    /// The workflow that has an address which takes the same requests, if it is another than
    /// `except`; its name is given for workflows of this workspace only.
    pub async fn webhook_taken_by(
        &self,
        workspace: WorkspaceId,
        except: WorkflowId,
        method: String,
        path: String,
    ) -> Result<Option<Option<String>>, StoreError> {
        self.db
            .read(move |tx| {
                tx.query_opt(
                    "SELECT h.workspace, w.name FROM webhooks h JOIN workflows w ON w.id = h.workflow
                     WHERE h.method = $1 AND h.shape = $2 AND h.workflow <> $3",
                    params![&method, shape(&path), except],
                    |row| {
                        let name: String = row.get(1)?;
                        Ok(Some(name).filter(|_| row.get::<WorkspaceId>(0).ok() == Some(workspace)))
                    },
                )
            })
            .await
    }
}

/// The path with every `:name` as `:`.
pub(crate) fn shape(path: &str) -> String {
    let segments: Vec<&str> =
        path.trim_matches('/').split('/').map(|s| if s.starts_with(':') { ":" } else { s }).collect();
    segments.join("/")
}

/// Gives the workflow these addresses and no others.
pub(crate) fn replace(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    workflow: WorkflowId,
    version: u32,
    routes: &[NewWebhook],
) -> Result<(), StoreError> {
    tx.execute("DELETE FROM webhooks WHERE workflow = $1", params![workflow])?;
    for route in routes {
        tx.execute(
            "INSERT INTO webhooks (method, shape, path, workspace, workflow, version, node)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            params![
                &route.method,
                shape(&route.path),
                &route.path,
                workspace,
                workflow,
                version,
                &route.node
            ],
        )?;
    }
    Ok(())
}
