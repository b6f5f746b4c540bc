//! Workflows: list, make, read, save, remove. What is saved may be unfinished; what is published
//! is checked (`publish.rs`).

use std::collections::HashSet;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use linkflow_model::{Workflow, WorkflowId};
use linkflow_runtime::Topic;
use linkflow_store::{
    WorkflowActivity, WorkflowFacts, WorkflowFilter, WorkflowRow, WorkflowSave, WorkflowSort,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{IfMatch, Path, Query, Raw, idempotency_key, parse_json};
use crate::freshness::store_for;
use crate::openapi::WorkflowFile;
use crate::problem::{FieldProblem, Problem, Problems};
use crate::routes::node_kinds::trigger_name;
use crate::routes::{List, Once, check_name, limit, with_etag};
use crate::runtime::NewFeedEvent;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const NODES_MAX: usize = 5_000;

/// A workflow, as the list shows it.
#[derive(Serialize, ToSchema)]
pub struct WorkflowView {
    pub id: Uuid,
    pub name: String,
    pub tags: Vec<String>,
    /// Whether a version is published.
    pub active: bool,
    /// The newest saved version.
    pub version: u32,
    pub published_version: Option<u32>,
    pub n_nodes: u32,
    /// Kinds of its triggers.
    pub triggers: Vec<String>,
    pub created_at: i64,
    pub updated_at: i64,
    /// Executions of the last 24 hours, and those of them that failed.
    pub runs_24h: u32,
    pub errors_24h: u32,
    pub last_execution: Option<LastExecution>,
    /// How many things keep it from being published.
    pub problems: u32,
}

#[derive(Serialize, ToSchema)]
pub struct LastExecution {
    id: Uuid,
    status: String,
    started_at: Option<i64>,
}

/// A workflow with its document.
#[derive(Serialize, ToSchema)]
pub struct WorkflowDetail {
    pub id: Uuid,
    pub name: String,
    pub active: bool,
    pub version: u32,
    pub published_version: Option<u32>,
    pub tags: Vec<String>,
    /// The newest saved version.
    #[schema(value_type = WorkflowFile)]
    pub workflow: Workflow,
    pub created_at: i64,
    pub updated_at: i64,
}

impl WorkflowView {
    pub fn of(row: WorkflowRow, activity: WorkflowActivity) -> WorkflowView {
        WorkflowView {
            id: row.id.0,
            name: row.name,
            tags: row.tags,
            active: row.published_version.is_some(),
            version: row.version,
            published_version: row.published_version,
            n_nodes: row.n_nodes,
            triggers: row.triggers,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            runs_24h: activity.n_runs,
            errors_24h: activity.n_errors,
            last_execution: activity.last.map(|(id, status, started_at)| LastExecution {
                id: id.0,
                status: status.as_str().to_owned(),
                started_at: started_at.map(|t| t.0),
            }),
            problems: row.n_problems,
        }
    }
}

/// Which workflows are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WorkflowQuery {
    /// Part of the name.
    search: Option<String>,
    /// Name of a tag.
    tag: Option<String>,
    /// Whether a version is published.
    active: Option<bool>,
    /// Changed last first, or by name.
    #[param(inline)]
    sort: Option<Sort>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    Updated,
    Name,
}

/// List workflows
#[utoipa::path(get, path = "/api/v1/workflows", tag = "workflows", params(WorkflowQuery),
    responses((status = 200, body = List<WorkflowView>), Problems))]
pub async fn list(
    State(api): State<Api>,
    who: Who,
    headers: HeaderMap,
    Query(query): Query<WorkflowQuery>,
) -> Result<axum::Json<List<WorkflowView>>, Problem> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let filter = WorkflowFilter {
        search: given(query.search),
        tag: given(query.tag),
        is_active: query.active,
        sort: match query.sort {
            Some(Sort::Name) => WorkflowSort::Name,
            _ => WorkflowSort::Updated,
        },
        limit: limit(query.limit)?,
        cursor: given(query.cursor),
    };
    let store = store_for(&api, &headers);
    let page = store.workflows(who.workspace, filter).await?;
    let ids = page.items.iter().map(|row| row.id).collect();
    let since = linkflow_model::Millis(api.now().0 - DAY_MS);
    let mut activity = store.workflow_activity(who.workspace, ids, since).await?.into_iter();
    Ok(List::page(page, |row| WorkflowView::of(row, activity.next().unwrap_or_default())))
}

/// Make a workflow
#[utoipa::path(post, path = "/api/v1/workflows", tag = "workflows", request_body = WorkflowFile,
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$")),
    responses((status = 201, body = WorkflowView), Problems))]
pub async fn create(
    State(api): State<Api>,
    who: Who,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let document: Workflow = parse_json(&body)?;
    let key = idempotency_key(&headers)?;
    let once = match Once::begin(&api, &who, key, &[b"create workflow", &body]).await? {
        Ok(once) => once,
        Err(answered) => return Ok(answered),
    };
    let row = insert(&api, &who, document, "").await?;
    once.answer(StatusCode::CREATED, WorkflowView::of(row, WorkflowActivity::default())).await
}

/// Makes a workflow of a document that is sound enough to be kept.
pub async fn insert(
    api: &Api,
    who: &Who,
    mut document: Workflow,
    message: &str,
) -> Result<WorkflowRow, Problem> {
    check_document(&document)?;
    let id = WorkflowId::new(api.now(), api.random());
    document.id = Some(id);
    let row = api.store.create_workflow(who.workspace, id, save_of(api, who, document, message)).await?;
    tell_saved(api, &row);
    Ok(row)
}

/// Saves a document as the next version.
pub async fn update(
    api: &Api,
    who: &Who,
    id: WorkflowId,
    expected: Option<u32>,
    mut document: Workflow,
    message: &str,
) -> Result<WorkflowRow, Problem> {
    check_document(&document)?;
    document.id = Some(id);
    let save = save_of(api, who, document, message);
    let row = api.store.save_workflow(who.workspace, id, expected, save).await?;
    tell_saved(api, &row);
    Ok(row)
}

fn save_of(api: &Api, who: &Who, document: Workflow, message: &str) -> WorkflowSave {
    let facts = facts_of(api, &document);
    WorkflowSave { document, facts, author: who.user_id(), message: message.to_owned(), at: api.now() }
}

fn tell_saved(api: &Api, row: &WorkflowRow) {
    api.runtime.tell(NewFeedEvent {
        kind: "workflow.saved",
        workspace: row.workspace,
        execution: None,
        workflow: Some(row.id),
        data: json!({"version": row.version, "name": row.name}),
    });
}

fn facts_of(api: &Api, document: &Workflow) -> WorkflowFacts {
    let mut triggers: Vec<String> = document
        .nodes
        .iter()
        .filter(|node| !node.disabled)
        .filter_map(|node| api.kind(&node.kind).and_then(trigger_name))
        .map(str::to_owned)
        .collect();
    triggers.sort();
    triggers.dedup();
    let n_problems = u32::try_from(api.runtime.plan_check(document).len()).unwrap_or(u32::MAX);
    WorkflowFacts { triggers, n_problems }
}

/// What a document must be to be kept at all: named, and with nodes that can be told apart.
pub fn check_document(document: &Workflow) -> Result<(), Problem> {
    check_name("name", &document.name)?;
    if document.nodes.len() > NODES_MAX {
        let problem = format!("may have {NODES_MAX} nodes, got {}", document.nodes.len());
        return Err(Problem::invalid("nodes", problem));
    }
    for (i, tag) in document.tags.iter().enumerate() {
        check_name(&format!("tags[{i}]"), tag)?;
    }
    let errors: Vec<FieldProblem> = [node_problems(document), edge_problems(document)].concat();
    match errors.first() {
        None => Ok(()),
        Some(first) => {
            let detail = format!("`{}` {}", first.field, first.problem);
            Err(Problem::invalid_fields(detail, errors))
        }
    }
}

fn node_problems(document: &Workflow) -> Vec<FieldProblem> {
    let (mut ids, mut names) = (HashSet::new(), HashSet::new());
    let mut errors = Vec::new();
    let mut wrong = |field: String, problem: String| errors.push(FieldProblem { field, problem });
    for (i, node) in document.nodes.iter().enumerate() {
        if node.id.is_empty() {
            wrong(format!("nodes[{i}].id"), "must not be empty".to_owned());
        } else if !ids.insert(node.id.as_str()) {
            wrong(format!("nodes[{i}].id"), format!("must be unique, \"{}\" comes twice", node.id));
        }
        if node.name.is_empty() {
            wrong(format!("nodes[{i}].name"), "must not be empty".to_owned());
        } else if !names.insert(node.name.as_str()) {
            wrong(format!("nodes[{i}].name"), format!("must be unique, \"{}\" comes twice", node.name));
        }
    }
    errors
}

fn edge_problems(document: &Workflow) -> Vec<FieldProblem> {
    let ids: HashSet<&str> = document.nodes.iter().map(|node| node.id.as_str()).collect();
    let mut errors = Vec::new();
    for (i, edge) in document.edges.iter().enumerate() {
        for (end, port) in [("from", &edge.from), ("to", &edge.to)] {
            if !ids.contains(port.node.as_str()) {
                errors.push(FieldProblem {
                    field: format!("edges[{i}].{end}.node"),
                    problem: format!("must be the id of a node, there is no \"{}\"", port.node),
                });
            }
        }
    }
    errors
}

/// Show a workflow with its newest version
#[utoipa::path(get, path = "/api/v1/workflows/{id}", tag = "workflows", params(("id" = Uuid, Path)),
    responses((status = 200, body = WorkflowDetail), Problems))]
pub async fn show(State(api): State<Api>, who: Who, Path(id): Path<Uuid>) -> Result<Response, Problem> {
    let row = find(&api, &who, id).await?;
    answer_detail(&api, &who, row).await
}

pub async fn find(api: &Api, who: &Who, id: Uuid) -> Result<WorkflowRow, Problem> {
    let found = api.store.workflow(who.workspace, WorkflowId(id)).await?;
    found.ok_or_else(|| Problem::not_found("workflow", id))
}

pub async fn answer_detail(api: &Api, who: &Who, row: WorkflowRow) -> Result<Response, Problem> {
    let found = api.store.workflow_version(who.workspace, row.id, row.version).await?;
    let document = found.ok_or_else(|| Problem::not_found("version", row.version))?.document;
    let detail = WorkflowDetail {
        id: row.id.0,
        name: row.name,
        active: row.published_version.is_some(),
        version: row.version,
        published_version: row.published_version,
        tags: row.tags,
        workflow: document,
        created_at: row.created_at.0,
        updated_at: row.updated_at.0,
    };
    Ok(with_etag(row.version, detail))
}

/// Save a workflow as its next version
#[utoipa::path(put, path = "/api/v1/workflows/{id}", tag = "workflows", request_body = WorkflowFile,
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header, description = "`ETag` of the version that was edited")),
    responses((status = 200, body = WorkflowDetail), Problems))]
pub async fn save(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    IfMatch(expected): IfMatch,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let document: Workflow = parse_json(&body)?;
    find(&api, &who, id).await?;
    let row = update(&api, &who, WorkflowId(id), expected, document, "").await?;
    answer_detail(&api, &who, row).await
}

/// Remove a workflow with its versions
#[utoipa::path(delete, path = "/api/v1/workflows/{id}", tag = "workflows", params(("id" = Uuid, Path)),
    responses((status = 204, description = "Removed"), Problems))]
pub async fn delete(State(api): State<Api>, who: Who, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    let id = WorkflowId(id);
    api.store.delete_workflow(who.workspace, id).await?;
    api.lookups.changed(Topic::Webhooks).await;
    api.memory.listens.stop(id);
    api.runtime.published_changed(who.workspace, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
