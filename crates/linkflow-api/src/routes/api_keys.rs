//! API keys: how programs call the API. A key is shown once, when it is made.

use axum::extract::State;
use axum::http::StatusCode;
use linkflow_model::{ApiKeyId, Millis};
use linkflow_runtime::Topic;
use linkflow_store::{ApiKeyRow, NewApiKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::access::{Scope, Who};
use crate::extract::{Json, Path};
use crate::problem::{Problem, Problems};
use crate::routes::{List, check_name};
use crate::secrets::{new_token, token_hash};

/// An API key, without the key.
#[derive(Serialize, ToSchema)]
pub struct ApiKeyView {
    id: Uuid,
    name: String,
    /// How the key begins.
    prefix: String,
    scopes: Vec<String>,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl ApiKeyView {
    fn of(row: ApiKeyRow) -> ApiKeyView {
        ApiKeyView {
            id: row.id.0,
            name: row.name,
            prefix: row.prefix,
            scopes: row.scopes,
            created_at: row.created_at.0,
            expires_at: row.expires_at.map(|t| t.0),
            last_used_at: row.last_used_at.map(|t| t.0),
        }
    }
}

/// A key that was just made. It is not shown again.
#[derive(Serialize, ToSchema)]
pub struct MadeApiKey {
    #[serde(flatten)]
    row: ApiKeyView,
    key: String,
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKeyBody {
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: String,
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
    /// Milliseconds since the epoch; never, when it is left out.
    expires_at: Option<i64>,
}

/// List API keys
#[utoipa::path(get, path = "/api/v1/api-keys", tag = "people",
    responses((status = 200, body = List<ApiKeyView>), Problems))]
pub async fn list(State(api): State<Api>, who: Who) -> Result<axum::Json<List<ApiKeyView>>, Problem> {
    let keys = api.store.api_keys(who.workspace).await?;
    Ok(List::whole(keys.into_iter().map(ApiKeyView::of).collect()))
}

/// Make an API key
#[utoipa::path(post, path = "/api/v1/api-keys", tag = "people", request_body = NewApiKeyBody,
    responses((status = 201, body = MadeApiKey), Problems))]
pub async fn create(
    State(api): State<Api>,
    who: Who,
    Json(new): Json<NewApiKeyBody>,
) -> Result<(StatusCode, axum::Json<MadeApiKey>), Problem> {
    check_name("name", &new.name)?;
    if new.scopes.is_empty() {
        return Err(Problem::invalid("scopes", "must name at least one of read, write, execute, admin"));
    }
    let now = api.now();
    if let Some(at) = new.expires_at.filter(|at| *at <= now.0) {
        return Err(Problem::invalid("expires_at", format!("must lie in the future, got {at}")));
    }
    let mut scopes: Vec<String> = new.scopes.iter().map(|s| s.as_str().to_owned()).collect();
    scopes.sort();
    scopes.dedup();
    let key = format!("lf_{}", new_token()?);
    let row = NewApiKey {
        id: ApiKeyId::new(now, api.random()),
        workspace: who.workspace,
        created_by: who.user_id(),
        name: new.name,
        prefix: key[..11].to_owned(),
        key_hash: token_hash(&key),
        scopes,
        at: now,
        expires_at: new.expires_at.map(Millis),
    };
    let row = ApiKeyView::of(api.store.create_api_key(row).await?);
    Ok((StatusCode::CREATED, axum::Json(MadeApiKey { row, key })))
}

/// Take an API key back
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", tag = "people", params(("id" = Uuid, Path)),
    responses((status = 204, description = "Taken back"), Problems))]
pub async fn delete(State(api): State<Api>, who: Who, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    api.store.delete_api_key(who.workspace, ApiKeyId(id)).await?;
    api.lookups.changed(Topic::Rights).await;
    Ok(StatusCode::NO_CONTENT)
}
