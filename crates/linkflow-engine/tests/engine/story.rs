//! Reads a workflow and what happens to it from text, and tells what the machine made of it.
//!
//! A workflow is a list of statements, separated by `;`:
//! `v0`, `v1` (the default), `parallel`; `a -> b`, `a -1> b.2` (output 1 to input 2);
//! `b: always disabled continues at 0 100 requires 0 1 requires-all tries 3 1000 2 5000`;
//! `limit 1000` milliseconds, `steps 10`. Nodes stand below one another in the order in which they
//! are first named.
//!
//! What happens is one of: `start a [1][0]`, `a began`, `a done [1]`, `a done [1] failed`, `a fails`,
//! `a fails for good`, `a fails, wait 5000`, `a parks until 500`, `a parks for a call [until 500]`,
//! `a parks for 2 children`, `a wakes by call`, `at 500` (turns the clock), `tick`, `cancel`,
//! `restart` (stop and replay), `all [1]` (everything that runs answers so, until nothing runs),
//! `b#0 again done [1]` (the same answer as before to a step that is over).
//!
//! What follows is told as: `b` or `b#1` for a run that is to begin, with the sources of its inputs
//! where there are several, `(a, c.1, -)`; and events other than begins and ends of tries.

use std::sync::Arc;

use linkflow_engine::{Command, Event, Input, Machine, Outcome, Plan, PlanNode, Required, Tries, Wait, Wake};
use linkflow_model::{Millis, Order, Source};

/// Plays `happenings` on the workflow `graph` and compares what follows with `expected`.
#[track_caller]
pub fn check(graph: &str, happenings: &[&str], expected: &str) {
    let mut story = Story::new(plan(graph).expect("a sound workflow"));
    for happening in happenings {
        story.play(happening);
        story.compare_with_replay(happening);
    }
    assert_eq!(story.told.join("; "), expected, "in {graph:?}");
}

/// The plan that `graph` describes.
pub fn plan(graph: &str) -> Result<Plan, linkflow_engine::PlanError> {
    let mut text = GraphText::default();
    for statement in graph.split(';').map(str::trim).filter(|s| !s.is_empty()) {
        text.read(statement);
    }
    for at in 0..text.nodes.len() {
        text.nodes[at].position.get_or_insert([0.0, at as f64 * 100.0]);
    }
    let nodes =
        text.nodes.into_iter().map(|n| PlanNode { position: n.position.unwrap(), ..n.node }).collect();
    Plan::new(text.order.unwrap_or(Order::V1), nodes, text.limit_ms, text.steps_max.unwrap_or(1_000_000))
}

#[derive(Default)]
struct GraphText {
    nodes: Vec<NodeText>,
    order: Option<Order>,
    limit_ms: Option<u64>,
    steps_max: Option<u32>,
}

#[derive(Default)]
struct NodeText {
    node: PlanNode,
    position: Option<[f64; 2]>,
}

impl GraphText {
    fn read(&mut self, statement: &str) {
        match statement.split_whitespace().collect::<Vec<_>>()[..] {
            ["v0"] => self.order = Some(Order::V0),
            ["v1"] => self.order = Some(Order::V1),
            ["parallel"] => self.order = Some(Order::Parallel),
            ["limit", ms] => self.limit_ms = Some(ms.parse().unwrap()),
            ["steps", n] => self.steps_max = Some(n.parse().unwrap()),
            [from, arrow, to] if arrow.ends_with('>') => self.edge(from, arrow, to),
            [name, ..] if name.ends_with(':') => self.traits(statement),
            _ => panic!("what is {statement:?}?"),
        }
    }

    fn edge(&mut self, from: &str, arrow: &str, to: &str) {
        let output: usize = arrow.trim_matches(['-', '>']).parse().unwrap_or(0);
        let (to, input) = to.split_once('.').unwrap_or((to, "0"));
        let input: u32 = input.parse().unwrap();
        let from = self.node(from);
        let to = self.node(to);
        self.nodes[to].node.inputs = self.nodes[to].node.inputs.max(input + 1);
        let outputs = &mut self.nodes[from].node.outputs;
        outputs.resize(outputs.len().max(output + 1), Vec::new());
        outputs[output].push((to as u32, input));
    }

    fn traits(&mut self, statement: &str) {
        let (name, traits) = statement.split_once(':').unwrap();
        let at = self.node(name);
        let NodeText { node, position } = &mut self.nodes[at];
        let mut words = traits.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let mut numbers = || {
                let mut numbers = Vec::new();
                while let Some(number) = words.peek().and_then(|word| word.parse::<u32>().ok()) {
                    numbers.push(number);
                    words.next();
                }
                numbers
            };
            match word {
                "always" => node.always_output = true,
                "disabled" => node.disabled = true,
                "continues" => node.continues_on_error = true,
                "requires-all" => node.required = Required::All,
                "requires" => node.required = Required::Inputs(numbers()),
                "at" => {
                    let numbers = numbers();
                    *position = Some([numbers[0].into(), numbers[1].into()]);
                }
                "inputs" => node.inputs = numbers()[0],
                "tries" => {
                    let n = numbers();
                    let at = |i: usize| n.get(i).copied();
                    node.tries = Tries {
                        max: n[0],
                        wait_ms: at(1).unwrap_or(1_000).into(),
                        factor: at(2).unwrap_or(1),
                        max_wait_ms: at(3).unwrap_or(60_000).into(),
                    };
                }
                _ => panic!("what is {word:?} in {statement:?}?"),
            }
        }
    }

    fn node(&mut self, name: &str) -> usize {
        let known = self.nodes.iter().position(|text| text.node.name == name);
        known.unwrap_or_else(|| {
            let node = PlanNode { name: name.to_owned(), ..PlanNode::default() };
            self.nodes.push(NodeText { node, position: None });
            self.nodes.len() - 1
        })
    }
}

struct Story {
    plan: Arc<Plan>,
    machine: Machine,
    journal: Vec<Event>,
    now: Millis,
    /// Steps and attempts whose begin was told.
    begun: Vec<(u32, u32)>,
    is_end_told: bool,
    told: Vec<String>,
}

impl Story {
    fn new(plan: Plan) -> Story {
        let plan = Arc::new(plan);
        Story {
            machine: Machine::new(plan.clone()),
            plan,
            journal: Vec::new(),
            now: Millis(0),
            begun: Vec::new(),
            is_end_told: false,
            told: Vec::new(),
        }
    }

    #[track_caller]
    fn play(&mut self, happening: &str) {
        let (words, lists) = happening.split_once('[').unwrap_or((happening, ""));
        let outputs: Vec<u32> = lists.split(['[', ']']).filter_map(|n| n.trim().parse().ok()).collect();
        let is_failed = lists.ends_with("failed");
        match words.split_whitespace().collect::<Vec<_>>()[..] {
            ["at", ms] => self.now = Millis(ms.parse().unwrap()),
            ["tick"] => self.take(Input::Tick),
            ["cancel"] => self.take(Input::Cancel),
            ["restart"] => self.machine = Machine::replay(self.plan.clone(), self.journal.clone()),
            ["start", node] => {
                let node = self.node(node);
                self.take(Input::Start { node, outputs });
            }
            ["all"] => self.answer_all(outputs),
            [name, "again", "done"] => {
                let (name, run) = name.split_once('#').expect("which run");
                let step = self.machine.runs_of(self.node(name))[run.parse::<usize>().unwrap()];
                let attempt = self.machine.attempt_of(step).unwrap();
                self.take(Input::Done { step, attempt, outputs, failed: false });
            }
            [name, "wakes", "by", by] => {
                let step = *self.machine.runs_of(self.node(name)).last().expect("a run");
                let by = match by {
                    "call" => Wake::Call,
                    "children" => Wake::Children,
                    _ => Wake::Time,
                };
                self.take(Input::Wake { step, by });
            }
            [name, ref rest @ ..] => {
                let (step, attempt) = self.running(name);
                let input = answer(step, attempt, rest, outputs, is_failed);
                self.take(input);
            }
            [] => panic!("nothing happens"),
        }
    }

    fn answer_all(&mut self, outputs: Vec<u32>) {
        while let Command::Run { step, attempt, .. } = self.machine.outstanding()[0] {
            self.take(Input::Done { step, attempt, outputs: outputs.clone(), failed: false });
        }
    }

    fn take(&mut self, input: Input) {
        let events = self.machine.take(self.now, input);
        for event in &events {
            if let Some(told) = self.tell(event) {
                self.told.push(told);
            }
        }
        self.journal.extend(events);
        for command in self.machine.outstanding() {
            match command {
                Command::Run { step, attempt, node, run, inputs, resumed, .. } => {
                    if !self.begun.contains(&(step, attempt)) {
                        self.begun.push((step, attempt));
                        self.told.push(self.tell_run(node, run, &inputs, attempt, resumed));
                    }
                }
                Command::End(outcome) if !self.is_end_told => {
                    self.is_end_told = true;
                    let outcome = match outcome {
                        Outcome::Success => "success",
                        Outcome::Error => "error",
                        Outcome::Canceled => "canceled",
                        Outcome::TimedOut => "timed out",
                    };
                    self.told.push(format!("end: {outcome}"));
                }
                _ => {}
            }
        }
    }

    fn tell_run(
        &self,
        node: u32,
        run: u32,
        inputs: &[Option<Source>],
        attempt: u32,
        resumed: Option<Wake>,
    ) -> String {
        let mut told = self.run_name(node, run);
        if inputs.len() > 1 {
            let sources: Vec<String> = inputs.iter().map(|source| self.source_name(*source)).collect();
            told += &format!("({})", sources.join(", "));
        }
        if attempt > 1 {
            told += &format!(" attempt {attempt}");
        }
        match resumed {
            Some(Wake::Time) => told += ", its time has come",
            Some(Wake::Call) => told += ", called",
            Some(Wake::Children) => told += ", children ended",
            None => {}
        }
        told
    }

    fn source_name(&self, source: Option<Source>) -> String {
        let Some(source) = source else { return "-".to_owned() };
        let name = self.run_name(source.node, source.run);
        if source.output == 0 { name } else { format!("{name}.{}", source.output) }
    }

    fn run_name(&self, node: u32, run: u32) -> String {
        let name = &self.plan.nodes[node as usize].name;
        if run == 0 { name.clone() } else { format!("{name}#{run}") }
    }

    fn tell(&self, event: &Event) -> Option<String> {
        let name = |step: &u32| {
            let node = self.machine.node_of(*step).expect("events are about steps");
            self.run_name(node, self.machine.run_of(*step).unwrap_or(0))
        };
        match event {
            Event::Failed { step, retry_at: Some(at), .. } => {
                Some(format!("{} rests until {}", name(step), at.0))
            }
            Event::Failed { step, retry_at: None, .. } => Some(format!("{} failed", name(step))),
            Event::Parked { step, wait, .. } => Some(match wait {
                Wait::Until(at) => format!("{} parked until {}", name(step), at.0),
                _ => format!("{} parked", name(step)),
            }),
            Event::Canceled { .. } => Some("canceled".to_owned()),
            Event::TimedOut { .. } => Some("timed out".to_owned()),
            _ => None,
        }
    }

    /// The step that is to run, or runs, on this node.
    #[track_caller]
    fn running(&self, name: &str) -> (u32, u32) {
        let wanted = self.node(name);
        let outstanding = self.machine.outstanding();
        let found = outstanding.iter().find_map(|command| match command {
            Command::Run { step, attempt, node, .. } if *node == wanted => Some((*step, *attempt)),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("{name} does not run, only {outstanding:?}"))
    }

    #[track_caller]
    fn node(&self, name: &str) -> u32 {
        let found = self.plan.nodes.iter().position(|node| node.name == name);
        found.unwrap_or_else(|| panic!("no node {name}")) as u32
    }

    #[track_caller]
    fn compare_with_replay(&self, happening: &str) {
        let replayed = Machine::replay(self.plan.clone(), self.journal.clone());
        assert_eq!(replayed.outstanding(), self.machine.outstanding(), "replayed after {happening:?}");
        assert_eq!(replayed.wake_at(), self.machine.wake_at(), "replayed after {happening:?}");
    }
}

fn answer(step: u32, attempt: u32, words: &[&str], outputs: Vec<u32>, failed: bool) -> Input {
    let fails = |retryable, retry_after_ms| Input::Failed { step, attempt, retryable, retry_after_ms };
    let park = |wait| Input::Park { step, attempt, wait };
    let time = |ms: &str| Millis(ms.parse().unwrap());
    match words {
        ["began"] => Input::Began { step, attempt },
        ["done"] => Input::Done { step, attempt, outputs, failed },
        ["fails"] => fails(true, None),
        ["fails", "for", "good"] => fails(false, None),
        ["fails,", "wait", ms] => fails(true, Some(ms.parse().unwrap())),
        ["parks", "until", ms] => park(Wait::Until(time(ms))),
        ["parks", "for", "a", "call"] => park(Wait::Call { until: None }),
        ["parks", "for", "a", "call", "until", ms] => park(Wait::Call { until: Some(time(ms)) }),
        ["parks", "for", n, "children"] => park(Wait::Children { n: n.parse().unwrap() }),
        _ => panic!("what is {words:?}?"),
    }
}
