//! Starting a workflow by a call of the API.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use linkflow_model::{ExecutionId, Item, Mode, Node, Shape, Workflow, WorkflowId};
use linkflow_store::WorkflowRow;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Api;
use crate::access::{Means, Who};
use crate::extract::{Path, Query, Raw, idempotency_key};
use crate::problem::{Problem, Problems};
use crate::routes::node_kinds::trigger_name;
use crate::routes::publish::optional_json;
use crate::routes::workflows::find;
use crate::runtime::{AtNode, ExecutionError, Finished, Reuse, StartRequest};
use crate::secrets::fingerprint;

const WAIT_S_MAX: u32 = 300;

/// What is started, and on what.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecuteBody {
    /// The first items: `{"json": {...}}`, or the plain objects.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    input: Vec<Value>,
    /// Name of the node at which it starts; the first trigger, when it is left out.
    trigger: Option<String>,
    /// The version that runs. When it is left out: the newest in manual mode, else the published one,
    /// or the newest when none is.
    version: Option<u32>,
    /// Pinned data is used in manual mode only. Sessions start in `manual` mode, API keys in `api` mode.
    mode: Option<ExecuteMode>,
    /// Name of the node up to which it runs: only what leads there takes part.
    until: Option<String>,
    /// What an earlier execution did is taken over, in place of `input` and `trigger`.
    reuse: Option<ReuseBody>,
}

/// The execution of which the steps are taken over, as far as their nodes are the same still and are
/// fed from the same.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReuseBody {
    /// Its id; one of the same workflow.
    execution: Uuid,
    /// Name of the node that runs anew, with all that comes after it.
    node: Option<String>,
    /// Which run of that node is the first to take place anew, from 0.
    #[serde(default)]
    run: u32,
}

#[derive(Clone, Copy, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExecuteMode {
    Manual,
    Api,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExecuteQuery {
    /// Seconds to wait for the end.
    #[param(minimum = 0, maximum = 300)]
    wait: Option<u32>,
}

/// What was started.
#[derive(Serialize, ToSchema)]
pub struct StartedView {
    pub execution_id: Uuid,
}

/// How an execution ended.
#[derive(Serialize, ToSchema)]
pub struct FinishedView {
    execution_id: Uuid,
    status: String,
    error: Option<ErrorView>,
    /// Items of the node that ran last.
    #[schema(value_type = Vec<Object>)]
    output: Vec<Item>,
    /// Each node's runs.
    #[schema(value_type = Object)]
    nodes: BTreeMap<String, Value>,
}

/// Why an execution failed.
#[derive(Serialize, ToSchema)]
pub struct ErrorView {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
}

impl ErrorView {
    pub fn of(error: ExecutionError) -> ErrorView {
        ErrorView { message: error.message, node: error.node }
    }

    pub fn new(message: Option<String>, node: Option<String>) -> Option<ErrorView> {
        message.map(|message| ErrorView { message, node })
    }
}

impl FinishedView {
    fn of(finished: Finished) -> FinishedView {
        let nodes = finished.nodes.into_iter().map(|(name, runs)| {
            let runs: Vec<Value> =
                runs.iter().map(|run| json!({"outputs": run.outputs, "error": run.error})).collect();
            (name, Value::Array(runs))
        });
        FinishedView {
            execution_id: finished.execution.0,
            status: finished.status.as_str().to_owned(),
            error: finished.error.map(ErrorView::of),
            output: finished.last_node_items,
            nodes: nodes.collect(),
        }
    }
}

/// Start a workflow
///
/// Answers 202 with the execution's id; with `wait`, its result, if it ends in time.
#[utoipa::path(post, path = "/api/v1/workflows/{id}/execute", tag = "workflows",
    params(("id" = Uuid, Path), ExecuteQuery, ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$")),
    request_body(content = Option<ExecuteBody>, content_type = "application/json"),
    responses((status = 200, body = FinishedView), (status = 202, body = StartedView), Problems))]
pub async fn execute(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Query(query): Query<ExecuteQuery>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let wait_s = query.wait.unwrap_or(0);
    if wait_s > WAIT_S_MAX {
        return Err(Problem::invalid("wait", format!("must be at most {WAIT_S_MAX} seconds, got {wait_s}")));
    }
    let hash = fingerprint(&[&body]);
    let body: ExecuteBody = optional_json(&body)?;
    let key = idempotency_key(&headers)?;
    let row = find(&api, &who, id).await?;
    let request = StartRequest {
        idempotency_key: key.map(|key| execute_key(row.id, &key)),
        idempotency_fingerprint: hash,
        ..request(&api, &who, row, body).await?
    };
    let started = api.runtime.start(request, None).await?;
    if wait_s > 0 {
        let wait_ms = u64::from(wait_s) * 1_000;
        if let Some(finished) = api.runtime.wait(who.workspace, started.execution, wait_ms).await? {
            return Ok(axum::Json(FinishedView::of(finished)).into_response());
        }
    }
    let view = StartedView { execution_id: started.execution.0 };
    Ok((StatusCode::ACCEPTED, axum::Json(view)).into_response())
}

async fn request(api: &Api, who: &Who, row: WorkflowRow, body: ExecuteBody) -> Result<StartRequest, Problem> {
    let mode = body.mode.unwrap_or(match who.means {
        Means::Session(_) => ExecuteMode::Manual,
        Means::Key { .. } | Means::Shell => ExecuteMode::Api,
    });
    let newest = match mode {
        ExecuteMode::Manual => row.version,
        ExecuteMode::Api => row.published_version.unwrap_or(row.version),
    };
    let version = body.version.unwrap_or(newest);
    let found = api.store.workflow_version(who.workspace, row.id, version).await?;
    let workflow =
        found.ok_or_else(|| Problem::invalid("version", format!("{version} does not exist")))?.document;
    let trigger = match &body.reuse {
        Some(_) if body.trigger.is_some() || !body.input.is_empty() => {
            return Err(Problem::invalid(
                "reuse",
                "comes with the first items; leave out `input` and `trigger`",
            ));
        }
        Some(_) => String::new(),
        None => trigger_of(api, &workflow, body.trigger, body.until.as_deref())?,
    };
    Ok(StartRequest {
        workspace: who.workspace,
        workflow_id: row.id,
        version,
        workflow: Arc::new(workflow),
        trigger,
        items: items_of(body.input)?,
        mode: match mode {
            ExecuteMode::Manual => Mode::Manual,
            ExecuteMode::Api => Mode::Api,
        },
        idempotency_key: None,
        idempotency_fingerprint: String::new(),
        retry_of: None,
        parent: None,
        wants_reply: false,
        until: body.until,
        reuse: body.reuse.map(|reuse| Reuse {
            execution: ExecutionId(reuse.execution),
            again: reuse.node.map(|name| AtNode { name, run: reuse.run }),
        }),
    })
}

/// Keys of different workflows do not meet.
fn execute_key(workflow: WorkflowId, key: &str) -> String {
    format!("execute/{workflow}/{key}")
}

/// The node at which it starts: the named one, else the best trigger, else the first node that
/// nothing leads to; of those that lead to `until`, where that is given.
fn trigger_of(
    api: &Api,
    workflow: &Workflow,
    named: Option<String>,
    until: Option<&str>,
) -> Result<String, Problem> {
    let shape = Shape::of(workflow);
    let until = match until {
        None => None,
        Some(name) => Some(shape.node(name).ok_or_else(|| {
            Problem::invalid("until", format!("must be the name of a node, there is no \"{name}\""))
        })?),
    };
    if let Some(name) = named {
        return match workflow.node_named(&name) {
            Some(_) => Ok(name),
            None => Err(Problem::invalid(
                "trigger",
                format!("must be the name of a node, there is no \"{name}\""),
            )),
        };
    }
    let leads_on = |node: &&Node| match (until, shape.node(&node.name)) {
        (Some(to), Some(from)) => from == to || shape.output_towards(from, to).is_some(),
        _ => true,
    };
    let enabled = || workflow.nodes.iter().filter(|node| !node.disabled).filter(leads_on);
    let rank = |node: &Node| match api.kind(&node.kind).and_then(trigger_name) {
        Some("manual") => Some(0),
        Some("workflow") => Some(1),
        Some("error") => Some(3),
        Some(_) => Some(2),
        None => None,
    };
    let best = enabled().filter_map(|node| rank(node).map(|rank| (rank, node))).min_by_key(|(rank, _)| *rank);
    let leads_to = |node: &&Node| workflow.edges.iter().any(|edge| edge.is_main() && edge.to.node == node.id);
    let first = || enabled().find(|node| !leads_to(node) && api.kind(&node.kind).is_some());
    best.map(|(_, node)| node)
        .or_else(first)
        .map(|node| node.name.clone())
        .ok_or_else(|| Problem::invalid("trigger", "must be given: the workflow has no node to start at"))
}

/// Items of plain objects or of the form `{"json": {...}}`. Files cannot come this way: a handle in
/// a request would be somebody else's file.
fn items_of(input: Vec<Value>) -> Result<Vec<Item>, Problem> {
    const KEYS: [&str; 4] = ["json", "binary", "error", "pairedItem"];
    let mut items = Vec::with_capacity(input.len());
    for (i, value) in input.into_iter().enumerate() {
        items.push(match value {
            Value::Object(mut object)
                if object.get("json").is_some_and(Value::is_object)
                    && object.keys().all(|key| KEYS.contains(&key.as_str())) =>
            {
                Item::from_value(object.remove("json").unwrap_or_default())
            }
            Value::Object(object) => Item::new(object),
            other => {
                let shown: String = other.to_string().chars().take(80).collect();
                return Err(Problem::invalid(
                    format!("input[{i}]"),
                    format!("must be an object, got {shown}"),
                ));
            }
        });
    }
    Ok(items)
}
