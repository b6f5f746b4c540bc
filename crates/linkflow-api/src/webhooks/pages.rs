//! The pages of an execution: what people see behind a form that they have sent.
//!
//! Nobody is kept waiting with a request: who has sent a page is sent on to the form address of the
//! execution, which shows the next page as soon as there is one, or how it all ended.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use linkflow_model::{Binary, ExecutionId, Status, Workflow};
use linkflow_node::page::{self, Page};
use linkflow_node::trigger::{Respond, Trigger};
use linkflow_node::{Reply, ReplyBody};

use super::request::Arrived;
use super::{addressed, answer, go_on};
use crate::Api;
use crate::problem::Problem;

/// How long a request waits for the next page before it shows that there is none yet.
const LOOK_MS_MAX: u64 = 4_000;
/// How often it looks meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(120);

/// `/form-waiting/{execution}`: the page at which a resting execution is. The address is signed.
pub async fn resume_form(State(api): State<Api>, request: axum::extract::Request) -> Response {
    match show(&api, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn show(api: &Api, request: axum::extract::Request) -> Result<Response, Problem> {
    let arrived = Arrived::new(request, "/form-waiting/")?;
    let asks = arrived.method == axum::http::Method::GET;
    let execution = addressed(api, &arrived)?;
    let begin = api.now();
    loop {
        // One that was called a moment ago rests no more, though its step does not know yet.
        let status = status_of(api, execution).await?;
        if status == Status::Waiting
            && let Some(at) = api.runtime.waiting(execution).await?
        {
            return go_on(api, arrived, execution, at).await;
        }
        if status.is_terminal() {
            return answer::reply(api, end(status)).await;
        }
        if !asks || api.now().since(begin) >= LOOK_MS_MAX || status == Status::Waiting {
            return answer::reply(api, not_yet()).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn status_of(api: &Api, execution: ExecutionId) -> Result<Status, Problem> {
    let unknown = || Problem::not_found("waiting execution", execution);
    let workspace = api.store.workspace_of(execution).await?.ok_or_else(unknown)?;
    api.store.status_of(workspace, execution).await?.ok_or_else(unknown)
}

fn end(status: Status) -> Reply {
    match status {
        Status::Success => page::message(200, "Thank you", "Your answers have arrived."),
        _ => page::message(
            200,
            "Something went wrong",
            "Your answers have arrived, but could not be worked on to the end.",
        ),
    }
}

fn not_yet() -> Reply {
    let body = "<h1>One moment</h1><p class=\"about\" role=\"status\">Your answers are being worked on. \
                This page goes on by itself.</p>";
    page::reply(200, &Page { title: "One moment", body, css: "", again_s: Some(2) })
}

/// Sends people on to the pages of an execution.
pub fn send_on(api: &Api, execution: ExecutionId) -> Response {
    let address = api.runtime.form_address(execution);
    // Without its host: people stay at the one by which they came.
    let behind = address.find("://").and_then(|at| address[at + 3..].find('/').map(|slash| at + 3 + slash));
    match HeaderValue::try_from(&address[behind.unwrap_or(0)..]) {
        Ok(address) => (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response(),
        Err(e) => Problem::internal(&e).into_response(),
    }
}

/// Answers at once where the workflow has no further page that people would see.
pub fn choose(api: &Api, workflow: &Workflow, respond: Respond) -> Respond {
    match respond {
        Respond::Pages { done: Some(done) } if !has_pages(api, workflow) => Respond::Immediately(*done),
        respond => respond,
    }
}

fn has_pages(api: &Api, workflow: &Workflow) -> bool {
    workflow.nodes.iter().filter(|node| !node.disabled).any(|node| {
        match api.kind(&node.kind).and_then(|kind| kind.trigger()) {
            Some(Trigger::Webhook(trigger)) => (trigger.has_pages)(node),
            _ => false,
        }
    })
}

/// Puts the file in the place of its name.
pub fn with_file(respond: Respond, mut files: BTreeMap<String, Binary>) -> Result<Respond, Problem> {
    let property = match respond {
        Respond::InputFile { property } => property,
        Respond::Pages { done: Some(done) } => return Ok(Respond::Immediately(*done)),
        respond => return Ok(respond),
    };
    let Some(file) = files.remove(&property) else {
        let detail = format!("the item has no file \"{property}\"");
        return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail));
    };
    let name: String =
        file.file_name.as_deref().unwrap_or("data").bytes().map(|b| format!("%{b:02X}")).collect();
    let headers = vec![("content-disposition".to_owned(), format!("attachment; filename*=UTF-8''{name}"))];
    Ok(Respond::Immediately(Reply { status: 200, headers, body: ReplyBody::Binary(file) }))
}
