//! What must be true of every execution, told from its journal. Written against the rules: it does
//! not ask the machine what follows from what, only which step was which run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use linkflow_engine::{Command, Event, Outcome, Plan, PlanNode, Required, Wait, Wake};
use linkflow_model::{Millis, Order, Source};

use crate::simulation::Trace;
use crate::world::{Answer, World};

macro_rules! must {
    ($holds:expr, $($message:tt)*) => {
        if !$holds {
            return Err(format!($($message)*));
        }
    };
}

/// All the rules that hold for one execution.
pub fn check(world: &World, trace: &Trace) -> Result<(), String> {
    check_end(trace)?;
    check_steps(world, trace)?;
    check_outcome(world, trace)?;
    let runs = runs(trace)?;
    check_inputs(world, trace, &runs)?;
    check_deliveries(world, trace, &runs)?;
    check_joins_waited(world, trace, &runs)?;
    check_turns(&runs)?;
    check_order(world, trace)?;
    check_effects(trace)
}

/// Two executions of one workflow have the same runs, fed from the same, with the same results.
pub fn compare(peace: &Trace, trouble: &Trace) -> Result<(), String> {
    let (expected, got) = (results(peace), results(trouble));
    for run in &expected {
        must!(got.contains(run), "missing, or other than without trouble: {run:?}");
    }
    for run in &got {
        must!(expected.contains(run), "should not have run: {run:?}");
    }
    must!(outcome(peace) == outcome(trouble), "ended {:?}, not {:?}", outcome(trouble), outcome(peace));
    Ok(())
}

type Result_ = ((u32, u32), Vec<Option<Source>>, Vec<u32>, bool);

fn results(trace: &Trace) -> BTreeSet<String> {
    let results = trace.journal.iter().filter_map(|event| match event {
        Event::Done { step, outputs, failed, .. } => {
            let machine = &trace.machine;
            let run = (machine.node_of(*step)?, machine.run_of(*step)?);
            let result: Result_ = (run, machine.inputs_of(*step).to_vec(), outputs.clone(), *failed);
            Some(format!("{result:?}"))
        }
        _ => None,
    });
    results.collect()
}

fn outcome(trace: &Trace) -> Option<Outcome> {
    match trace.journal.last() {
        Some(Event::Finished { outcome, .. }) => Some(*outcome),
        _ => None,
    }
}

/// One beginning, one end, nothing before or after, and nothing left to do.
fn check_end(trace: &Trace) -> Result<(), String> {
    let n = |is: fn(&Event) -> bool| trace.journal.iter().filter(|event| is(event)).count();
    let n_ends = n(|event| matches!(event, Event::Finished { .. }));
    must!(n_ends == 1, "{n_ends} ends");
    must!(outcome(trace).is_some(), "something happened after the end");
    let n_starts = n(|event| matches!(event, Event::Started { .. }));
    must!(n_starts == 1, "{n_starts} beginnings");
    must!(matches!(trace.journal[0], Event::Started { .. }), "something happened before the beginning");
    let left = trace.machine.outstanding();
    must!(matches!(left[..], [Command::End(_)]), "left to do after the end: {left:?}");
    Ok(())
}

/// What the journal says of one step.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Ready { began: bool },
    Rests { until: Millis },
    Parked { wait: Wait },
    Over,
}

struct StepLog {
    stage: Stage,
    attempt: u32,
    n_failures: u32,
}

/// Each step goes from stage to stage as the rules allow.
fn check_steps(world: &World, trace: &Trace) -> Result<(), String> {
    let mut steps: BTreeMap<u32, StepLog> = BTreeMap::new();
    let mut last = Millis(0);
    for event in &trace.journal {
        let (at, step) = subject(event);
        must!(at >= last, "time goes back at {event:?}");
        last = at;
        let Some(step) = step else { continue };
        let new = StepLog { stage: Stage::Ready { began: false }, attempt: 1, n_failures: 0 };
        let log = steps.entry(step).or_insert(new);
        let node_at = trace.machine.node_of(step).ok_or(format!("nobody knows step {step}"))?;
        let run = trace.machine.run_of(step).unwrap_or(0);
        advance(world, log, (node_at, run), event).map_err(|wrong| format!("{wrong} at {event:?}"))?;
    }
    Ok(())
}

fn subject(event: &Event) -> (Millis, Option<u32>) {
    match *event {
        Event::Began { at, step, .. }
        | Event::Done { at, step, .. }
        | Event::Failed { at, step, .. }
        | Event::Parked { at, step, .. }
        | Event::Woken { at, step, .. } => (at, Some(step)),
        Event::Started { at, .. }
        | Event::Canceled { at }
        | Event::TimedOut { at }
        | Event::Finished { at, .. } => (at, None),
    }
}

fn advance(world: &World, log: &mut StepLog, (node, run): (u32, u32), event: &Event) -> Result<(), String> {
    let ready = matches!(log.stage, Stage::Ready { .. });
    let script = world.script(node, run);
    let answer = script.answers[(log.attempt as usize - 1).min(script.answers.len() - 1)];
    match event {
        Event::Began { attempt, .. } => {
            must!(matches!(log.stage, Stage::Ready { began: false }), "begins while {:?}", log.stage);
            must!(*attempt == log.attempt, "attempt {}", log.attempt);
            log.stage = Stage::Ready { began: true };
        }
        Event::Done { attempt, outputs, failed, .. } => {
            must!(ready && *attempt == log.attempt, "ends in {:?}, attempt {}", log.stage, log.attempt);
            must!(answer == Answer::Done, "ends, but {answer:?}");
            must!(*outputs == script.outputs && *failed == script.failed, "gave {:?}", script.outputs);
            log.stage = Stage::Over;
        }
        Event::Failed { at, attempt, retry_at, .. } => {
            must!(ready && *attempt == log.attempt, "fails in {:?}, attempt {}", log.stage, log.attempt);
            let Answer::Fails { retryable, retry_after_ms } = answer else {
                return Err(format!("fails, but {answer:?}"));
            };
            log.n_failures += 1;
            let plan_node = &world.plan.nodes[node as usize];
            log.stage = match *retry_at {
                Some(until) => {
                    must!(retryable && log.n_failures < plan_node.tries.max, "one try too many");
                    let rest_ms = rest_ms(plan_node, log.n_failures).max(retry_after_ms.unwrap_or(0));
                    must!(until.0 == at.0 + rest_ms as i64, "should rest {rest_ms} ms");
                    Stage::Rests { until }
                }
                None => Stage::Over,
            };
        }
        Event::Parked { wait, .. } => {
            must!(ready, "parks in {:?}", log.stage);
            let is_told = matches!(
                (answer, wait),
                (Answer::ParksUntil { .. }, Wait::Until(_))
                    | (Answer::ParksForCall { .. }, Wait::Call { .. })
                    | (Answer::ParksForChildren, Wait::Children { .. })
            );
            must!(is_told, "parks, but {answer:?}");
            log.stage = Stage::Parked { wait: *wait };
        }
        Event::Woken { at, by, .. } => {
            must!(may_wake(log.stage, *by, *at), "wakes in {:?}", log.stage);
            log.stage = Stage::Ready { began: false };
            log.attempt += 1;
        }
        _ => {}
    }
    Ok(())
}

fn rest_ms(node: &PlanNode, n_failures: u32) -> u64 {
    let mut rest_ms = node.tries.wait_ms;
    for _ in 1..n_failures {
        rest_ms *= u64::from(node.tries.factor);
    }
    rest_ms.min(node.tries.max_wait_ms)
}

fn may_wake(stage: Stage, by: Wake, now: Millis) -> bool {
    match (stage, by) {
        (Stage::Rests { until }, Wake::Time) => now >= until,
        (Stage::Parked { wait: Wait::Until(until) }, Wake::Time) => now >= until,
        (Stage::Parked { wait: Wait::Call { until: Some(until) } }, Wake::Time) => now >= until,
        (Stage::Parked { wait: Wait::Call { .. } }, Wake::Call) => true,
        (Stage::Parked { wait: Wait::Children { .. } }, Wake::Children) => true,
        _ => false,
    }
}

/// The outcome has its reason in the journal, and no better reason was passed over.
fn check_outcome(world: &World, trace: &Trace) -> Result<(), String> {
    let has = |is: fn(&Event) -> bool| trace.journal.iter().any(is);
    let is_canceled = has(|event| matches!(event, Event::Canceled { .. }));
    let is_timed_out = has(|event| matches!(event, Event::TimedOut { .. }));
    let has_failed = has(|event| matches!(event, Event::Failed { retry_at: None, .. }));
    let may_fail_otherwise =
        world.plan.order != Order::Parallel || trace.machine.n_steps() >= world.plan.steps_max;
    let outcome = outcome(trace).ok_or("no outcome")?;
    let is_right = match outcome {
        Outcome::Error => has_failed || may_fail_otherwise,
        Outcome::Canceled => is_canceled && !has_failed,
        Outcome::TimedOut => is_timed_out && !has_failed,
        Outcome::Success => !has_failed && !is_canceled && !is_timed_out,
    };
    must!(is_right, "{outcome:?} without reason: {:?}", trace.journal);
    must!(!trace.is_cancel_confirmed || is_canceled || has_failed, "a confirmed cancel was forgotten");
    if is_timed_out && world.plan.order != Order::Parallel {
        check_limit(world, trace)?;
    }
    Ok(())
}

/// In a sequence all is parked when one step is, and that time does not count.
fn check_limit(world: &World, trace: &Trace) -> Result<(), String> {
    let limit_ms = world.plan.time_limit_ms.ok_or("timed out without a limit")? as i64;
    let mut ran_ms = 0;
    let mut since = Some(subject(&trace.journal[0]).0);
    for event in &trace.journal {
        match (event, since) {
            (Event::Parked { at, .. } | Event::TimedOut { at }, Some(from)) => {
                ran_ms += at.0 - from.0;
                since = None;
            }
            (Event::Woken { at, .. }, None) => since = Some(*at),
            _ => {}
        }
    }
    must!(ran_ms >= limit_ms, "timed out after {ran_ms} of {limit_ms} ms");
    Ok(())
}

/// Which run a step was, and between which places of the journal.
struct Run {
    step: u32,
    first_event: usize,
    done: Option<(usize, Vec<u32>)>,
}

/// All runs that left something in the journal, by node and run index; each is there once.
fn runs(trace: &Trace) -> Result<BTreeMap<(u32, u32), Run>, String> {
    let mut runs: BTreeMap<(u32, u32), Run> = BTreeMap::new();
    for (place, event) in trace.journal.iter().enumerate() {
        let step = match event {
            Event::Started { .. } => 0,
            _ => match subject(event).1 {
                Some(step) => step,
                None => continue,
            },
        };
        let node = trace.machine.node_of(step).ok_or(format!("nobody knows step {step}"))?;
        let run = trace.machine.run_of(step).ok_or(format!("step {step} never ran"))?;
        let entry = runs.entry((node, run)).or_insert(Run { step, first_event: place, done: None });
        must!(entry.step == step, "run {run} of node {node} was both step {} and {step}", entry.step);
        if let Event::Done { outputs, .. } | Event::Started { outputs, .. } = event {
            must!(entry.done.is_none(), "step {step} is recorded as done twice");
            entry.done = Some((place, outputs.clone()));
        }
    }
    Ok(runs)
}

/// What a run is fed from exists, was there before it, and is connected to it.
fn check_inputs(world: &World, trace: &Trace, runs: &BTreeMap<(u32, u32), Run>) -> Result<(), String> {
    let is_v0 = world.plan.order == Order::V0;
    for (&(node, run), its) in runs.iter().filter(|(_, run)| run.step > 0) {
        let inputs = trace.machine.inputs_of(its.step);
        for (input, source) in inputs.iter().enumerate() {
            let Some(source) = source else { continue };
            let from = runs.get(&(source.node, source.run)).and_then(|from| from.done.as_ref());
            let Some((place, outputs)) = from else {
                return Err(format!("run {run} of node {node} is fed from {source:?}, which never ended"));
            };
            must!(*place < its.first_event, "run {run} of node {node} began before {source:?} was there");
            let items = outputs.get(source.output as usize).copied().unwrap_or(0);
            must!(items > 0 || is_v0, "run {run} of node {node} is fed from {source:?}, which is empty");
            let edge = (node, input as u32);
            let edges = &world.plan.nodes[source.node as usize].outputs[source.output as usize];
            must!(edges.contains(&edge), "run {run} of node {node} is fed from {source:?} without an edge");
        }
        check_required(&world.plan, node, inputs)
            .map_err(|input| format!("run {run} of node {node} began without input {input}"))?;
        let is_fed = inputs.iter().any(Option::is_some) || trace.machine.is_primed(its.step);
        must!(is_fed, "run {run} of node {node} is fed from nothing");
    }
    Ok(())
}

/// What a node requires is there. Order v0 does not look, and nobody does where only the first
/// input is connected.
fn check_required(plan: &Plan, node: u32, inputs: &[Option<Source>]) -> Result<(), u32> {
    let required: Vec<u32> = match &plan.nodes[node as usize].required {
        _ if plan.order == Order::V0 => Vec::new(),
        _ if (1..inputs.len() as u32).all(|input| plan.sources_of(node, input).is_empty()) => Vec::new(),
        Required::Any => Vec::new(),
        Required::Inputs(inputs) => inputs.clone(),
        Required::All => {
            (0..inputs.len() as u32).filter(|&input| !plan.sources_of(node, input).is_empty()).collect()
        }
    };
    let is_missing = |input: &u32| inputs.get(*input as usize).is_none_or(Option::is_none);
    match required.into_iter().find(is_missing) {
        Some(input) => Err(input),
        None => Ok(()),
    }
}

/// What was given on an edge is taken once: never twice, and never forgotten where no rule of
/// waiting allows that.
fn check_deliveries(world: &World, trace: &Trace, runs: &BTreeMap<(u32, u32), Run>) -> Result<(), String> {
    let mut taken: BTreeMap<(u32, u32, u32, u32, u32), usize> = BTreeMap::new();
    for (step, node) in (0..trace.machine.n_steps()).filter_map(|s| Some((s, trace.machine.node_of(s)?))) {
        for (input, source) in trace.machine.inputs_of(step).iter().enumerate() {
            if let Some(s) = source {
                *taken.entry((s.node, s.run, s.output, node, input as u32)).or_default() += 1;
            }
        }
    }
    let is_whole = outcome(trace) == Some(Outcome::Success);
    for (&(from, run), its) in runs {
        let Some((_, outputs)) = &its.done else { continue };
        for (output, targets) in world.plan.nodes[from as usize].outputs.iter().enumerate() {
            let items = outputs.get(output).copied().unwrap_or(0);
            for &(to, input) in targets {
                let n_edges = targets.iter().filter(|&&other| other == (to, input)).count();
                let n_taken = taken.get(&(from, run, output as u32, to, input)).copied().unwrap_or(0);
                let what =
                    format!("output {output} of run {run} of node {from} at input {input} of node {to}");
                must!(n_taken <= n_edges, "taken {n_taken} times: {what}");
                let must_be_taken = is_whole && items > 0 && nobody_may_leave_behind(world, to);
                must!(n_taken == n_edges || !must_be_taken, "left behind: {what}");
            }
        }
    }
    Ok(())
}

/// Whether all that comes to `node` leads to a run.
fn nobody_may_leave_behind(world: &World, node: u32) -> bool {
    let is_join = world.plan.nodes[node as usize].inputs > 1;
    match world.plan.order {
        Order::Parallel => world.plan.nodes[node as usize].required == Required::Any,
        Order::V1 | Order::V0 => !is_join,
    }
}

/// Side by side, a join outside of loops begins after everything above it has ended.
fn check_joins_waited(world: &World, trace: &Trace, runs: &BTreeMap<(u32, u32), Run>) -> Result<(), String> {
    if world.plan.order != Order::Parallel {
        return Ok(());
    }
    for (node, its) in world.plan.nodes.iter().enumerate() {
        let above = above(world, node as u32);
        let n_edges: usize =
            (0..its.inputs).map(|input| world.plan.sources_of(node as u32, input).len()).sum();
        if n_edges < 2 || above.contains(&(node as u32)) {
            continue;
        }
        let of_node = runs.iter().filter(|((of, _), _)| *of == node as u32);
        let Some(first) = of_node.map(|(_, run)| run.first_event).min() else { continue };
        for ((from, run), late) in runs.iter().filter(|((from, _), _)| above.contains(from)) {
            let is_late = late.done.as_ref().is_none_or(|(place, _)| *place > first);
            must!(!is_late, "join {node} did not wait for run {run} of node {from}: {:?}", trace.journal);
        }
    }
    Ok(())
}

/// The runs of one node follow one another.
fn check_turns(runs: &BTreeMap<(u32, u32), Run>) -> Result<(), String> {
    for (&(node, run), its) in runs.iter().filter(|((_, run), _)| *run > 0) {
        let before = runs.get(&(node, run - 1)).and_then(|before| before.done.as_ref());
        let is_after = before.is_some_and(|(place, _)| *place < its.first_event);
        must!(is_after, "run {run} of node {node} began before the run before it had ended");
    }
    Ok(())
}

/// Without joins the order of a sequence is simple: v1 goes down each branch to its end, v0 goes
/// breadth first.
fn check_order(world: &World, trace: &Trace) -> Result<(), String> {
    let has_joins = world.plan.nodes.iter().any(|node| node.inputs > 1);
    if has_joins || world.plan.order == Order::Parallel {
        return Ok(());
    }
    let mut expected = Vec::new();
    let mut todo = VecDeque::from([0]);
    let mut n_runs = vec![0; world.plan.nodes.len()];
    while let Some(node) = todo.pop_front()
        && expected.len() < trace.machine.n_steps() as usize
    {
        expected.push(node);
        let outputs = world.script(node, n_runs[node as usize]).outputs;
        n_runs[node as usize] += 1;
        let targets = world.plan.nodes[node as usize].outputs.iter().zip(outputs);
        let mut targets: Vec<u32> =
            targets.filter(|(_, items)| *items > 0).flat_map(|(to, _)| to.iter().map(|t| t.0)).collect();
        if world.plan.order == Order::V1 {
            targets.reverse();
            targets.sort_by_key(|&node| {
                let [x, y] = world.plan.nodes[node as usize].position;
                (y as i64, x as i64)
            });
            targets.into_iter().rev().for_each(|node| todo.push_front(node));
        } else {
            todo.extend(targets);
        }
    }
    let got: Vec<u32> = (0..trace.machine.n_steps()).filter_map(|step| trace.machine.node_of(step)).collect();
    must!(got == expected, "ran {got:?}, should have run {expected:?}");
    Ok(())
}

fn above(world: &World, node: u32) -> BTreeSet<u32> {
    let mut above = BTreeSet::new();
    let mut todo = vec![node];
    while let Some(node) = todo.pop() {
        for input in 0..world.plan.nodes[node as usize].inputs {
            for &(parent, _) in world.plan.sources_of(node, input) {
                if above.insert(parent) {
                    todo.push(parent);
                }
            }
        }
    }
    above
}

/// Nothing touched the world outside before the journal on disk said that it would.
fn check_effects(trace: &Trace) -> Result<(), String> {
    for &(step, attempt, n_durable) in &trace.effects {
        let is_intent = |event: &Event| matches!(*event, Event::Began { step: s, attempt: a, .. } if (s, a) == (step, attempt));
        let written = &trace.journal[..n_durable.min(trace.journal.len())];
        must!(written.iter().any(is_intent), "step {step} had its effect before its intent was written");
    }
    Ok(())
}
