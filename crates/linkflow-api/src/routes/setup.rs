//! The first run: whoever comes first becomes the owner.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use linkflow_model::{UserId, WorkspaceId};
use linkflow_store::NewUser;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Api;
use crate::access::Role;
use crate::extract::Json;
use crate::problem::{Problem, Problems};
use crate::routes::check_name;
use crate::routes::session::open_session;
use crate::routes::users::{UserView, check_email, check_password};
use crate::secrets::hash_password;

/// Whether the server still waits for its owner.
#[derive(Serialize, ToSchema)]
pub struct Setup {
    needs_owner: bool,
    version: String,
}

/// The first person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOwner {
    #[schema(pattern = r"^[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+$", max_length = 254)]
    email: String,
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: String,
    #[schema(min_length = 8, max_length = 1000)]
    password: String,
}

/// Whether there is nobody yet
#[utoipa::path(get, path = "/api/v1/setup", tag = "sign-in", security(()),
    responses((status = 200, body = Setup), Problems))]
pub async fn show(State(api): State<Api>) -> Result<axum::Json<Setup>, Problem> {
    let needs_owner = api.store.needs_owner().await?;
    Ok(axum::Json(Setup { needs_owner, version: api.settings.version.clone() }))
}

/// Make the first person, who is the owner, and sign them in
#[utoipa::path(post, path = "/api/v1/setup", tag = "sign-in", security(()), request_body = NewOwner,
    responses((status = 201, body = UserView), Problems))]
pub async fn create(State(api): State<Api>, Json(new): Json<NewOwner>) -> Result<Response, Problem> {
    let email = check_email(&new.email)?;
    check_name("name", &new.name)?;
    check_password(&new.password)?;
    let taken = || Problem::conflict("there is an owner already; sign in, or let an admin add you");
    if !api.store.needs_owner().await? {
        return Err(taken());
    }
    let owner = NewUser {
        id: UserId::new(api.now(), api.random()),
        email,
        name: new.name,
        password_hash: hash_password(new.password).await?,
        role: Role::Owner.as_str().to_owned(),
        at: api.now(),
    };
    let workspace = WorkspaceId(uuid::Uuid::new_v4());
    let user = api.store.create_owner(workspace, owner).await?.ok_or_else(taken)?;
    let cookie = open_session(&api, &user).await?;
    Ok((StatusCode::CREATED, [cookie], axum::Json(UserView::of(user))).into_response())
}
