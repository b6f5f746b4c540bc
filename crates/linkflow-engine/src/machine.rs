//! One execution: what has happened, what that allows next, what has to be written down.
//!
//! Every change goes through [`Machine::apply`], whether an event is new or replayed, so a machine
//! that was stopped and replayed is the one that went on. In which order nodes get their turn is
//! decided in `sequence.rs` and `parallel.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use linkflow_model::{Millis, Order, Source};

use crate::parallel::Parallel;
use crate::sequence::{Past, Sequence};
use crate::step::{Cause, Delivery, Entry, Step, StepState};
use crate::{Command, Event, Input, Outcome, Plan, PlanNode, Wait, Wake};

/// The state of one execution.
#[derive(Clone, Debug)]
pub struct Machine {
    plan: Arc<Plan>,
    /// Everything that was entered, by step number.
    steps: Vec<Step>,
    /// For each node its runs, as step numbers.
    runs: Vec<Vec<u32>>,
    turns: Turns,
    /// Steps that are not over.
    live: BTreeSet<u32>,
    /// How many of those are parked.
    n_parked: usize,
    clock: Clock,
    last_finished: Option<u32>,
    failing: Option<Cause>,
    is_canceled: bool,
    is_timed_out: bool,
    outcome: Option<Outcome>,
}

/// Whose turn it is, by the order of the workflow.
#[derive(Clone, Debug)]
enum Turns {
    Sequence(Sequence),
    Parallel(Parallel),
}

/// How long the execution has run. Stands still while everything that is not over is parked.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    started: Option<Millis>,
    parked_since: Option<Millis>,
    parked_ms: u64,
    /// Time of the last event.
    last: Millis,
}

impl Machine {
    pub fn new(plan: Arc<Plan>) -> Machine {
        let runs = vec![Vec::new(); plan.nodes.len()];
        let turns = match plan.order {
            Order::Parallel => Turns::Parallel(Parallel::new(plan.nodes.len())),
            Order::V1 | Order::V0 => Turns::Sequence(Sequence::default()),
        };
        Machine {
            plan,
            steps: Vec::new(),
            runs,
            turns,
            live: BTreeSet::new(),
            n_parked: 0,
            clock: Clock::default(),
            last_finished: None,
            failing: None,
            is_canceled: false,
            is_timed_out: false,
            outcome: None,
        }
    }

    /// The state after `events`.
    pub fn replay(plan: Arc<Plan>, events: impl IntoIterator<Item = Event>) -> Machine {
        let mut machine = Machine::new(plan);
        for event in events {
            machine.apply(&event);
        }
        machine
    }

    /// Decides what follows from `input`, takes it in, and gives the events to write down. They
    /// belong together: write all of them or none.
    pub fn take(&mut self, now: Millis, input: Input) -> Vec<Event> {
        if self.outcome.is_some() {
            return Vec::new();
        }
        let is_tick = input == Input::Tick;
        let mut events = if is_tick { self.decide_tick(now) } else { self.decide(now, input) };
        if events.is_empty() && !is_tick {
            return events;
        }
        for event in &events {
            self.apply(event);
        }
        if self.due_outcome().is_none() && self.is_over_limit(now) {
            self.record(Event::TimedOut { at: now }, &mut events);
        }
        if let Some(outcome) = self.due_outcome() {
            self.record(Event::Finished { at: now, outcome }, &mut events);
        }
        events
    }

    /// What has to be done next, in the order in which it should be begun: steps to run, those that
    /// run already included; or one sleep; or the end. While steps run, [`Machine::wake_at`] says
    /// when a tick is due all the same.
    pub fn outstanding(&self) -> Vec<Command> {
        if let Some(outcome) = self.outcome {
            return vec![Command::End(outcome)];
        }
        if self.due_outcome().is_some() {
            // Only the last event is missing, and a tick brings it.
            return vec![Command::Sleep { until: Some(self.clock.last) }];
        }
        let runs: Vec<Command> = self.live.iter().filter_map(|&step| self.run_command(step)).collect();
        if runs.is_empty() { vec![Command::Sleep { until: self.wake_at() }] } else { runs }
    }

    /// Which node runs in `step`.
    pub fn node_of(&self, step: u32) -> Option<u32> {
        self.step(step).map(|step| step.node)
    }

    /// Index of `step` among the runs of its node; `None` when there were no items for it to run on.
    pub fn run_of(&self, step: u32) -> Option<u32> {
        let Step { node, run, .. } = self.step(step)?;
        (self.runs_of(*node).get(*run as usize) == Some(&step)).then_some(*run)
    }

    /// What each input of `step` is fed from.
    pub fn inputs_of(&self, step: u32) -> &[Option<Source>] {
        self.step(step).map_or(&[], |step| &step.inputs)
    }

    /// How many items `step` gave on each output; empty while it is not over.
    pub fn outputs_of(&self, step: u32) -> &[u32] {
        self.step(step).map_or(&[], |step| &step.outputs)
    }

    /// How far `step` has come.
    pub fn state_of(&self, step: u32) -> Option<StepState> {
        self.step(step).map(|step| step.state)
    }

    /// Which go at `step` the present or last one is, from 1.
    pub fn attempt_of(&self, step: u32) -> Option<u32> {
        self.step(step).map(|step| step.attempt)
    }

    /// Whether `step` runs on one empty item that nobody delivered: order v0 gives it to a branch
    /// without items when a join waits behind it.
    pub fn is_primed(&self, step: u32) -> bool {
        self.step(step).is_some_and(|step| step.primed)
    }

    /// Whether another try would follow if this one failed now. A node that goes on after errors
    /// is answered with `Done { failed: true }` when it is false.
    pub fn would_retry(&self, step: u32, retryable: bool) -> bool {
        self.step(step).is_some_and(|s| {
            self.failing.is_none() && s.retry_at(self.plan_node(s), Millis::ZERO, retryable, None).is_some()
        })
    }

    /// The runs of `node` as step numbers, in the order of their run index, unfinished ones too.
    pub fn runs_of(&self, node: u32) -> &[u32] {
        self.runs.get(node as usize).map_or(&[], Vec::as_slice)
    }

    /// How many steps have been entered, dropped ones counted.
    pub fn n_steps(&self) -> u32 {
        self.steps.len() as u32
    }

    /// The node that ended last, with items or with a failure.
    pub fn last_finished_node(&self) -> Option<u32> {
        self.node_of(self.last_finished?)
    }

    /// How the execution ended; `None` while it has not.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// Why the execution fails or has failed.
    pub fn cause(&self) -> Option<Cause> {
        self.failing.or_else(|| self.unhealed_last_step())
    }

    /// Whether a worker has nothing to do until a time, a call or a child's end.
    pub fn is_waiting(&self) -> bool {
        self.outcome.is_none()
            && self.due_outcome().is_none()
            && !self.live.is_empty()
            && !self.live.iter().any(|&step| self.steps[step as usize].is_ready())
    }

    /// The earliest time at which [`Input::Tick`] would change something: a try that may begin, a
    /// wait that is over, or the execution's time limit.
    pub fn wake_at(&self) -> Option<Millis> {
        if self.outcome.is_some() {
            return None;
        }
        let steps = self.live.iter().filter_map(|&step| self.steps[step as usize].wakes_at());
        steps.chain(self.deadline()).min()
    }

    /// When the execution's time limit ends it, if nothing is parked until then.
    pub fn deadline(&self) -> Option<Millis> {
        let limit_ms = self.plan.time_limit_ms?;
        match self.clock.parked_since {
            None => Some(self.clock.started?.plus(self.clock.parked_ms).plus(limit_ms)),
            Some(_) => None,
        }
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    fn step(&self, step: u32) -> Option<&Step> {
        self.steps.get(step as usize)
    }

    fn plan_node(&self, step: &Step) -> &PlanNode {
        &self.plan.nodes[step.node as usize]
    }

    fn run_command(&self, number: u32) -> Option<Command> {
        let step = self.step(number)?;
        let StepState::Ready { began } = step.state else { return None };
        Some(Command::Run {
            step: number,
            attempt: step.attempt,
            node: step.node,
            run: step.run,
            inputs: step.inputs.to_vec(),
            resumed: step.resumed,
            began,
        })
    }
}

// What follows from an input.
impl Machine {
    fn decide(&self, now: Millis, input: Input) -> Vec<Event> {
        let event = match input {
            Input::Start { node, outputs } => self.decide_start(now, node, outputs),
            Input::Began { step, attempt } => self.decide_began(now, step, attempt),
            Input::Done { step, attempt, outputs, failed } => {
                self.decide_done(now, step, attempt, outputs, failed)
            }
            Input::Failed { step, attempt, retryable, retry_after_ms } => {
                self.decide_failed(now, step, attempt, retryable, retry_after_ms)
            }
            Input::Park { step, attempt, wait } => {
                self.awaiting(step, attempt).map(|_| Event::Parked { at: now, step, wait })
            }
            Input::Wake { step, by } => self.decide_wake(now, step, by),
            Input::Cancel => Some(Event::Canceled { at: now }),
            Input::Tick => None,
        };
        event.into_iter().collect()
    }

    fn decide_start(&self, at: Millis, node: u32, outputs: Vec<u32>) -> Option<Event> {
        let is_possible = self.steps.is_empty() && self.plan.node(node).is_some();
        is_possible.then_some(Event::Started { at, node, outputs })
    }

    fn decide_began(&self, at: Millis, step: u32, attempt: u32) -> Option<Event> {
        let begun = self.awaiting(step, attempt)?;
        (!begun.is_running()).then_some(Event::Began { at, step, attempt })
    }

    fn decide_done(
        &self,
        at: Millis,
        step: u32,
        attempt: u32,
        outputs: Vec<u32>,
        failed: bool,
    ) -> Option<Event> {
        let done = self.awaiting(step, attempt)?;
        if failed && !self.plan_node(done).continues_on_error {
            return Some(Event::Failed { at, step, attempt, retry_at: None });
        }
        Some(Event::Done { at, step, attempt, outputs, failed })
    }

    fn decide_failed(
        &self,
        at: Millis,
        step: u32,
        attempt: u32,
        retryable: bool,
        retry_after_ms: Option<u64>,
    ) -> Option<Event> {
        let failed = self.awaiting(step, attempt)?;
        // Nothing more is begun in an execution that is failing.
        let retryable = retryable && self.failing.is_none();
        let retry_at = failed.retry_at(self.plan_node(failed), at, retryable, retry_after_ms);
        Some(Event::Failed { at, step, attempt, retry_at })
    }

    fn decide_wake(&self, at: Millis, step: u32, by: Wake) -> Option<Event> {
        let is_woken = self.step(step)?.is_woken_by(by, at);
        is_woken.then_some(Event::Woken { at, step, by })
    }

    fn decide_tick(&self, at: Millis) -> Vec<Event> {
        if self.due_outcome().is_some() || self.is_over_limit(at) {
            return Vec::new();
        }
        let is_due = |&&step: &&u32| self.steps[step as usize].is_woken_by(Wake::Time, at);
        let woken = self.live.iter().filter(is_due);
        woken.map(|&step| Event::Woken { at, step, by: Wake::Time }).collect()
    }

    fn awaiting(&self, step: u32, attempt: u32) -> Option<&Step> {
        self.step(step).filter(|step| step.awaits(attempt))
    }

    fn is_over_limit(&self, now: Millis) -> bool {
        self.deadline().is_some_and(|deadline| now >= deadline)
    }

    /// How the execution must end now; `None` while something is left to do.
    fn due_outcome(&self) -> Option<Outcome> {
        if self.failing.is_some() && (self.live.is_empty() || self.is_canceled || self.is_timed_out) {
            return Some(Outcome::Error);
        }
        if self.is_canceled {
            return Some(Outcome::Canceled);
        }
        if self.is_timed_out {
            return Some(Outcome::TimedOut);
        }
        if self.steps.is_empty() || !self.live.is_empty() {
            return None;
        }
        let failed = self.unhealed_last_step().is_some();
        Some(if failed { Outcome::Error } else { Outcome::Success })
    }

    /// In the sequential orders an execution fails when its last step did, though the node may go
    /// on after errors: nothing came after it, not even an entry that was dropped.
    fn unhealed_last_step(&self) -> Option<Cause> {
        let last = self.last_finished?;
        let is_failed = self.step(last)?.state == StepState::Done { failed: true };
        let is_last = last + 1 == self.n_steps() && self.live.is_empty();
        let counts = self.plan.order != Order::Parallel && is_last;
        (is_failed && counts).then_some(Cause::LastStep(last))
    }

    fn record(&mut self, event: Event, events: &mut Vec<Event>) {
        self.apply(&event);
        events.push(event);
    }
}

// What an event changes. Events that cannot have happened change nothing.
impl Machine {
    fn apply(&mut self, event: &Event) {
        if self.outcome.is_some() {
            return;
        }
        match event {
            Event::Started { at, node, outputs } => self.apply_started(*at, *node, outputs),
            Event::Began { step, attempt, .. } => {
                if self.awaiting(*step, *attempt).is_some() {
                    self.steps[*step as usize].state = StepState::Ready { began: true };
                }
            }
            Event::Done { step, attempt, outputs, failed, .. } => {
                if self.awaiting(*step, *attempt).is_some() {
                    self.apply_done(*step, outputs, *failed);
                }
            }
            Event::Failed { step, attempt, retry_at, .. } => {
                if self.awaiting(*step, *attempt).is_some() {
                    self.apply_failed(*step, *retry_at);
                }
            }
            Event::Parked { step, wait, .. } => self.apply_parked(*step, *wait),
            Event::Woken { step, by, .. } => self.apply_woken(*step, *by),
            Event::Canceled { .. } => self.is_canceled = true,
            Event::TimedOut { .. } => self.is_timed_out = true,
            Event::Finished { outcome, .. } => self.outcome = Some(*outcome),
        }
        self.clock.turn_to(event.at(), self.n_parked > 0 && self.n_parked == self.live.len());
    }

    fn apply_started(&mut self, at: Millis, node: u32, outputs: &[u32]) {
        if !self.steps.is_empty() || self.plan.node(node).is_none() {
            return;
        }
        self.clock.started = Some(at);
        self.enter(Entry { node, inputs: Vec::new(), primed: false, dropped: false });
        self.apply_done(0, outputs, false);
    }

    fn apply_done(&mut self, number: u32, outputs: &[u32], failed: bool) {
        self.end_step(number, StepState::Done { failed });
        let step = &mut self.steps[number as usize];
        step.outputs = outputs.into();
        let (node, run) = (step.node, step.run);
        if self.failing.is_some() {
            return;
        }
        match &mut self.turns {
            Turns::Parallel(parallel) => parallel.finished(&self.plan, node, run, outputs),
            Turns::Sequence(sequence) => {
                let past = Runs { steps: &self.steps, runs: &self.runs };
                sequence.finished(&self.plan, node, run, outputs, &past);
            }
        }
        self.advance();
    }

    fn apply_failed(&mut self, number: u32, retry_at: Option<Millis>) {
        match retry_at {
            Some(until) => {
                let step = &mut self.steps[number as usize];
                step.failures += 1;
                step.state = StepState::Resting { until };
            }
            None => {
                self.end_step(number, StepState::Failed);
                self.fail(Cause::Step(number));
            }
        }
    }

    fn apply_parked(&mut self, number: u32, wait: Wait) {
        let Some(step) = self.steps.get_mut(number as usize).filter(|step| step.is_ready()) else { return };
        if self.failing.is_some() {
            // Nobody would wake it any more.
            step.state = StepState::Dropped;
            self.live.remove(&number);
            return;
        }
        step.state = StepState::Parked { wait };
        self.n_parked += 1;
    }

    fn apply_woken(&mut self, number: u32, by: Wake) {
        let Some(step) = self.steps.get_mut(number as usize) else { return };
        match step.state {
            StepState::Parked { .. } => {
                self.n_parked -= 1;
                step.resumed = Some(by);
            }
            StepState::Resting { .. } => {}
            _ => return,
        }
        // A number of its own keeps late answers to the attempt before apart.
        step.attempt += 1;
        step.state = StepState::Ready { began: false };
    }

    /// Enters what is to run next.
    fn advance(&mut self) {
        while self.failing.is_none() {
            let next = match &mut self.turns {
                Turns::Parallel(parallel) => parallel.next(&self.plan),
                Turns::Sequence(_) if !self.live.is_empty() => None,
                Turns::Sequence(sequence) => sequence.next(&self.plan),
            };
            let Some(entry) = next else { return };
            self.enter(entry);
        }
    }

    fn enter(&mut self, entry: Entry) {
        if self.steps.len() >= self.plan.steps_max as usize {
            self.fail(Cause::TooManySteps);
            return;
        }
        let number = self.steps.len() as u32;
        let runs = &mut self.runs[entry.node as usize];
        let run = runs.len() as u32;
        let state = if entry.dropped { StepState::Dropped } else { StepState::Ready { began: false } };
        if !entry.dropped {
            runs.push(number);
            self.live.insert(number);
        }
        let source = |slot: &Option<Delivery>| slot.map(|delivery| delivery.source);
        self.steps.push(Step {
            node: entry.node,
            run,
            inputs: entry.inputs.iter().map(source).collect(),
            primed: entry.primed,
            state,
            attempt: 1,
            failures: 0,
            resumed: None,
            outputs: Box::default(),
        });
    }

    fn end_step(&mut self, number: u32, state: StepState) {
        self.steps[number as usize].state = state;
        self.live.remove(&number);
        self.last_finished = Some(number);
    }

    /// From here on nothing is begun; what runs may still answer.
    fn fail(&mut self, cause: Cause) {
        if self.failing.is_some() {
            return;
        }
        self.failing = Some(cause);
        let idle: Vec<u32> =
            self.live.iter().copied().filter(|&step| !self.steps[step as usize].is_running()).collect();
        for step in idle {
            self.steps[step as usize].state = StepState::Dropped;
            self.live.remove(&step);
        }
        self.n_parked = 0;
    }
}

/// The runs so far, for the order v0.
struct Runs<'a> {
    steps: &'a [Step],
    runs: &'a [Vec<u32>],
}

impl Past for Runs<'_> {
    fn has_run(&self, node: u32) -> bool {
        self.runs.get(node as usize).is_some_and(|runs| !runs.is_empty())
    }

    fn items(&self, source: Source) -> u32 {
        let run = self.runs.get(source.node as usize).and_then(|runs| runs.get(source.run as usize));
        let step = run.and_then(|&step| self.steps.get(step as usize));
        step.and_then(|step| step.outputs.get(source.output as usize)).copied().unwrap_or(0)
    }
}

impl Clock {
    fn turn_to(&mut self, at: Millis, all_parked: bool) {
        self.last = self.last.max(at);
        match (self.parked_since, all_parked) {
            (None, true) => self.parked_since = Some(at),
            (Some(since), false) => {
                self.parked_ms = self.parked_ms.saturating_add(at.since(since));
                self.parked_since = None;
            }
            _ => {}
        }
    }
}
