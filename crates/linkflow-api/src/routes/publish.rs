//! Publishing: which version triggers start, and at which addresses a workflow listens.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use linkflow_model::{Workflow, WorkflowId};
use linkflow_node::NodeError;
use linkflow_node::trigger::{FORM, Trigger};
use linkflow_runtime::Topic;
use linkflow_store::{NewWebhook, StoreError, WorkflowActivity, WorkflowRow};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Path, Raw, parse_json};
use crate::problem::{FieldProblem, Problem, Problems};
use crate::routes::List;
use crate::routes::workflows::{WorkflowView, find};
use crate::runtime::NewFeedEvent;
use crate::webhooks::Listen;

/// How long test addresses stay open.
const LISTEN_MS: u64 = 120_000;

/// What is published.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishBody {
    /// The newest version, when it is left out.
    version: Option<u32>,
}

/// An address of a workflow.
#[derive(Serialize, ToSchema)]
pub struct WebhookView {
    node: String,
    method: String,
    /// Answers while the workflow is published.
    url: String,
    /// Answers while somebody listens.
    test_url: String,
}

/// Test addresses, and until when they are open.
#[derive(Serialize, ToSchema)]
pub struct Listening {
    urls: Vec<TestUrl>,
    until: i64,
}

#[derive(Serialize, ToSchema)]
pub struct TestUrl {
    method: String,
    url: String,
    node: String,
}

/// Let triggers start a version
///
/// The version is checked first: 422 names every field that keeps it from running.
#[utoipa::path(post, path = "/api/v1/workflows/{id}/publish", tag = "workflows", params(("id" = Uuid, Path)),
    request_body(content = Option<PublishBody>, content_type = "application/json"),
    responses((status = 200, body = WorkflowView), Problems))]
pub async fn publish(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Raw(body): Raw,
) -> Result<axum::Json<WorkflowView>, Problem> {
    let body = optional_json::<PublishBody>(&body)?;
    let row = find(&api, &who, id).await?;
    let row = publish_version(&api, &who, row.id, body.version.unwrap_or(row.version)).await?;
    Ok(axum::Json(WorkflowView::of(row, WorkflowActivity::default())))
}

/// A body that may be left out.
pub fn optional_json<T: Default + serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    Ok(parse_json::<Option<T>>(body)?.unwrap_or_default())
}

/// Checks and publishes a version.
pub async fn publish_version(
    api: &Api,
    who: &Who,
    id: WorkflowId,
    version: u32,
) -> Result<WorkflowRow, Problem> {
    let found = api.store.workflow_version(who.workspace, id, version).await?;
    let document = found.ok_or_else(|| Problem::not_found("version", version))?.document;
    let mut errors: Vec<FieldProblem> = api
        .runtime
        .plan_check(&document)
        .into_iter()
        .map(|p| FieldProblem { field: p.field, problem: p.problem })
        .collect();
    let (routes, wrong) = routes_of(api, &document);
    errors.extend(wrong);
    errors.extend(taken(api, who, id, &routes).await?);
    if !errors.is_empty() {
        let detail = format!("version {version} cannot be published before what follows is put right");
        return Err(Problem::invalid_fields(detail, errors));
    }
    let published = api.store.publish_workflow(who.workspace, id, version, routes, api.now()).await;
    let row = published.map_err(|error| match error {
        StoreError::Duplicate { .. } => {
            Problem::conflict("another workflow has just taken one of its addresses")
        }
        error => error.into(),
    })?;
    after_change(api, &row).await?;
    Ok(row)
}

async fn after_change(api: &Api, row: &WorkflowRow) -> Result<(), Problem> {
    api.lookups.changed(Topic::Webhooks).await;
    api.runtime.published_changed(row.workspace, row.id).await?;
    api.runtime.tell(NewFeedEvent {
        kind: "workflow.published",
        workspace: row.workspace,
        execution: None,
        workflow: Some(row.id),
        data: json!({"published_version": row.published_version, "name": row.name}),
    });
    Ok(())
}

/// The addresses of a document, and what is wrong with them.
pub fn routes_of(api: &Api, document: &Workflow) -> (Vec<NewWebhook>, Vec<FieldProblem>) {
    let (mut found, mut wrong, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for node in document.nodes.iter().filter(|node| !node.disabled) {
        let Some(kind) = api.kind(&node.kind).filter(|kind| kind.spec.inputs.is_empty()) else { continue };
        let Some(Trigger::Webhook(trigger)) = kind.trigger() else { continue };
        match (trigger.routes)(node) {
            Err(error) => wrong.push(node_problem(&node.name, &error)),
            Ok(routes) => {
                for route in routes {
                    if !seen.insert((route.method.clone(), route.path.clone())) {
                        let problem = format!(
                            "{} {} is the address of another node too",
                            route.method,
                            named(&route.path)
                        );
                        wrong.push(FieldProblem {
                            field: format!("nodes[{}].params.path", node.name),
                            problem,
                        });
                        continue;
                    }
                    found.push(NewWebhook {
                        node: node.name.clone(),
                        method: route.method,
                        path: route.path.trim_matches('/').to_owned(),
                    });
                }
            }
        }
    }
    (found, wrong)
}

fn node_problem(node: &str, error: &NodeError) -> FieldProblem {
    match error {
        NodeError::Param { param, problem, .. } if !param.is_empty() => {
            FieldProblem { field: format!("nodes[{node}].params.{param}"), problem: problem.clone() }
        }
        error => FieldProblem { field: format!("nodes[{node}]"), problem: error.to_string() },
    }
}

/// Which of these addresses belong to other workflows.
pub async fn taken(
    api: &Api,
    who: &Who,
    id: WorkflowId,
    routes: &[NewWebhook],
) -> Result<Vec<FieldProblem>, Problem> {
    let mut errors = Vec::new();
    for route in routes {
        let (method, path) = (route.method.clone(), route.path.clone());
        if let Some(owner) = api.store.webhook_taken_by(who.workspace, id, method, path).await? {
            let owner =
                owner.map_or("another workspace".to_owned(), |name| format!("the workflow \"{name}\""));
            errors.push(FieldProblem {
                field: format!("nodes[{}].params.path", route.node),
                problem: format!(
                    "must be another one: {} {} belongs to {owner}",
                    route.method,
                    named(&route.path)
                ),
            });
        }
    }
    Ok(errors)
}

/// Let triggers start nothing any more
#[utoipa::path(post, path = "/api/v1/workflows/{id}/unpublish", tag = "workflows", params(("id" = Uuid, Path)),
    responses((status = 200, body = WorkflowView), Problems))]
pub async fn unpublish(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<WorkflowView>, Problem> {
    let row = api.store.unpublish_workflow(who.workspace, WorkflowId(id), api.now()).await?;
    after_change(&api, &row).await?;
    Ok(axum::Json(WorkflowView::of(row, WorkflowActivity::default())))
}

/// List the addresses of a workflow's newest version
#[utoipa::path(get, path = "/api/v1/workflows/{id}/webhooks", tag = "workflows", params(("id" = Uuid, Path)),
    responses((status = 200, body = List<WebhookView>), Problems))]
pub async fn webhooks(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<List<WebhookView>>, Problem> {
    let (_, document) = newest(&api, &who, id).await?;
    let base = api.settings.base_url();
    let views = routes_of(&api, &document).0.into_iter().map(|route| WebhookView {
        url: address(base, &route.path, false),
        test_url: address(base, &route.path, true),
        node: route.node,
        method: route.method,
    });
    Ok(List::whole(views.collect()))
}

/// Where people or programs call a route.
fn address(base: &str, path: &str, is_test: bool) -> String {
    let test = if is_test { "-test" } else { "" };
    match path.strip_prefix(FORM) {
        Some(path) => format!("{base}/form{test}{path}"),
        None => format!("{base}/webhook{test}/{path}"),
    }
}

/// A route's path, as people know it.
fn named(path: &str) -> String {
    path.strip_prefix(FORM).map_or_else(|| path.to_owned(), |path| format!("form{path}"))
}

async fn newest(api: &Api, who: &Who, id: Uuid) -> Result<(WorkflowRow, Workflow), Problem> {
    let row = find(api, who, id).await?;
    let found = api.store.workflow_version(who.workspace, row.id, row.version).await?;
    let document = found.ok_or_else(|| Problem::not_found("version", row.version))?.document;
    Ok((row, document))
}

/// Open the test addresses of a workflow's newest version for two minutes
#[utoipa::path(post, path = "/api/v1/workflows/{id}/listen", tag = "workflows", params(("id" = Uuid, Path)),
    responses((status = 200, body = Listening), Problems))]
pub async fn listen(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<Listening>, Problem> {
    let (row, document) = newest(&api, &who, id).await?;
    let (routes, wrong) = routes_of(&api, &document);
    if !wrong.is_empty() {
        return Err(Problem::invalid_fields("its addresses cannot be opened", wrong));
    }
    if routes.is_empty() {
        return Err(Problem::invalid("nodes", "must have a webhook to listen for; add one and save"));
    }
    let until = api.now().plus(LISTEN_MS);
    let base = api.settings.base_url();
    let urls = routes
        .iter()
        .map(|route| TestUrl {
            method: route.method.clone(),
            url: address(base, &route.path, true),
            node: route.node.clone(),
        })
        .collect();
    let listen = Listen {
        workspace: who.workspace,
        workflow_id: row.id,
        version: row.version,
        workflow: Arc::new(document),
        routes,
        until,
    };
    api.memory.listens.open(listen, api.now());
    Ok(axum::Json(Listening { urls, until: until.0 }))
}

/// Close the test addresses of a workflow
#[utoipa::path(delete, path = "/api/v1/workflows/{id}/listen", tag = "workflows", params(("id" = Uuid, Path)),
    responses((status = 204, description = "Closed"), Problems))]
pub async fn stop_listening(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let row = find(&api, &who, id).await?;
    api.memory.listens.stop(row.id);
    Ok(StatusCode::NO_CONTENT)
}
