//! What goes through a queue: jobs in, tickets out.

use std::collections::HashMap;
use std::sync::Arc;

use linkflow_model::{ExecutionId, WorkspaceId};
use serde::{Deserialize, Serialize};

/// What can go wrong with a queue.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum QueueError {
    /// It may work if tried again later; until then the store can be asked for work directly.
    #[error("the queue cannot be reached: {cause}")]
    Unavailable { cause: String },
    /// Whoever wrote the settings or the job can put this right.
    #[error("`{field}` {problem}")]
    Invalid { field: &'static str, problem: String },
    /// The server refused, or answered what no script of ours answers.
    #[error("the queue's server answered: {cause}")]
    Server { cause: String },
}

impl QueueError {
    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        QueueError::Invalid { field, problem: problem.into() }
    }

    pub fn is_unavailable(&self) -> bool {
        matches!(self, QueueError::Unavailable { .. })
    }
}

/// The name of a queue, such as `default` or `workflow:partition:3`: 1 to 200 bytes, without
/// braces (they mark what decides about the place in a cluster) and control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueName(Arc<str>);

impl QueueName {
    pub fn new(name: &str) -> Result<Self, QueueError> {
        let wrong = |problem: &str| Err(QueueError::invalid("queue", format!("{problem}, got {name:?}")));
        if name.trim().is_empty() || name.len() > 200 {
            return wrong("must have 1 to 200 characters");
        }
        if name.chars().any(|c| c.is_control() || c == '{' || c == '}') {
            return wrong("must not contain braces or control characters");
        }
        Ok(QueueName(name.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for QueueName {
    fn default() -> Self {
        QueueName("default".into())
    }
}

impl std::fmt::Display for QueueName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// An execution that may have work, and where to put it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    pub queue: QueueName,
    pub execution: ExecutionId,
    pub workspace: WorkspaceId,
    /// What its taker needs to begin with it, for one that has just been accepted. It is given to the
    /// first taker only.
    pub start: Option<Arc<[u8]>>,
}

impl Job {
    pub fn new(queue: QueueName, execution: ExecutionId, workspace: WorkspaceId) -> Job {
        Job { queue, execution, workspace, start: None }
    }

    pub(crate) fn ticket(&self) -> Ticket {
        Ticket { queue: self.queue.clone(), id: self.execution.to_string().into() }
    }
}

/// What a taker holds, and by which it says later what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket {
    pub(crate) queue: QueueName,
    pub(crate) id: Arc<str>,
}

impl Ticket {
    pub fn queue(&self) -> &QueueName {
        &self.queue
    }

    /// The id of the execution, or the id that another program gave to its task.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// What a worker gets from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// An execution of ours: try to claim it.
    Execution { ticket: Ticket, job: Job },
    /// A task that another program put there.
    Foreign(ForeignJob),
}

impl Taken {
    pub fn ticket(&self) -> &Ticket {
        match self {
            Taken::Execution { ticket, .. } => ticket,
            Taken::Foreign(job) => &job.ticket,
        }
    }
}

/// A task of another program, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignJob {
    pub ticket: Ticket,
    /// The task's id: the idempotency key under which the execution is to be accepted.
    pub id: String,
    /// The task's type, `workflow:execute` for what can be run.
    pub kind: String,
    pub payload: Vec<u8>,
    pub headers: HashMap<String, String>,
}

/// The type of the tasks that start or go on with an execution.
pub(crate) const EXECUTE: &str = "workflow:execute";

/// What another program asks for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Request {
    pub workflow_id: String,
    #[serde(default)]
    pub input: serde_json::Value,
}

impl ForeignJob {
    /// The workflow and its input, if the task is of the type `workflow:execute`.
    pub fn request(&self) -> Result<Request, QueueError> {
        if self.kind != EXECUTE {
            return Err(QueueError::invalid("type", format!("must be `{EXECUTE}`, got {:?}", self.kind)));
        }
        serde_json::from_slice(&self.payload).map_err(|e| {
            QueueError::invalid("payload", format!("must be {{\"workflow_id\", \"input\"}} as JSON: {e}"))
        })
    }
}

/// The payload of our own jobs.
#[derive(Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) execution_id: ExecutionId,
    pub(crate) workspace_id: WorkspaceId,
}

/// After how many seconds a task that failed `retried` times is tried again: the rule of asynq,
/// `n^4 + 15 + jitter * (n + 1)`, with a `jitter` of 0 to 29; never more than 30 days.
pub fn retry_delay_s(retried: i32, jitter: u32) -> i64 {
    let n = i64::from(retried.clamp(0, 1000));
    let delay = n.pow(4) + 15 + i64::from(jitter.min(29)) * (n + 1);
    delay.min(30 * 24 * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_break_a_key_are_refused_with_what_was_given() {
        for name in ["", " ", "a{b}", "a\nb"] {
            let error = QueueName::new(name).unwrap_err().to_string();
            assert!(error.starts_with("`queue` must") && error.contains(&format!("{name:?}")), "{error}");
        }
        assert!(QueueName::new(&"x".repeat(201)).is_err());
        assert_eq!(QueueName::new("workflow:partition:3").unwrap().as_str(), "workflow:partition:3");
    }

    #[test]
    fn the_wait_before_a_retry_grows_with_the_failures_and_ends_somewhere() {
        assert_eq!(retry_delay_s(0, 0), 15);
        assert_eq!(retry_delay_s(2, 10), 16 + 15 + 30);
        assert_eq!(retry_delay_s(i32::MAX, u32::MAX), 30 * 24 * 3600);
        assert_eq!(retry_delay_s(-5, 0), 15);
    }
}
