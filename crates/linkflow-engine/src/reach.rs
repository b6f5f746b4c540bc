//! Who is upstream of whom, as sets of bits: asked after every step, computed once for a plan.

use crate::PlanNode;

/// A set of nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeSet {
    words: Vec<u64>,
}

impl NodeSet {
    pub fn new(n_nodes: usize) -> NodeSet {
        NodeSet { words: vec![0; n_nodes.div_ceil(64)] }
    }

    /// Adds a node; says whether it was not yet there.
    pub fn insert(&mut self, node: u32) -> bool {
        let (word, bit) = (node as usize / 64, 1 << (node % 64));
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        is_new
    }

    pub fn remove(&mut self, node: u32) {
        self.words[node as usize / 64] &= !(1 << (node % 64));
    }

    pub fn contains(&self, node: u32) -> bool {
        self.words.get(node as usize / 64).is_some_and(|word| word & (1 << (node % 64)) != 0)
    }

    pub fn meets(&self, other: &NodeSet) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }
}

/// Paths through a workflow.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// For each node those from which a path of at least one edge leads to it.
    above: Vec<NodeSet>,
    /// The same without the edges that close a loop.
    above_forward: Vec<NodeSet>,
    /// Edges (from, to) that close a loop: back to a node on the way from the beginning.
    back: Vec<NodeSet>,
}

impl Reach {
    pub fn of(nodes: &[PlanNode]) -> Reach {
        let back = back_edges(nodes);
        let mut parents = vec![Vec::new(); nodes.len()];
        let mut parents_forward = vec![Vec::new(); nodes.len()];
        for (from, node) in nodes.iter().enumerate() {
            for &(to, _) in node.outputs.iter().flatten() {
                parents[to as usize].push(from as u32);
                if !back[from].contains(to) {
                    parents_forward[to as usize].push(from as u32);
                }
            }
        }
        Reach { above: closure(&parents), above_forward: closure(&parents_forward), back }
    }

    /// The nodes from which something can still arrive at `node`; itself when it is in a loop.
    pub fn above(&self, node: u32) -> &NodeSet {
        &self.above[node as usize]
    }

    /// Whether a path without a step back in a loop leads from `from` to `to`.
    pub fn leads_forward(&self, from: u32, to: u32) -> bool {
        self.above_forward[to as usize].contains(from)
    }

    /// Whether both are in one loop.
    pub fn share_a_loop(&self, a: u32, b: u32) -> bool {
        self.above(a).contains(b) && self.above(b).contains(a)
    }

    /// Whether the edge closes a loop.
    pub fn is_back(&self, from: u32, to: u32) -> bool {
        self.back[from as usize].contains(to)
    }
}

/// For each node everything above it, by a search upwards.
fn closure(parents: &[Vec<u32>]) -> Vec<NodeSet> {
    let search = |start: &Vec<u32>| {
        let mut seen = NodeSet::new(parents.len());
        let mut todo = start.clone();
        while let Some(node) = todo.pop() {
            if seen.insert(node) {
                todo.extend(&parents[node as usize]);
            }
        }
        seen
    };
    parents.iter().map(search).collect()
}

/// The edges that lead back to a node on the path by which a depth-first search came. The search
/// begins at the nodes without inputs from others, so loops are entered where items enter them.
fn back_edges(nodes: &[PlanNode]) -> Vec<NodeSet> {
    let mut has_parent = NodeSet::new(nodes.len());
    for (from, node) in nodes.iter().enumerate() {
        for &(to, _) in node.outputs.iter().flatten().filter(|(to, _)| *to as usize != from) {
            has_parent.insert(to);
        }
    }
    let all = 0..nodes.len() as u32;
    let roots = all.clone().filter(|&node| !has_parent.contains(node)).chain(all);
    let mut search = LoopSearch {
        targets: nodes.iter().map(|n| n.outputs.iter().flatten().map(|&(to, _)| to).collect()).collect(),
        seen: NodeSet::new(nodes.len()),
        on_path: NodeSet::new(nodes.len()),
        back: vec![NodeSet::new(nodes.len()); nodes.len()],
    };
    for root in roots {
        search.from(root);
    }
    search.back
}

struct LoopSearch {
    targets: Vec<Vec<u32>>,
    seen: NodeSet,
    on_path: NodeSet,
    back: Vec<NodeSet>,
}

impl LoopSearch {
    /// With a path of its own instead of recursion: a long chain of nodes must not end the stack.
    fn from(&mut self, root: u32) {
        if !self.seen.insert(root) {
            return;
        }
        self.on_path.insert(root);
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let Some(&to) = self.targets[*node as usize].get(*next) else {
                self.on_path.remove(*node);
                path.pop();
                continue;
            };
            *next += 1;
            if self.on_path.contains(to) {
                self.back[*node as usize].insert(to);
            } else if self.seen.insert(to) {
                self.on_path.insert(to);
                path.push((to, 0));
            }
        }
    }
}
