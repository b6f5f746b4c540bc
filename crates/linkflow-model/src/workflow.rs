//! A workflow, as it is written down: Linkflow's own file format.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Object, WorkflowId};

/// A graph of nodes. This is the file format: `linkflow export` writes it, `linkflow import` and
/// the API read it, and its JSON Schema is generated from this type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// Given by the server; kept in files so that an import can find its earlier self.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<WorkflowId>,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// One or two sentences about what it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default)]
    pub settings: Settings,
    #[serde(default)]
    pub nodes: Vec<Node>,
    #[serde(default)]
    pub edges: Vec<Edge>,
    /// Items that stand in for a node's output 0 in manual executions, by node name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pinned: BTreeMap<String, Vec<Value>>,
    /// Names of the tags it carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What the file it came from held beside the nodes, kept for the export back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Value>,
}

impl Workflow {
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|n| n.id == id)
    }

    pub fn node_named(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|n| n.name == name)
    }
}

/// How a workflow runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// In which order nodes run. Workflows that come from n8n say `v1` or `v0`.
    #[serde(default)]
    pub order: Order,
    /// IANA name of the time zone for schedules and expressions; the server's when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The workflow that is started when an execution of this one fails: its id, or the id that
    /// it had in the file it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_workflow: Option<String>,
    /// The longest that one execution may take, in milliseconds, waiting not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit_ms: Option<u64>,
    /// Whether finished executions keep their data.
    #[serde(default)]
    pub save: Save,
    /// Days after which finished executions are removed; the server's setting when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// The queue in which its executions wait for a worker, such as `critical` or `low`; `default`
    /// when unset. How much of the workers' time each queue gets is the server's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// How many of its executions may run side by side; the others wait for a place. Any number
    /// when unset. What waits for a time, a call or a called workflow takes no place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
}

/// Which finished executions keep their data. All are recorded with state and times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Save {
    /// Those that succeeded.
    #[serde(default = "yes")]
    pub success: bool,
    /// Those that failed.
    #[serde(default = "yes")]
    pub error: bool,
    /// Those that somebody started by hand.
    #[serde(default = "yes")]
    pub manual: bool,
}

impl Default for Save {
    fn default() -> Save {
        Save { success: true, error: true, manual: true }
    }
}

fn yes() -> bool {
    true
}

/// The order in which nodes run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Branches side by side; a node runs when nothing can arrive at it any more.
    #[default]
    Parallel,
    /// One node at a time, a whole branch before the next, top-most first.
    V1,
    /// One node at a time, breadth first.
    V0,
}

/// One step of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Unique within the workflow; edges refer to it.
    pub id: String,
    /// Unique within the workflow; expressions refer to it.
    pub name: String,
    /// Which node kind it is, such as `http_request`.
    pub kind: String,
    /// Version of the kind for which `params` were written.
    #[serde(default = "one")]
    pub version: u32,
    /// Where it stands on the canvas: x, y.
    #[serde(default)]
    pub position: [f64; 2],
    /// Parameters of the kind. A string that starts with `=` is an expression.
    #[serde(default)]
    pub params: Object,
    /// Credentials by the slot that the kind names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credentials: BTreeMap<String, CredentialRef>,
    /// Items pass through it as they are.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// What its author wants readers to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// What happens when it fails.
    #[serde(default, skip_serializing_if = "OnError::is_default")]
    pub on_error: OnError,
    /// How it is tried again when it fails; not at all when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Gives one empty item when it has none to give.
    #[serde(default, skip_serializing_if = "is_false")]
    pub always_output: bool,
    /// Takes only the first item of each input.
    #[serde(default, skip_serializing_if = "is_false")]
    pub execute_once: bool,
    /// The longest that one run of this node may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit_ms: Option<u64>,
    /// The secret part of a webhook's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_id: Option<String>,
    /// The node as it stood in the file it came from, kept for the export back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Value>,
}

fn one() -> u32 {
    1
}

fn is_false(b: &bool) -> bool {
    !*b
}

/// Which stored credential a node uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CredentialRef {
    /// Id of the credential on this server; absent when it has still to be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default)]
    pub name: String,
}

/// What happens when a node fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The execution ends with an error.
    #[default]
    Stop,
    /// The node's input, or items that carry the error, go on through its first output.
    ContinueRegular,
    /// Items that failed go through one more output, behind the node's own.
    ContinueErrorOutput,
}

impl OnError {
    fn is_default(&self) -> bool {
        *self == OnError::Stop
    }
}

/// How often and after which waits a failed node is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Tries in all, the first one included.
    #[schemars(range(min = 1, max = 100))]
    pub max_tries: u32,
    /// Milliseconds before the second try.
    pub wait_ms: u64,
    /// By how much each further wait is longer than the one before: 1 keeps it fixed, 2 doubles.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10))]
    pub factor: u32,
    /// No wait is longer than this, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait_ms: Option<u64>,
}

/// A connection from an output to an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    pub from: Port,
    pub to: Port,
    /// `main` for items; sub-nodes connect to their root by another name, such as `ai_tool`.
    #[serde(default = "main_type", rename = "type", skip_serializing_if = "is_main_type")]
    pub kind: String,
}

impl Edge {
    pub fn main(from: impl Into<String>, output: u32, to: impl Into<String>, input: u32) -> Edge {
        Edge {
            from: Port { node: from.into(), port: output },
            to: Port { node: to.into(), port: input },
            kind: main_type(),
        }
    }

    /// Whether items flow along it.
    pub fn is_main(&self) -> bool {
        is_main_type(&self.kind)
    }
}

fn main_type() -> String {
    "main".to_owned()
}

fn is_main_type(kind: &str) -> bool {
    kind == "main"
}

/// One end of an edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Id of the node.
    pub node: String,
    /// Index of the output or input, from 0.
    #[serde(default)]
    pub port: u32,
}
