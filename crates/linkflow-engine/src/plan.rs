//! A workflow as the machine sees it: checked, and with everything looked up.

use linkflow_model::Order;

use crate::reach::Reach;

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
    /// Milliseconds that the whole execution may take, time in which it is parked not counted.
    pub time_limit_ms: Option<u64>,
    /// Most steps that one execution may take: an endless loop ends here.
    pub steps_max: u32,
    /// For each node and each of its inputs the outputs that lead there: (node, output).
    sources: Vec<Vec<Vec<(u32, u32)>>>,
    reach: Reach,
}

/// No workflow has more nodes than this.
pub const NODES_MAX: usize = 5_000;

impl Plan {
    /// Checks the nodes and looks everything up that the machine needs.
    pub fn new(
        order: Order,
        nodes: Vec<PlanNode>,
        time_limit_ms: Option<u64>,
        steps_max: u32,
    ) -> Result<Plan, PlanError> {
        if nodes.len() > NODES_MAX {
            return Err(PlanError::TooManyNodes { n: nodes.len() });
        }
        if steps_max == 0 {
            return Err(PlanError::NoSteps);
        }
        if time_limit_ms == Some(0) {
            return Err(PlanError::NoTime { node: None });
        }
        for node in &nodes {
            check_limits(node)?;
        }
        let sources = sources(&nodes)?;
        let reach = Reach::of(&nodes);
        Ok(Plan { order, nodes, time_limit_ms, steps_max, sources, reach })
    }

    pub fn node(&self, node: u32) -> Option<&PlanNode> {
        self.nodes.get(node as usize)
    }

    /// The outputs that lead to an input of `node`: (node, output), in the order of the nodes.
    pub fn sources_of(&self, node: u32, input: u32) -> &[(u32, u32)] {
        self.sources
            .get(node as usize)
            .and_then(|inputs| inputs.get(input as usize))
            .map_or(&[], Vec::as_slice)
    }

    /// One more than the highest input of `node` to which an edge leads.
    pub(crate) fn connected_inputs(&self, node: u32) -> usize {
        self.sources.get(node as usize).map_or(0, Vec::len)
    }

    /// The nodes with an edge to `node`, each as often as it has edges.
    pub(crate) fn parents(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let inputs = self.sources.get(node as usize).map_or(&[][..], Vec::as_slice);
        inputs.iter().flatten().map(|&(parent, _)| parent)
    }

    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }
}

fn check_limits(node: &PlanNode) -> Result<(), PlanError> {
    if node.tries.max == 0 {
        return Err(PlanError::NoTries { node: node.name.clone() });
    }
    if node.time_limit_ms == Some(0) {
        return Err(PlanError::NoTime { node: Some(node.name.clone()) });
    }
    if let Required::Inputs(inputs) = &node.required
        && let Some(&input) = inputs.iter().find(|&&input| input >= node.inputs)
    {
        return Err(PlanError::NoSuchInput { node: node.name.clone(), input, inputs: node.inputs });
    }
    Ok(())
}

/// For each node and connected input the outputs that lead there.
fn sources(nodes: &[PlanNode]) -> Result<Vec<Vec<Vec<(u32, u32)>>>, PlanError> {
    let mut sources: Vec<Vec<Vec<(u32, u32)>>> = vec![Vec::new(); nodes.len()];
    for (from, node) in nodes.iter().enumerate() {
        for (output, targets) in node.outputs.iter().enumerate() {
            for &(to, input) in targets {
                let n_inputs = nodes.get(to as usize).map_or(0, |target| target.inputs.min(INPUTS_MAX));
                if input >= n_inputs {
                    return Err(PlanError::DanglingEdge { node: node.name.clone(), output: output as u32 });
                }
                let inputs = &mut sources[to as usize];
                inputs.resize(inputs.len().max(input as usize + 1), Vec::new());
                inputs[input as usize].push((from as u32, output as u32));
            }
        }
    }
    Ok(sources)
}

/// No node has more inputs than this; edges to higher ones dangle.
const INPUTS_MAX: u32 = 1_000;

/// Why a workflow cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// An edge of `node` leads to a node or an input that does not exist.
    DanglingEdge { node: String, output: u32 },
    /// `tries.max` of `node` is 0.
    NoTries { node: String },
    /// `required` of `node` names an input that it does not have.
    NoSuchInput { node: String, input: u32, inputs: u32 },
    /// A time limit is 0: that of `node`, or of the whole workflow.
    NoTime { node: Option<String> },
    /// `steps_max` is 0.
    NoSteps,
    /// More nodes than [`NODES_MAX`].
    TooManyNodes { n: usize },
}

impl std::fmt::Display for PlanError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PlanError::DanglingEdge { node, output } => {
                write!(f, "output {output} of node \"{node}\" leads to a node or input that does not exist")
            }
            PlanError::NoTries { node } => write!(f, "node \"{node}\" may never be tried: `max_tries` is 0"),
            PlanError::NoSuchInput { node, input, inputs } => {
                write!(
                    f,
                    "node \"{node}\" requires input {input}, but its inputs are numbered below {inputs}"
                )
            }
            PlanError::NoTime { node: Some(node) } => {
                write!(f, "node \"{node}\" may never run: `time_limit_ms` is 0, leave it out for no limit")
            }
            PlanError::NoTime { node: None } => {
                write!(f, "the workflow may never run: `time_limit_ms` is 0, leave it out for no limit")
            }
            PlanError::NoSteps => write!(f, "the workflow may never run: `steps_max` is 0"),
            PlanError::TooManyNodes { n } => {
                write!(f, "the workflow has {n} nodes, {NODES_MAX} is the most: split it into sub-workflows")
            }
        }
    }
}

impl std::error::Error for PlanError {}
