//! The order of our own workflows: everything that can run does, side by side.
//!
//! A node that several edges lead to waits until nothing above it can deliver any more; then what
//! came is put into rows, in an order that does not depend on who was faster. So the runs of a
//! workflow and what they are fed from are the same every time, however long each of them takes.
//! The runs of one node follow one another, because nodes keep state from run to run.
//!
//! Nobody is told that a branch is skipped: that nothing can come follows from who is at work and
//! which paths there are.

use std::collections::{BTreeMap, VecDeque};

use linkflow_model::Source;

use crate::Plan;
use crate::reach::NodeSet;
use crate::sequence::{compare_positions, has_required};
use crate::step::{Delivery, Entry};

/// Who is at work, whose turn has come, and what has gathered at joins.
#[derive(Clone, Debug)]
pub(crate) struct Parallel {
    /// Nodes with a step that is not over.
    busy: NodeSet,
    /// Busy ones, and those that have rows to run.
    live: NodeSet,
    /// Rows that may run, for each node in their order; never an empty list.
    rows: BTreeMap<u32, VecDeque<Vec<Option<Delivery>>>>,
    joins: BTreeMap<u32, Join>,
    /// Nodes whose next row may begin now, the first one last.
    turns: Vec<u32>,
    /// Whether a join may have become free since they were last looked at.
    is_changed: bool,
}

/// What has come to a node so far, for each of its inputs.
#[derive(Clone, Debug)]
struct Join {
    inputs: Vec<VecDeque<Delivery>>,
}

impl Parallel {
    pub fn new(n_nodes: usize) -> Parallel {
        Parallel {
            busy: NodeSet::new(n_nodes),
            live: NodeSet::new(n_nodes),
            rows: BTreeMap::new(),
            joins: BTreeMap::new(),
            turns: Vec::new(),
            is_changed: false,
        }
    }

    /// Takes in the end of a run.
    pub fn finished(&mut self, plan: &Plan, node: u32, run: u32, outputs: &[u32]) {
        self.busy.remove(node);
        if self.rows.contains_key(&node) {
            self.turns.push(node);
        } else {
            self.live.remove(node);
            self.is_changed = true;
        }
        let Some(from) = plan.node(node) else { return };
        for (output, (targets, &items)) in from.outputs.iter().zip(outputs).enumerate() {
            let delivery = Delivery { source: Source { node, run, output: output as u32 }, items };
            for &(to, input) in targets.iter().filter(|_| items > 0) {
                self.deliver(plan, to, input, delivery);
            }
        }
        self.turns.sort_by(|a, b| compare_positions(plan, *b, *a).then(b.cmp(a)));
    }

    /// What is to be entered next; `None` when everything that can run does.
    pub fn next(&mut self, plan: &Plan) -> Option<Entry> {
        if self.turns.is_empty() && self.is_changed {
            self.is_changed = false;
            self.free_joins(plan);
        }
        let node = self.turns.pop()?;
        let rows = self.rows.get_mut(&node)?;
        let inputs = rows.pop_front()?;
        if rows.is_empty() {
            self.rows.remove(&node);
        }
        self.busy.insert(node);
        Some(Entry { node, inputs, primed: false, dropped: false })
    }

    fn deliver(&mut self, plan: &Plan, to: u32, input: u32, delivery: Delivery) {
        let mut row = vec![None; input as usize + 1];
        row[input as usize] = Some(delivery);
        if plan.parents(to).nth(1).is_none() && has_required(plan, to, &row) {
            self.queue(to, row);
            return;
        }
        let n_inputs = plan.connected_inputs(to);
        let join = self.joins.entry(to).or_insert_with(|| Join { inputs: vec![VecDeque::new(); n_inputs] });
        join.inputs[input as usize].push_back(delivery);
        self.is_changed = true;
    }

    fn queue(&mut self, node: u32, row: Vec<Option<Delivery>>) {
        self.live.insert(node);
        let rows = self.rows.entry(node).or_default();
        rows.push_back(row);
        if rows.len() == 1 && !self.busy.contains(node) {
            self.turns.push(node);
        }
    }

    /// Lets the joins run to which nothing can come any more.
    fn free_joins(&mut self, plan: &Plan) {
        let free: Vec<u32> = self.joins.keys().copied().filter(|&node| self.is_free(plan, node)).collect();
        for node in free {
            let Some(join) = self.joins.get_mut(&node) else { continue };
            let rows = join.take_rows(plan, node);
            if join.inputs.iter().all(VecDeque::is_empty) {
                self.joins.remove(&node);
            }
            for row in rows {
                self.queue(node, row);
            }
        }
        self.turns.sort_by(|a, b| compare_positions(plan, *b, *a).then(b.cmp(a)));
    }

    fn is_free(&self, plan: &Plan, node: u32) -> bool {
        let join = &self.joins[&node];
        if plan.reach().above(node).meets(&self.live) || !join.may_run(plan, node) {
            return false;
        }
        // One that lacks what it requires delivers nothing, so nobody has to wait for it.
        let mut others = self.joins.iter().filter(|(other, _)| **other != node);
        !others.any(|(&other, its)| goes_before(plan, other, its, node, join) && its.may_run(plan, other))
    }
}

/// Whether the join `a` has to run before `b`. Within a loop, what belongs to the present round
/// goes before what came over the edge that closes the loop; and an inner loop before an outer one.
fn goes_before(plan: &Plan, a: u32, its_a: &Join, b: u32, its_b: &Join) -> bool {
    let reach = plan.reach();
    if !reach.above(b).contains(a) {
        return false;
    }
    if !reach.share_a_loop(a, b) {
        return true;
    }
    match (its_a.is_in_round(plan, a), its_b.is_in_round(plan, b)) {
        (true, true) => reach.leads_forward(a, b),
        (true, false) => true,
        (false, true) => false,
        (false, false) => reach.leads_forward(b, a),
    }
}

impl Join {
    /// Whether anything has come that belongs to the present round of the loops it is in.
    fn is_in_round(&self, plan: &Plan, node: u32) -> bool {
        let mut all = self.inputs.iter().flatten();
        all.any(|delivery| !plan.reach().is_back(delivery.source.node, node))
    }

    /// Whether its first row has what the node requires.
    fn may_run(&self, plan: &Plan, node: u32) -> bool {
        has_required(plan, node, &self.row(0))
    }

    /// How many rows have what the node requires.
    fn n_rows(&self, plan: &Plan, node: u32) -> usize {
        let longest = self.inputs.iter().map(VecDeque::len).max().unwrap_or(0);
        (0..longest).take_while(|&at| has_required(plan, node, &self.row(at))).count()
    }

    fn row(&self, at: usize) -> Vec<Option<Delivery>> {
        self.inputs.iter().map(|input| input.get(at).copied()).collect()
    }

    /// The rows that may run. What is left over stays.
    fn take_rows(&mut self, plan: &Plan, node: u32) -> Vec<Vec<Option<Delivery>>> {
        for input in &mut self.inputs {
            input.make_contiguous().sort_by(|a, b| compare_sources(plan, a.source, b.source));
        }
        let n_rows = self.n_rows(plan, node);
        let rows = (0..n_rows).map(|at| self.row(at)).collect();
        for input in &mut self.inputs {
            input.drain(..n_rows.min(input.len()));
        }
        rows
    }
}

/// An order of outputs that does not depend on who was faster.
fn compare_sources(plan: &Plan, a: Source, b: Source) -> std::cmp::Ordering {
    compare_positions(plan, a.node, b.node).then((a.node, a.run, a.output).cmp(&(b.node, b.run, b.output)))
}
