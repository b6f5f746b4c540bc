//! What an execution is to those who only look at it from outside.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an execution stands. `Success`, `Error`, `Canceled` and `Dead` are terminal: an
/// execution reaches exactly one of them, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Accepted, or woken: a worker may take it.
    Ready,
    /// A worker holds it.
    Running,
    /// Parked until a time, a call or a child's end; holds no slot.
    Waiting,
    Success,
    Error,
    Canceled,
    /// Given up after it ended its worker too often; can be run again as a new execution.
    Dead,
}

impl Status {
    pub const fn is_terminal(self) -> bool {
        matches!(self, Status::Success | Status::Error | Status::Canceled | Status::Dead)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Ready => "ready",
            Status::Running => "running",
            Status::Waiting => "waiting",
            Status::Success => "success",
            Status::Error => "error",
            Status::Canceled => "canceled",
            Status::Dead => "dead",
        }
    }

    pub fn parse(text: &str) -> Option<Status> {
        [
            Status::Ready,
            Status::Running,
            Status::Waiting,
            Status::Success,
            Status::Error,
            Status::Canceled,
            Status::Dead,
        ]
        .into_iter()
        .find(|s| s.as_str() == text)
    }
}

/// What started an execution. Pinned data is used in `Manual` executions only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Manual,
    Webhook,
    /// A schedule, a poll, or any other trigger of a published workflow.
    Trigger,
    /// Called by another workflow.
    Workflow,
    /// Started because another execution failed.
    Error,
    Retry,
    /// Started through the API or the command line on a published workflow.
    Api,
}

impl Mode {
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Manual => "manual",
            Mode::Webhook => "webhook",
            Mode::Trigger => "trigger",
            Mode::Workflow => "workflow",
            Mode::Error => "error",
            Mode::Retry => "retry",
            Mode::Api => "api",
        }
    }

    pub fn parse(text: &str) -> Option<Mode> {
        [Mode::Manual, Mode::Webhook, Mode::Trigger, Mode::Workflow, Mode::Error, Mode::Retry, Mode::Api]
            .into_iter()
            .find(|m| m.as_str() == text)
    }
}
