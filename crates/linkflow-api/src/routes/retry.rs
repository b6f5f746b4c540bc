//! Executions that have ended and run once more: one, or many at once; and many that are to end.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use linkflow_model::ExecutionId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Json, Path, Raw, idempotency_key};
use crate::problem::{Problem, Problems};
use crate::routes::execute::StartedView;
use crate::routes::executions::find;
use crate::routes::publish::optional_json;
use crate::runtime::{AtNode, RetryFrom, RetryRequest};

/// The most executions of one request.
const MANY_MAX: usize = 200;

/// From where it is repeated.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    #[serde(default)]
    from: From,
    /// Name of the node that runs anew, with all that comes after it; where `from` is `node`.
    node: Option<String>,
    /// Which run of that node is the first to take place anew, from 0.
    #[serde(default)]
    run: u32,
    /// The version that runs; the one that ran when it is left out. Of another version, steps are
    /// taken over as far as their nodes are the same still and are fed from the same.
    version: Option<u32>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// All of it, on the same first items.
    #[default]
    Start,
    /// What succeeded is taken over.
    Failed,
    /// What came before a node is taken over.
    Node,
}

impl RetryBody {
    fn retry(self, idempotency_key: Option<String>) -> Result<RetryRequest, Problem> {
        let from = match (self.from, self.node) {
            (From::Start, None) => RetryFrom::Start,
            (From::Failed, None) => RetryFrom::Failed,
            (From::Node, Some(name)) => RetryFrom::Node(AtNode { name, run: self.run }),
            (From::Node, None) => {
                return Err(Problem::invalid("node", "must be the name of a node where `from` is \"node\""));
            }
            (_, Some(_)) => {
                return Err(Problem::invalid("node", "must be left out unless `from` is \"node\""));
            }
        };
        Ok(RetryRequest { from, version: self.version, idempotency_key })
    }
}

/// Run an execution once more, as a new one
#[utoipa::path(post, path = "/api/v1/executions/{id}/retry", tag = "executions",
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$")),
    request_body(content = Option<RetryBody>, content_type = "application/json"),
    responses((status = 202, body = StartedView), Problems))]
pub async fn retry(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<(StatusCode, axum::Json<StartedView>), Problem> {
    let retry = optional_json::<RetryBody>(&body)?.retry(idempotency_key(&headers)?)?;
    let row = find(&api, &who, id).await?;
    if !row.status.is_terminal() {
        return Err(Problem::conflict(format!("the execution has not ended, it is {}", row.status.as_str())));
    }
    let new = api.runtime.retry(who.workspace, row.id, retry).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(StartedView { execution_id: new.0 })))
}

/// Executions to be repeated.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryManyBody {
    #[schema(min_items = 1, max_items = 200)]
    ids: Vec<Uuid>,
    #[serde(default)]
    from: FromOfMany,
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FromOfMany {
    /// All of it, on the same first items.
    #[default]
    Start,
    /// What succeeded is taken over.
    Failed,
}

/// What became of a request about many executions.
#[derive(Serialize, ToSchema)]
pub struct ManyView {
    /// Of how many it was carried out.
    done: usize,
    refused: Vec<RefusedView>,
}

/// An execution of which it was not carried out, and why.
#[derive(Serialize, ToSchema)]
pub struct RefusedView {
    id: Uuid,
    detail: String,
}

/// Run many executions once more, as new ones
#[utoipa::path(post, path = "/api/v1/executions/retry", tag = "executions", request_body = RetryManyBody,
    responses((status = 200, body = ManyView), Problems))]
pub async fn retry_many(
    State(api): State<Api>,
    who: Who,
    Json(body): Json<RetryManyBody>,
) -> Result<axum::Json<ManyView>, Problem> {
    check_many(&body.ids)?;
    let from = match body.from {
        FromOfMany::Start => RetryFrom::Start,
        FromOfMany::Failed => RetryFrom::Failed,
    };
    let mut view = ManyView { done: 0, refused: Vec::new() };
    for id in body.ids {
        let retried = api.runtime.retry(who.workspace, ExecutionId(id), from.clone().into()).await;
        view.note(id, retried.map(|_| true).map_err(Problem::from), "")?;
    }
    Ok(axum::Json(view))
}

/// Executions that are to end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelManyBody {
    #[schema(min_items = 1, max_items = 200)]
    ids: Vec<Uuid>,
}

/// Ask many executions to end
#[utoipa::path(post, path = "/api/v1/executions/cancel", tag = "executions", request_body = CancelManyBody,
    responses((status = 200, body = ManyView), Problems))]
pub async fn cancel_many(
    State(api): State<Api>,
    who: Who,
    Json(body): Json<CancelManyBody>,
) -> Result<axum::Json<ManyView>, Problem> {
    check_many(&body.ids)?;
    let mut view = ManyView { done: 0, refused: Vec::new() };
    for id in body.ids {
        let asked = api.runtime.cancel(who.workspace, ExecutionId(id)).await;
        view.note(id, asked.map_err(Problem::from), "it has ended already, or there is no such execution")?;
    }
    Ok(axum::Json(view))
}

impl ManyView {
    /// Refusals of one leave the others alone; when the server has trouble, all of it ends.
    fn note(&mut self, id: Uuid, done: Result<bool, Problem>, otherwise: &str) -> Result<(), Problem> {
        match done {
            Ok(true) => self.done += 1,
            Ok(false) => self.refused.push(RefusedView { id, detail: otherwise.to_owned() }),
            Err(problem) if problem.is_refusal() => {
                self.refused.push(RefusedView { id, detail: problem.detail().to_owned() });
            }
            Err(problem) => return Err(problem),
        }
        Ok(())
    }
}

fn check_many(ids: &[Uuid]) -> Result<(), Problem> {
    match ids.len() {
        1..=MANY_MAX => Ok(()),
        n => Err(Problem::invalid("ids", format!("must be from 1 to {MANY_MAX}, got {n}"))),
    }
}
