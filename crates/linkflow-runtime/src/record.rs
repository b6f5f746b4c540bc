//! From the journal back to what is in memory, and what of it is shown.

use std::collections::HashMap;
use std::sync::Arc;

use linkflow_engine::{Event, Machine, Wake};
use linkflow_model::{History, Item, Millis, Object, Run};
use linkflow_node::Reply;
use linkflow_store::{Entry, EntryData};
use serde_json::Value;

use crate::contract::{ExecutionHistory, FailedTry, NodeRun, RunSource, RunStatus, StepRun};
use crate::prepared::Prepared;
use crate::static_data::Draft;

/// An execution as its journal tells it.
pub struct Recorded {
    pub machine: Machine,
    /// Shared with the tries that run; it is copied only when one of them still reads it.
    pub history: Arc<History>,
    /// What came with the last wake-up of a step.
    pub resumes: HashMap<u32, (Wake, Option<Value>)>,
    /// Nodes in the order in which their runs ended.
    pub order: Vec<u32>,
    pub last_error: Option<(u32, linkflow_model::RunError)>,
    pub custom_data: Object,
    /// Static data that the steps have changed.
    pub draft: Arc<Draft>,
    /// What a node answered since the execution was last called.
    pub answer: Option<Reply>,
    /// When the latest try of a step with effects began.
    began: HashMap<u32, Millis>,
    /// By step: tries that failed and were followed by another one.
    failed_tries: HashMap<u32, Vec<FailedTry>>,
}

pub fn replay(prepared: &Prepared, entries: &[Entry]) -> Recorded {
    let until = entries.first().and_then(|entry| entry.data.until.as_deref());
    let plan = until.and_then(|name| prepared.plan_up_to(name)).unwrap_or_else(|| prepared.plan.clone());
    let machine = Machine::replay(plan, entries.iter().map(|e| e.event.clone()));
    let mut recorded = Recorded {
        history: Arc::new(History::new(prepared.shape.clone())),
        machine,
        resumes: HashMap::new(),
        order: Vec::new(),
        last_error: None,
        custom_data: Object::new(),
        draft: Arc::default(),
        answer: None,
        began: HashMap::new(),
        failed_tries: HashMap::new(),
    };
    for entry in entries {
        if let Some(custom) = &entry.data.custom_data {
            recorded.custom_data = custom.clone();
        }
        if let Some(kept) = &entry.data.kept {
            recorded.draft.restore(kept.clone());
        }
        if let Event::Began { at, step, .. } = entry.event {
            recorded.began.insert(step, at);
        }
        if let Event::Woken { step, by, .. } = entry.event {
            recorded.resumes.insert(step, (by, entry.data.resume.clone()));
            if by == Wake::Call {
                recorded.answer = None;
            }
        }
        if let Some(answer) = &entry.data.answer
            && recorded.answer.is_none()
        {
            recorded.answer = serde_json::from_value(answer.clone()).ok();
        }
        let step = step_of(&entry.event).unwrap_or(u32::MAX);
        let began = entry.data.began_at.or_else(|| recorded.began.get(&step).copied());
        recorded.note_failed_try(entry, began);
        recorded.note(&entry.event, &entry.data, began);
    }
    recorded
}

fn step_of(event: &Event) -> Option<u32> {
    match event {
        Event::Started { .. } => Some(0),
        Event::Done { step, .. } | Event::Failed { step, .. } => Some(*step),
        _ => None,
    }
}

impl Recorded {
    fn note_failed_try(&mut self, entry: &Entry, began: Option<Millis>) {
        let Event::Failed { at, step, attempt, retry_at: Some(_) } = entry.event else { return };
        let Some(error) = entry.data.error.clone() else { return };
        let tried = FailedTry { attempt, started_at: began, ended_at: at, error };
        self.failed_tries.entry(step).or_default().push(tried);
    }

    /// When the latest try of a step with effects began.
    pub fn began_at(&self, step: u32) -> Option<Millis> {
        self.began.get(&step).copied()
    }

    fn failed_tries(&self, step: u32) -> Vec<FailedTry> {
        self.failed_tries.get(&step).cloned().unwrap_or_default()
    }

    /// Takes a result into the history.
    pub fn note(&mut self, event: &Event, data: &EntryData, began: Option<Millis>) {
        let (step, at) = match event {
            Event::Started { at, .. } => (0, *at),
            Event::Done { at, step, .. } | Event::Failed { at, step, retry_at: None, .. } => (*step, *at),
            _ => return,
        };
        let Some(node) = self.machine.node_of(step) else { return };
        if let Some(error) = &data.error {
            self.last_error = Some((node, error.clone()));
        }
        let is_silent = data.error.is_none() && data.outputs.as_ref().is_some_and(Vec::is_empty);
        if !is_silent {
            self.order.push(node);
        }
        Arc::make_mut(&mut self.history).push(
            node as usize,
            Run {
                step,
                inputs: self.machine.inputs_of(step).to_vec(),
                outputs: data.outputs.clone().unwrap_or_default(),
                error: data.error.clone(),
                state: data.state.clone(),
                logs: data.logs.clone(),
                started_at: began.unwrap_or(at),
                ended_at: at,
            },
        );
    }

    /// Items of the first output of the node that ran last.
    pub fn last_items(&self) -> Vec<Item> {
        self.machine
            .last_finished_node()
            .and_then(|node| self.history.last_run(node as usize))
            .and_then(|run| run.outputs.first())
            .map_or(Vec::new(), |items| items.as_ref().clone())
    }

    /// Nodes in the order in which they ran first, with their runs.
    pub fn nodes(&self) -> Vec<(String, Vec<NodeRun>)> {
        self.first_order()
            .into_iter()
            .map(|node| {
                let runs = self.history.runs(node as usize);
                let runs = runs
                    .iter()
                    .filter(|r| r.error.is_some() || !r.outputs.is_empty())
                    .map(|r| NodeRun { outputs: r.outputs.clone(), error: r.error.clone() })
                    .collect();
                (self.history.shape.names[node as usize].clone(), runs)
            })
            .collect()
    }

    fn first_order(&self) -> Vec<u32> {
        let mut seen = std::collections::HashSet::new();
        self.order.iter().copied().filter(|n| seen.insert(*n)).collect()
    }

    /// As the execution's page shows it.
    pub fn shown(&self, prepared: &Prepared) -> ExecutionHistory {
        let names = &self.history.shape.names;
        let mut runs: Vec<(String, Vec<StepRun>)> = self
            .first_order()
            .into_iter()
            .map(|node| {
                let runs = self.history.runs(node as usize).iter().enumerate();
                let runs = runs.map(|(n, run)| StepRun {
                    failed_tries: self.failed_tries(run.step),
                    ..step_run(n, run, names)
                });
                (names[node as usize].clone(), runs.collect())
            })
            .collect();
        self.add_open(&mut runs, names);
        ExecutionHistory {
            workflow: prepared.workflow.clone(),
            order: runs.iter().map(|(name, _)| name.clone()).collect(),
            runs,
        }
    }

    /// Steps that are not over: waiting ones and those that run now.
    fn add_open(&self, runs: &mut Vec<(String, Vec<StepRun>)>, names: &[String]) {
        if self.machine.outcome().is_some() {
            return;
        }
        let done: std::collections::HashSet<u32> = (0..names.len())
            .flat_map(|n| self.history.runs(n).iter().map(|r| r.step).collect::<Vec<_>>())
            .collect();
        for step in (0..self.machine.n_steps()).filter(|s| !done.contains(s)) {
            let (Some(node), Some(run)) = (self.machine.node_of(step), self.machine.run_of(step)) else {
                continue;
            };
            let status = match self.machine.state_of(step) {
                Some(linkflow_engine::StepState::Parked { .. }) => RunStatus::Waiting,
                _ => RunStatus::Running,
            };
            let shown = StepRun {
                step,
                run,
                status,
                started_at: self.began.get(&step).copied(),
                ended_at: None,
                failed_tries: self.failed_tries(step),
                inputs: sources(self.machine.inputs_of(step), names),
                outputs: Vec::new(),
                error: None,
                logs: Vec::new(),
            };
            let name = &names[node as usize];
            match runs.iter_mut().find(|(n, _)| n == name) {
                Some((_, list)) => list.push(shown),
                None => runs.push((name.clone(), vec![shown])),
            }
        }
    }
}

fn step_run(n: usize, run: &Arc<Run>, names: &[String]) -> StepRun {
    StepRun {
        step: run.step,
        run: n as u32,
        status: if run.error.is_some() { RunStatus::Error } else { RunStatus::Success },
        started_at: Some(run.started_at),
        ended_at: Some(run.ended_at),
        inputs: sources(&run.inputs, names),
        outputs: run.outputs.clone(),
        error: run.error.clone(),
        failed_tries: Vec::new(),
        logs: run.logs.clone(),
    }
}

fn sources(inputs: &[Option<linkflow_model::Source>], names: &[String]) -> Vec<Option<RunSource>> {
    inputs
        .iter()
        .map(|s| s.map(|s| RunSource { node: names[s.node as usize].clone(), run: s.run, output: s.output }))
        .collect()
}
