//! What HTTP asks of the shell that executes: start, wait, cancel, resume, watch.
//!
//! Only the contract is here. Who implements it never sees a request's headers, and who calls it
//! never sees the journal, a queue or a lease.

use std::sync::Arc;

use linkflow_model::{ExecutionId, Item, Millis, Mode, RunError, Status, Workflow, WorkflowId, WorkspaceId};
use linkflow_node::http::Http;
use linkflow_node::trigger::Request;
use linkflow_node::{BoxFuture, CheckFn, NodeError, Reply, Secret};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// The shell, as the API sees it. All calls are bounded in time by their callers.
pub trait Runtime: Send + Sync + 'static {
    /// Accepts an execution. When this returns `Ok`, it is on disk and reaches a terminal state,
    /// whatever dies. `answer` is registered before the first node can run, so no answer is lost.
    ///
    /// With an idempotency key that was seen before, the earlier execution's id comes back with
    /// `is_new` false, nothing is started, and `answer` gets that execution's end.
    fn start(
        &self,
        request: StartRequest,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> BoxFuture<'_, Result<Started, StartError>>;

    /// The end of an execution; `None` when it has not come within `timeout_ms`, or when there is
    /// no such execution in the workspace. An execution that has ended already answers at once.
    fn wait(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
        timeout_ms: u64,
    ) -> BoxFuture<'_, Result<Option<Finished>, RuntimeError>>;

    /// Asks for the execution's end. `false` when it had ended already or does not exist.
    fn cancel(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
    ) -> BoxFuture<'_, Result<bool, RuntimeError>>;

    /// Runs a finished execution once more, as a new one.
    fn retry(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
        retry: RetryRequest,
    ) -> BoxFuture<'_, Result<ExecutionId, StartError>>;

    /// What an execution has done so far, with the items of every output; `None` when there is no
    /// such execution in the workspace, or its data are not kept (any more).
    fn history(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
    ) -> BoxFuture<'_, Result<Option<Arc<ExecutionHistory>>, RuntimeError>>;

    /// Checks the signature of a resume address. Constant time.
    fn is_resume_signature(&self, execution: ExecutionId, signature: &str) -> bool;

    /// The signed address at which people see the pages of an execution.
    fn form_address(&self, execution: ExecutionId) -> String;

    /// How the node that waits for a call wants to be called; `None` when none waits.
    fn waiting(&self, execution: ExecutionId) -> BoxFuture<'_, Result<Option<Waiting>, RuntimeError>>;

    /// Hands a call to a waiting execution. `answer` is registered before the node goes on.
    fn resume(
        &self,
        execution: ExecutionId,
        request: Request,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> BoxFuture<'_, Result<Resumption, RuntimeError>>;

    /// What happens from here on; with `since`, also what happened after that sequence number, if
    /// it is still remembered ([`Subscription::is_gap`] says when not).
    fn subscribe(&self, since: Option<u64>) -> BoxFuture<'_, Subscription>;

    /// Tells those who watch about something that HTTP did (`workflow.saved`).
    fn tell(&self, event: NewFeedEvent);

    /// The published version of a workflow has changed, or is gone: schedules, caches and plans
    /// have to follow. Returns when new calls see the change on this instance.
    fn published_changed(
        &self,
        workspace: WorkspaceId,
        workflow: WorkflowId,
    ) -> BoxFuture<'_, Result<(), RuntimeError>>;

    /// What keeps a workflow from being published, node by node; empty when nothing does.
    fn plan_check(&self, workflow: &Workflow) -> Vec<Problem>;

    /// Runs a credential's check, within the limits and the guard of nodes; says what the service said.
    fn check_credential(
        &self,
        workspace: WorkspaceId,
        check: CheckFn,
        secret: Secret,
    ) -> BoxFuture<'_, Result<String, NodeError>>;

    /// The guarded client of nodes, for requests that HTTP has to make itself.
    fn http(&self) -> Http;

    /// A signature that every instance makes alike, for what leaves the server and comes back.
    fn signature(&self, text: &str) -> String;

    /// How what the runtime depends on is doing.
    fn health(&self) -> BoxFuture<'_, Health>;
}

/// An execution to be accepted.
#[derive(Clone, Debug)]
pub struct StartRequest {
    pub workspace: WorkspaceId,
    pub workflow_id: WorkflowId,
    /// The version that runs; kept with the execution.
    pub version: u32,
    pub workflow: Arc<Workflow>,
    /// Name of the node at which it starts, and that gives `items` on its first output.
    pub trigger: String,
    pub items: Vec<Item>,
    pub mode: Mode,
    /// A key under which the same request is accepted once; scoped by workspace and workflow.
    pub idempotency_key: Option<String>,
    /// A hash of what the caller asked for, without what differs from one try to the next. The
    /// same key with another hash is [`StartError::Conflict`].
    pub idempotency_fingerprint: String,
    /// The execution that this one runs again.
    pub retry_of: Option<ExecutionId>,
    /// The execution that called this one.
    pub parent: Option<ExecutionId>,
    /// A Respond to Webhook node's answer is waited for.
    pub wants_reply: bool,
    /// Name of the node up to which it runs: only what leads there takes part.
    pub until: Option<String>,
    /// What an earlier execution of the same workflow did is taken over; `trigger` and `items` are
    /// that one's then.
    pub reuse: Option<Reuse>,
}

/// Of which execution the steps are taken over, as far as they are the same still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reuse {
    pub execution: ExecutionId,
    /// The node that runs anew, and all after it.
    pub again: Option<AtNode>,
}

/// A run of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtNode {
    pub name: String,
    /// Index among the runs of the node, from 0.
    pub run: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    pub execution: ExecutionId,
    /// `false` when the idempotency key had been used before.
    pub is_new: bool,
}

/// What comes back to a request that waits.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A Respond to Webhook node spoke. The execution may still run.
    Reply(Reply),
    /// The execution ended, or parked without an answer when only a reply was wanted.
    Finished(Finished),
}

/// The end of an execution.
#[derive(Clone, Debug)]
pub struct Finished {
    pub execution: ExecutionId,
    pub status: Status,
    pub error: Option<ExecutionError>,
    /// Items of the first output of the node that ran last.
    pub last_node_items: Vec<Item>,
    /// Each node's runs, in the order in which the nodes ran first.
    pub nodes: Vec<(String, Vec<NodeRun>)>,
}

/// One run of one node, as `execute?wait=` shows it.
#[derive(Clone, Debug, Default)]
pub struct NodeRun {
    pub outputs: Vec<Arc<Vec<Item>>>,
    pub error: Option<RunError>,
}

/// What an execution has done so far.
#[derive(Clone, Debug)]
pub struct ExecutionHistory {
    /// The version that ran.
    pub workflow: Arc<Workflow>,
    /// Names of the nodes, in the order in which they ran first.
    pub order: Vec<String>,
    /// Each node's runs, by name, in the order of `order`.
    pub runs: Vec<(String, Vec<StepRun>)>,
}

impl ExecutionHistory {
    /// About how many bytes of memory it takes.
    pub fn bytes_about(&self) -> u32 {
        let outputs = self.runs.iter().flat_map(|(_, runs)| runs).flat_map(|run| &run.outputs);
        let items: usize = outputs.flat_map(|items| items.iter()).map(bytes_of_item).sum();
        u32::try_from(1_024 + items).unwrap_or(u32::MAX)
    }
}

fn bytes_of_item(item: &Item) -> usize {
    let fields = item.json.iter().map(|(name, value)| 32 + name.len() + about(value));
    128 + fields.sum::<usize>() + item.bare.as_deref().map_or(0, about)
}

/// About how many bytes of memory a value takes.
fn about(value: &Value) -> usize {
    match value {
        Value::String(text) => 32 + text.len(),
        Value::Array(list) => list.iter().fold(32, |sum, value| sum + about(value)),
        Value::Object(fields) => {
            fields.iter().fold(64, |sum, (name, value)| sum + 32 + name.len() + about(value))
        }
        _ => 32,
    }
}

/// One run of one node, as the execution's page shows it.
#[derive(Clone, Debug)]
pub struct StepRun {
    pub step: u32,
    /// Index among the runs of the node, from 0.
    pub run: u32,
    pub status: RunStatus,
    pub started_at: Option<Millis>,
    pub ended_at: Option<Millis>,
    /// What each input was fed from.
    pub inputs: Vec<Option<RunSource>>,
    pub outputs: Vec<Arc<Vec<Item>>>,
    pub error: Option<RunError>,
    /// Tries that failed and were followed by another one.
    pub failed_tries: Vec<FailedTry>,
    pub logs: Vec<String>,
}

/// A try of a node that failed, after which it was tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedTry {
    /// From 1.
    pub attempt: u32,
    pub started_at: Option<Millis>,
    pub ended_at: Millis,
    pub error: RunError,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSource {
    /// Name of the node.
    pub node: String,
    pub run: u32,
    pub output: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    Success,
    Error,
    Running,
    Waiting,
}

/// Why an execution failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExecutionError {
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

/// How an execution is run once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryRequest {
    pub from: RetryFrom,
    /// The version that runs; the one that ran when unset. Of another version, steps are taken over
    /// as far as their nodes are the same and are fed from the same.
    pub version: Option<u32>,
    /// A key under which the same request is accepted once.
    pub idempotency_key: Option<String>,
}

impl From<RetryFrom> for RetryRequest {
    fn from(from: RetryFrom) -> RetryRequest {
        RetryRequest { from, version: None, idempotency_key: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryFrom {
    /// All of it, with the same first items.
    Start,
    /// What succeeded is taken over; it goes on at the step that failed.
    Failed,
    /// What came before this run of a node is taken over.
    Node(AtNode),
}

/// Why nothing was started.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StartError {
    /// More is asked for than can be taken; the caller may come again.
    #[error("too much is waiting to be accepted, come again in {retry_after_ms} ms")]
    Busy { retry_after_ms: u64 },
    /// The disk of the server is full; whoever runs it can help.
    #[error("no space is left on the disk of the server")]
    NoSpace,
    /// The files of the store cannot be used; the cause is for the log.
    #[error("{0}")]
    Storage(String),
    #[error("`{field}` {problem}")]
    Invalid { field: String, problem: String },
    /// The execution to retry does not exist, or its data are gone.
    #[error("{0}")]
    NotFound(String),
    /// The execution to retry still runs, or the idempotency key was used for something else.
    #[error("{0}")]
    Conflict(String),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// The store, the queue or the shell itself is in trouble; the cause is for the log.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct RuntimeError(pub String);

/// A node that waits for a call.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub workspace: WorkspaceId,
    /// The node that waits, with its parameters resolved: its kind's webhook functions say which
    /// method and authentication it wants and how it answers.
    pub node: linkflow_model::Node,
    /// The files of the first item that it waits with.
    pub files: std::collections::BTreeMap<String, linkflow_model::Binary>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    Resumed,
    /// It exists, but waits for no call (any more).
    NotWaiting,
    NotFound,
}

/// What keeps a workflow from running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Such as `nodes[Fetch].params.url`.
    pub field: String,
    /// What is wrong with it and what to do, lower case: `must not be empty`.
    pub problem: String,
}

/// How dependencies are, by name (`queue`, `blobs`, ...).
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// New work is taken: not starting and not draining.
    pub is_ready: bool,
    pub checks: Vec<(String, Check)>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Check {
    pub status: CheckStatus,
    pub latency_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    Ok,
    /// Slower or with less, but what was promised holds.
    Degraded,
    Down,
}

/// Something that happened, for those who watch.
#[derive(Clone, Debug)]
pub struct FeedEvent {
    /// Grows with each event: by one within a process on its own, by any step where several share
    /// one order.
    pub seq: u64,
    /// `execution.accepted`, `execution.started`, `execution.waiting`, `execution.finished`,
    /// `step.started`, `step.finished`, `workflow.saved`, `workflow.published`.
    pub kind: &'static str,
    pub at: Millis,
    pub workspace: WorkspaceId,
    pub execution: Option<ExecutionId>,
    pub workflow: Option<WorkflowId>,
    /// An object: `status`, `node`, `step`, `run`, `n_items`, `error`, as the kind needs.
    pub data: Arc<Value>,
}

/// A [`FeedEvent`] before it has its number and time.
#[derive(Clone, Debug)]
pub struct NewFeedEvent {
    pub kind: &'static str,
    pub workspace: WorkspaceId,
    pub execution: Option<ExecutionId>,
    pub workflow: Option<WorkflowId>,
    pub data: Value,
}

/// A place among those who watch. Dropping it ends it.
pub struct Subscription {
    /// Events in order. The channel is bounded and closes when the reader falls behind by more
    /// than it holds: the reader then has to subscribe anew.
    pub events: mpsc::Receiver<Arc<FeedEvent>>,
    /// Number of the newest event when the subscription began.
    pub seq: u64,
    /// Events after `since` are forgotten, or `since` is of another order.
    pub is_gap: bool,
    /// Whether events come. Where not, the channel closes when they come again; until then only the
    /// store knows what happens.
    pub is_live: bool,
    /// Whether the numbers are those of all processes, and not of this one alone.
    pub is_shared: bool,
}
