//! Whether a credential works: its kind's check, run by itself, outside of any execution.

use std::sync::Arc;
use std::time::Duration;

use linkflow_model::{ExecutionId, Mode, OnError, Order, WorkflowId, WorkspaceId};
use linkflow_node::{BoxFuture, CheckFn, Ctx, Host, NodeError, Reply, Secret};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::services::Services;

const CHECK_MS_MAX: u64 = 20_000;

/// What the service says, or why the credential does not work.
pub async fn check(
    services: &Services,
    workspace: WorkspaceId,
    check: CheckFn,
    secret: Secret,
) -> Result<String, NodeError> {
    let cancel = CancellationToken::new();
    let nobody = uuid::Uuid::nil();
    let ctx = Ctx {
        workspace,
        workflow: WorkflowId(nobody),
        execution: ExecutionId(nobody),
        mode: Mode::Manual,
        node: "check".to_owned(),
        run: 0,
        attempt: 1,
        began_before: false,
        resumed: None,
        state: None,
        now: services.now(),
        timezone: services.timezone.clone(),
        http: services.http.clone(),
        blobs: services.blobs.clone(),
        files: services.files.clone(),
        code: Arc::new(services.pool.runner(workspace, None)),
        host: Arc::new(One(secret)),
        limits: services.limits,
        cancel: cancel.clone(),
        on_error: OnError::Stop,
        order: Order::Parallel,
    };
    let ended = tokio::time::timeout(Duration::from_millis(CHECK_MS_MAX), check(&ctx)).await;
    cancel.cancel();
    ended.unwrap_or(Err(NodeError::TimedOut { limit_ms: CHECK_MS_MAX }))
}

/// A host that has one credential and nothing else.
struct One(Secret);

impl Host for One {
    fn credential<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Secret, NodeError>> {
        Box::pin(async { Ok(self.0.clone()) })
    }

    fn reply<'a>(&'a self, _: Reply) -> BoxFuture<'a, Result<bool, NodeError>> {
        Box::pin(async { Ok(false) })
    }

    fn kept<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Value>, NodeError>> {
        Box::pin(async { Ok(None) })
    }

    fn keep<'a>(&'a self, _: &'a str, _: Value) -> BoxFuture<'a, Result<(), NodeError>> {
        Box::pin(async { Ok(()) })
    }

    fn progress(&self, _: &str) {}
}
