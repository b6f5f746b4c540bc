//! Listeners: nodes that stay connected to somebody, who holds each of them, and the proof that what
//! was heard started one execution and no more. Who listens, and when, is the caller's to say.

use linkflow_model::{Millis, WorkflowId, WorkspaceId};
use serde_json::Value;

use crate::db::{Row, Tx, params};
use crate::executions::insert as insert_execution;
use crate::{Fired, NewExecution, Store, StoreError};

/// A node of a published version that listens.
#[derive(Clone, Debug, PartialEq)]
pub struct NewListener {
    pub workspace: WorkspaceId,
    pub version: i64,
    /// Id of the node in the workflow.
    pub node: String,
    /// The whole node, as it was published.
    pub document: Value,
}

/// Which listener is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListenerKey {
    pub workflow: WorkflowId,
    pub node: String,
    pub version: i64,
}

/// A stored listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    pub key: ListenerKey,
    pub workspace: WorkspaceId,
    pub document: Value,
    /// When not, what it has made elsewhere is to be taken back, and that is all.
    pub is_wanted: bool,
    pub holder: Option<String>,
    /// Since when it listens; none while it does not.
    pub since: Option<Millis>,
    /// Why it does not.
    pub error: Option<String>,
    pub failed_at: Option<Millis>,
}

/// The longest error that is kept, in characters.
const ERROR_CHARS_MAX: usize = 2_000;
/// Listeners that one list has.
const LISTED_MAX: usize = 10_000;

const COLUMNS: &str =
    "workflow, node, version, workspace, document, is_wanted, holder, since, error, failed_at";
const THIS: &str = "workflow = $1 AND node = $2 AND version = $3";

fn listener(row: &Row<'_>) -> Result<Listener, StoreError> {
    Ok(Listener {
        key: ListenerKey { workflow: row.get(0)?, node: row.get(1)?, version: row.get(2)? },
        workspace: row.get(3)?,
        document: row.get(4)?,
        is_wanted: row.get(5)?,
        holder: row.get(6)?,
        since: row.get(7)?,
        error: row.get(8)?,
        failed_at: row.get(9)?,
    })
}

impl Store {
    /// Makes `new` the listeners of a workflow; none when it is no longer published. Those that were
    /// there before stay until somebody has taken back what they made, if anybody ever held them.
    pub async fn replace_listeners(
        &self,
        workflow: WorkflowId,
        new: Vec<NewListener>,
    ) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                tx.lock_row("workflows", workflow)?;
                let versions: Vec<(&str, i64)> = new.iter().map(|n| (n.node.as_str(), n.version)).collect();
                for old in of_workflow(tx, workflow)? {
                    if !versions.contains(&(old.key.node.as_str(), old.key.version)) {
                        give_up(tx, &old.key)?;
                    }
                }
                for n in &new {
                    tx.execute(
                        "INSERT INTO listeners (workflow, node, version, workspace, document, is_wanted) \
                         VALUES ($1, $2, $3, $4, $5, $6) \
                         ON CONFLICT (workflow, node, version) DO UPDATE SET is_wanted = excluded.is_wanted",
                        params![workflow, &n.node, n.version, n.workspace, &n.document, true],
                    )?;
                }
                Ok(())
            })
            .await
    }

    /// All listeners, also those that are only to be taken back, in a lasting order.
    pub async fn all_listeners(&self, limit: usize) -> Result<Vec<Listener>, StoreError> {
        self.db
            .read(move |tx| {
                let sql =
                    format!("SELECT {COLUMNS} FROM listeners ORDER BY workflow, node, version LIMIT $1");
                tx.query(&sql, params![limit], listener)
            })
            .await
    }

    /// Those of a workspace that are wanted.
    pub async fn listeners(&self, workspace: WorkspaceId) -> Result<Vec<Listener>, StoreError> {
        self.db
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM listeners WHERE workspace = $1 AND is_wanted \
                     ORDER BY workflow, node, version LIMIT $2"
                );
                tx.query(&sql, params![workspace, LISTED_MAX], listener)
            })
            .await
    }

    /// Makes `holder` the one who listens, whoever did so far. False when it is not wanted any more.
    pub async fn claim_listener(&self, key: ListenerKey, holder: String) -> Result<bool, StoreError> {
        self.db
            .write(move |tx| {
                let sql =
                    format!("UPDATE listeners SET holder = $4, since = NULL WHERE {THIS} AND is_wanted");
                let ListenerKey { workflow, node, version } = &key;
                Ok(tx.execute(&sql, params![*workflow, node, *version, &holder])? == 1)
            })
            .await
    }

    /// Notes that it listens since a time, or why it does not. False when another one holds it.
    pub async fn note_listener(
        &self,
        key: ListenerKey,
        holder: String,
        at: Millis,
        error: Option<String>,
    ) -> Result<bool, StoreError> {
        self.db
            .write(move |tx| {
                let sql = format!(
                    "UPDATE listeners SET since = $5, error = $6, failed_at = $7 WHERE {THIS} AND holder = $4"
                );
                let error: Option<String> = error.map(|text| text.chars().take(ERROR_CHARS_MAX).collect());
                let (since, failed_at) = if error.is_none() { (Some(at), None) } else { (None, Some(at)) };
                let ListenerKey { workflow, node, version } = &key;
                let noted = tx.execute(
                    &sql,
                    params![*workflow, node, *version, &holder, since, error.as_ref(), failed_at],
                )?;
                Ok(noted == 1)
            })
            .await
    }

    /// Accepts what was heard. Nothing is written when another one holds the listener by now, who
    /// hears the same, or when it is not wanted any more.
    pub async fn fire_listener(
        &self,
        key: ListenerKey,
        holder: String,
        executions: Vec<NewExecution>,
    ) -> Result<Fired, StoreError> {
        let prepared = self.prepare_all(executions).await?;
        self.db
            .write_owed(move |tx| {
                tx.lock_row("workflows", key.workflow)?;
                let sql = format!("SELECT holder FROM listeners WHERE {THIS} AND is_wanted");
                let ListenerKey { workflow, node, version } = &key;
                let held: Option<Option<String>> =
                    tx.query_opt(&sql, params![*workflow, node, *version], |row| row.get(0))?;
                if held.flatten().as_ref() != Some(&holder) {
                    return Ok(Fired::Already);
                }
                let mut started = Vec::new();
                for execution in &prepared {
                    started.push(insert_execution(tx, execution)?.id);
                }
                Ok(Fired::Started(started))
            })
            .await
    }

    /// Forgets a listener that is not wanted and has been taken back.
    pub async fn forget_listener(&self, key: ListenerKey) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                let ListenerKey { workflow, node, version } = &key;
                tx.execute(
                    &format!("DELETE FROM listeners WHERE {THIS} AND NOT is_wanted"),
                    params![*workflow, node, *version],
                )?;
                Ok(())
            })
            .await
    }
}

fn of_workflow(tx: &mut Tx<'_>, workflow: WorkflowId) -> Result<Vec<Listener>, StoreError> {
    tx.query(&format!("SELECT {COLUMNS} FROM listeners WHERE workflow = $1"), params![workflow], listener)
}

/// A listener is not wanted any more. Nobody has to take back what nobody ever held.
fn give_up(tx: &mut Tx<'_>, key: &ListenerKey) -> Result<(), StoreError> {
    let ListenerKey { workflow, node, version } = key;
    let never_held = format!("DELETE FROM listeners WHERE {THIS} AND holder IS NULL");
    tx.execute(&never_held, params![*workflow, node, *version])?;
    let sql = format!("UPDATE listeners SET is_wanted = $4, since = NULL WHERE {THIS}");
    tx.execute(&sql, params![*workflow, node, *version, false])?;
    Ok(())
}

/// A workflow goes away, and with it its listeners.
pub(crate) fn let_go(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    workflow: WorkflowId,
) -> Result<(), StoreError> {
    for old in of_workflow(tx, workflow)?.iter().filter(|old| old.workspace == workspace) {
        give_up(tx, &old.key)?;
    }
    Ok(())
}
