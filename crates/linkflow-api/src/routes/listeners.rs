//! Listeners of published workflows: nodes that stay connected, and whether they are.

use axum::extract::State;
use linkflow_store::Listener;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::problem::{Problem, Problems};
use crate::routes::List;

/// A node of a published workflow that listens.
#[derive(Serialize, ToSchema)]
pub struct ListenerView {
    workflow_id: Uuid,
    workflow_name: Option<String>,
    /// Name of the node.
    node: String,
    state: ListenerState,
    /// Since when it listens, in milliseconds since the epoch.
    since: Option<i64>,
    /// Why it does not.
    error: Option<String>,
    failed_at: Option<i64>,
}

/// Whether a node listens.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListenerState {
    /// It is about to connect.
    Connecting,
    Listening,
    /// It could not connect, or its connection ended; it tries again by itself.
    Failing,
}

fn view(listener: Listener, workflow_name: Option<String>) -> ListenerView {
    let name = listener.document.get("name").and_then(|name| name.as_str());
    ListenerView {
        workflow_id: listener.key.workflow.0,
        workflow_name,
        node: name.unwrap_or(&listener.key.node).to_owned(),
        state: match (listener.since, &listener.error) {
            (_, Some(_)) => ListenerState::Failing,
            (Some(_), None) => ListenerState::Listening,
            (None, None) => ListenerState::Connecting,
        },
        since: listener.since.map(|t| t.0),
        error: listener.error,
        failed_at: listener.failed_at.map(|t| t.0),
    }
}

/// List listeners: what listens, and what does not and why
#[utoipa::path(get, path = "/api/v1/listeners", tag = "schedules",
    responses((status = 200, body = List<ListenerView>), Problems))]
pub async fn list(State(api): State<Api>, who: Who) -> Result<axum::Json<List<ListenerView>>, Problem> {
    let found = api.store.listeners(who.workspace).await?;
    let ids = found.iter().map(|listener| listener.key.workflow).collect();
    let names = api.store.workflow_names(who.workspace, ids).await?;
    let views = found.into_iter().map(|listener| {
        let name = names.get(&listener.key.workflow).cloned();
        view(listener, name)
    });
    Ok(List::whole(views.collect()))
}
