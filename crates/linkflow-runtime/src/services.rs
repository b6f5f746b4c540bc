//! What all executions of a process share.

use std::sync::Arc;

use linkflow_model::{Millis, Workflow};
use linkflow_node::files::Files;
use linkflow_node::http::Http;
use linkflow_node::{Blobs, Limits, NodeKind};
use linkflow_sandbox::Pool;
use serde_json::Value;

/// What time it is. Tests turn it themselves.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

#[derive(Clone)]
pub struct Services {
    pub kinds: &'static [NodeKind],
    pub http: Http,
    pub blobs: Blobs,
    pub files: Files,
    pub pool: Arc<Pool>,
    pub limits: Limits,
    pub clock: Clock,
    /// The zone of workflows that name none.
    pub timezone: String,
    /// The address that people use, without a slash at the end.
    pub public_url: String,
    /// Signs resume addresses.
    pub signing_key: Arc<aws_lc_rs::hmac::Key>,
    /// Reads a workflow that a node brings along, in either format.
    pub read_workflow: fn(&Value) -> Result<Workflow, String>,
}

impl Services {
    pub fn now(&self) -> Millis {
        (self.clock)()
    }

    pub fn kind(&self, name: &str) -> Option<&'static NodeKind> {
        self.kinds.iter().find(|k| k.kind == name)
    }

    /// The signature of an execution's resume address.
    pub fn signature(&self, execution: linkflow_model::ExecutionId) -> String {
        hex::encode(aws_lc_rs::hmac::sign(&self.signing_key, execution.0.as_bytes()).as_ref())
    }

    pub fn is_signature(&self, execution: linkflow_model::ExecutionId, signature: &str) -> bool {
        hex::decode(signature)
            .is_ok_and(|s| aws_lc_rs::hmac::verify(&self.signing_key, execution.0.as_bytes(), &s).is_ok())
    }

    pub fn resume_url(&self, execution: linkflow_model::ExecutionId) -> String {
        format!("{}/webhook-waiting/{execution}?signature={}", self.public_url, self.signature(execution))
    }

    /// Where people see the pages of an execution.
    pub fn form_url(&self, execution: linkflow_model::ExecutionId) -> String {
        format!("{}/form-waiting/{execution}?signature={}", self.public_url, self.signature(execution))
    }
}
