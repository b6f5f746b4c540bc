//! The record of one execution so far: which node ran, on what, and what came out.
//!
//! Expressions read it (`$('Node').first()`), nodes look back in it, the API shows it. It is
//! filled from the journal and decides nothing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Items, Millis, Node, Object, Workflow};

/// The names and edges of a workflow, as expressions need them.
#[derive(Debug, Default)]
pub struct Shape {
    /// Names of the nodes; a node is known by its place in this list.
    pub names: Vec<String>,
    index: HashMap<String, usize>,
    /// For each node its parents: (parent, the parent's output, the node's input).
    parents: Vec<Vec<(usize, u32, u32)>>,
    written: Vec<Written>,
}

/// A node as its author wrote it: in the words of the file that it comes from, where there is one.
#[derive(Debug, Default)]
pub struct Written {
    pub id: String,
    pub version: f64,
    pub params: Object,
}

impl Written {
    fn of(node: &Node) -> Written {
        let origin = |key: &str| node.origin.as_ref().and_then(|o| o.get(key));
        Written {
            id: node.id.clone(),
            version: origin("typeVersion").and_then(Value::as_f64).unwrap_or_else(|| node.version.into()),
            params: match origin("parameters") {
                Some(Value::Object(params)) => params.clone(),
                _ => node.params.clone(),
            },
        }
    }
}

impl Shape {
    /// The shape of `workflow`. Edges whose ends do not exist are left out.
    pub fn of(workflow: &Workflow) -> Shape {
        let names: Vec<String> = workflow.nodes.iter().map(|n| n.name.clone()).collect();
        let index = names.iter().enumerate().map(|(i, n)| (n.clone(), i)).collect();
        let by_id: HashMap<&str, usize> =
            workflow.nodes.iter().enumerate().map(|(i, n)| (n.id.as_str(), i)).collect();
        let mut parents = vec![Vec::new(); names.len()];
        for edge in workflow.edges.iter().filter(|e| e.is_main()) {
            if let (Some(&from), Some(&to)) =
                (by_id.get(edge.from.node.as_str()), by_id.get(edge.to.node.as_str()))
            {
                parents[to].push((from, edge.from.port, edge.to.port));
            }
        }
        let written = workflow.nodes.iter().map(Written::of).collect();
        Shape { names, index, parents, written }
    }

    pub fn node(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// The node as its author wrote it.
    pub fn written(&self, node: usize) -> Option<&Written> {
        self.written.get(node)
    }

    /// The direct parents of `node`: (parent, the parent's output, the node's input).
    pub fn parents(&self, node: usize) -> &[(usize, u32, u32)] {
        &self.parents[node]
    }

    /// The output of `from` that leads to `to`, directly or through other nodes, nearest first.
    /// `None` when none does.
    pub fn output_towards(&self, from: usize, to: usize) -> Option<u32> {
        let mut seen = HashSet::from([to]);
        let mut queue = VecDeque::from([to]);
        while let Some(node) = queue.pop_front() {
            for &(parent, output, _) in &self.parents[node] {
                if parent == from {
                    return Some(output);
                }
                if seen.insert(parent) {
                    queue.push_back(parent);
                }
            }
        }
        None
    }
}

/// One output of one run of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// Place of the node in [`Shape::names`].
    pub node: u32,
    pub run: u32,
    pub output: u32,
}

/// One finished run of one node.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Place in the execution's order, from 0; a node that was entered twice has two.
    pub step: u32,
    /// What each input was fed from; `None` for an input that was empty.
    pub inputs: Vec<Option<Source>>,
    /// The items of each output.
    pub outputs: Vec<Items>,
    /// Why the run failed; it may have outputs all the same when the node goes on after errors.
    pub error: Option<RunError>,
    /// State that the node keeps for its next run in this execution (a loop's place).
    pub state: Option<Value>,
    /// What a Code node printed, and notes of other nodes.
    pub logs: Vec<String>,
    pub started_at: Millis,
    pub ended_at: Millis,
}

/// A failure as it is shown and stored. Secrets have been taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// A whole sentence for the author of the workflow.
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The parameter that has to be changed, as a path such as `conditions[0].value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// Index of the item on which the node failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Status code of the service that refused, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_code: Option<u16>,
}

/// All finished runs of an execution, by node.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub shape: Arc<Shape>,
    /// Runs of each node, in the order of their run index.
    runs: Vec<Vec<Arc<Run>>>,
}

impl History {
    pub fn new(shape: Arc<Shape>) -> History {
        let runs = vec![Vec::new(); shape.names.len()];
        History { shape, runs }
    }

    pub fn push(&mut self, node: usize, run: Run) {
        self.runs[node].push(Arc::new(run));
    }

    pub fn runs(&self, node: usize) -> &[Arc<Run>] {
        self.runs.get(node).map_or(&[], Vec::as_slice)
    }

    pub fn last_run(&self, node: usize) -> Option<&Arc<Run>> {
        self.runs(node).last()
    }

    /// The items of an output; empty when that run or output does not exist.
    pub fn items(&self, source: Source) -> Items {
        self.runs(source.node as usize)
            .get(source.run as usize)
            .and_then(|run| run.outputs.get(source.output as usize))
            .cloned()
            .unwrap_or_default()
    }
}
