//! What an earlier execution did, as the first entries of a new one: so that a run to one node, from
//! one node or of one node alone does only what has to be done, and a retry may run another version.
//!
//! A new machine is asked what comes next, and told what the earlier execution recorded for it, as
//! long as the node is the same still and is fed from the same. Nothing here writes or runs anything.

use std::collections::HashMap;
use std::sync::Arc;

use linkflow_engine::{Command, Event, Input, Machine, Plan};
use linkflow_model::{Millis, Node, Source};
use linkflow_store::{Entry, EntryData};

use crate::contract::{AtNode, StartError};
use crate::prepared::Prepared;
use crate::record::Recorded;

/// An execution of which steps are taken over.
pub struct Earlier<'a> {
    pub prepared: &'a Prepared,
    pub recorded: &'a Recorded,
    /// Of its entries, those that may be taken over.
    pub entries: &'a [Entry],
    /// Whether its pinned items stood in for what nodes give.
    pub used_pins: bool,
}

/// What the new execution is to be.
pub struct Wanted<'a> {
    pub prepared: &'a Prepared,
    /// The node up to which it runs.
    pub until: Option<&'a str>,
    /// The run that takes place anew, and all that comes of it.
    pub again: Option<&'a AtNode>,
    pub uses_pins: bool,
}

/// The first entries of the new execution, which begins `now`.
pub fn take_over(earlier: &Earlier<'_>, wanted: &Wanted<'_>, now: Millis) -> Result<Vec<Entry>, StartError> {
    let invalid = |field: &str, problem: String| StartError::Invalid { field: field.to_owned(), problem };
    let gone = || StartError::NotFound("the data of the execution are not kept".to_owned());
    let first = earlier.entries.first().ok_or_else(gone)?;
    let Event::Started { node, outputs, .. } = &first.event else { return Err(gone()) };
    let name = &earlier.prepared.node(*node).name;
    let start = wanted.prepared.index_of(name).ok_or_else(|| {
        invalid("version", format!("has no node \"{name}\" any more, at which the execution began"))
    })?;
    if let Some(again) = wanted.again.filter(|again| wanted.prepared.index_of(&again.name).is_none()) {
        return Err(invalid("node", format!("must be the name of a node, there is no \"{}\"", again.name)));
    }
    let plan = wanted.until.and_then(|name| wanted.prepared.plan_up_to(name));
    let machine = Machine::new(plan.unwrap_or_else(|| wanted.prepared.plan.clone()));
    let mut taking = Taking { earlier, wanted, machine, done: done_of(earlier.entries), entries: Vec::new() };
    taking.tell(now, Input::Start { node: start, outputs: outputs.clone() }, first.data.clone());
    while taking.take_next() {}
    if let Some(first) = taking.entries.first_mut() {
        first.data.until = wanted.until.map(str::to_owned);
    }
    Ok(taking.entries)
}

fn done_of(entries: &[Entry]) -> HashMap<u32, &Entry> {
    let done = entries.iter().filter_map(|entry| match entry.event {
        Event::Done { step, .. } => Some((step, entry)),
        _ => None,
    });
    done.collect()
}

struct Taking<'a> {
    earlier: &'a Earlier<'a>,
    wanted: &'a Wanted<'a>,
    machine: Machine,
    /// By step of the earlier execution: how it ended.
    done: HashMap<u32, &'a Entry>,
    entries: Vec<Entry>,
}

impl Taking<'_> {
    /// Takes one more step over; `false` when the next ones have to be run.
    fn take_next(&mut self) -> bool {
        for command in self.machine.outstanding() {
            let Command::Run { step, attempt, node, run, inputs, .. } = command else { continue };
            let Some(entry) = self.recorded(node, run, &inputs) else { continue };
            let Event::Done { at, outputs, failed, .. } = entry.event.clone() else { continue };
            let data = EntryData { began_at: self.began_at(entry, at), ..entry.data.clone() };
            self.tell(at, Input::Done { step, attempt, outputs, failed }, data);
            return true;
        }
        false
    }

    /// How the same run ended in the earlier execution, where it was the same.
    fn recorded(&self, node: u32, run: u32, inputs: &[Option<Source>]) -> Option<&Entry> {
        let (wanted, earlier) = (self.wanted.prepared, self.earlier.prepared);
        let now = wanted.node(node);
        if self.wanted.again.is_some_and(|again| again.name == now.name && run >= again.run) {
            return None;
        }
        let index = earlier.index_of(&now.name)?;
        let then = earlier.node(index);
        if !is_same(now, then) || !self.has_same_pins(&now.name) {
            return None;
        }
        let machine = &self.earlier.recorded.machine;
        let step = *machine.runs_of(index).get(run as usize)?;
        let fed = named(wanted, inputs) == named(earlier, machine.inputs_of(step));
        self.done.get(&step).copied().filter(|_| fed)
    }

    fn has_same_pins(&self, name: &str) -> bool {
        let pins = |prepared: &Prepared, are_used: bool| {
            prepared.workflow.pinned.get(name).filter(|_| are_used).cloned()
        };
        pins(self.wanted.prepared, self.wanted.uses_pins)
            == pins(self.earlier.prepared, self.earlier.used_pins)
    }

    /// When a step of the earlier execution began: its own entry for that is not taken over.
    fn began_at(&self, entry: &Entry, at: Millis) -> Option<Millis> {
        let Event::Done { step, .. } = entry.event else { return None };
        entry.data.began_at.or_else(|| self.earlier.recorded.began_at(step)).filter(|began| *began < at)
    }

    fn tell(&mut self, at: Millis, input: Input, data: EntryData) {
        let mut data = Some(data);
        for event in self.machine.take(at, input) {
            // Whoever takes the execution writes its end, with all that belongs to it.
            if matches!(event, Event::Finished { .. }) {
                return;
            }
            self.entries.push(Entry { event, data: data.take().unwrap_or_default() });
        }
    }
}

/// Whether both do the same with the same items.
fn is_same(a: &Node, b: &Node) -> bool {
    a.kind == b.kind
        && a.version == b.version
        && a.params == b.params
        && a.credentials == b.credentials
        && a.disabled == b.disabled
        && a.on_error == b.on_error
        && a.always_output == b.always_output
        && a.execute_once == b.execute_once
}

/// From where inputs are fed, in words that hold in every version.
fn named<'a>(prepared: &'a Prepared, inputs: &[Option<Source>]) -> Vec<Option<(&'a str, u32, u32)>> {
    let name = |s: &Source| (prepared.node(s.node).name.as_str(), s.run, s.output);
    inputs.iter().map(|input| input.as_ref().map(name)).collect()
}

/// The plan up to a node, or why there is none.
pub fn check_until(prepared: &Prepared, until: &str, start: &str) -> Result<Arc<Plan>, StartError> {
    let invalid = |problem: String| StartError::Invalid { field: "until".to_owned(), problem };
    let plan = prepared
        .plan_up_to(until)
        .ok_or_else(|| invalid(format!("must be the name of a node, there is no \"{until}\"")))?;
    let (Some(from), Some(to)) = (prepared.shape.node(start), prepared.shape.node(until)) else {
        return Ok(plan);
    };
    if from != to && prepared.shape.output_towards(from, to).is_none() {
        return Err(invalid(format!(
            "must be a node to which \"{start}\" leads, \"{until}\" is not connected to it"
        )));
    }
    Ok(plan)
}
