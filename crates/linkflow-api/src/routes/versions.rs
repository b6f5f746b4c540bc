//! Versions of a workflow.

use axum::extract::State;
use axum::response::Response;
use linkflow_model::{Workflow, WorkflowId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Path, Query};
use crate::openapi::WorkflowFile;
use crate::problem::{Problem, Problems};
use crate::routes::workflows::{answer_detail, find, update};
use crate::routes::{List, PageQuery, limit};

/// A version, without its document.
#[derive(Serialize, ToSchema)]
pub struct VersionView {
    version: u32,
    /// Who saved it.
    author: Option<String>,
    message: String,
    created_at: i64,
    published: bool,
}

/// A version with its document.
#[derive(Serialize, ToSchema)]
pub struct VersionDetail {
    version: u32,
    created_at: i64,
    published: bool,
    #[schema(value_type = WorkflowFile)]
    workflow: Workflow,
}

/// List the versions of a workflow, the newest first
#[utoipa::path(get, path = "/api/v1/workflows/{id}/versions", tag = "workflows",
    params(("id" = Uuid, Path), PageQuery), responses((status = 200, body = List<VersionView>), Problems))]
pub async fn list(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<List<VersionView>>, Problem> {
    let row = find(&api, &who, id).await?;
    let cursor = page.cursor.filter(|c| !c.is_empty());
    let versions = api.store.workflow_versions(who.workspace, row.id, limit(page.limit)?, cursor).await?;
    Ok(List::page(versions, |version| VersionView {
        published: row.published_version == Some(version.version),
        version: version.version,
        author: version.author,
        message: version.message,
        created_at: version.created_at.0,
    }))
}

/// Show one version
#[utoipa::path(get, path = "/api/v1/workflows/{id}/versions/{version}", tag = "workflows",
    params(("id" = Uuid, Path), ("version" = u32, Path)),
    responses((status = 200, body = VersionDetail), Problems))]
pub async fn show(
    State(api): State<Api>,
    who: Who,
    Path((id, version)): Path<(Uuid, u32)>,
) -> Result<axum::Json<VersionDetail>, Problem> {
    let row = find(&api, &who, id).await?;
    let found = api.store.workflow_version(who.workspace, row.id, version).await?;
    let found = found.ok_or_else(|| Problem::not_found("version", version))?;
    Ok(axum::Json(VersionDetail {
        version,
        created_at: found.created_at.0,
        published: row.published_version == Some(version),
        workflow: found.document,
    }))
}

/// Save an old version as the newest
#[utoipa::path(post, path = "/api/v1/workflows/{id}/versions/{version}/restore", tag = "workflows",
    params(("id" = Uuid, Path), ("version" = u32, Path)),
    responses((status = 200, body = super::workflows::WorkflowDetail), Problems))]
pub async fn restore(
    State(api): State<Api>,
    who: Who,
    Path((id, version)): Path<(Uuid, u32)>,
) -> Result<Response, Problem> {
    let found = api.store.workflow_version(who.workspace, WorkflowId(id), version).await?;
    let found = found.ok_or_else(|| Problem::not_found("version", version))?;
    let message = format!("version {version} again");
    let row = update(&api, &who, WorkflowId(id), None, found.document, &message).await?;
    answer_detail(&api, &who, row).await
}
