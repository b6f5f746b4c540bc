//! A workflow as the machine sees it: checked, and with everything looked up.

use linkflow_model::Order;

/// What a [`Plan`] is made of; node `i` of the workflow is node `i` here.
#[derive(Clone, Debug, Default)]
pub struct PlanNode {
    /// Only for messages.
    pub name: String,
    /// Where it stands on the canvas: x, y. Decides which branch runs first in order v1.
    pub position: [f64; 2],
    /// For each output its targets (node, input), in the order of the workflow's edges.
    pub outputs: Vec<Vec<(u32, u32)>>,
    /// How many inputs are connected or declared, at least 1 for all but triggers.
    pub inputs: u32,
    /// Which inputs must have data before the node may run when nothing else can run any more.
    pub required: Required,
    /// Runs as a pass-through of input 0. The shell does that; the machine needs to know because
    /// such a node waits for nothing and never fails.
    pub disabled: bool,
    /// Runs even on empty input; the shell adds the one empty item.
    pub always_output: bool,
    /// Goes on after a failure instead of ending the execution. The shell prepares the outputs.
    pub continues_on_error: bool,
    pub tries: Tries,
    /// Milliseconds that one try may take.
    pub time_limit_ms: Option<u64>,
}

/// Which inputs a node cannot do without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Required {
    /// At least one input has data.
    #[default]
    Any,
    /// All of these inputs have data.
    Inputs(Vec<u32>),
    /// All connected inputs have data.
    All,
}

/// How often a step is tried, and how long it rests in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    /// Tries in all, at least 1.
    pub max: u32,
    /// Milliseconds before the second try.
    pub wait_ms: u64,
    /// Each further wait is this many times the one before; 1 keeps it fixed.
    pub factor: u32,
    pub max_wait_ms: u64,
}

impl Default for Tries {
    fn default() -> Tries {
        Tries { max: 1, wait_ms: 0, factor: 1, max_wait_ms: 0 }
    }
}

/// A workflow that the machine can run: every edge ends somewhere, every limit makes sense.
#[derive(Clone, Debug)]
pub struct Plan {
    pub order: Order,
    pub nodes: Vec<PlanNode>,
    /// Milliseconds that the whole execution may take.
    pub time_limit_ms: Option<u64>,
    /// Most steps that one execution may take: an endless loop ends here.
    pub steps_max: u32,
}

/// Why a workflow cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// An edge of `node` leads to a node or an input that does not exist.
    DanglingEdge { node: String, output: u32 },
    /// `tries.max` of `node` is 0.
    NoTries { node: String },
}

impl std::fmt::Display for PlanError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PlanError::DanglingEdge { node, output } => {
                write!(f, "output {output} of node \"{node}\" leads to a node or input that does not exist")
            }
            PlanError::NoTries { node } => write!(f, "node \"{node}\" may never be tried: `max_tries` is 0"),
        }
    }
}

impl std::error::Error for PlanError {}
