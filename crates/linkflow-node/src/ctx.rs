//! What a node may use of the world.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use linkflow_model::{
    Binary, ExecutionId, Item, Millis, Mode, Object, OnError, Order, Paired, RunError, WorkflowId,
    WorkspaceId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::code::CodeRunner;
use crate::files::Files;
use crate::http::Http;
use crate::table::TableCall;
use crate::trigger::Request;
use crate::{Blobs, NodeError};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One run's view of the world. Everything that reaches outside goes through here, so that it is
/// guarded, limited and can be cancelled.
pub struct Ctx {
    pub workspace: WorkspaceId,
    pub workflow: WorkflowId,
    pub execution: ExecutionId,
    pub mode: Mode,
    /// Name of the node, for messages.
    pub node: String,
    /// Which run of the node this is, from 0.
    pub run: u32,
    /// Which try of this run, from 1.
    pub attempt: u32,
    /// An earlier process began this very try and did not live to say how it ended.
    pub began_before: bool,
    /// Set when the node was parked before: what it waited for.
    pub resumed: Option<Resumed>,
    /// What the node's last run in this execution left as [`crate::Outputs::state`].
    pub state: Option<Value>,
    /// The time at which the run started.
    pub now: Millis,
    /// IANA name of the workflow's time zone.
    pub timezone: String,
    pub http: Http,
    pub blobs: Blobs,
    pub files: Files,
    pub code: Arc<dyn CodeRunner>,
    pub host: Arc<dyn Host>,
    pub limits: Limits,
    pub cancel: CancellationToken,
    /// What the workflow says should happen when this node fails. See [`Ctx::failed_item`].
    pub on_error: OnError,
    /// In which order the workflow's nodes run, and so by whose rules.
    pub order: Order,
}

impl Ctx {
    /// For kinds that work item by item: what comes out where item `index` failed. That is an item
    /// which carries the error when the node goes on in spite of errors, else the error itself.
    pub fn failed_item(&self, error: NodeError, index: usize) -> Result<Item, NodeError> {
        let error = error.at_item(index);
        if self.on_error == OnError::Stop || matches!(error, NodeError::Canceled) {
            return Err(error);
        }
        let json = Object::from_iter([("error".to_owned(), Value::String(error.to_string()))]);
        Ok(Item::new(json).paired_with(index))
    }

    /// As [`Ctx::failed_item`], for the kinds that leave open in n8n from which item the error came:
    /// so they do in workflows that come from there.
    pub fn failed_item_unpaired(&self, error: NodeError, index: usize) -> Result<Item, NodeError> {
        let item = self.failed_item(error, index)?;
        Ok(if self.order == Order::Parallel { item } else { item.with_paired(Paired::Unknown) })
    }

    /// The same for every try of the same effect: built from execution, node, run and item. Sent
    /// as `Idempotency-Key`.
    pub fn idempotency_key(&self, item: usize) -> String {
        use sha2::{Digest, Sha256};
        let text = format!("{}/{}/{}/{item}", self.execution, self.node, self.run);
        hex::encode(&Sha256::digest(text.as_bytes())[..16])
    }
}

/// Bounds that hold for every run. Sizes in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub items_max: usize,
    pub response_bytes_max: usize,
    pub file_bytes_max: usize,
    pub code_ms: u64,
    pub code_memory_bytes: usize,
    /// Whether nodes may start programs of the machine.
    pub commands: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            items_max: 1_000_000,
            response_bytes_max: 64 << 20,
            file_bytes_max: 256 << 20,
            code_ms: 60_000,
            code_memory_bytes: 256 << 20,
            commands: false,
        }
    }
}

/// What the shell does for nodes.
pub trait Host: Send + Sync {
    /// The credential that the node names in `slot`. Its access has been checked.
    fn credential<'a>(&'a self, slot: &'a str) -> BoxFuture<'a, Result<Secret, NodeError>>;
    /// Answers the request that started the execution; `false` when nobody waits for one.
    fn reply<'a>(&'a self, reply: Reply) -> BoxFuture<'a, Result<bool, NodeError>>;
    /// A value that the workflow keeps between executions, under a key of the kind's own
    /// choosing (`node:<name>` or `global` for static data).
    fn kept<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Value>, NodeError>>;
    fn keep<'a>(&'a self, key: &'a str, value: Value) -> BoxFuture<'a, Result<(), NodeError>>;
    /// Reads or writes data tables of the execution's workspace.
    fn tables(&self, call: TableCall) -> BoxFuture<'_, Result<Vec<Object>, NodeError>> {
        let _ = call;
        Box::pin(async { Err(NodeError::data("there are no data tables without a server")) })
    }
    /// For people who watch: what the node is at.
    fn progress(&self, message: &str);
}

/// The fields of a credential. Cannot be printed.
#[derive(Clone, Default)]
pub struct Secret(BTreeMap<String, String>);

impl Secret {
    pub fn new(fields: BTreeMap<String, String>) -> Secret {
        Secret(fields)
    }

    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// The field, or an error that names it.
    pub fn field(&self, field: &str) -> Result<&str, NodeError> {
        self.get(field).ok_or_else(|| NodeError::Credential(format!("the credential has no field `{field}`")))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An answer to the request that started an execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    pub body: ReplyBody,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplyBody {
    Empty,
    Json(Value),
    Text(String),
    Binary(Binary),
}

/// What a parked node waited for.
#[derive(Clone, Debug)]
pub enum Resumed {
    Time,
    Call(Box<Request>),
    /// One result per child, in the order of the calls.
    Children(Vec<ChildResult>),
    /// The children were started and nobody waits for them.
    Started(Vec<ExecutionId>),
}

/// A workflow to be started by a node.
#[derive(Clone, Debug)]
pub struct ChildCall {
    pub workflow: WorkflowRef,
    pub items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum WorkflowRef {
    /// Its id here, or the id that it had in the file it came from.
    Id(String),
    /// Written out, in either format.
    Inline(Box<Value>),
    /// A file below the folder that file nodes may use.
    File(String),
}

#[derive(Clone, Debug)]
pub struct ChildResult {
    pub execution: ExecutionId,
    /// The items of the node that ran last, or why the execution failed.
    pub items: Result<Vec<Item>, RunError>,
    /// `$execution.customData` of the child.
    pub custom_data: Object,
}
