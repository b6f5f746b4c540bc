//! A shell that runs a machine the way a worker does, in a world where everything goes wrong: it
//! dies with its last events unwritten, answers come late and twice, calls come again until they
//! are confirmed. It can be given a fault of its own, which the checker has to find.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_engine::{Command, Event, Input, Machine, Plan, Required, Tries, Wait, Wake};
use linkflow_model::{Millis, Order};

use crate::checker;
use crate::world::{Answer, Random, World};

/// What a shell does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A worker that was given up for dead goes on writing.
    NoFence,
    /// A call is confirmed before its event is on disk.
    CallConfirmedBeforeCommit,
    /// A cancel is confirmed before its event is on disk.
    CancelConfirmedBeforeCommit,
    /// A call that came is forgotten.
    WakeUpLost,
    /// A result is written twice.
    ResultWrittenTwice,
    /// A node with an effect starts before its intent is on disk.
    EffectBeforeIntent,
    /// After a restart the last result is not read.
    ResultNotReplayed,
    /// Nobody hears of a node that gave no items.
    SkippedBranchNeverResolved,
    /// Branches are reported as empty before they have ended.
    JoinDoesNotWait,
    /// A late answer passes for one to the present attempt.
    LateAnswerTaken,
    /// The end is not written.
    EndNotWritten,
    /// The end is written twice.
    EndWrittenTwice,
    /// The next try does not wait.
    RetryTooSoon,
    /// A result arrives with one item too many.
    CountsMangled,
    /// The time limit is not looked at.
    LimitIgnored,
    /// Parked time counts as running time.
    LimitCountsParkedTime,
    /// A failure is reported as success without items.
    FailureSwallowed,
    /// The machine takes the workflow for one that requires no inputs.
    RequiredIgnored,
    /// The machine takes the workflow for one in which joins do not wait for all branches.
    BranchesNotGathered,
    /// The machine does not know the retries.
    RetriesForgotten,
    /// The machine does not know one of the edges.
    EdgeForgotten,
    /// The machine does not know where the nodes stand.
    PositionsIgnored,
}

impl Fault {
    pub const ALL: [Fault; 22] = [
        Fault::NoFence,
        Fault::CallConfirmedBeforeCommit,
        Fault::CancelConfirmedBeforeCommit,
        Fault::WakeUpLost,
        Fault::ResultWrittenTwice,
        Fault::EffectBeforeIntent,
        Fault::ResultNotReplayed,
        Fault::SkippedBranchNeverResolved,
        Fault::JoinDoesNotWait,
        Fault::LateAnswerTaken,
        Fault::EndNotWritten,
        Fault::EndWrittenTwice,
        Fault::RetryTooSoon,
        Fault::CountsMangled,
        Fault::LimitIgnored,
        Fault::LimitCountsParkedTime,
        Fault::FailureSwallowed,
        Fault::RequiredIgnored,
        Fault::BranchesNotGathered,
        Fault::RetriesForgotten,
        Fault::EdgeForgotten,
        Fault::PositionsIgnored,
    ];

    /// What the checker says of it, in some execution at least.
    fn broken_rule(self) -> &'static str {
        match self {
            Fault::NoFence => "after the end",
            Fault::CallConfirmedBeforeCommit | Fault::WakeUpLost => "stuck",
            Fault::CancelConfirmedBeforeCommit => "a confirmed cancel was forgotten",
            Fault::ResultWrittenTwice | Fault::ResultNotReplayed => "ends in Over",
            Fault::EffectBeforeIntent => "had its effect before its intent",
            Fault::SkippedBranchNeverResolved | Fault::LimitIgnored => "it never ends",
            Fault::JoinDoesNotWait | Fault::CountsMangled => "gave [",
            Fault::LateAnswerTaken => "parks, but Done",
            Fault::EndNotWritten => "0 ends",
            Fault::EndWrittenTwice => "2 ends",
            Fault::RetryTooSoon => "should rest",
            Fault::LimitCountsParkedTime => "timed out after",
            Fault::FailureSwallowed => "ends, but Fails",
            Fault::RequiredIgnored => "began without input",
            Fault::BranchesNotGathered => "did not wait for run",
            Fault::RetriesForgotten | Fault::EdgeForgotten => "missing, or other than without trouble",
            Fault::PositionsIgnored => "should have run",
        }
    }

    /// The workflow as a faulty machine sees it.
    fn distort(self, plan: &Plan) -> Plan {
        let (mut order, mut nodes) = (plan.order, plan.nodes.clone());
        match self {
            Fault::RequiredIgnored => nodes.iter_mut().for_each(|node| node.required = Required::Any),
            Fault::BranchesNotGathered if order == Order::Parallel => order = Order::V1,
            Fault::RetriesForgotten => nodes.iter_mut().for_each(|node| node.tries = Tries::default()),
            Fault::EdgeForgotten => {
                let edges = nodes.iter_mut().flat_map(|node| &mut node.outputs);
                edges.filter(|targets| targets.len() > 1).for_each(|targets| _ = targets.pop());
            }
            Fault::PositionsIgnored => nodes.iter_mut().for_each(|node| node.position = [0.0, 0.0]),
            _ => {}
        }
        Plan::new(order, nodes, plan.time_limit_ms, plan.steps_max).expect("still sound")
    }
}

/// What an execution left behind.
pub struct Trace {
    pub journal: Vec<Event>,
    /// The machine at the end, replayed from the journal.
    pub machine: Machine,
    /// Effects in the outside world: (step, attempt, length of the journal on disk by then).
    pub effects: Vec<(u32, u32, usize)>,
    pub is_cancel_confirmed: bool,
}

/// Runs `world` without any trouble.
pub fn run_in_peace(world: &World) -> Result<Trace, String> {
    Shell::new(world, Random::new(0), None, false).run()
}

/// Runs `world` with all the trouble there is.
pub fn run_in_trouble(world: &World, fault: Option<Fault>) -> Result<Trace, String> {
    Shell::new(world, Random::new(world.seed ^ 0xBAD), fault, true).run()
}

/// Both, and the checks.
pub fn simulate(seed: u64, fault: Option<Fault>) -> Result<(), String> {
    let world = World::new(seed);
    let peace = run_in_peace(&world)?;
    checker::check(&world, &peace)?;
    let trouble = run_in_trouble(&world, fault)?;
    checker::check(&world, &trouble)?;
    if world.is_sure_of_its_runs() { checker::compare(&peace, &trouble) } else { Ok(()) }
}

#[derive(Clone, Copy, Debug)]
struct Task {
    step: u32,
    attempt: u32,
    node: u32,
    run: u32,
}

struct Shell<'a> {
    world: &'a World,
    /// The plan that the machine is given.
    plan: Arc<Plan>,
    random: Random,
    fault: Option<Fault>,
    is_troubled: bool,
    now: Millis,
    machine: Machine,
    /// What is on disk, and what is not yet.
    durable: Vec<Event>,
    buffer: Vec<Event>,
    /// What this process has begun and not answered.
    tasks: Vec<Task>,
    answered: Vec<Input>,
    effects: Vec<(u32, u32, usize)>,
    /// Parked steps, as far as the disk says: somebody outside will call them.
    callers: BTreeMap<u32, Wait>,
    is_cancel_confirmed: bool,
    n_crashes: u32,
    /// A process that is thought dead.
    zombie: Option<(Machine, Vec<Task>)>,
}

const TURNS_MAX: usize = 20_000;

impl<'a> Shell<'a> {
    fn new(world: &'a World, random: Random, fault: Option<Fault>, is_troubled: bool) -> Shell<'a> {
        let plan = fault.map_or(world.plan.clone(), |fault| Arc::new(fault.distort(&world.plan)));
        Shell {
            world,
            machine: Machine::new(plan.clone()),
            plan,
            random,
            fault,
            is_troubled,
            now: Millis(1_000),
            durable: Vec::new(),
            buffer: Vec::new(),
            tasks: Vec::new(),
            answered: Vec::new(),
            effects: Vec::new(),
            callers: BTreeMap::new(),
            is_cancel_confirmed: false,
            n_crashes: 0,
            zombie: None,
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn run(mut self) -> Result<Trace, String> {
        let outputs = self.world.script(0, 0).outputs;
        self.take(Input::Start { node: 0, outputs });
        self.flush();
        for _ in 0..TURNS_MAX {
            let commands = self.machine.outstanding();
            self.check_commands(&commands)?;
            if matches!(commands[..], [Command::End(_)]) {
                if self.is_troubled && self.n_crashes < 4 && self.random.once_in(5) {
                    self.crash();
                    continue;
                }
                self.flush();
                self.bury_zombie();
                let machine = Machine::replay(self.plan.clone(), self.durable.clone());
                let (journal, effects) = (self.durable, self.effects);
                let is_cancel_confirmed = self.is_cancel_confirmed;
                return Ok(Trace { journal, machine, effects, is_cancel_confirmed });
            }
            if !(self.is_troubled && self.make_trouble(&commands)) {
                self.make_progress(&commands)?;
            }
        }
        Err(format!("it never ends: {:?}, {:?}", self.machine.outstanding(), self.durable))
    }

    fn check_commands(&self, commands: &[Command]) -> Result<(), String> {
        let n_runs = commands.iter().filter(|c| matches!(c, Command::Run { .. })).count();
        if n_runs > 1 && self.world.plan.order != Order::Parallel {
            return Err(format!("{n_runs} steps at a time in a sequence"));
        }
        if commands.is_empty() || n_runs != commands.len() && commands.len() > 1 {
            return Err(format!("commands that make no sense: {commands:?}"));
        }
        Ok(())
    }

    /// One of the things that should not happen, but do. False when it is a quiet moment.
    fn make_trouble(&mut self, commands: &[Command]) -> bool {
        match self.random.below(40) {
            0 | 1 if self.n_crashes < 4 => self.crash(),
            2 | 3 => self.repeat_an_answer(),
            4 => self.say_something_impossible(),
            5..8 => self.flush(),
            8 => {
                let ms = self.random.below(1_500) as u64;
                self.pass_time(self.now.plus(ms));
            }
            9 if self.world.is_canceled_somewhen && !self.is_cancel_confirmed => {
                self.take(Input::Cancel);
                self.is_cancel_confirmed |= self.has(Fault::CancelConfirmedBeforeCommit);
            }
            10 => self.call_somebody(),
            11 => self.let_zombie_act(),
            12..22 => return self.begin_one(commands),
            _ => return false,
        }
        true
    }

    fn make_progress(&mut self, commands: &[Command]) -> Result<(), String> {
        let answer_first = self.is_troubled && self.random.once_in(2);
        if answer_first && self.answer_one() || self.begin_one(commands) || self.answer_one() {
            return Ok(());
        }
        self.flush();
        if !self.callers.is_empty() && self.random.once_in(2) {
            self.call_somebody();
            return Ok(());
        }
        match self.machine.wake_at() {
            Some(at) => self.pass_time(at),
            None if !self.callers.is_empty() => self.call_somebody(),
            None => match commands {
                // The end is due, and a tick brings it.
                [Command::Sleep { until: Some(at) }] => self.pass_time(*at),
                _ => return Err(format!("stuck: {commands:?}")),
            },
        }
        Ok(())
    }

    /// Begins the first step that this process has not begun.
    fn begin_one(&mut self, commands: &[Command]) -> bool {
        let is_begun = |step, attempt| self.tasks.iter().any(|t| (t.step, t.attempt) == (step, attempt));
        let mut fresh = commands.iter().filter_map(|command| match *command {
            Command::Run { step, attempt, node, run, .. } if !is_begun(step, attempt) => {
                Some(Task { step, attempt, node, run })
            }
            _ => None,
        });
        let Some(task) = fresh.next() else { return false };
        let has_effect = task.node % 2 == 0;
        if has_effect || self.random.once_in(2) {
            self.take(Input::Began { step: task.step, attempt: task.attempt });
        }
        if has_effect {
            if !self.has(Fault::EffectBeforeIntent) {
                self.flush();
            }
            self.effects.push((task.step, task.attempt, self.durable.len()));
        }
        self.tasks.push(task);
        if self.has(Fault::JoinDoesNotWait) && self.random.once_in(4) {
            let outputs = vec![0; self.world.plan.nodes[task.node as usize].outputs.len()];
            self.take(Input::Done { step: task.step, attempt: task.attempt, outputs, failed: false });
        }
        true
    }

    /// Answers one of the steps that have been begun, unless it hangs.
    fn answer_one(&mut self) -> bool {
        let answerable: Vec<usize> = (0..self.tasks.len())
            .filter(|&at| answer_of(self.world, self.tasks[at]) != Answer::Hangs)
            .collect();
        if answerable.is_empty() {
            return false;
        }
        let at = if self.is_troubled { self.random.below(answerable.len()) } else { 0 };
        let task = self.tasks.remove(answerable[at]);
        let input = self.answer(task);
        self.answered.push(input.clone());
        if !self.is_swallowed(&input) {
            self.take(input);
        }
        true
    }

    fn answer(&mut self, task: Task) -> Input {
        let Task { step, attempt, .. } = task;
        let park = |wait| Input::Park { step, attempt, wait };
        match answer_of(self.world, task) {
            Answer::Fails { .. } if self.has(Fault::FailureSwallowed) => {
                Input::Done { step, attempt, outputs: Vec::new(), failed: false }
            }
            Answer::Fails { retryable, retry_after_ms } => {
                Input::Failed { step, attempt, retryable, retry_after_ms }
            }
            Answer::ParksUntil { ms } => park(Wait::Until(self.now.plus(ms))),
            Answer::ParksForCall { at_most_ms } => {
                park(Wait::Call { until: at_most_ms.map(|ms| self.now.plus(ms)) })
            }
            Answer::ParksForChildren => park(Wait::Children { n: 2 }),
            Answer::Done | Answer::Hangs => {
                let script = self.world.script(task.node, task.run);
                let mut outputs = script.outputs;
                if self.has(Fault::CountsMangled) && self.random.once_in(3) {
                    outputs[0] += 1;
                }
                Input::Done { step, attempt, outputs, failed: script.failed }
            }
        }
    }

    fn is_swallowed(&self, input: &Input) -> bool {
        let Input::Done { outputs, .. } = input else { return false };
        self.has(Fault::SkippedBranchNeverResolved) && outputs.iter().all(|&items| items == 0)
    }

    fn take(&mut self, input: Input) {
        let events = self.machine.take(self.now, input);
        self.buffer.extend(events);
        if self.has(Fault::RetryTooSoon) {
            self.shorten_rests();
        }
    }

    /// Whoever parked is called, and called again until that is on disk.
    fn call_somebody(&mut self) {
        let n_callers = self.callers.len();
        let Some((&step, &wait)) = self.callers.iter().nth(self.random.below(n_callers)) else { return };
        let by = match wait {
            Wait::Children { .. } => Wake::Children,
            _ => Wake::Call,
        };
        if self.has(Fault::WakeUpLost) && self.random.once_in(2) {
            self.callers.remove(&step);
            return;
        }
        self.take(Input::Wake { step, by });
        if self.has(Fault::CallConfirmedBeforeCommit) {
            self.callers.remove(&step);
        }
    }

    fn pass_time(&mut self, to: Millis) {
        self.now = self.now.max(to);
        let is_over = self.machine.deadline().is_some_and(|deadline| deadline <= self.now);
        if self.has(Fault::LimitIgnored) && is_over {
            return;
        }
        if self.has(Fault::LimitCountsParkedTime)
            && let Some(limit_ms) = self.world.plan.time_limit_ms
            && self.now >= Millis(1_000).plus(limit_ms)
            && self.machine.outcome().is_none()
        {
            self.buffer.push(Event::TimedOut { at: self.now });
            self.flush();
            self.machine = Machine::replay(self.plan.clone(), self.durable.clone());
        }
        self.take(Input::Tick);
    }

    /// Writes what is not yet on disk.
    fn flush(&mut self) {
        let mut events = std::mem::take(&mut self.buffer);
        if self.has(Fault::EndNotWritten) {
            events.retain(|event| !matches!(event, Event::Finished { .. }));
        }
        let repeats = |event: &&Event| match event {
            Event::Done { .. } => self.fault == Some(Fault::ResultWrittenTwice),
            Event::Finished { .. } => self.fault == Some(Fault::EndWrittenTwice),
            _ => false,
        };
        let again: Vec<Event> = events.iter().filter(repeats).cloned().collect();
        events.extend(again);
        self.write(events);
    }

    fn write(&mut self, events: Vec<Event>) {
        for event in &events {
            match *event {
                Event::Parked { step, wait, .. } if !matches!(wait, Wait::Until(_)) => {
                    self.callers.insert(step, wait);
                }
                Event::Woken { step, .. } => {
                    self.callers.remove(&step);
                }
                Event::Canceled { .. } => self.is_cancel_confirmed = true,
                Event::Finished { .. } => self.callers.clear(),
                _ => {}
            }
        }
        self.durable.extend(events);
    }

    /// The process dies. Some of what was being written may have reached the disk.
    fn crash(&mut self) {
        self.n_crashes += 1;
        if self.has(Fault::NoFence) {
            self.zombie = Some((self.machine.clone(), self.tasks.clone()));
        }
        let mut written = std::mem::take(&mut self.buffer);
        written.truncate(self.random.below(written.len() + 1));
        self.write(written);
        self.tasks.clear();
        // The number of a step whose end was lost may come to belong to another one.
        self.answered.retain(|answer| self.durable.iter().any(|event| is_result(event, answer)));
        let mut journal = self.durable.clone();
        if self.has(Fault::ResultNotReplayed)
            && let Some(last) = journal.iter().rposition(|event| matches!(event, Event::Done { .. }))
        {
            journal.remove(last);
        }
        self.machine = Machine::replay(self.plan.clone(), journal);
    }

    /// An answer that was given before is given again.
    fn repeat_an_answer(&mut self) {
        if self.answered.is_empty() {
            return;
        }
        let mut answer = self.answered[self.random.below(self.answered.len())].clone();
        if self.has(Fault::LateAnswerTaken)
            && let Input::Done { step, attempt, .. }
            | Input::Failed { step, attempt, .. }
            | Input::Park { step, attempt, .. } = &mut answer
        {
            *attempt = self.machine.attempt_of(*step).unwrap_or(*attempt);
        }
        if self.is_swallowed(&answer) {
            return;
        }
        self.take(answer);
    }

    fn say_something_impossible(&mut self) {
        let step = self.machine.n_steps() + self.random.below(3) as u32;
        let attempt = 1;
        let before = self.buffer.len();
        let input = match self.random.below(5) {
            0 => Input::Done { step, attempt, outputs: vec![1; 9], failed: false },
            1 => Input::Failed { step, attempt, retryable: true, retry_after_ms: None },
            2 => Input::Began { step, attempt: 77 },
            3 => Input::Wake { step, by: Wake::Time },
            _ => Input::Start { node: 0, outputs: vec![1] },
        };
        self.take(input);
        assert_eq!(self.buffer.len(), before, "seed {}: took the impossible", self.world.seed);
    }

    /// What was thought dead answers all it had begun, and writes it down.
    fn let_zombie_act(&mut self) {
        let Some((mut machine, tasks)) = self.zombie.take() else { return };
        for task in tasks {
            if answer_of(self.world, task) == Answer::Done {
                let script = self.world.script(task.node, task.run);
                let Task { step, attempt, .. } = task;
                let done = Input::Done { step, attempt, outputs: script.outputs, failed: script.failed };
                self.durable.extend(machine.take(self.now, done));
            }
        }
    }

    fn bury_zombie(&mut self) {
        self.let_zombie_act();
    }

    /// Rewrites the last failure so that the next try need not wait.
    fn shorten_rests(&mut self) {
        let Some(Event::Failed { at, retry_at: Some(until), .. }) = self.buffer.last_mut() else { return };
        *until = *at;
        let journal = self.durable.iter().chain(&self.buffer).cloned();
        self.machine = Machine::replay(self.plan.clone(), journal);
    }
}

fn is_result(event: &Event, answer: &Input) -> bool {
    let of_event = match *event {
        Event::Done { step, attempt, .. } | Event::Failed { step, attempt, .. } => (step, attempt),
        _ => return false,
    };
    match *answer {
        Input::Done { step, attempt, .. } | Input::Failed { step, attempt, .. } => {
            of_event == (step, attempt)
        }
        _ => false,
    }
}

/// What the try at hand comes to.
fn answer_of(world: &World, task: Task) -> Answer {
    let script = world.script(task.node, task.run);
    let at = (task.attempt as usize - 1).min(script.answers.len() - 1);
    script.answers[at]
}

/// How many seeds to try: `LINKFLOW_SEEDS`, or as many as fit into a normal test run.
fn n_seeds() -> u64 {
    std::env::var("LINKFLOW_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000)
}

#[test]
fn executions_keep_their_promises_whatever_happens() {
    let n_threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let n_seeds = n_seeds();
    std::thread::scope(|scope| {
        for first in 0..n_threads {
            scope.spawn(move || {
                for seed in (first..n_seeds).step_by(n_threads as usize) {
                    if let Err(broken) = simulate(seed, None) {
                        panic!("seed {seed}: {broken}");
                    }
                }
            });
        }
    });
}

#[test]
fn the_checker_finds_every_planted_fault() {
    for fault in Fault::ALL {
        let mut broken = (0..20_000).filter_map(|seed| simulate(seed, Some(fault)).err());
        let rule = fault.broken_rule();
        assert!(broken.any(|message| message.contains(rule)), "{fault:?}: never \"{rule}\"");
    }
}

/// Journals that no execution could have written must do no harm either.
#[test]
fn a_damaged_journal_does_not_bring_the_machine_down() {
    for seed in 0..2_000 {
        let world = World::new(seed);
        let mut random = Random::new(seed);
        let Ok(trace) = run_in_trouble(&world, None) else { panic!("seed {seed} is in trouble") };
        let mut journal = trace.journal;
        for _ in 0..1 + random.below(4) {
            let (a, b) = (random.below(journal.len()), random.below(journal.len()));
            match random.below(3) {
                0 => journal.swap(a, b),
                1 => journal.insert(a, journal[b].clone()),
                _ => _ = journal.remove(a),
            }
            if journal.is_empty() {
                break;
            }
        }
        let mut machine = Machine::replay(world.plan.clone(), journal);
        for turn in 0..50 {
            let now = Millis(1_000_000 * turn);
            match machine.outstanding().first() {
                Some(&Command::Run { step, attempt, .. }) => machine
                    .take(now, Input::Done { step, attempt, outputs: vec![u32::MAX; 4], failed: false }),
                _ => machine.take(now, Input::Tick),
            };
        }
    }
}
