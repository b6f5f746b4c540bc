//! Webhooks: from a request to its answer.
//!
//! find (who listens at this address) -> intake (how the node wants its request) -> authenticate
//! -> body (read within the limits) -> accept (the node makes items of it) -> start -> answer.

mod answer;
mod auth;
mod body;
mod cors;
mod find;
mod listen;
mod pages;
mod request;
mod xml;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use linkflow_model::{Binary, ExecutionId, Mode, Node, Workflow, WorkflowId, WorkspaceId};
use linkflow_node::NodeKind;
use linkflow_node::trigger::{Accepted, Intake, Request, Respond, Trigger, WebhookTrigger};
use tokio::sync::oneshot;
use uuid::Uuid;

pub use answer::attachment;
pub use body::read_form;
pub use find::RouteCache;
pub use listen::{Listen, Listens};
pub use pages::resume_form;

use crate::Api;
use crate::extract::idempotency_key;
use crate::problem::Problem;
use crate::runtime::{Answer, Resumption, StartRequest, Waiting};
use crate::secrets::fingerprint;
use find::Looked;
use request::Arrived;

/// In each answer to a request that started an execution: its id.
const EXECUTION_HEADER: &str = "linkflow-execution";

/// A node that listens at the address of a request.
struct Listener {
    workspace: WorkspaceId,
    workflow_id: WorkflowId,
    version: u32,
    workflow: Arc<Workflow>,
    node: Node,
    trigger: WebhookTrigger,
    params: linkflow_model::Object,
    is_test: bool,
}

/// `/webhook/{path}`: starts what is published.
pub async fn receive(State(api): State<Api>, request: axum::extract::Request) -> Response {
    answer(published(&api, Arrived::new(request, "/webhook/")).await)
}

/// `/webhook-test/{path}`: starts the newest version while somebody listens.
pub async fn receive_test(State(api): State<Api>, request: axum::extract::Request) -> Response {
    answer(listened_for(&api, Arrived::new(request, "/webhook-test/")).await)
}

/// `/form/{path}`: shows a published form, and takes what was filled in.
pub async fn receive_form(State(api): State<Api>, request: axum::extract::Request) -> Response {
    answer(published(&api, Arrived::form(request, "/form/")).await)
}

/// `/form-test/{path}`: the form of the newest version, while somebody listens.
pub async fn receive_form_test(State(api): State<Api>, request: axum::extract::Request) -> Response {
    answer(listened_for(&api, Arrived::form(request, "/form-test/")).await)
}

async fn published(api: &Api, arrived: Result<Arrived, Problem>) -> Result<Response, Problem> {
    let arrived = arrived?;
    let looked = api.memory.webhooks.table(api).await?.look(&arrived.method, &arrived.segments);
    Ok(run(api, arrived, looked, false).await)
}

async fn listened_for(api: &Api, arrived: Result<Arrived, Problem>) -> Result<Response, Problem> {
    let arrived = arrived?;
    let looked = api.memory.listens.look(api.now(), &arrived.method, &arrived.segments);
    Ok(run(api, arrived, looked, true).await)
}

fn answer(answered: Result<Response, Problem>) -> Response {
    answered.unwrap_or_else(|problem| problem.into_response())
}

async fn run(api: &Api, arrived: Arrived, looked: Looked, is_test: bool) -> Response {
    let target = match looked {
        Looked::Found(target) => target,
        Looked::OtherMethods(methods, target) => {
            if arrived.method == Method::OPTIONS {
                return preflight(api, arrived.headers, target, &methods, is_test).await;
            }
            let allow = methods.join(", ");
            let detail =
                format!("this webhook is not registered for {} requests; it takes {allow}", arrived.method);
            return Problem::method_not_allowed(detail, allow).into_response();
        }
        Looked::Nothing => return nobody_listens(&arrived, is_test).into_response(),
    };
    let listener = match listener(api, target, is_test).await {
        Ok(listener) => listener,
        Err(problem) => return problem.into_response(),
    };
    let intake = match (listener.trigger.intake)(&listener.node) {
        Ok(intake) => intake,
        Err(error) => return broken(&listener.node, &error).into_response(),
    };
    let origin_headers = cors::headers(&intake, &arrived.headers);
    let response = match start(api, arrived, listener, &intake).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    cors::add(response, origin_headers)
}

fn nobody_listens(arrived: &Arrived, is_test: bool) -> Problem {
    let hint = if is_test {
        "press \"Listen\" in the editor, then call it within two minutes"
    } else {
        "is its workflow published, and is the address spelled as in the editor?"
    };
    let detail = format!("no webhook listens for {} {}: {hint}", arrived.method, arrived.path);
    Problem::new(axum::http::StatusCode::NOT_FOUND, detail)
}

async fn preflight(
    api: &Api,
    headers: HeaderMap,
    target: find::Target,
    methods: &[String],
    is_test: bool,
) -> Response {
    let listener = match listener(api, target, is_test).await {
        Ok(listener) => listener,
        Err(problem) => return problem.into_response(),
    };
    match (listener.trigger.intake)(&listener.node) {
        Ok(intake) => cors::preflight(&intake, &headers, methods),
        Err(error) => broken(&listener.node, &error).into_response(),
    }
}

fn broken(node: &Node, error: &dyn std::fmt::Display) -> Problem {
    Problem::internal(&format!("the webhook node \"{}\" cannot be used: {error}", node.name))
}

/// The node behind a target.
async fn listener(api: &Api, target: find::Target, is_test: bool) -> Result<Listener, Problem> {
    let workflow = match target.workflow {
        Some(workflow) => workflow,
        None => {
            api.memory.webhooks.document(api, target.workspace, target.workflow_id, target.version).await?
        }
    };
    let gone = || Problem::internal(&format!("webhook node \"{}\" is not in its workflow", target.node));
    let node = workflow.node_named(&target.node).cloned().ok_or_else(gone)?;
    let trigger = api.kind(&node.kind).and_then(webhook_of).ok_or_else(gone)?;
    Ok(Listener {
        workspace: target.workspace,
        workflow_id: target.workflow_id,
        version: target.version,
        workflow,
        node,
        trigger,
        params: target.params,
        is_test,
    })
}

fn webhook_of(kind: &'static NodeKind) -> Option<WebhookTrigger> {
    match kind.trigger() {
        Some(Trigger::Webhook(trigger)) => Some(trigger),
        _ => None,
    }
}

async fn start(
    api: &Api,
    arrived: Arrived,
    listener: Listener,
    intake: &Intake,
) -> Result<Response, Problem> {
    let key = idempotency_key(&arrived.headers)?;
    let request = read(api, arrived, &listener, intake).await?;
    let accepted = match accept(&listener, &request)? {
        Taken::Accepted(accepted) => accepted,
        Taken::Answered(page) => return answer::reply(api, page).await,
    };
    let hash = fingerprint_of(&request)?;
    let (sender, receiver) = match &accepted.respond {
        Respond::Immediately(_) | Respond::Pages { .. } => (None, None),
        _ => {
            let (sender, receiver) = oneshot::channel();
            (Some(sender), Some(receiver))
        }
    };
    let wants_reply = accepted.respond == Respond::Node;
    let Accepted { items, respond } = accepted;
    let respond = pages::choose(api, &listener.workflow, respond);
    let started = api
        .runtime
        .start(
            StartRequest {
                workspace: listener.workspace,
                workflow_id: listener.workflow_id,
                version: listener.version,
                workflow: listener.workflow,
                trigger: listener.node.name,
                items,
                mode: if listener.is_test { Mode::Manual } else { Mode::Webhook },
                idempotency_key: key
                    .map(|key| format!("webhook/{}/{}/{key}", listener.workflow_id, listener.node.id)),
                idempotency_fingerprint: hash,
                retry_of: None,
                parent: None,
                wants_reply,
                until: None,
                reuse: None,
            },
            sender,
        )
        .await?;
    let response = respond_to(api, respond, started.execution, receiver).await;
    Ok(with_execution(response.unwrap_or_else(IntoResponse::into_response), started.execution))
}

/// Names the execution, so that a caller can look it up or speak of it.
fn with_execution(mut response: Response, execution: ExecutionId) -> Response {
    if let Ok(id) = execution.to_string().parse() {
        response.headers_mut().insert(EXECUTION_HEADER, id);
    }
    response
}

/// What makes a request the same one again: its headers may differ from one try to the next.
fn fingerprint_of(request: &Request) -> Result<String, Problem> {
    let asked = (&request.method, &request.path, &request.query, &request.body);
    let bytes = serde_json::to_vec(&asked).map_err(|e| Problem::internal(&e))?;
    Ok(fingerprint(&[&bytes]))
}

/// The request as the node sees it, once its caller is known and its body read.
async fn read(api: &Api, arrived: Arrived, listener: &Listener, intake: &Intake) -> Result<Request, Problem> {
    let auth = (listener.trigger.auth)(&listener.node).map_err(|e| broken(&listener.node, &e))?;
    let claims = auth::check(api, listener.workspace, &listener.node, &auth, &arrived.headers).await?;
    let is_authenticated = auth != linkflow_node::trigger::Auth::None;
    let (head, content) = arrived.split(api, listener.params.clone(), is_authenticated)?;
    let (body, raw) = body::read(api, intake, &content.headers, content.body).await?;
    Ok(Request { body, raw, jwt_payload: claims, test: listener.is_test, ..head })
}

/// What the node makes of a request.
enum Taken {
    Accepted(Accepted),
    /// It starts nothing; this is the answer.
    Answered(linkflow_node::Reply),
}

fn accept(listener: &Listener, request: &Request) -> Result<Taken, Problem> {
    match (listener.trigger.accept)(&listener.node, request) {
        Ok(accepted) => Ok(Taken::Accepted(accepted)),
        Err(linkflow_node::trigger::Refusal { reply: Some(reply), .. }) => Ok(Taken::Answered(*reply)),
        Err(refusal) => {
            let status = axum::http::StatusCode::from_u16(refusal.status);
            Err(Problem::new(status.unwrap_or(axum::http::StatusCode::FORBIDDEN), refusal.message))
        }
    }
}

/// Answers in the node's way; what waits longer than the limit gets 504 and the execution's id.
async fn respond_to(
    api: &Api,
    respond: Respond,
    execution: ExecutionId,
    answer: Option<oneshot::Receiver<Answer>>,
) -> Result<Response, Problem> {
    let waits_ms = api.settings.webhook_answer_ms_max;
    let Some(answer) = answer else {
        return match respond {
            Respond::Immediately(reply) => answer::reply(api, reply).await,
            Respond::Pages { .. } => Ok(pages::send_on(api, execution)),
            _ => Ok(axum::http::StatusCode::OK.into_response()),
        };
    };
    let late = || {
        let detail = format!(
            "the workflow has not answered within {} s; the execution goes on",
            waits_ms.div_ceil(1_000)
        );
        Problem::new(axum::http::StatusCode::GATEWAY_TIMEOUT, detail).with_execution(execution.0)
    };
    match tokio::time::timeout(std::time::Duration::from_millis(waits_ms), answer).await {
        Err(_) => Err(late()),
        // Whoever would have answered is gone; the execution is not.
        Ok(Err(_)) => {
            let detail = "the answer got lost on the server; the execution goes on";
            let status = axum::http::StatusCode::BAD_GATEWAY;
            Err(Problem::new(status, detail).with_execution(execution.0))
        }
        Ok(Ok(Answer::Reply(reply))) => answer::reply(api, reply).await,
        Ok(Ok(Answer::Finished(finished))) => answer::finished(api, respond, finished).await,
    }
}

/// `/webhook-waiting/{execution}`: lets a resting execution go on. The address is signed.
pub async fn resume(State(api): State<Api>, request: axum::extract::Request) -> Response {
    match resume_at(&api, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn resume_at(api: &Api, request: axum::extract::Request) -> Result<Response, Problem> {
    resume_arrived(api, Arrived::new(request, "/webhook-waiting/")?).await
}

async fn resume_arrived(api: &Api, arrived: Arrived) -> Result<Response, Problem> {
    let execution = addressed(api, &arrived)?;
    let Some(waiting) = api.runtime.waiting(execution).await? else {
        return Err(Problem::conflict("the execution does not wait for a call, or not any more")
            .with_execution(execution.0));
    };
    go_on(api, arrived, execution, waiting).await
}

/// The execution that an address names and signs.
fn addressed(api: &Api, arrived: &Arrived) -> Result<ExecutionId, Problem> {
    let unknown = || Problem::not_found("waiting execution", &arrived.segments[0]);
    let id = arrived.segments.first().and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(unknown)?;
    let execution = ExecutionId(id);
    let signature = request::query_value(&arrived.parts, "signature").unwrap_or_default();
    if !api.runtime.is_resume_signature(execution, &signature) {
        return Err(Problem::forbidden(
            "the signature of this address is wrong; use the whole resume address",
        ));
    }
    Ok(execution)
}

async fn go_on(
    api: &Api,
    arrived: Arrived,
    execution: ExecutionId,
    waiting: Waiting,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("waiting execution", execution);
    let trigger = api.kind(&waiting.node.kind).and_then(webhook_of).ok_or_else(unknown)?;
    let listener = Listener {
        workspace: waiting.workspace,
        workflow_id: WorkflowId(Uuid::nil()),
        version: 0,
        workflow: Arc::default(),
        node: waiting.node,
        trigger,
        params: linkflow_model::Object::new(),
        is_test: false,
    };
    check_resume_route(&listener, &arrived)?;
    let intake = (trigger.intake)(&listener.node).map_err(|e| broken(&listener.node, &e))?;
    let origin_headers = cors::headers(&intake, &arrived.headers);
    let response = wake(api, arrived, listener, &intake, execution, waiting.files).await;
    Ok(cors::add(response.unwrap_or_else(IntoResponse::into_response), origin_headers))
}

fn check_resume_route(listener: &Listener, arrived: &Arrived) -> Result<(), Problem> {
    let routes = (listener.trigger.routes)(&listener.node).map_err(|e| broken(&listener.node, &e))?;
    let rest = arrived.segments[1..].join("/");
    let here: Vec<String> = routes
        .into_iter()
        .filter(|route| route.path.trim_matches('/') == rest)
        .map(|route| route.method)
        .collect();
    if here.is_empty() {
        return Err(Problem::not_found("resume address", &arrived.path));
    }
    if !here.iter().any(|method| *method == arrived.method.as_str()) {
        let allow = here.join(", ");
        let detail = format!("the execution waits for {allow}, not for {}", arrived.method);
        return Err(Problem::method_not_allowed(detail, allow));
    }
    Ok(())
}

async fn wake(
    api: &Api,
    arrived: Arrived,
    listener: Listener,
    intake: &Intake,
    execution: ExecutionId,
    files: BTreeMap<String, Binary>,
) -> Result<Response, Problem> {
    let request = read(api, arrived, &listener, intake).await?;
    let respond = match accept(&listener, &request)? {
        Taken::Accepted(accepted) => pages::with_file(accepted.respond, files)?,
        Taken::Answered(page) => return answer::reply(api, page).await,
    };
    let (sender, receiver) = match respond {
        Respond::Immediately(_) | Respond::Pages { .. } => (None, None),
        _ => {
            let (sender, receiver) = oneshot::channel();
            (Some(sender), Some(receiver))
        }
    };
    match api.runtime.resume(execution, request, sender).await? {
        Resumption::Resumed => respond_to(api, respond, execution, receiver).await,
        Resumption::NotWaiting => {
            Err(Problem::conflict("the execution does not wait for a call any more")
                .with_execution(execution.0))
        }
        Resumption::NotFound => Err(Problem::not_found("waiting execution", execution)),
    }
}
