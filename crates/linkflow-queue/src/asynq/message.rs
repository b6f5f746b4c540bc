//! asynq's messages: the fields and their numbers, nothing about what happens to them.
//!
//! Go refuses a message with a string that is no UTF-8, after it has become active; `String`
//! cannot hold one.

use std::collections::HashMap;

use prost::Message;

use crate::job::{EXECUTE, ForeignJob, Job, Payload, Taken, Ticket};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TaskMessage {
    #[prost(string, tag = "1")]
    pub(crate) kind: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) payload: Vec<u8>,
    #[prost(string, tag = "3")]
    pub(crate) id: String,
    #[prost(string, tag = "4")]
    pub(crate) queue: String,
    /// How often it may be tried again.
    #[prost(int32, tag = "5")]
    pub(crate) retry: i32,
    #[prost(int32, tag = "6")]
    pub(crate) retried: i32,
    #[prost(string, tag = "7")]
    pub(crate) error_msg: String,
    #[prost(int64, tag = "8")]
    pub(crate) timeout_s: i64,
    #[prost(int64, tag = "9")]
    pub(crate) deadline_s: i64,
    #[prost(string, tag = "10")]
    pub(crate) unique_key: String,
    #[prost(int64, tag = "11")]
    pub(crate) last_failed_at_s: i64,
    #[prost(int64, tag = "12")]
    pub(crate) retention_s: i64,
    #[prost(int64, tag = "13")]
    pub(crate) completed_at_s: i64,
    #[prost(string, tag = "14")]
    pub(crate) group_key: String,
    #[prost(map = "string, string", tag = "15")]
    pub(crate) headers: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ServerInfo {
    #[prost(string, tag = "1")]
    pub(crate) host: String,
    #[prost(int32, tag = "2")]
    pub(crate) pid: i32,
    #[prost(string, tag = "3")]
    pub(crate) server_id: String,
    #[prost(int32, tag = "4")]
    pub(crate) concurrency: i32,
    #[prost(map = "string, int32", tag = "5")]
    pub(crate) queues: HashMap<String, i32>,
    #[prost(bool, tag = "6")]
    pub(crate) strict_priority: bool,
    #[prost(string, tag = "7")]
    pub(crate) status: String,
    #[prost(message, optional, tag = "8")]
    pub(crate) start_time: Option<Timestamp>,
    #[prost(int32, tag = "9")]
    pub(crate) active_worker_count: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct WorkerInfo {
    #[prost(string, tag = "1")]
    pub(crate) host: String,
    #[prost(int32, tag = "2")]
    pub(crate) pid: i32,
    #[prost(string, tag = "3")]
    pub(crate) server_id: String,
    #[prost(string, tag = "4")]
    pub(crate) task_id: String,
    #[prost(string, tag = "5")]
    pub(crate) task_type: String,
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) task_payload: Vec<u8>,
    #[prost(string, tag = "7")]
    pub(crate) queue: String,
    #[prost(message, optional, tag = "8")]
    pub(crate) start_time: Option<Timestamp>,
    #[prost(message, optional, tag = "9")]
    pub(crate) deadline: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SchedulerEntry {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) spec: String,
    #[prost(string, tag = "3")]
    pub(crate) task_type: String,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) task_payload: Vec<u8>,
    #[prost(string, repeated, tag = "5")]
    pub(crate) enqueue_options: Vec<String>,
    #[prost(message, optional, tag = "6")]
    pub(crate) next_enqueue_time: Option<Timestamp>,
    #[prost(message, optional, tag = "7")]
    pub(crate) prev_enqueue_time: Option<Timestamp>,
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

impl Timestamp {
    pub(crate) fn of_ms(ms: i64) -> Option<Self> {
        let nanos = i32::try_from(ms.rem_euclid(1000) * 1_000_000).unwrap_or(0);
        Some(Timestamp { seconds: ms.div_euclid(1000), nanos })
    }
}

/// How often our own jobs are tried again after a worker died with them, and how long one may take
/// in the eyes of asynq's tools; both are asynq's defaults.
const RETRY_MAX: i32 = 25;
pub(crate) const TIMEOUT_S: i64 = 1800;

impl TaskMessage {
    pub(crate) fn of(job: &Job, retention_s: u32) -> Self {
        let payload = Payload { execution_id: job.execution, workspace_id: job.workspace };
        TaskMessage {
            kind: EXECUTE.to_owned(),
            payload: serde_json::to_vec(&payload).expect("two ids can be written as JSON"),
            id: job.execution.to_string(),
            queue: job.queue.to_string(),
            retry: RETRY_MAX,
            timeout_s: TIMEOUT_S,
            retention_s: i64::from(retention_s),
            ..TaskMessage::default()
        }
    }

    /// Whether it names an execution of ours, and which.
    pub(crate) fn ours(&self) -> Option<Payload> {
        if self.kind != EXECUTE {
            return None;
        }
        serde_json::from_slice(&self.payload).ok()
    }

    pub(crate) fn taken(&self, ticket: Ticket, start: &[u8]) -> Taken {
        match self.ours() {
            Some(Payload { execution_id, workspace_id }) => {
                let queue = ticket.queue.clone();
                let start = (!start.is_empty()).then(|| start.into());
                let job = Job { queue, execution: execution_id, workspace: workspace_id, start };
                Taken::Execution { ticket, job }
            }
            None => Taken::Foreign(ForeignJob {
                id: ticket.id().to_owned(),
                ticket,
                kind: self.kind.clone(),
                payload: self.payload.clone(),
                headers: self.headers.clone(),
            }),
        }
    }
}
