//! Random workflows, and what their nodes do. All of it follows from a seed.

use std::sync::Arc;

use linkflow_engine::{Plan, PlanNode, Required, Tries};
use linkflow_model::Order;

/// Numbers that look random (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A workflow and what its nodes do.
#[derive(Debug)]
pub struct World {
    pub seed: u64,
    pub plan: Arc<Plan>,
    /// For each node the outputs that lead back in a loop: they have items in few runs only.
    back_outputs: Vec<Vec<usize>>,
    has_limit: bool,
    has_fatal_failures: bool,
    pub is_canceled_somewhen: bool,
}

/// What one try of a step comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    Fails {
        retryable: bool,
        retry_after_ms: Option<u64>,
    },
    ParksUntil {
        ms: u64,
    },
    ParksForCall {
        at_most_ms: Option<u64>,
    },
    ParksForChildren,
    /// Never answers. Only in workflows with a time limit.
    Hangs,
}

/// What a run of a node does: its answers try by try, and what it gives in the end.
#[derive(Clone, Debug)]
pub struct Script {
    pub answers: Vec<Answer>,
    pub outputs: Vec<u32>,
    pub failed: bool,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let order = [Order::Parallel, Order::Parallel, Order::V1, Order::V0][random.below(4)];
        let mut nodes = nodes(&mut random);
        let mut back_outputs = vec![Vec::new(); nodes.len()];
        connect(&mut random, &mut nodes, &mut back_outputs);
        let has_limit = random.once_in(6);
        let limit_ms = has_limit.then(|| 2_000 + random.below(20_000) as u64);
        World {
            seed,
            plan: Arc::new(Plan::new(order, nodes, limit_ms, 300).expect("a sound workflow")),
            back_outputs,
            has_limit,
            has_fatal_failures: random.once_in(6),
            is_canceled_somewhen: random.once_in(10),
        }
    }

    /// Whether every execution of this workflow has the same runs, whatever happens to the shell.
    pub fn is_sure_of_its_runs(&self) -> bool {
        let stops = self.has_fatal_failures && self.plan.order == Order::Parallel;
        !self.has_limit && !self.is_canceled_somewhen && !stops
    }

    pub fn script(&self, node: u32, run: u32) -> Script {
        let mut random = Random::new(self.seed ^ (u64::from(node) << 40) ^ (u64::from(run) << 8) ^ 1);
        let plan_node = &self.plan.nodes[node as usize];
        let mut answers = Vec::new();
        while answers.len() + 1 < plan_node.tries.max as usize && random.once_in(2) {
            let retry_after_ms = random.once_in(3).then(|| random.below(5_000) as u64);
            answers.push(Answer::Fails { retryable: true, retry_after_ms });
        }
        if random.once_in(5) {
            answers.push(park(&mut random));
        }
        answers.push(self.last_answer(&mut random));
        let outputs = self.outputs(&mut random, node, run);
        let failed = plan_node.continues_on_error && random.once_in(3);
        Script { answers, outputs, failed }
    }

    fn last_answer(&self, random: &mut Random) -> Answer {
        if self.has_limit && random.once_in(8) {
            Answer::Hangs
        } else if self.has_fatal_failures && random.once_in(8) {
            Answer::Fails { retryable: false, retry_after_ms: None }
        } else {
            Answer::Done
        }
    }

    fn outputs(&self, random: &mut Random, node: u32, run: u32) -> Vec<u32> {
        let n_outputs = self.plan.nodes[node as usize].outputs.len();
        let mut outputs: Vec<u32> = (0..n_outputs).map(|_| [0, 1, 1, 2][random.below(4)]).collect();
        for &back in &self.back_outputs[node as usize] {
            outputs[back] = u32::from(run < 2);
        }
        outputs
    }
}

fn park(random: &mut Random) -> Answer {
    match random.below(4) {
        0 => Answer::ParksUntil { ms: random.below(9_000) as u64 },
        1 => Answer::ParksForCall { at_most_ms: Some(random.below(9_000) as u64) },
        2 => Answer::ParksForCall { at_most_ms: None },
        _ => Answer::ParksForChildren,
    }
}

fn nodes(random: &mut Random) -> Vec<PlanNode> {
    let n_nodes = 2 + random.below(8);
    (0..n_nodes).map(|at| node(random, at)).collect()
}

fn node(random: &mut Random, at: usize) -> PlanNode {
    let inputs = if at == 0 { 0 } else { [1, 1, 1, 2, 2, 3][random.below(6)] };
    let required = match random.below(6) {
        0 if inputs > 1 => Required::All,
        1 if inputs > 1 => Required::Inputs(vec![0, 1]),
        _ => Required::Any,
    };
    PlanNode {
        name: format!("n{at}"),
        position: [random.below(3) as f64, random.below(3) as f64],
        outputs: vec![Vec::new(); 1 + random.below(2)],
        inputs,
        required,
        always_output: random.once_in(10),
        continues_on_error: random.once_in(4),
        tries: tries(random),
        ..PlanNode::default()
    }
}

fn tries(random: &mut Random) -> Tries {
    if random.once_in(3) {
        let wait_ms = 100 + random.below(2_000) as u64;
        Tries {
            max: 2 + random.below(3) as u32,
            wait_ms,
            factor: 1 + random.below(3) as u32,
            max_wait_ms: 3_000,
        }
    } else {
        Tries::default()
    }
}

/// Edges forwards, so that each input is fed by one, two or no earlier node; and here and there
/// one back, from an output of its own.
fn connect(random: &mut Random, nodes: &mut [PlanNode], back_outputs: &mut [Vec<usize>]) {
    for to in 1..nodes.len() {
        for input in 0..nodes[to].inputs {
            let n_edges =
                if nodes[to].inputs > 1 { [0, 1, 1, 1, 2][random.below(5)] } else { 1 + random.below(4) / 3 };
            for _ in 0..n_edges {
                let from = random.below(to);
                let output = random.below(nodes[from].outputs.len());
                nodes[from].outputs[output].push((to as u32, input));
            }
        }
    }
    for from in 1..nodes.len() {
        if random.once_in(6) {
            let to = 1 + random.below(from);
            let input = random.below(nodes[to].inputs as usize) as u32;
            back_outputs[from].push(nodes[from].outputs.len());
            nodes[from].outputs.push(vec![(to as u32, input)]);
        }
    }
}
