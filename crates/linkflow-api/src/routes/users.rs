//! People of a workspace.

use axum::extract::State;
use axum::http::StatusCode;
use linkflow_model::UserId;
use linkflow_runtime::Topic;
use linkflow_store::{NewUser, UserChange, UserRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::access::{Role, Who};
use crate::extract::{Json, Path};
use crate::problem::{Problem, Problems};
use crate::routes::{List, check_name};
use crate::secrets::hash_password;

/// A person.
#[derive(Serialize, ToSchema)]
pub struct UserView {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub role: String,
    pub created_at: i64,
    pub last_seen_at: Option<i64>,
}

impl UserView {
    pub fn of(row: UserRow) -> UserView {
        UserView {
            id: row.id.0,
            email: row.email,
            name: row.name,
            role: row.role,
            created_at: row.created_at.0,
            last_seen_at: row.last_seen_at.map(|t| t.0),
        }
    }
}

/// A person to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
    #[schema(pattern = r"^[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+$", max_length = 254)]
    email: String,
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: String,
    #[schema(min_length = 8, max_length = 1000)]
    password: String,
    role: Role,
}

/// What is changed about a person; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChangeBody {
    #[schema(pattern = r"^[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+$", max_length = 254)]
    email: Option<String>,
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: Option<String>,
    /// Ends the person's sessions.
    #[schema(min_length = 8, max_length = 1000)]
    password: Option<String>,
    role: Option<Role>,
}

/// An email in the form in which it is kept.
pub fn check_email(email: &str) -> Result<String, Problem> {
    let email = email.trim().to_lowercase();
    let is_email = email
        .split_once('@')
        .is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if !is_email || email.len() > 254 || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Problem::invalid("email", format!("must be an email address, got \"{email}\"")));
    }
    Ok(email)
}

pub fn check_password(password: &str) -> Result<(), Problem> {
    match password.chars().count() {
        8..=1000 => Ok(()),
        n => Err(Problem::invalid("password", format!("must have 8 to 1000 characters, got {n}"))),
    }
}

/// List people
#[utoipa::path(get, path = "/api/v1/users", tag = "people",
    responses((status = 200, body = List<UserView>), Problems))]
pub async fn list(State(api): State<Api>, who: Who) -> Result<axum::Json<List<UserView>>, Problem> {
    let users = api.store.users(who.workspace).await?;
    Ok(List::whole(users.into_iter().map(UserView::of).collect()))
}

/// Add a person
#[utoipa::path(post, path = "/api/v1/users", tag = "people", request_body = NewUserBody,
    responses((status = 201, body = UserView), Problems))]
pub async fn create(
    State(api): State<Api>,
    who: Who,
    Json(new): Json<NewUserBody>,
) -> Result<(StatusCode, axum::Json<UserView>), Problem> {
    let email = check_email(&new.email)?;
    check_name("name", &new.name)?;
    check_password(&new.password)?;
    only_owners_make_owners(&who, Some(new.role))?;
    let user = NewUser {
        id: UserId::new(api.now(), api.random()),
        email,
        name: new.name,
        password_hash: hash_password(new.password).await?,
        role: new.role.as_str().to_owned(),
        at: api.now(),
    };
    let row = api.store.create_user(who.workspace, user).await?;
    Ok((StatusCode::CREATED, axum::Json(UserView::of(row))))
}

/// Change a person
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "people", params(("id" = Uuid, Path)),
    request_body = UserChangeBody, responses((status = 200, body = UserView), Problems))]
pub async fn change(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Json(change): Json<UserChangeBody>,
) -> Result<axum::Json<UserView>, Problem> {
    let email = change.email.as_deref().map(check_email).transpose()?;
    if let Some(name) = &change.name {
        check_name("name", name)?;
    }
    if let Some(password) = &change.password {
        check_password(password)?;
    }
    only_owners_make_owners(&who, change.role)?;
    only_owners_touch_owners(&api, &who, UserId(id)).await?;
    let password_hash = match change.password {
        Some(password) => Some(hash_password(password).await?),
        None => None,
    };
    let role = change.role.map(|role| role.as_str().to_owned());
    let change = UserChange { email, name: change.name, role, password_hash };
    let row = api.store.change_user(who.workspace, UserId(id), change).await?;
    api.lookups.changed(Topic::Rights).await;
    Ok(axum::Json(UserView::of(row)))
}

/// Remove a person, with their sessions and API keys
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "people", params(("id" = Uuid, Path)),
    responses((status = 204, description = "Removed"), Problems))]
pub async fn delete(State(api): State<Api>, who: Who, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    only_owners_touch_owners(&api, &who, UserId(id)).await?;
    api.store.delete_user(who.workspace, UserId(id)).await?;
    api.lookups.changed(Topic::Rights).await;
    Ok(StatusCode::NO_CONTENT)
}

fn only_owners_make_owners(who: &Who, role: Option<Role>) -> Result<(), Problem> {
    if role == Some(Role::Owner) && !who.is_owner() {
        return Err(Problem::forbidden("only an owner can make somebody an owner"));
    }
    Ok(())
}

async fn only_owners_touch_owners(api: &Api, who: &Who, id: UserId) -> Result<(), Problem> {
    let user = api.store.user(who.workspace, id).await?.ok_or_else(|| Problem::not_found("user", id))?;
    if user.role == Role::Owner.as_str() && !who.is_owner() {
        return Err(Problem::forbidden("only an owner can change an owner"));
    }
    Ok(())
}
