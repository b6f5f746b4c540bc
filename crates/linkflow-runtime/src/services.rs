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

    /// The signature of a text. Its label keeps it apart from those of executions.
    pub fn signature_of(&self, text: &str) -> String {
        let labelled = format!("text/{text}");
        hex::encode(aws_lc_rs::hmac::sign(&self.signing_key, labelled.as_bytes()).as_ref())
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

/// Gives the other tasks of this thread to another one, when an expression takes long. Without it they
/// would wait until it ends.
pub(crate) fn let_others_go_on() {
    let flavor = tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor());
    if let Ok(tokio::runtime::RuntimeFlavor::MultiThread) = flavor {
        // The other thread takes over while this one stands still for a moment.
        tokio::task::block_in_place(|| std::thread::sleep(std::time::Duration::from_millis(1)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn an_expression_that_takes_its_second_holds_nobody_else_up() {
        linkflow_expr::on_long_evaluation(super::let_others_go_on);
        // The time from one tick to the next, while the only worker evaluates.
        let ticks = tokio::spawn(async {
            let (mut longest, mut last) = (Duration::ZERO, Instant::now());
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_millis(2)).await;
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            longest
        });
        let endless = tokio::spawn(async {
            let case = json!({"expression": "={{ (() => { while (true) {} })() }}"});
            linkflow_expr::eval_case(&case)
        });
        let longest = ticks.await.unwrap();
        assert!(endless.await.unwrap()["error"].as_str().unwrap().contains("1000 ms"));
        // Held up, it would be the whole second.
        assert!(longest < Duration::from_millis(600), "the others stood still for {longest:?}");
    }
}
