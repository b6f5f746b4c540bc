//! A workflow made ready to run: its plan, its kinds looked up, its parameters compiled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use linkflow_engine::{Plan, PlanNode, Required, Tries};
use linkflow_expr::Compiled;
use linkflow_model::{Node, Object, OnError, Shape, Workflow};
use linkflow_node::trigger::Trigger;
use linkflow_node::{NodeKind, Ports, Requires};
use linkflow_queue::QueueName;

use crate::contract::Problem;

/// Most steps that one execution may take.
const STEPS_MAX: u32 = 200_000;

pub struct Prepared {
    pub workflow: Arc<Workflow>,
    pub plan: Arc<Plan>,
    pub shape: Arc<Shape>,
    pub nodes: Vec<PreparedNode>,
}

pub struct PreparedNode {
    /// `None` for a kind that does not exist: the node fails when it is reached.
    pub kind: Option<&'static NodeKind>,
    pub params: Arc<Object>,
    pub compiled: Arc<Compiled>,
    /// How many outputs the kind has, the error output not counted.
    pub n_outputs: usize,
}

/// Why a workflow cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PrepareError(pub String);

impl Prepared {
    pub fn new(workflow: Arc<Workflow>, kinds: &'static [NodeKind]) -> Result<Prepared, PrepareError> {
        let index: HashMap<&str, u32> =
            workflow.nodes.iter().enumerate().map(|(i, n)| (n.id.as_str(), i as u32)).collect();
        let mut nodes = Vec::with_capacity(workflow.nodes.len());
        let mut plan = Vec::with_capacity(workflow.nodes.len());
        for node in &workflow.nodes {
            let kind = kinds.iter().find(|k| k.kind == node.kind);
            let ports = kind.map(|k| k.ports(&node.params));
            plan.push(plan_node(node, ports.as_ref()));
            nodes.push(PreparedNode {
                kind,
                params: Arc::new(node.params.clone()),
                compiled: Arc::new(Compiled::of_object(&node.params)),
                n_outputs: ports.map_or(1, |p| p.outputs.len()),
            });
        }
        for edge in workflow.edges.iter().filter(|e| e.is_main()) {
            let (Some(&from), Some(&to)) =
                (index.get(edge.from.node.as_str()), index.get(edge.to.node.as_str()))
            else {
                continue;
            };
            let outputs = &mut plan[from as usize].outputs;
            let output = edge.from.port as usize;
            if output > 1_000 || edge.to.port > 1_000 {
                return Err(PrepareError(format!(
                    "an edge of \"{}\" names a port above 1000",
                    edge.from.node
                )));
            }
            if outputs.len() <= output {
                outputs.resize(output + 1, Vec::new());
            }
            outputs[output].push((to, edge.to.port));
            let inputs = &mut plan[to as usize].inputs;
            *inputs = (*inputs).max(edge.to.port + 1);
        }
        let plan = Plan::new(workflow.settings.order, plan, workflow.settings.time_limit_ms, STEPS_MAX)
            .map_err(|e| PrepareError(e.to_string()))?;
        Ok(Prepared { shape: Arc::new(Shape::of(&workflow)), plan: Arc::new(plan), nodes, workflow })
    }

    pub fn node(&self, index: u32) -> &Node {
        &self.workflow.nodes[index as usize]
    }

    pub fn index_of(&self, name: &str) -> Option<u32> {
        self.shape.node(name).map(|i| i as u32)
    }

    /// The plan of an execution that runs up to a node: what does not lead there takes no part.
    pub fn plan_up_to(&self, name: &str) -> Option<Arc<Plan>> {
        let last = self.shape.node(name)?;
        let mut leads = HashSet::from([last]);
        let mut queue = vec![last];
        while let Some(node) = queue.pop() {
            let parents = self.shape.parents(node).iter().map(|(parent, ..)| *parent);
            queue.extend(parents.filter(|parent| leads.insert(*parent)));
        }
        let mut nodes = self.plan.nodes.clone();
        for (i, node) in nodes.iter_mut().enumerate() {
            for targets in &mut node.outputs {
                targets.retain(|(to, _)| i != last && leads.contains(&(*to as usize)));
            }
        }
        let plan = Plan::new(self.plan.order, nodes, self.plan.time_limit_ms, self.plan.steps_max);
        plan.ok().map(Arc::new)
    }

    /// The node at which an execution starts when nobody names one: a manual trigger, one that
    /// other workflows call, any other trigger, or a node that nothing leads to.
    pub fn default_start(&self) -> Option<u32> {
        let rank = |i: usize| -> u8 {
            let node = &self.workflow.nodes[i];
            let trigger = self.nodes[i].kind.filter(|k| k.spec.inputs.is_empty()).and_then(|k| k.trigger());
            match trigger {
                _ if node.disabled => 9,
                Some(Trigger::Manual) => 0,
                Some(Trigger::Workflow) => 1,
                Some(Trigger::Error) => 3,
                Some(_) => 2,
                None if node.kind == "sticky_note" => 9,
                None if self.shape.parents(i).is_empty() => 4,
                None => 9,
            }
        };
        (0..self.nodes.len()).filter(|&i| rank(i) < 9).min_by_key(|&i| rank(i)).map(|i| i as u32)
    }

    /// What keeps it from being published.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(Err(error)) = self.workflow.settings.queue.as_deref().map(QueueName::new) {
            problems.push(Problem { field: "settings.queue".to_owned(), problem: error.to_string() });
        }
        if self.workflow.settings.max_concurrency == Some(0) {
            let problem = "must be at least 1, got 0; leave it out for no limit".to_owned();
            problems.push(Problem { field: "settings.max_concurrency".to_owned(), problem });
        }
        for (node, prepared) in self.workflow.nodes.iter().zip(&self.nodes) {
            if node.disabled {
                continue;
            }
            match prepared.kind {
                None => problems.push(Problem {
                    field: format!("nodes[{}].kind", node.name),
                    problem: format!("`{}` is no known kind; replace or disable the node", node.kind),
                }),
                Some(kind) => {
                    if let Err(error) = kind.check(&node.params) {
                        let shown = error.to_run_error();
                        let param = shown.param.map_or(String::new(), |p| format!(".{p}"));
                        problems.push(Problem {
                            field: format!("nodes[{}].params{param}", node.name),
                            problem: shown.message,
                        });
                    }
                }
            }
        }
        problems
    }
}

fn plan_node(node: &Node, ports: Option<&Ports>) -> PlanNode {
    let n_outputs =
        ports.map_or(1, |p| p.outputs.len()) + usize::from(node.on_error == OnError::ContinueErrorOutput);
    let tries = node.retry.as_ref().map_or(Tries::default(), |r| Tries {
        max: r.max_tries.max(1),
        wait_ms: r.wait_ms,
        factor: r.factor,
        max_wait_ms: r.max_wait_ms.unwrap_or(3_600_000),
    });
    PlanNode {
        name: node.name.clone(),
        position: node.position,
        outputs: vec![Vec::new(); n_outputs.max(1)],
        inputs: ports.map_or(1, |p| p.inputs.len()) as u32,
        required: match ports.map(|p| &p.requires) {
            Some(Requires::All) => Required::All,
            Some(Requires::Inputs(list)) => Required::Inputs(list.clone()),
            _ => Required::Any,
        },
        disabled: node.disabled,
        always_output: node.always_output,
        continues_on_error: node.on_error != OnError::Stop,
        tries,
        time_limit_ms: node.time_limit_ms,
    }
}
