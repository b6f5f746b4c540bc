//! Tags: labels on workflows.

use axum::extract::State;
use axum::http::StatusCode;
use linkflow_model::TagId;
use linkflow_store::Tag;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Json, Path};
use crate::problem::{Problem, Problems};
use crate::routes::{List, check_name};

/// A tag.
#[derive(Serialize, ToSchema)]
pub struct TagView {
    id: Uuid,
    name: String,
    /// How many workflows carry it.
    n_workflows: u32,
    created_at: i64,
}

impl TagView {
    fn of(row: Tag) -> TagView {
        TagView { id: row.id.0, name: row.name, n_workflows: row.n_workflows, created_at: row.created_at.0 }
    }
}

/// Name of a tag.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagBody {
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: String,
}

impl TagBody {
    fn name(self) -> Result<String, Problem> {
        check_name("name", &self.name)?;
        Ok(self.name.trim().to_owned())
    }
}

/// List tags
#[utoipa::path(get, path = "/api/v1/tags", tag = "workflows",
    responses((status = 200, body = List<TagView>), Problems))]
pub async fn list(State(api): State<Api>, who: Who) -> Result<axum::Json<List<TagView>>, Problem> {
    let rows = api.store.tags(who.workspace).await?;
    Ok(List::whole(rows.into_iter().map(TagView::of).collect()))
}

/// Add a tag
#[utoipa::path(post, path = "/api/v1/tags", tag = "workflows", request_body = TagBody,
    responses((status = 201, body = TagView), Problems))]
pub async fn create(
    State(api): State<Api>,
    who: Who,
    Json(body): Json<TagBody>,
) -> Result<(StatusCode, axum::Json<TagView>), Problem> {
    let id = TagId::new(api.now(), api.random());
    let row = api.store.create_tag(who.workspace, id, body.name()?, api.now()).await?;
    Ok((StatusCode::CREATED, axum::Json(TagView::of(row))))
}

/// Rename a tag
#[utoipa::path(patch, path = "/api/v1/tags/{id}", tag = "workflows", params(("id" = Uuid, Path)),
    request_body = TagBody, responses((status = 200, body = TagView), Problems))]
pub async fn rename(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Json(body): Json<TagBody>,
) -> Result<axum::Json<TagView>, Problem> {
    let row = api.store.rename_tag(who.workspace, TagId(id), body.name()?).await?;
    Ok(axum::Json(TagView::of(row)))
}

/// Remove a tag from all workflows
#[utoipa::path(delete, path = "/api/v1/tags/{id}", tag = "workflows", params(("id" = Uuid, Path)),
    responses((status = 204, description = "Removed"), Problems))]
pub async fn delete(State(api): State<Api>, who: Who, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    api.store.delete_tag(who.workspace, TagId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
