//! Triggers that ask: at their times somebody is asked what is new, and what is new starts an
//! execution.
//!
//! What was seen is kept with the tick and the execution in one transaction. Whoever asked at the same
//! time and comes second writes nothing, and asks again with what was kept meanwhile. Asking may take
//! long, so it holds up no other schedule.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use linkflow_model::WorkflowId;
use linkflow_node::NodeError;
use linkflow_node::schedule::{Rule, next_after};
use linkflow_node::trigger::{PollTrigger, Polled, Trigger};
use linkflow_store::{Fired, Schedule, StoreError};
use serde_json::Value;

use crate::prepared::Prepared;
use crate::scheduler::{made, of};
use crate::shell::Inner;
use crate::step::Try;

/// How long one poll may take.
const POLL_MAX: Duration = Duration::from_secs(120);
/// Polls at the same time; the others have their turn in a later round.
const POLLS_MAX: usize = 20;

/// The nodes that ask right now, by workflow and id.
#[derive(Default)]
pub struct Polling(Mutex<HashSet<(WorkflowId, String)>>);

/// A place among them, until it is dropped.
struct Place {
    inner: Arc<Inner>,
    key: (WorkflowId, String),
}

impl Place {
    fn take(inner: &Arc<Inner>, schedule: &Schedule) -> Option<Place> {
        let key = (schedule.workflow, schedule.node.clone());
        let mut at_work = inner.polling.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = at_work.len() < POLLS_MAX && at_work.insert(key.clone());
        is_free.then(|| Place { inner: inner.clone(), key })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.polling.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// A node that asks.
pub struct Found {
    trigger: PollTrigger,
    prepared: Arc<Prepared>,
    node: u32,
}

/// The node of a schedule, if it is one that asks.
pub async fn trigger_of(inner: &Arc<Inner>, schedule: &Schedule) -> Result<Option<Found>, StoreError> {
    let version = u32::try_from(schedule.version).unwrap_or_default();
    let prepared = inner.prepared(schedule.workspace, schedule.workflow, version).await?;
    let Some(prepared) = prepared else { return Ok(None) };
    let Some(index) = prepared.workflow.nodes.iter().position(|n| n.id == schedule.node) else {
        return Ok(None);
    };
    Ok(match prepared.nodes[index].kind.and_then(|k| k.trigger()) {
        Some(Trigger::Poll(trigger)) => Some(Found { trigger, prepared, node: index as u32 }),
        _ => None,
    })
}

/// Lets the node ask, unless it does already.
pub fn begin(inner: &Arc<Inner>, schedule: Schedule, found: Found) {
    let Some(place) = Place::take(inner, &schedule) else { return };
    tokio::spawn(async move {
        let id = schedule.id;
        if let Err(error) = run(&place.inner, schedule, found).await {
            tracing::error!(schedule = %id, %error, "what was polled could not be kept: {error}");
        }
    });
}

async fn run(inner: &Arc<Inner>, schedule: Schedule, found: Found) -> Result<(), StoreError> {
    let Some(due) = schedule.next_run_at else { return Ok(()) };
    let key = format!("poll:{}", schedule.node);
    let state = inner.store.kept(schedule.workspace, schedule.workflow, key.clone()).await?;
    let polled = poll(inner, &schedule, &found, state.clone()).await;
    let now = inner.services.now();
    let rule: Option<Rule> = serde_json::from_value(schedule.rule.clone()).ok();
    let next = rule
        .and_then(|rule| next_after(&rule, &schedule.timezone, schedule.anchor, now.max(due)).ok().flatten());
    let (executions, kept) = match polled {
        Ok(Polled { items, state }) if items.is_empty() => (Vec::new(), Some(state)),
        Ok(Polled { items, state }) => {
            (vec![made(inner, of(&schedule), &found.prepared, found.node, items).await?], Some(state))
        }
        Err(error) => {
            let node = &found.prepared.node(found.node).name;
            tracing::warn!(workflow = %schedule.workflow, node, %error, "\"{node}\" could not look for what is new: {error}");
            (Vec::new(), None)
        }
    };
    let kept = kept.map(|new| (key, state, new));
    if let Fired::Started(ids) = inner.store.fire_poll(&schedule, due, next, executions, kept).await? {
        for &id in &ids {
            inner.tell_accepted(schedule.workspace, id, schedule.workflow);
        }
        inner.hint(schedule.workspace, ids);
    }
    Ok(())
}

async fn poll(
    inner: &Arc<Inner>,
    schedule: &Schedule,
    found: &Found,
    state: Option<Value>,
) -> Result<Polled, NodeError> {
    let ids = (schedule.workspace, schedule.workflow);
    let attempt = Try::of_trigger(inner, ids, found.prepared.clone(), found.node).await?;
    let limit_ms = POLL_MAX.as_millis() as u64;
    let asked = tokio::time::timeout(POLL_MAX, attempt.poll(found.trigger.poll, state)).await;
    asked.unwrap_or(Err(NodeError::TimedOut { limit_ms }))
}
