//! Node kinds: what the form, the palette and other programs need to know of them.

use axum::extract::State;
use linkflow_node::trigger::Trigger;
use linkflow_node::{CredentialSlot, Example, NodeKind};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::Api;
use crate::extract::Path;
use crate::problem::{Problem, Problems};
use crate::routes::List;

/// A node kind.
#[derive(Serialize, ToSchema)]
pub struct NodeKindView {
    kind: String,
    title: String,
    /// One sentence: what it does.
    summary: String,
    #[schema(value_type = String)]
    category: Value,
    /// Other words under which people look for it.
    aliases: Vec<String>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// Version of its parameters.
    version: u32,
    /// `manual`, `webhook`, `schedule`, `error` or `workflow`; null for what starts nothing.
    trigger: Option<String>,
    /// `none` or `outside`.
    #[schema(value_type = String)]
    effects: Value,
    #[schema(value_type = Vec<Object>)]
    credentials: Vec<Value>,
    /// JSON Schema of the parameters.
    #[schema(value_type = Object)]
    schema: Value,
    #[schema(value_type = Vec<Object>)]
    examples: Vec<Value>,
}

impl NodeKindView {
    fn of(kind: &NodeKind) -> NodeKindView {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        NodeKindView {
            kind: kind.kind.to_owned(),
            title: kind.spec.title.to_owned(),
            summary: kind.spec.summary.to_owned(),
            category: json!(kind.spec.category),
            aliases: texts(kind.spec.aliases),
            inputs: texts(kind.spec.inputs),
            outputs: texts(kind.spec.outputs),
            version: kind.spec.version,
            trigger: trigger_name(kind).map(str::to_owned),
            effects: json!(kind.spec.effects),
            credentials: kind.spec.credentials.iter().map(credential_view).collect(),
            schema: kind.schema().to_value(),
            examples: kind.examples.iter().map(example_view).collect(),
        }
    }
}

fn credential_view(slot: &CredentialSlot) -> Value {
    json!({"name": slot.name, "title": slot.title, "fields": slot.fields, "secret": slot.secret})
}

fn example_view(example: &Example) -> Value {
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    json!({
        "title": example.title,
        "params": value(example.params),
        "input": value(example.input),
        "output": value(example.output),
    })
}

/// How a kind starts executions; a kind with inputs starts none.
pub fn trigger_name(kind: &NodeKind) -> Option<&'static str> {
    if !kind.spec.inputs.is_empty() {
        return None;
    }
    kind.trigger().map(|trigger| match trigger {
        Trigger::Manual => "manual",
        Trigger::Webhook(_) => "webhook",
        Trigger::Schedule(_) | Trigger::Poll(_) => "schedule",
        Trigger::Listen(_) => "listener",
        Trigger::Error => "error",
        Trigger::Workflow => "workflow",
    })
}

/// List node kinds
#[utoipa::path(get, path = "/api/v1/node-kinds", tag = "node kinds",
    responses((status = 200, body = List<NodeKindView>), Problems))]
pub async fn list(State(api): State<Api>) -> axum::Json<List<NodeKindView>> {
    List::whole(api.kinds.iter().map(NodeKindView::of).collect())
}

/// Show a node kind
#[utoipa::path(get, path = "/api/v1/node-kinds/{kind}", tag = "node kinds", params(("kind" = String, Path)),
    responses((status = 200, body = NodeKindView), Problems))]
pub async fn show(
    State(api): State<Api>,
    Path(kind): Path<String>,
) -> Result<axum::Json<NodeKindView>, Problem> {
    let found = api.kind(&kind).ok_or_else(|| Problem::not_found("node kind", &kind))?;
    Ok(axum::Json(NodeKindView::of(found)))
}
