//! Lists of executions: filters and pages. Ids are in time order, so a list by time is one by id.

use linkflow_model::*;

use crate::db::params;
use crate::executions::{ExecutionRecord, RECORD_COLUMNS, first_id_at, record};
use crate::listing::{Conditions, Page, Place, containing};
use crate::{Store, StoreError};

/// Which executions a list shows.
#[derive(Clone, Debug, Default)]
pub struct ExecutionFilter {
    pub workflow: Option<WorkflowId>,
    /// Any of these; empty for all.
    pub statuses: Vec<Status>,
    pub mode: Option<Mode>,
    /// Accepted at or after this time.
    pub from: Option<Millis>,
    /// Accepted before this time.
    pub to: Option<Millis>,
    /// Part of the workflow's name or of the error, in any case; or the execution's id.
    pub search: Option<String>,
    /// What was noted about it: `key=value`, or a key for any value.
    pub custom: Option<String>,
    pub limit: usize,
    pub cursor: Option<String>,
}

impl Store {
    /// Executions, the newest first.
    pub async fn executions(
        &self,
        workspace: WorkspaceId,
        filter: ExecutionFilter,
    ) -> Result<Page<ExecutionRecord>, StoreError> {
        self.db
            .read(move |tx| {
                let wanted = conditions(workspace, &filter)?;
                let sql = format!(
                    "SELECT {RECORD_COLUMNS} FROM executions WHERE {} ORDER BY id DESC LIMIT {}",
                    wanted.sql(),
                    filter.limit + 1
                );
                let rows = tx.query(&sql, &wanted.params, record)?;
                Ok(Page::cut(rows, filter.limit, |row| Place::number(0, row.id.0)))
            })
            .await
    }

    /// How many executions of a workflow there are, counted up to `max`.
    pub async fn count_executions(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        max: usize,
    ) -> Result<u64, StoreError> {
        self.db
            .read(move |tx| {
                tx.query_value(
                    "SELECT COUNT(*) FROM (SELECT 1 FROM executions
                     WHERE workflow = $1 AND workspace = $2 LIMIT $3) AS few",
                    params![workflow, workspace, max],
                )
            })
            .await
    }
}

fn conditions(workspace: WorkspaceId, filter: &ExecutionFilter) -> Result<Conditions, StoreError> {
    let mut wanted = Conditions::default();
    let workspace = wanted.param(workspace);
    wanted.add(format!("workspace = {workspace}"));
    if let Some(workflow) = filter.workflow {
        let workflow = wanted.param(workflow);
        wanted.add(format!("workflow = {workflow}"));
    }
    if !filter.statuses.is_empty() {
        let any: Vec<String> =
            filter.statuses.iter().map(|status| wanted.param(status.as_str().to_owned())).collect();
        wanted.add(format!("status IN ({})", any.join(", ")));
    }
    if let Some(mode) = filter.mode {
        let mode = wanted.param(mode.as_str().to_owned());
        wanted.add(format!("mode = {mode}"));
    }
    if let Some(from) = filter.from {
        let from = wanted.param(first_id_at(from));
        wanted.add(format!("id >= {from}"));
    }
    if let Some(to) = filter.to {
        let to = wanted.param(first_id_at(to));
        wanted.add(format!("id < {to}"));
    }
    if let Some(search) = &filter.search {
        let pattern = wanted.param(containing(search));
        let mut any = format!(
            "lower(error) LIKE {pattern} ESCAPE '\\' OR workflow IN (SELECT w.id FROM workflows w
             WHERE w.workspace = {workspace} AND lower(w.name) LIKE {pattern} ESCAPE '\\')"
        );
        if let Ok(id) = search.trim().parse::<ExecutionId>() {
            let id = wanted.param(id);
            any = format!("{any} OR id = {id}");
        }
        wanted.add(format!("({any})"));
    }
    if let Some(custom) = &filter.custom {
        let any: Vec<String> = custom_patterns(custom)
            .into_iter()
            .map(|pattern| format!("lower(custom_data) LIKE {} ESCAPE '\\'", wanted.param(pattern)))
            .collect();
        wanted.add(format!("({})", any.join(" OR ")));
    }
    if let Some(cursor) = &filter.cursor {
        let id = wanted.param(Place::of_cursor(cursor)?.id);
        wanted.add(format!("id < {id}"));
    }
    Ok(wanted)
}

/// What the stored JSON of matching notes is like: values are texts as a rule, and may be numbers.
fn custom_patterns(custom: &str) -> Vec<String> {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    match custom.split_once('=') {
        None => vec![containing(&format!("{}:", text(custom.trim())))],
        Some((key, value)) => {
            let (key, value) = (text(key.trim()), value.trim());
            let ends =
                [format!("{key}:{}", text(value)), format!("{key}:{value},"), format!("{key}:{value}}}")];
            ends.iter().map(|like| containing(like)).collect()
        }
    }
}
