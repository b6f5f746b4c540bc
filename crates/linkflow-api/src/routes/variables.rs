//! Variables: named values that expressions read as `$vars.name`.

use axum::extract::State;
use axum::http::StatusCode;
use linkflow_model::VariableId;
use linkflow_store::Variable;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Json, Path};
use crate::problem::{Problem, Problems};
use crate::routes::List;

const VALUE_BYTES_MAX: usize = 64 * 1024;

/// A variable.
#[derive(Serialize, ToSchema)]
pub struct VariableView {
    id: Uuid,
    name: String,
    value: String,
    created_at: i64,
    updated_at: i64,
}

impl VariableView {
    fn of(row: Variable) -> VariableView {
        VariableView {
            id: row.id.0,
            name: row.name,
            value: row.value,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

/// Name and value of a variable.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VariableBody {
    /// Begins with a letter or `_`, goes on with letters, digits and `_`.
    #[schema(pattern = "^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
    name: String,
    /// At most 65536 bytes.
    #[schema(max_length = 65536)]
    value: String,
}

impl VariableBody {
    fn check(&self) -> Result<(), Problem> {
        let is_name = self.name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && self.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && self.name.len() <= 100;
        if !is_name {
            let problem =
                format!("must be letters, digits and _, and begin with no digit, got \"{}\"", self.name);
            return Err(Problem::invalid("name", problem));
        }
        if self.value.len() > VALUE_BYTES_MAX {
            return Err(Problem::invalid(
                "value",
                format!("may have {VALUE_BYTES_MAX} bytes, got {}", self.value.len()),
            ));
        }
        Ok(())
    }
}

/// List variables
#[utoipa::path(get, path = "/api/v1/variables", tag = "variables",
    responses((status = 200, body = List<VariableView>), Problems))]
pub async fn list(State(api): State<Api>, who: Who) -> Result<axum::Json<List<VariableView>>, Problem> {
    let rows = api.store.variables(who.workspace).await?;
    Ok(List::whole(rows.into_iter().map(VariableView::of).collect()))
}

/// Add a variable
#[utoipa::path(post, path = "/api/v1/variables", tag = "variables", request_body = VariableBody,
    responses((status = 201, body = VariableView), Problems))]
pub async fn create(
    State(api): State<Api>,
    who: Who,
    Json(body): Json<VariableBody>,
) -> Result<(StatusCode, axum::Json<VariableView>), Problem> {
    body.check()?;
    let id = VariableId::new(api.now(), api.random());
    let row = api.store.create_variable(who.workspace, id, body.name, body.value, api.now()).await?;
    Ok((StatusCode::CREATED, axum::Json(VariableView::of(row))))
}

/// Change a variable
#[utoipa::path(put, path = "/api/v1/variables/{id}", tag = "variables", params(("id" = Uuid, Path)),
    request_body = VariableBody, responses((status = 200, body = VariableView), Problems))]
pub async fn save(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Json(body): Json<VariableBody>,
) -> Result<axum::Json<VariableView>, Problem> {
    body.check()?;
    let row = api.store.set_variable(who.workspace, VariableId(id), body.name, body.value, api.now()).await?;
    Ok(axum::Json(VariableView::of(row)))
}

/// Remove a variable
#[utoipa::path(delete, path = "/api/v1/variables/{id}", tag = "variables", params(("id" = Uuid, Path)),
    responses((status = 204, description = "Removed"), Problems))]
pub async fn delete(State(api): State<Api>, who: Who, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    api.store.delete_variable(who.workspace, VariableId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
