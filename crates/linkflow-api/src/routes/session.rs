//! Sign-in of people, by a session in a cookie.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use linkflow_runtime::Topic;
use linkflow_store::{NewSession, UserRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::access::{Means, Role, Who, remote_address, session_token};
use crate::extract::Json;
use crate::problem::{Problem, Problems};
use crate::routes::users::UserView;
use crate::secrets::{is_password, new_token, token_hash};

/// Wrong passwords for one email, and from one address, before the next try has to wait.
const FAILURES_MAX: u32 = 10;
const FAILURES_PER_ADDRESS_MAX: u32 = 100;
const FAILURES_FORGOTTEN_S: u64 = 15 * 60;

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    email: String,
    password: String,
}

/// Who is signed in, and where.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    user: UserView,
    workspace: WorkspaceView,
    role: String,
}

#[derive(Serialize, ToSchema)]
pub struct WorkspaceView {
    id: Uuid,
    name: String,
}

/// How often signing in has failed lately, by email and by address.
pub struct FailedSignIns(moka::sync::Cache<String, Arc<AtomicU32>>);

impl FailedSignIns {
    pub fn new() -> FailedSignIns {
        let forgotten = Duration::from_secs(FAILURES_FORGOTTEN_S);
        FailedSignIns(moka::sync::Cache::builder().max_capacity(100_000).time_to_live(forgotten).build())
    }

    fn check(&self, email: &str, address: &str) -> Result<(), Problem> {
        let n = |key: &str| self.0.get(key).map_or(0, |n| n.load(Ordering::Relaxed));
        if n(email) >= FAILURES_MAX || n(address) >= FAILURES_PER_ADDRESS_MAX {
            let detail = "too many wrong passwords; wait a quarter of an hour";
            return Err(Problem::too_many(detail, FAILURES_FORGOTTEN_S * 1_000));
        }
        Ok(())
    }

    fn add(&self, key: &str) {
        self.0.get_with(key.to_owned(), Arc::default).fetch_add(1, Ordering::Relaxed);
    }
}

/// Sign in
#[utoipa::path(post, path = "/api/v1/session", tag = "sign-in", security(()), request_body = SignIn,
    responses((status = 200, body = UserView), Problems))]
pub async fn create(
    State(api): State<Api>,
    parts: Parts,
    Json(sign_in): Json<SignIn>,
) -> Result<Response, Problem> {
    let email = sign_in.email.trim().to_lowercase();
    let address = format!("address {}", remote_address(&api, &parts));
    api.memory.sign_ins.check(&email, &address)?;
    if sign_in.password.len() > 4_096 {
        return Err(Problem::invalid("password", "is too long"));
    }
    let row = api.store.sign_in_row(email.clone()).await?;
    let hash = row.as_ref().map(|row| row.password_hash.clone());
    if !is_password(sign_in.password, hash).await? {
        api.memory.sign_ins.add(&email);
        api.memory.sign_ins.add(&address);
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "email or password are wrong"));
    }
    let user = row.ok_or_else(Problem::unauthorized)?.user;
    let cookie = open_session(&api, &user).await?;
    Ok(([cookie], axum::Json(UserView::of(user))).into_response())
}

/// Who is signed in
#[utoipa::path(get, path = "/api/v1/session", tag = "sign-in",
    responses((status = 200, body = SessionView), Problems))]
pub async fn show(State(api): State<Api>, who: Who) -> Result<axum::Json<SessionView>, Problem> {
    let Means::Session(user) = who.means else { return Err(Problem::unauthorized()) };
    let workspace = api.store.workspace(user.workspace).await?;
    let name = workspace.map(|w| w.name).unwrap_or_default();
    let role = Role::parse(&user.role).unwrap_or(Role::Viewer).as_str().to_owned();
    let workspace = WorkspaceView { id: user.workspace.0, name };
    Ok(axum::Json(SessionView { user: UserView::of(user), workspace, role }))
}

/// Sign out
#[utoipa::path(delete, path = "/api/v1/session", tag = "sign-in",
    responses((status = 204, description = "Signed out"), Problems))]
pub async fn delete(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(token) = session_token(&api, &headers) {
        api.store.close_session(token_hash(&token)).await?;
        api.lookups.changed(Topic::Rights).await;
    }
    Ok((StatusCode::NO_CONTENT, [cookie(&api, "", 0)?]).into_response())
}

/// Opens a session and gives its cookie.
pub async fn open_session(api: &Api, user: &UserRow) -> Result<(HeaderName, HeaderValue), Problem> {
    let token = new_token()?;
    let now = api.now();
    let session = NewSession {
        token_hash: token_hash(&token),
        workspace: user.workspace,
        user: user.id,
        at: now,
        expires_at: now.plus(api.settings.session_ms),
    };
    api.store.open_session(session).await?;
    cookie(api, &token, api.settings.session_ms / 1_000)
}

fn cookie(api: &Api, token: &str, max_age_s: u64) -> Result<(HeaderName, HeaderValue), Problem> {
    let name = api.settings.cookie_name();
    let secure = if api.settings.is_https() { "; Secure" } else { "" };
    let text = format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{secure}");
    let mut value = HeaderValue::try_from(text).map_err(|e| Problem::internal(&e))?;
    value.set_sensitive(true);
    Ok((header::SET_COOKIE, value))
}
