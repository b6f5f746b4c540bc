//! The orders in which one node runs at a time: `v1`, a whole branch before the next, top-most
//! first; and `v0`, breadth first in the order of the connections.
//!
//! Holds what is still to run and what waits at joins. Runs nothing and numbers nothing.

use std::collections::{BTreeMap, VecDeque};

use linkflow_model::{Order, Source};

use crate::step::{Delivery, Entry};
use crate::{Plan, Required};

/// What is still to run, and what waits for more input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sequence {
    /// The front one is next.
    stack: VecDeque<Entry>,
    /// Joins that wait, in the order in which they began to.
    joins: Vec<Join>,
    is_over: bool,
}

/// A node with several inputs that waits for some of them.
///
/// What arrives at an input fills the first row whose place for it is free. When there is none, a
/// new row gets the number of rows as its key. After a row in the middle has run, that key can be
/// in use, and the row there is lost: files that come from n8n have been tried with that.
#[derive(Clone, Debug)]
struct Join {
    node: u32,
    rows: BTreeMap<usize, Vec<Option<Delivery>>>,
    /// For each input a key below which no row has its place free.
    free_from: Vec<usize>,
}

impl Sequence {
    /// Queues what follows from a finished run.
    pub fn finished(&mut self, plan: &Plan, node: u32, run: u32, outputs: &[u32], past: &dyn Past) {
        let Some(from) = plan.node(node) else { return };
        // A disabled node has one output only, whatever leads away from it.
        let edges = from.outputs.iter().zip(outputs).enumerate().flat_map(|(output, (targets, &items))| {
            let delivery = Delivery { source: Source { node, run, output: output as u32 }, items };
            targets.iter().map(move |&(to, input)| (delivery, to, input))
        });
        if plan.order == Order::V0 {
            // Empty lists go into the inputs above the first one, so that joins hear of them.
            for (delivery, to, input) in edges.filter(|(d, _, input)| d.items > 0 || *input > 0) {
                self.deliver(plan, to, input, delivery, past);
            }
            return;
        }
        let mut edges: Vec<_> = edges.filter(|(delivery, ..)| delivery.items > 0).collect();
        // What is put in front last runs first: bottom-most, right-most goes in first. The sort is
        // stable, so of equal ones the later connection ends in front.
        edges.sort_by(|(_, a, _), (_, b, _)| compare_positions(plan, *b, *a));
        for (delivery, to, input) in edges {
            self.deliver(plan, to, input, delivery, past);
        }
    }

    /// What is to be entered next; `None` when nothing is left that could run.
    pub fn next(&mut self, plan: &Plan) -> Option<Entry> {
        if self.stack.is_empty() {
            if self.is_over {
                return None;
            }
            let entry = self.take_waiting(plan)?;
            self.stack.push_back(entry);
        }
        let mut entry = self.stack.pop_front()?;
        let has_items = match plan.order {
            Order::V0 => entry.inputs.first().is_some_and(|first| has_items(first)),
            _ => entry.inputs.iter().any(has_items),
        };
        let always = plan.node(entry.node).is_some_and(|node| node.always_output || node.disabled);
        entry.dropped = !has_items && !entry.primed && !always;
        // Waiting joins are looked at after a run only: they stay behind when the last entry of
        // all was dropped.
        self.is_over = entry.dropped && self.stack.is_empty();
        Some(entry)
    }

    fn deliver(&mut self, plan: &Plan, to: u32, input: u32, delivery: Delivery, past: &dyn Past) {
        let connected = plan.connected_inputs(to);
        if connected <= 1 {
            self.push(plan, Entry { node: to, inputs: vec![Some(delivery)], primed: false, dropped: false });
            return;
        }
        let at = self.joins.iter().position(|join| join.node == to);
        let is_new = at.is_none();
        let at = at.unwrap_or_else(|| {
            self.joins.push(Join::new(to, connected));
            self.joins.len() - 1
        });
        let Some(full) = self.joins[at].fill(input as usize, delivery) else {
            if is_new && plan.order == Order::V0 {
                self.prime_sources(plan, to, delivery.source, past);
            }
            return;
        };
        if self.joins[at].rows.is_empty() {
            self.joins.remove(at);
        }
        self.push(plan, Entry { node: to, inputs: full, primed: false, dropped: false });
    }

    fn push(&mut self, plan: &Plan, entry: Entry) {
        match plan.order {
            Order::V0 => self.stack.push_back(entry),
            _ => self.stack.push_front(entry),
        }
    }

    /// Order v0: what a join waits for is made to run on one empty item when the branch that leads
    /// there gets none otherwise.
    fn prime_sources(&mut self, plan: &Plan, join: u32, from: Source, past: &dyn Past) {
        let siblings: Vec<u32> =
            plan.nodes[from.node as usize].outputs.iter().flatten().map(|t| t.0).collect();
        let inputs = 0..plan.connected_inputs(join) as u32;
        for &(source, _) in inputs.flat_map(|input| plan.sources_of(join, input)) {
            let comes_anyway = siblings.contains(&source) && !is_starved(plan, source, from.run, past);
            if source == from.node || comes_anyway || past.has_run(source) || self.is_queued(source) {
                continue;
            }
            if let Some(node) = self.first_unrun(plan, source, &siblings, past)
                && is_starved(plan, node, from.run, past)
            {
                self.stack.push_back(Entry { node, inputs: vec![None], primed: true, dropped: false });
            }
        }
    }

    /// The farthest node above `node`, or itself, that has not run and below which nothing has;
    /// `None` when one on the way is about to run, or belongs to those fed by the run at hand.
    fn first_unrun(&self, plan: &Plan, node: u32, siblings: &[u32], past: &dyn Past) -> Option<u32> {
        let mut seen = vec![node];
        let mut first = node;
        loop {
            if plan.parents(first).any(|parent| self.is_queued(parent)) {
                return None;
            }
            let is_open = |parent: &u32| !seen.contains(parent) && !past.has_run(*parent);
            let Some(parent) = plan.parents(first).find(is_open) else { return Some(first) };
            if siblings.contains(&parent) {
                return None;
            }
            seen.push(parent);
            first = parent;
        }
    }

    fn is_queued(&self, node: u32) -> bool {
        self.stack.iter().any(|entry| entry.node == node)
    }

    /// The first row of the first waiting join that may run as it is.
    fn take_waiting(&mut self, plan: &Plan) -> Option<Entry> {
        loop {
            let at = (0..self.joins.len()).find(|&at| self.may_run(plan, at))?;
            let row = self.joins[at].take_first()?;
            let node = self.joins[at].node;
            if self.joins[at].rows.is_empty() {
                self.joins.remove(at);
            }
            if row.iter().any(has_items) {
                return Some(Entry { node, inputs: row, primed: false, dropped: false });
            }
        }
    }

    fn may_run(&self, plan: &Plan, at: usize) -> bool {
        let join = &self.joins[at];
        let above = plan.reach().above(join.node);
        let waits_above =
            self.joins.iter().any(|other| other.node != join.node && above.contains(other.node));
        // Order v0 runs them without what they require.
        !waits_above && (plan.order == Order::V0 || has_required(plan, join.node, join.first()))
    }
}

impl Join {
    fn new(node: u32, inputs: usize) -> Join {
        Join { node, rows: BTreeMap::new(), free_from: vec![0; inputs] }
    }

    /// Takes in what arrived; gives the row when that made it full.
    fn fill(&mut self, input: usize, delivery: Delivery) -> Option<Vec<Option<Delivery>>> {
        let mut rows = self.rows.range(self.free_from[input]..);
        let free = rows.find(|(_, slots)| slots[input].is_none()).map(|(&key, _)| key);
        let key = free.unwrap_or_else(|| self.new_row());
        self.free_from[input] = key + 1;
        let slots = self.rows.get_mut(&key)?;
        slots[input] = Some(delivery);
        if slots.iter().all(Option::is_some) { self.rows.remove(&key) } else { None }
    }

    fn new_row(&mut self) -> usize {
        let key = self.rows.len();
        self.rows.insert(key, vec![None; self.free_from.len()]);
        for from in &mut self.free_from {
            *from = (*from).min(key);
        }
        key
    }

    fn first(&self) -> &[Option<Delivery>] {
        self.rows.first_key_value().map_or(&[], |(_, row)| row)
    }

    fn take_first(&mut self) -> Option<Vec<Option<Delivery>>> {
        self.rows.pop_first().map(|(_, row)| row)
    }
}

/// What ran before, for those who have to look back.
pub(crate) trait Past {
    fn has_run(&self, node: u32) -> bool;
    /// How many items a run gave on an output.
    fn items(&self, source: Source) -> u32;
}

/// Whether no items come to input 0 of `node` in this round.
fn is_starved(plan: &Plan, node: u32, run: u32, past: &dyn Past) -> bool {
    let mut sources = plan.sources_of(node, 0).iter();
    sources.all(|&(node, output)| past.items(Source { node, run, output }) == 0)
}

/// Whether the inputs without which `node` cannot run have data. One of which only the first input
/// is connected runs on that.
pub(crate) fn has_required(plan: &Plan, node: u32, row: &[Option<Delivery>]) -> bool {
    let filled = |input: u32| row.get(input as usize).is_some_and(has_items);
    match plan.node(node).map(|node| &node.required) {
        _ if plan.connected_inputs(node) <= 1 => row.iter().any(has_items),
        Some(Required::Inputs(inputs)) => inputs.iter().all(|&input| filled(input)),
        Some(Required::All) => (0..plan.connected_inputs(node) as u32)
            .all(|input| filled(input) || plan.sources_of(node, input).is_empty()),
        _ => row.iter().any(has_items),
    }
}

fn has_items(slot: &Option<Delivery>) -> bool {
    slot.is_some_and(|delivery| delivery.items > 0)
}

/// Top-most, then left-most.
pub(crate) fn compare_positions(plan: &Plan, a: u32, b: u32) -> std::cmp::Ordering {
    let key = |node: u32| plan.node(node).map_or([0.0, 0.0], |node| node.position);
    let ([ax, ay], [bx, by]) = (key(a), key(b));
    ay.total_cmp(&by).then(ax.total_cmp(&bx))
}
