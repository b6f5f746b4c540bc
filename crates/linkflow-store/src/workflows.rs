//! Workflows: the row that lists show, the newest version, and what is published.
//!
//! A document is written as a version and never changed afterwards; the row here points at the
//! newest and at the published one.

use std::collections::HashMap;

use linkflow_model::*;
use serde_json::Value;

use crate::db::{Row, Tx, params};
use crate::listing::{Conditions, Page, Place, containing};
use crate::versions::{self, NewVersion};
use crate::webhooks::{self, NewWebhook};
use crate::{Store, StoreError, tags};

/// A workflow, as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowRow {
    pub id: WorkflowId,
    pub workspace: WorkspaceId,
    pub name: String,
    /// Names, sorted.
    pub tags: Vec<String>,
    /// The newest saved version.
    pub version: u32,
    pub published_version: Option<u32>,
    pub triggers: Vec<String>,
    pub n_nodes: u32,
    pub n_problems: u32,
    pub created_at: Millis,
    pub updated_at: Millis,
}

/// What is known about a document besides itself; found out by whoever knows node kinds.
#[derive(Clone, Debug, Default)]
pub struct WorkflowFacts {
    /// Kinds of triggers: `webhook`, `schedule`, ...
    pub triggers: Vec<String>,
    pub n_problems: u32,
}

/// A document that is saved.
#[derive(Clone, Debug)]
pub struct WorkflowSave {
    pub document: Workflow,
    pub facts: WorkflowFacts,
    pub author: Option<UserId>,
    pub message: String,
    pub at: Millis,
}

/// Which workflows a list shows.
#[derive(Clone, Debug, Default)]
pub struct WorkflowFilter {
    /// Part of the name, in any case.
    pub search: Option<String>,
    /// Name of a tag.
    pub tag: Option<String>,
    pub is_active: Option<bool>,
    pub sort: WorkflowSort,
    pub limit: usize,
    pub cursor: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkflowSort {
    /// Changed last comes first.
    #[default]
    Updated,
    Name,
}

/// What a workflow did lately.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkflowActivity {
    /// Executions since the time asked for, counted up to [`ACTIVITY_MAX`].
    pub n_runs: u32,
    pub n_errors: u32,
    pub last: Option<(ExecutionId, Status, Option<Millis>)>,
}

/// The most executions that are counted for a list.
pub const ACTIVITY_MAX: u32 = 10_000;

impl Store {
    /// Makes a workflow with `save` as its version 1.
    pub async fn create_workflow(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        save: WorkflowSave,
    ) -> Result<WorkflowRow, StoreError> {
        self.db.write(move |tx| create(tx, workspace, id, &save)).await
    }

    /// Saves a new version. With `expected`, only when that is the newest one still
    /// ([`StoreError::Changed`] otherwise).
    pub async fn save_workflow(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        expected: Option<u32>,
        save: WorkflowSave,
    ) -> Result<WorkflowRow, StoreError> {
        self.db.write(move |tx| update(tx, workspace, id, expected, &save)).await
    }

    pub async fn workflow(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
    ) -> Result<Option<WorkflowRow>, StoreError> {
        self.db.read(move |tx| find(tx, workspace, id)).await
    }

    /// The workflow with this id, or the one that had it in the file it came from (the newest, if
    /// several did).
    pub async fn workflow_by_any_id(
        &self,
        workspace: WorkspaceId,
        id: String,
    ) -> Result<Option<WorkflowRow>, StoreError> {
        self.db.read(move |tx| find_by_any_id(tx, workspace, &id)).await
    }

    pub async fn workflows(
        &self,
        workspace: WorkspaceId,
        filter: WorkflowFilter,
    ) -> Result<Page<WorkflowRow>, StoreError> {
        self.db.read(move |tx| list(tx, workspace, filter)).await
    }

    /// Removes a workflow with its versions, addresses, schedules and kept values. Its executions
    /// go with the next round of retention, since there may be millions; one that still runs goes
    /// when it has ended.
    pub async fn delete_workflow(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<(), StoreError> {
        self.db.write(move |tx| delete(tx, workspace, id)).await
    }

    /// Lets triggers start `version` from now on. The addresses are taken in the same transaction:
    /// one that another workflow has is [`StoreError::Duplicate`] of `webhooks`.
    pub async fn publish_workflow(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        version: u32,
        webhooks: Vec<NewWebhook>,
        at: Millis,
    ) -> Result<WorkflowRow, StoreError> {
        self.db.write(move |tx| publish(tx, workspace, id, version, &webhooks, at)).await
    }

    /// Lets triggers start nothing any more.
    pub async fn unpublish_workflow(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        at: Millis,
    ) -> Result<WorkflowRow, StoreError> {
        self.db.write(move |tx| unpublish(tx, workspace, id, at)).await
    }

    /// All published workflows of all workspaces with their versions, for what starts with the
    /// program.
    pub async fn published_workflows(&self) -> Result<Vec<(WorkspaceId, WorkflowId, u32)>, StoreError> {
        self.db
            .read(|tx| {
                tx.query(
                    "SELECT workspace, id, published_version FROM workflows
                     WHERE published_version IS NOT NULL ORDER BY id",
                    params![],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
            })
            .await
    }

    /// The names of these workflows; those that are gone are left out.
    pub async fn workflow_names(
        &self,
        workspace: WorkspaceId,
        ids: Vec<WorkflowId>,
    ) -> Result<HashMap<WorkflowId, String>, StoreError> {
        self.db
            .read(move |tx| {
                let mut names = HashMap::new();
                for id in ids {
                    if names.contains_key(&id) {
                        continue;
                    }
                    let sql = "SELECT name FROM workflows WHERE workspace = $1 AND id = $2";
                    if let Some(name) = tx.query_opt(sql, params![workspace, id], |row| row.get(0))? {
                        names.insert(id, name);
                    }
                }
                Ok(names)
            })
            .await
    }

    /// What these workflows did since `since`, in the same order.
    pub async fn workflow_activity(
        &self,
        workspace: WorkspaceId,
        ids: Vec<WorkflowId>,
        since: Millis,
    ) -> Result<Vec<WorkflowActivity>, StoreError> {
        self.db.read(move |tx| ids.into_iter().map(|id| activity(tx, workspace, id, since)).collect()).await
    }
}

const COLUMNS: &str = "w.id, w.workspace, w.name, w.version, w.published_version, w.triggers, w.n_nodes, \
                       w.n_problems, w.created_at, w.updated_at";

fn read(row: &Row<'_>) -> Result<WorkflowRow, StoreError> {
    let triggers: Value = row.get(5)?;
    Ok(WorkflowRow {
        id: row.get(0)?,
        workspace: row.get(1)?,
        name: row.get(2)?,
        tags: Vec::new(),
        version: row.get(3)?,
        published_version: row.get(4)?,
        triggers: serde_json::from_value(triggers).map_err(|e| StoreError::Unreadable(e.to_string()))?,
        n_nodes: row.get(6)?,
        n_problems: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
    })
}

pub(crate) fn find(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: WorkflowId,
) -> Result<Option<WorkflowRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM workflows w WHERE w.workspace = $1 AND w.id = $2");
    let found = tx.query_opt(&sql, params![workspace, id], read)?;
    found.map(|row| with_tags(tx, row)).transpose()
}

fn with_tags(tx: &mut Tx<'_>, mut row: WorkflowRow) -> Result<WorkflowRow, StoreError> {
    row.tags = tags::names_of(tx, row.id)?;
    Ok(row)
}

pub(crate) fn expect(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: WorkflowId,
) -> Result<WorkflowRow, StoreError> {
    find(tx, workspace, id)?.ok_or_else(|| StoreError::not_found("workflow", id))
}

fn find_by_any_id(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: &str,
) -> Result<Option<WorkflowRow>, StoreError> {
    if let Ok(own) = id.parse()
        && let Some(row) = find(tx, workspace, own)?
    {
        return Ok(Some(row));
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM workflows w WHERE w.workspace = $1 AND w.origin_id = $2
         ORDER BY w.id DESC LIMIT 1"
    );
    let found = tx.query_opt(&sql, params![workspace, id], read)?;
    found.map(|row| with_tags(tx, row)).transpose()
}

/// The id that a document had where it came from.
fn origin_id(document: &Workflow) -> Option<&str> {
    document.origin.as_ref()?.get("id")?.as_str().filter(|id| !id.is_empty())
}

fn create(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: WorkflowId,
    save: &WorkflowSave,
) -> Result<WorkflowRow, StoreError> {
    tx.execute(
        "INSERT INTO workflows (id, workspace, name, version, published_version, origin_id, triggers,
                                n_nodes, n_problems, created_at, updated_at)
         VALUES ($1, $2, $3, 1, NULL, $4, $5, $6, $7, $8, $8)",
        params![
            id,
            workspace,
            &save.document.name,
            origin_id(&save.document),
            &serde_json::json!(save.facts.triggers),
            save.document.nodes.len(),
            save.facts.n_problems,
            save.at
        ],
    )?;
    write_version(tx, workspace, id, 1, save)?;
    expect(tx, workspace, id)
}

fn write_version(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: WorkflowId,
    version: u32,
    save: &WorkflowSave,
) -> Result<(), StoreError> {
    tags::set(tx, workspace, id, &save.document.tags, save.at)?;
    let new = NewVersion {
        workflow: id,
        version,
        document: &save.document,
        author: save.author,
        message: &save.message,
        at: save.at,
    };
    versions::insert(tx, new)
}

fn update(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: WorkflowId,
    expected: Option<u32>,
    save: &WorkflowSave,
) -> Result<WorkflowRow, StoreError> {
    tx.lock_row("workflows", id)?;
    let current = expect(tx, workspace, id)?;
    if expected.is_some_and(|expected| expected != current.version) {
        return Err(StoreError::Changed { what: "workflow", id: id.to_string() });
    }
    let version = current.version + 1;
    write_version(tx, workspace, id, version, save)?;
    tx.execute(
        "UPDATE workflows SET name = $3, version = $4, origin_id = COALESCE($5, origin_id), triggers = $6,
                              n_nodes = $7, n_problems = $8, updated_at = $9
         WHERE workspace = $1 AND id = $2",
        params![
            workspace,
            id,
            &save.document.name,
            version,
            origin_id(&save.document),
            &serde_json::json!(save.facts.triggers),
            save.document.nodes.len(),
            save.facts.n_problems,
            save.at
        ],
    )?;
    expect(tx, workspace, id)
}

fn list(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    filter: WorkflowFilter,
) -> Result<Page<WorkflowRow>, StoreError> {
    let mut wanted = Conditions::default();
    let workspace = wanted.param(workspace);
    wanted.add(format!("w.workspace = {workspace}"));
    if let Some(search) = &filter.search {
        let pattern = wanted.param(containing(search));
        wanted.add(format!("lower(w.name) LIKE {pattern} ESCAPE '\\'"));
    }
    if let Some(tag) = filter.tag {
        let tag = wanted.param(tag);
        wanted.add(format!(
            "EXISTS (SELECT 1 FROM workflow_tags x JOIN tags t ON t.id = x.tag
                     WHERE x.workflow = w.id AND t.name = {tag})"
        ));
    }
    if let Some(is_active) = filter.is_active {
        let not = if is_active { "NOT " } else { "" };
        wanted.add(format!("w.published_version IS {not}NULL"));
    }
    let (column, descending) = match filter.sort {
        WorkflowSort::Updated => ("w.updated_at", true),
        WorkflowSort::Name => ("w.name", false),
    };
    if let Some(cursor) = &filter.cursor {
        wanted.behind(Place::of_cursor(cursor)?, column, "w.id", descending);
    }
    let direction = if descending { "DESC" } else { "ASC" };
    let limit = wanted.param(filter.limit + 1);
    let sql = format!(
        "SELECT {COLUMNS} FROM workflows w WHERE {} ORDER BY {column} {direction}, w.id {direction} LIMIT {limit}",
        wanted.sql()
    );
    let rows = tx.query(&sql, &wanted.params, read)?;
    let mut page = Page::cut(rows, filter.limit, |row| match filter.sort {
        WorkflowSort::Updated => Place::number(row.updated_at.0, row.id.0),
        WorkflowSort::Name => Place::text(&row.name, row.id.0),
    });
    for row in &mut page.items {
        row.tags = tags::names_of(tx, row.id)?;
    }
    Ok(page)
}

fn delete(tx: &mut Tx<'_>, workspace: WorkspaceId, id: WorkflowId) -> Result<(), StoreError> {
    expect(tx, workspace, id)?;
    tx.execute("DELETE FROM schedules WHERE workspace = $1 AND workflow = $2", params![workspace, id])?;
    crate::listeners::let_go(tx, workspace, id)?;
    tx.execute(
        "INSERT INTO workflow_retention (workflow, days) VALUES ($1, 0)
         ON CONFLICT (workflow) DO UPDATE SET days = 0",
        params![id],
    )?;
    tx.execute("DELETE FROM workflows WHERE workspace = $1 AND id = $2", params![workspace, id])?;
    Ok(())
}

fn publish(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: WorkflowId,
    version: u32,
    routes: &[NewWebhook],
    at: Millis,
) -> Result<WorkflowRow, StoreError> {
    tx.lock_row("workflows", id)?;
    expect(tx, workspace, id)?;
    let document = versions::find(tx, workspace, id, version)?
        .ok_or_else(|| StoreError::not_found("version", version))?;
    webhooks::replace(tx, workspace, id, version, routes)?;
    tx.execute(
        "UPDATE workflows SET published_version = $3, updated_at = $4 WHERE workspace = $1 AND id = $2",
        params![workspace, id, version, at],
    )?;
    tx.execute("DELETE FROM workflow_retention WHERE workflow = $1", params![id])?;
    if let Some(days) = document.document.settings.retention_days {
        tx.execute("INSERT INTO workflow_retention (workflow, days) VALUES ($1, $2)", params![id, days])?;
    }
    expect(tx, workspace, id)
}

fn unpublish(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: WorkflowId,
    at: Millis,
) -> Result<WorkflowRow, StoreError> {
    tx.lock_row("workflows", id)?;
    expect(tx, workspace, id)?;
    webhooks::replace(tx, workspace, id, 0, &[])?;
    tx.execute(
        "UPDATE workflows SET published_version = NULL, updated_at = $3 WHERE workspace = $1 AND id = $2",
        params![workspace, id, at],
    )?;
    expect(tx, workspace, id)
}

fn activity(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: WorkflowId,
    since: Millis,
) -> Result<WorkflowActivity, StoreError> {
    // Ids are in time order, so the first id of that time is where to begin.
    let first = ExecutionId::new(since, 0);
    let (n_runs, n_errors) = tx
        .query_opt(
            "SELECT COUNT(*), COALESCE(SUM(failed), 0) FROM (
                 SELECT CASE WHEN status IN ('error', 'dead') THEN 1 ELSE 0 END AS failed
                 FROM executions WHERE workflow = $1 AND workspace = $2 AND id >= $3 LIMIT $4) AS lately",
            params![id, workspace, first, ACTIVITY_MAX],
            |row| Ok::<_, StoreError>((row.get(0)?, row.get(1)?)),
        )?
        .unwrap_or_default();
    let last = tx.query_opt(
        "SELECT id, status, started_at FROM executions WHERE workflow = $1 AND workspace = $2
         ORDER BY id DESC LIMIT 1",
        params![id, workspace],
        |row| Ok::<_, StoreError>((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    Ok(WorkflowActivity { n_runs, n_errors, last })
}
