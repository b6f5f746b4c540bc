//! Says what is wrong with how executions went, from what clients were told, what happened
//! outside, and what is on disk.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use linkflow_engine::{Event, Machine, Outcome};
use linkflow_model::*;
use linkflow_runtime::Prepared;
use linkflow_store::{Entry, ExecutionRecord, Store};
use serde_json::{Value, json};

use crate::kinds::{self, Go};

/// What was promised to a client.
#[derive(Clone, Debug)]
pub struct Promise {
    pub execution: ExecutionId,
    pub is_canceled: bool,
}

/// A workflow, with the run of it that nobody disturbed.
pub struct Sample {
    pub workflow: WorkflowId,
    pub peace: ExecutionId,
    pub is_sure: bool,
    /// Clients that started it in trouble.
    pub promises: Vec<Promise>,
}

/// Everything that is known from outside.
pub struct Evidence {
    pub workspace: WorkspaceId,
    pub samples: Vec<Sample>,
    pub child: WorkflowId,
    pub handler: WorkflowId,
    pub goes: Vec<Go>,
}

/// An execution as the disk has it.
struct Run {
    record: ExecutionRecord,
    events: Vec<Event>,
    /// Step -> name of its node.
    names: HashMap<u32, String>,
    /// What each step gave, in words; sorted.
    results: Vec<String>,
    /// How many of its steps called a workflow.
    n_calls: usize,
}

pub async fn check(store: &Store, evidence: &Evidence) -> Result<(), String> {
    let mut is_any_canceled = false;
    for sample in &evidence.samples {
        let peace = run(store, evidence, sample.workflow, sample.peace).await?;
        check_alone(&peace)?;
        for promise in &sample.promises {
            let run = run(store, evidence, sample.workflow, promise.execution).await?;
            check_alone(&run)?;
            check_effects(&run, &evidence.goes)?;
            let may_differ = promise.is_canceled || run.record.status == Status::Dead;
            is_any_canceled |= may_differ;
            if run.record.status == Status::Canceled && !promise.is_canceled {
                return Err(format!("{}: nobody wanted it canceled", promise.execution));
            }
            if !may_differ {
                compare(&peace, &run, sample.is_sure)?;
            }
        }
        check_number(store, evidence, sample).await?;
    }
    check_keys(&evidence.goes)?;
    check_children(store, evidence, is_any_canceled).await?;
    check_handlers(store, evidence).await
}

async fn run(
    store: &Store,
    evidence: &Evidence,
    workflow: WorkflowId,
    id: ExecutionId,
) -> Result<Run, String> {
    let loaded = store.load(evidence.workspace, id).await.map_err(|e| e.to_string())?;
    let loaded = loaded.ok_or_else(|| format!("{id}: accepted, and not there"))?;
    let saved = store.workflow_version(evidence.workspace, workflow, 1).await.unwrap().unwrap();
    let prepared = Prepared::new(std::sync::Arc::new(saved.document), kinds::ALL).unwrap();
    let events: Vec<Event> = loaded.entries.iter().map(|e| e.event.clone()).collect();
    let machine = Machine::replay(prepared.plan.clone(), events.clone());
    let names: HashMap<u32, String> = (0..machine.n_steps())
        .filter_map(|s| machine.node_of(s).map(|n| (s, prepared.node(n).name.clone())))
        .collect();
    let mut results: Vec<String> = loaded.entries.iter().filter_map(|e| result(e, &names)).collect();
    results.sort();
    let calls = |e: &&Event| match e {
        Event::Done { step, .. } => names.get(step).is_some_and(|name| is_call(&prepared.workflow, name)),
        _ => false,
    };
    let n_calls = events.iter().filter(calls).count();
    Ok(Run { record: loaded.record, events, names, results, n_calls })
}

fn is_call(workflow: &Workflow, name: &str) -> bool {
    let does = workflow.node_named(name).and_then(|n| n.params.get("does"));
    matches!(does.and_then(|d| d[0].as_str()), Some("invoke" | "launch"))
}

/// What a step gave, without what differs between runs.
fn result(entry: &Entry, names: &HashMap<u32, String>) -> Option<String> {
    let Event::Done { step, failed, .. } = entry.event else { return None };
    let outputs = entry.data.outputs.iter().flatten();
    let items: Vec<Value> = outputs
        .map(|port| port.iter().map(|i| Value::Object((*i.json).clone())).map(without_calls).collect())
        .collect();
    Some(format!("{} {failed} {}", names.get(&step)?, json!(items)))
}

fn without_calls(mut item: Value) -> Value {
    item.as_object_mut().map(|o| o.remove("query"));
    item
}

fn check_alone(run: &Run) -> Result<(), String> {
    let id = run.record.id;
    if !run.record.status.is_terminal() {
        return Err(format!("{id}: never ended, {}: {:?}", run.record.status.as_str(), run.events));
    }
    let mut seen = BTreeSet::new();
    let mut over = BTreeSet::new();
    for event in &run.events {
        let (step, attempt, is_end) = match *event {
            Event::Done { step, attempt, .. } => (step, attempt, true),
            Event::Failed { step, attempt, retry_at, .. } => (step, attempt, retry_at.is_none()),
            _ => continue,
        };
        if !seen.insert((step, attempt)) || is_end && !over.insert(step) {
            return Err(format!("{id}: step {step} is recorded twice"));
        }
    }
    let ends = run.events.iter().filter(|e| matches!(e, Event::Finished { .. })).count();
    if run.record.status == Status::Dead {
        return Ok(());
    }
    let Some(Event::Finished { outcome, .. }) = run.events.last() else {
        return Err(format!("{id}: its journal goes on after the end, or has none"));
    };
    let told = match outcome {
        Outcome::Success => Status::Success,
        Outcome::Error | Outcome::TimedOut => Status::Error,
        Outcome::Canceled => Status::Canceled,
    };
    if ends != 1 || told != run.record.status {
        return Err(format!("{id}: {ends} ends, the journal says {told:?}, its row {:?}", run.record.status));
    }
    Ok(())
}

/// Every effect was announced on disk before it happened, and every recorded one did happen.
fn check_effects(run: &Run, goes: &[Go]) -> Result<(), String> {
    let id = run.record.id;
    let goes: Vec<&Go> = goes.iter().filter(|g| g.execution == id && g.is_effect).collect();
    for go in &goes {
        let is_announced = run.events.iter().any(|e| match e {
            Event::Began { step, attempt, .. } => {
                *attempt == go.attempt && run.names.get(step) == Some(&go.node)
            }
            _ => false,
        });
        if !is_announced {
            return Err(format!("{id}: {} had an effect that was not announced", go.node));
        }
    }
    Ok(())
}

/// The same effect has the same key whenever it is tried, and no other has it.
fn check_keys(goes: &[Go]) -> Result<(), String> {
    let mut keys: BTreeMap<&str, (ExecutionId, &str, u32)> = BTreeMap::new();
    let mut effects = BTreeMap::new();
    for go in goes {
        let effect = (go.execution, go.node.as_str(), go.run);
        if *keys.entry(&go.key).or_insert(effect) != effect {
            return Err(format!("{}: the key of {} belongs to another effect", go.execution, go.node));
        }
        if *effects.entry(effect).or_insert(&go.key) != &go.key {
            return Err(format!("{}: {} was tried with another key", go.execution, go.node));
        }
    }
    Ok(())
}

fn compare(peace: &Run, run: &Run, is_sure: bool) -> Result<(), String> {
    let id = run.record.id;
    if peace.record.status != run.record.status {
        return Err(format!("{id}: ended as {:?}, in peace as {:?}", run.record.status, peace.record.status));
    }
    if is_sure && peace.results != run.results {
        let (had, has) = (&peace.results, &run.results);
        return Err(format!("{id}: steps missing or other than in peace: {had:#?}, now {has:#?}"));
    }
    Ok(())
}

async fn all_of(store: &Store, evidence: &Evidence, workflow: WorkflowId) -> Vec<ExecutionId> {
    let filter = linkflow_store::ExecutionFilter {
        workflow: Some(workflow),
        limit: 1_000,
        ..linkflow_store::ExecutionFilter::default()
    };
    store.executions(evidence.workspace, filter).await.unwrap().items.iter().map(|e| e.id).collect()
}

/// However often a client asked with the same key: one execution.
async fn check_number(store: &Store, evidence: &Evidence, sample: &Sample) -> Result<(), String> {
    let n = all_of(store, evidence, sample.workflow).await.len();
    let promised = sample.promises.len() + 1;
    if n == promised { Ok(()) } else { Err(format!("{n} executions, {promised} were promised")) }
}

/// Each call of a workflow gave one execution, and it ended.
async fn check_children(store: &Store, evidence: &Evidence, is_any_canceled: bool) -> Result<(), String> {
    let mut expected = 0;
    let mut parents = Vec::new();
    for sample in &evidence.samples {
        parents.push((sample.workflow, sample.peace));
        parents.extend(sample.promises.iter().map(|p| (sample.workflow, p.execution)));
    }
    let mut is_any_failed = is_any_canceled;
    for (workflow, id) in parents {
        let run = run(store, evidence, workflow, id).await?;
        is_any_failed |= run.record.status != Status::Success;
        expected += run.n_calls;
    }
    let children = all_of(store, evidence, evidence.child).await;
    for &id in &children {
        let child = run(store, evidence, evidence.child, id).await?;
        check_alone(&child)?;
    }
    // One that ended early may have called without hearing of it.
    if children.len() < expected || !is_any_failed && children.len() > expected {
        return Err(format!("{} executions of called workflows, {expected} calls", children.len()));
    }
    Ok(())
}

/// Each failure started the error workflow once.
async fn check_handlers(store: &Store, evidence: &Evidence) -> Result<(), String> {
    let mut told = BTreeMap::new();
    for id in all_of(store, evidence, evidence.handler).await {
        let handler = store.load(evidence.workspace, id).await.unwrap().unwrap();
        let first = handler.entries[0].data.outputs.as_ref().unwrap()[0][0].json["execution"]["id"].clone();
        *told.entry(first.as_str().unwrap().to_owned()).or_insert(0) += 1;
        if !handler.record.status.is_terminal() {
            return Err(format!("{id}: the error workflow never ended"));
        }
    }
    let promised = evidence.samples.iter().flat_map(|s| s.promises.iter().map(|p| p.execution));
    for id in promised.chain(evidence.samples.iter().map(|s| s.peace)) {
        let failed = store.status_of(evidence.workspace, id).await.unwrap() == Some(Status::Error);
        let n = told.get(&id.to_string()).copied().unwrap_or(0);
        if n != u32::from(failed) {
            return Err(format!("{id}: failed: {failed}, but started {n} error workflows"));
        }
    }
    Ok(())
}
