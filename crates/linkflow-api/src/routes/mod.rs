//! The resources, one file each, and what their handlers share.

pub mod api_keys;
pub mod connect;
pub mod credentials;
pub mod data_tables;
pub mod drafts;
pub mod execute;
pub mod execution_data;
pub mod executions;
pub mod expressions;
pub mod import;
pub mod listeners;
pub mod node_kinds;
mod preview;
pub mod publish;
pub mod retry;
pub mod schedules;
pub mod session;
pub mod setup;
pub mod tags;
pub mod templates;
pub mod ticks;
pub mod users;
pub mod variables;
pub mod versions;
pub mod workflows;

use std::sync::PoisonError;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use linkflow_store::Page;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;
use crate::access::Who;
use crate::openapi::Base;
use crate::problem::Problem;
use crate::secrets::fingerprint;

/// All resources, with their description.
pub fn all() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Base::openapi())
        .routes(routes!(setup::show, setup::create))
        .routes(routes!(session::show, session::create, session::delete))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::change, users::delete))
        .routes(routes!(api_keys::list, api_keys::create))
        .routes(routes!(api_keys::delete))
        .routes(routes!(workflows::list, workflows::create))
        .routes(routes!(import::import))
        .routes(routes!(drafts::check))
        .routes(routes!(drafts::convert))
        .routes(routes!(workflows::show, workflows::save, workflows::delete))
        .routes(routes!(versions::list))
        .routes(routes!(versions::show))
        .routes(routes!(versions::restore))
        .routes(routes!(publish::publish))
        .routes(routes!(publish::unpublish))
        .routes(routes!(publish::webhooks))
        .routes(routes!(publish::listen, publish::stop_listening))
        .routes(routes!(execute::execute))
        .routes(routes!(import::export))
        .routes(routes!(executions::list))
        .routes(routes!(executions::delete_many))
        .routes(routes!(executions::show, executions::delete))
        .routes(routes!(execution_data::data))
        .routes(routes!(execution_data::item))
        .routes(routes!(execution_data::binary))
        .routes(routes!(executions::cancel))
        .routes(routes!(listeners::list))
        .routes(routes!(retry::retry))
        .routes(routes!(retry::retry_many))
        .routes(routes!(retry::cancel_many))
        .routes(routes!(schedules::list))
        .routes(routes!(schedules::change))
        .routes(routes!(schedules::next))
        .routes(routes!(data_tables::list, data_tables::create))
        .routes(routes!(data_tables::show, data_tables::rename, data_tables::delete))
        .routes(routes!(data_tables::add_column))
        .routes(routes!(data_tables::rename_column, data_tables::delete_column))
        .routes(routes!(data_tables::rows, data_tables::insert, data_tables::change))
        .routes(routes!(data_tables::remove))
        .routes(routes!(data_tables::export, data_tables::import))
        .routes(routes!(variables::list, variables::create))
        .routes(routes!(variables::save, variables::delete))
        .routes(routes!(tags::list, tags::create))
        .routes(routes!(tags::rename, tags::delete))
        .routes(routes!(credentials::list, credentials::create))
        .routes(routes!(credentials::show, credentials::save, credentials::delete))
        .routes(routes!(credentials::types))
        .routes(routes!(connect::test))
        .routes(routes!(connect::connect))
        .routes(routes!(connect::finish))
        .routes(routes!(expressions::evaluate))
        .routes(routes!(expressions::names))
        .routes(routes!(templates::list))
        .routes(routes!(templates::show))
        .routes(routes!(ticks::times))
        .routes(routes!(ticks::backfill))
        .routes(routes!(node_kinds::list))
        .routes(routes!(node_kinds::show))
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// Where the next page begins: the `cursor` to ask for it with. Null on the last page.
    pub next: Option<String>,
}

impl<T> List<T> {
    pub fn whole(items: Vec<T>) -> axum::Json<List<T>> {
        axum::Json(List { items, next: None })
    }

    pub fn page<R>(page: Page<R>, view: impl FnMut(R) -> T) -> axum::Json<List<T>> {
        let page = page.map(view);
        axum::Json(List { items: page.items, next: page.next })
    }
}

/// Which page of a list is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many entries a page has at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

pub const LIMIT_MAX: u32 = 200;

/// The number of entries of a page: 50 unless told otherwise.
pub fn limit(asked: Option<u32>) -> Result<usize, Problem> {
    match asked.unwrap_or(50) {
        n @ 1..=LIMIT_MAX => Ok(n as usize),
        n => Err(Problem::invalid("limit", format!("must be from 1 to {LIMIT_MAX}, got {n}"))),
    }
}

/// Refuses names that are empty, too long, or hold what cannot be shown.
pub fn check_name(field: &str, text: &str) -> Result<(), Problem> {
    match text.chars().count() {
        _ if text.trim().is_empty() => Err(Problem::invalid(field, "must not be empty")),
        n if n > 200 => Err(Problem::invalid(field, format!("may have 200 characters, got {n}"))),
        _ if text.chars().any(char::is_control) => {
            Err(Problem::invalid(field, "must not hold control characters"))
        }
        _ => Ok(()),
    }
}

/// An answer with the version as its entity tag.
pub fn with_etag(version: u32, body: impl Serialize) -> Response {
    let mut response = axum::Json(body).into_response();
    if let Ok(tag) = HeaderValue::try_from(format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// What was answered to this request before, when it comes with an `Idempotency-Key`; or the place
/// to remember the answer.
pub struct Once {
    api: Api,
    who: Who,
    key: Option<String>,
    fingerprint: Vec<u8>,
}

impl Once {
    /// `parts` is all that makes the request what it is.
    pub async fn begin(
        api: &Api,
        who: &Who,
        key: Option<String>,
        parts: &[&[u8]],
    ) -> Result<Result<Once, Response>, Problem> {
        let fingerprint = fingerprint(parts).into_bytes();
        if let Some(key) = &key {
            let mut at_work = api.memory.keys_at_work.lock().unwrap_or_else(PoisonError::into_inner);
            if !at_work.insert((who.workspace, key.clone())) {
                let detail = format!("a request with the idempotency key \"{key}\" is being carried out");
                return Err(Problem::conflict(detail).with_field("Idempotency-Key"));
            }
        }
        let once = Once { api: api.clone(), who: who.clone(), key, fingerprint };
        if let Some(key) = &once.key {
            let fingerprint = once.fingerprint.clone();
            let known = api.store.request_answer(who.workspace, key.clone(), fingerprint).await?;
            if let Some(answer) = known {
                let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
                let mut response = (status, axum::Json(answer.body)).into_response();
                response.headers_mut().insert(
                    HeaderName::from_static("idempotency-replayed"),
                    HeaderValue::from_static("true"),
                );
                return Ok(Err(response));
            }
        }
        Ok(Ok(once))
    }

    /// Answers, and remembers the answer.
    pub async fn answer(self, status: StatusCode, body: impl Serialize) -> Result<Response, Problem> {
        let body = serde_json::to_value(body).map_err(|e| Problem::internal(&e))?;
        if let Some(key) = self.key.clone() {
            let answer = linkflow_store::RequestAnswer { status: status.as_u16(), body: body.clone() };
            let (now, fingerprint) = (self.api.now(), self.fingerprint.clone());
            self.api.store.remember_answer(self.who.workspace, key, fingerprint, answer, now).await?;
        }
        Ok((status, axum::Json(body)).into_response())
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let mut at_work = self.api.memory.keys_at_work.lock().unwrap_or_else(PoisonError::into_inner);
            at_work.remove(&(self.who.workspace, key));
        }
    }
}
