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
    /// Queues what follows from a finished run. `has_run` says whether a node has any run.
    pub fn finished(
        &mut self,
        plan: &Plan,
        node: u32,
        run: u32,
        outputs: &[u32],
        has_run: &dyn Fn(u32) -> bool,
    ) {
        let delivery = |output: usize| Delivery {
            source: Source { node, run, output: output as u32 },
            items: outputs.get(output).copied().unwrap_or(0),
        };
        let Some(from) = plan.node(node) else { return };
        let edges = from.outputs.iter().enumerate().flat_map(|(output, targets)| {
            targets.iter().map(move |&(to, input)| (delivery(output), to, input))
        });
        if plan.order == Order::V0 {
            // Empty lists go into the inputs above the first one, so that joins hear of them.
            for (delivery, to, input) in edges.filter(|(d, _, input)| d.items > 0 || *input > 0) {
                self.deliver(plan, to, input, delivery, has_run);
            }
            return;
        }
        let mut edges: Vec<_> = edges.filter(|(delivery, ..)| delivery.items > 0).collect();
        // What is put in front last runs first: bottom-most, right-most goes in first. The sort is
        // stable, so of equal ones the later connection ends in front.
        edges.sort_by(|(_, a, _), (_, b, _)| compare_positions(plan, *b, *a));
        for (delivery, to, input) in edges {
            self.deliver(plan, to, input, delivery, has_run);
        }
    }

    /// What is to be entered next; `None` when nothing is left that could run.
    pub fn next(&mut self, plan: &Plan) -> Option<Entry> {
        if self.stack.is_empty() {
            let entry = self.take_waiting(plan)?;
            self.stack.push_back(entry);
        }
        let mut entry = self.stack.pop_front()?;
        let has_items = match plan.order {
            Order::V0 => entry.inputs.first().is_some_and(|first| has_items(first)),
            _ => entry.inputs.iter().any(has_items),
        };
        let always = plan.node(entry.node).is_some_and(|node| node.always_output);
        entry.dropped = !has_items && !entry.primed && !always;
        Some(entry)
    }

    fn deliver(
        &mut self,
        plan: &Plan,
        to: u32,
        input: u32,
        delivery: Delivery,
        has_run: &dyn Fn(u32) -> bool,
    ) {
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
                self.prime_parents(plan, to, delivery.source.node, has_run);
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

    /// Order v0: what a join waits for is made to run, on one empty item, when the branch that
    /// leads there was left without items.
    fn prime_parents(&mut self, plan: &Plan, join: u32, from: u32, has_run: &dyn Fn(u32) -> bool) {
        let _ = (plan, join, from, has_run);
    }

    /// The first row of the first waiting join that may run as it is.
    fn take_waiting(&mut self, plan: &Plan) -> Option<Entry> {
        let at = (0..self.joins.len()).find(|&at| self.may_run(plan, at))?;
        let row = self.joins[at].take_first()?;
        let node = self.joins[at].node;
        if self.joins[at].rows.is_empty() {
            self.joins.remove(at);
        }
        Some(Entry { node, inputs: row, primed: false, dropped: false })
    }

    fn may_run(&self, plan: &Plan, at: usize) -> bool {
        let join = &self.joins[at];
        let above = plan.reach().above(join.node);
        let waits_above =
            self.joins.iter().any(|other| other.node != join.node && above.contains(other.node));
        !waits_above && has_required(plan, join.node, join.first())
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

/// Whether the inputs without which `node` cannot run have data.
pub(crate) fn has_required(plan: &Plan, node: u32, row: &[Option<Delivery>]) -> bool {
    let filled = |input: u32| row.get(input as usize).is_some_and(has_items);
    match plan.node(node).map(|node| &node.required) {
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
