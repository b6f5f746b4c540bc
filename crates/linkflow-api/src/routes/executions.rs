//! Executions: what ran, how it went, and the items that flowed.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use linkflow_model::{ExecutionId, Millis, Mode, Status, Workflow, WorkflowId};
use linkflow_store::{ExecutionFilter, ExecutionRecord};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Json, Path, Query};
use crate::freshness::store_for;
use crate::openapi::WorkflowFile;
use crate::problem::{Problem, Problems};
use crate::routes::execute::{ErrorView, StartedView};
use crate::routes::{List, limit};
use crate::runtime::{FailedTry, RunStatus, StepRun};

const DELETE_MAX: usize = 1_000;

/// An execution, as the list shows it.
#[derive(Serialize, ToSchema)]
pub struct ExecutionView {
    id: Uuid,
    workflow_id: Uuid,
    /// Null when the workflow was removed.
    workflow_name: Option<String>,
    version: i64,
    /// `ready`, `running`, `waiting`, `success`, `error`, `canceled` or `dead`.
    status: String,
    mode: String,
    attempt: u32,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    duration_ms: Option<i64>,
    error: Option<ErrorView>,
    retry_of: Option<Uuid>,
    parent: Option<Uuid>,
}

impl ExecutionView {
    fn of(row: ExecutionRecord, workflow_name: Option<String>) -> ExecutionView {
        let began = row.started_at.unwrap_or(row.created_at);
        ExecutionView {
            id: row.id.0,
            workflow_id: row.workflow.0,
            workflow_name,
            version: row.version,
            status: row.status.as_str().to_owned(),
            mode: row.mode.as_str().to_owned(),
            attempt: row.attempt,
            created_at: row.created_at.0,
            started_at: row.started_at.map(|t| t.0),
            finished_at: row.ended_at.map(|t| t.0),
            duration_ms: row.ended_at.map(|ended| (ended.0 - began.0).max(0)),
            error: ErrorView::new(row.error, row.error_node),
            retry_of: row.retry_of.map(|id| id.0),
            parent: row.parent.map(|parent| parent.execution.0),
        }
    }
}

/// An execution with what every node did. Items are read page by page, from `data`.
#[derive(Serialize, ToSchema)]
pub struct ExecutionDetail {
    #[serde(flatten)]
    execution: ExecutionView,
    /// The version that ran; null when it is gone.
    #[schema(value_type = Option<WorkflowFile>)]
    workflow: Option<Workflow>,
    /// Names of the nodes, in the order in which they ran first.
    order: Vec<String>,
    /// Runs of each node.
    runs: BTreeMap<String, Vec<RunView>>,
    #[schema(value_type = Option<Object>)]
    custom_data: Option<Value>,
}

/// One run of a node.
#[derive(Serialize, ToSchema)]
pub struct RunView {
    step: u32,
    run: u32,
    /// `success`, `error`, `running` or `waiting`.
    status: String,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    inputs: Vec<Option<SourceView>>,
    outputs: Vec<OutputView>,
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
    /// Tries that failed and were followed by another one.
    attempts: Vec<AttemptView>,
    logs: Vec<String>,
}

/// A try of a node that failed, after which it was tried again.
#[derive(Serialize, ToSchema)]
pub struct AttemptView {
    attempt: u32,
    started_at: Option<i64>,
    ended_at: i64,
    #[schema(value_type = Object)]
    error: Value,
}

impl AttemptView {
    fn of(tried: &FailedTry) -> AttemptView {
        AttemptView {
            attempt: tried.attempt,
            started_at: tried.started_at.map(|t| t.0),
            ended_at: tried.ended_at.0,
            error: json!(tried.error),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct SourceView {
    node: String,
    run: u32,
    output: u32,
}

#[derive(Serialize, ToSchema)]
pub struct OutputView {
    n_items: usize,
}

impl RunView {
    fn of(run: &StepRun) -> RunView {
        let status = match run.status {
            RunStatus::Success => "success",
            RunStatus::Error => "error",
            RunStatus::Running => "running",
            RunStatus::Waiting => "waiting",
        };
        let source = |source: &crate::runtime::RunSource| SourceView {
            node: source.node.clone(),
            run: source.run,
            output: source.output,
        };
        RunView {
            step: run.step,
            run: run.run,
            status: status.to_owned(),
            started_at: run.started_at.map(|t| t.0),
            ended_at: run.ended_at.map(|t| t.0),
            inputs: run.inputs.iter().map(|input| input.as_ref().map(source)).collect(),
            outputs: run.outputs.iter().map(|items| OutputView { n_items: items.len() }).collect(),
            error: run.error.as_ref().map(|error| json!(error)),
            attempts: run.failed_tries.iter().map(AttemptView::of).collect(),
            logs: run.logs.clone(),
        }
    }
}

/// Which executions are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExecutionQuery {
    /// Id of a workflow.
    workflow: Option<Uuid>,
    /// Any of these, with commas between them.
    status: Option<String>,
    mode: Option<String>,
    /// Accepted at or after this time, in milliseconds since the epoch.
    from: Option<i64>,
    /// Accepted before this time.
    to: Option<i64>,
    /// Part of the workflow's name or the error, or the execution's id.
    search: Option<String>,
    /// What the workflow noted about the execution: `key=value`, or a key for any value.
    custom: Option<String>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    cursor: Option<String>,
}

impl ExecutionQuery {
    fn filter(self) -> Result<ExecutionFilter, Problem> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let mut statuses = Vec::new();
        for name in self.status.as_deref().unwrap_or_default().split(',').filter(|s| !s.is_empty()) {
            statuses.push(Status::parse(name.trim()).ok_or_else(|| {
                let known = "ready, running, waiting, success, error, canceled, dead";
                Problem::invalid("status", format!("must be some of {known}, got \"{name}\""))
            })?);
        }
        let mode = match given(self.mode) {
            None => None,
            Some(name) => Some(Mode::parse(&name).ok_or_else(|| {
                let known = "manual, webhook, trigger, workflow, error, retry, api";
                Problem::invalid("mode", format!("must be one of {known}, got \"{name}\""))
            })?),
        };
        Ok(ExecutionFilter {
            workflow: self.workflow.map(WorkflowId),
            statuses,
            mode,
            from: self.from.map(Millis),
            to: self.to.map(Millis),
            search: given(self.search),
            custom: given(self.custom),
            limit: limit(self.limit)?,
            cursor: given(self.cursor),
        })
    }
}

/// List executions, the newest first
#[utoipa::path(get, path = "/api/v1/executions", tag = "executions", params(ExecutionQuery),
    responses((status = 200, body = List<ExecutionView>), Problems))]
pub async fn list(
    State(api): State<Api>,
    who: Who,
    headers: HeaderMap,
    Query(query): Query<ExecutionQuery>,
) -> Result<axum::Json<List<ExecutionView>>, Problem> {
    let store = store_for(&api, &headers);
    let page = store.executions(who.workspace, query.filter()?).await?;
    let ids = page.items.iter().map(|row| row.workflow).collect();
    let names = store.workflow_names(who.workspace, ids).await?;
    Ok(List::page(page, |row| {
        let name = names.get(&row.workflow).cloned();
        ExecutionView::of(row, name)
    }))
}

pub async fn find(api: &Api, who: &Who, id: Uuid) -> Result<ExecutionRecord, Problem> {
    let found = api.store.execution(who.workspace, ExecutionId(id)).await?;
    found.ok_or_else(|| Problem::not_found("execution", id))
}

/// Show an execution
#[utoipa::path(get, path = "/api/v1/executions/{id}", tag = "executions", params(("id" = Uuid, Path)),
    responses((status = 200, body = ExecutionDetail), Problems))]
pub async fn show(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<ExecutionDetail>, Problem> {
    let row = find(&api, &who, id).await?;
    let names = api.store.workflow_names(who.workspace, vec![row.workflow]).await?;
    let history = api.runtime.history(who.workspace, row.id).await?;
    let (workflow, order, runs) = match history {
        Some(history) => {
            let runs = history
                .runs
                .iter()
                .map(|(name, runs)| (name.clone(), runs.iter().map(RunView::of).collect()));
            let runs = runs.collect();
            (Some(Workflow::clone(&history.workflow)), history.order.clone(), runs)
        }
        None => (version_of(&api, &who, &row).await?, Vec::new(), BTreeMap::new()),
    };
    let custom_data = row.custom_data.clone();
    let name = names.get(&row.workflow).cloned();
    let execution = ExecutionView::of(row, name);
    Ok(axum::Json(ExecutionDetail { execution, workflow, order, runs, custom_data }))
}

async fn version_of(api: &Api, who: &Who, row: &ExecutionRecord) -> Result<Option<Workflow>, Problem> {
    let Ok(version) = u32::try_from(row.version) else { return Ok(None) };
    let found = api.store.workflow_version(who.workspace, row.workflow, version).await?;
    Ok(found.map(|found| found.document))
}

/// Ask an execution to end
#[utoipa::path(post, path = "/api/v1/executions/{id}/cancel", tag = "executions", params(("id" = Uuid, Path)),
    responses((status = 202, body = StartedView), Problems))]
pub async fn cancel(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, axum::Json<StartedView>), Problem> {
    let row = find(&api, &who, id).await?;
    if !api.runtime.cancel(who.workspace, row.id).await? {
        return Err(Problem::conflict(format!("the execution has ended already: {}", row.status.as_str())));
    }
    Ok((StatusCode::ACCEPTED, axum::Json(StartedView { execution_id: id })))
}

/// Remove an execution that has ended
#[utoipa::path(delete, path = "/api/v1/executions/{id}", tag = "executions", params(("id" = Uuid, Path)),
    responses((status = 204, description = "Removed"), Problems))]
pub async fn delete(State(api): State<Api>, who: Who, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    let row = find(&api, &who, id).await?;
    if !row.status.is_terminal() {
        return Err(Problem::conflict("the execution has not ended; cancel it first"));
    }
    api.store.delete(who.workspace, vec![row.id]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Executions to be removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteBody {
    #[schema(max_items = 1000)]
    ids: Vec<Uuid>,
}

/// How many were removed.
#[derive(Serialize, ToSchema)]
pub struct Deleted {
    deleted: usize,
}

/// Remove those of these executions that have ended
#[utoipa::path(post, path = "/api/v1/executions/delete", tag = "executions", request_body = DeleteBody,
    responses((status = 200, body = Deleted), Problems))]
pub async fn delete_many(
    State(api): State<Api>,
    who: Who,
    Json(body): Json<DeleteBody>,
) -> Result<axum::Json<Deleted>, Problem> {
    if body.ids.len() > DELETE_MAX {
        return Err(Problem::invalid("ids", format!("may be {DELETE_MAX}, got {}", body.ids.len())));
    }
    let ids = body.ids.into_iter().map(ExecutionId).collect();
    let deleted = api.store.delete(who.workspace, ids).await?;
    Ok(axum::Json(Deleted { deleted }))
}
