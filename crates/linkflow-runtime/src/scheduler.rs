//! Starts what is due, and follows what is published.

use std::sync::Arc;

use linkflow_model::{Item, Millis, Mode, ScheduleId, WorkflowId, WorkspaceId};
use linkflow_node::schedule::{Rule, next_after};
use linkflow_node::trigger::Trigger;
use linkflow_store::{Fired, Misfire, NewExecution, NewSchedule, Schedule, StoreError};

use crate::contract::StartError;
use crate::listeners;
use crate::polls;
use crate::prepared::Prepared;
use crate::shell::Inner;

/// Ticks taken in one round.
const DUE_MAX: usize = 500;
/// Ticks later than this have been missed, and the schedule's misfire policy decides.
const LATE_MS: u64 = 60_000;
/// Most missed ticks that are made up for.
const CATCH_UP_MAX: usize = 100;

/// Fires all schedules whose time has come.
pub async fn tick(inner: &Arc<Inner>) -> Result<(), StoreError> {
    let now = inner.services.now();
    for schedule in inner.store.due(now, DUE_MAX).await? {
        let id = schedule.id;
        let done = match polls::trigger_of(inner, &schedule).await {
            Ok(Some(found)) => {
                polls::begin(inner, schedule, found);
                Ok(())
            }
            Ok(None) => fire(inner, schedule, now).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::error!(schedule = %id, %error, "schedule {id} could not fire: {error}");
        }
    }
    Ok(())
}

async fn fire(inner: &Arc<Inner>, schedule: Schedule, now: Millis) -> Result<(), StoreError> {
    let Some(due) = schedule.next_run_at else { return Ok(()) };
    let rule: Option<Rule> = serde_json::from_value(schedule.rule.clone()).ok();
    let after = |at: Millis| {
        rule.as_ref().and_then(|r| next_after(r, &schedule.timezone, schedule.anchor, at).ok().flatten())
    };
    let is_late = now.since(due) > LATE_MS;
    let (times, next) = match (is_late, schedule.misfire) {
        (false, _) => (vec![due], after(due)),
        (true, Misfire::Skip) => (Vec::new(), after(now)),
        (true, Misfire::Once) => (vec![due], after(now)),
        (true, Misfire::All) => {
            let mut times = vec![due];
            let mut next = after(due);
            while let Some(at) = next.filter(|at| *at <= now && times.len() < CATCH_UP_MAX) {
                times.push(at);
                next = after(at);
            }
            (times, next.filter(|at| *at > now).or_else(|| after(now)))
        }
    };
    let mut executions = Vec::with_capacity(times.len());
    for at in times {
        match execution(inner, &schedule, at).await {
            Ok(new) => executions.extend(new),
            // The tick is given up and the schedule moves on: it would keep others waiting.
            Err(StoreError::Invalid { problem, .. }) => {
                tracing::error!(schedule = %schedule.id, "a tick could start nothing: {problem}");
            }
            Err(error) => return Err(error),
        }
    }
    if let Fired::Started(ids) = inner.store.fire(schedule.id, due, next, executions).await? {
        for &id in &ids {
            inner.tell_accepted(schedule.workspace, id, schedule.workflow);
        }
        inner.hint(schedule.workspace, ids);
    }
    Ok(())
}

async fn execution(
    inner: &Arc<Inner>,
    schedule: &Schedule,
    at: Millis,
) -> Result<Option<NewExecution>, StoreError> {
    let version = u32::try_from(schedule.version).unwrap_or_default();
    let Some(prepared) = inner.prepared(schedule.workspace, schedule.workflow, version).await? else {
        return Ok(None);
    };
    let Some(index) = prepared.workflow.nodes.iter().position(|n| n.id == schedule.node) else {
        return Ok(None);
    };
    let node = &prepared.workflow.nodes[index];
    let item = match prepared.nodes[index].kind.and_then(|k| k.trigger()) {
        Some(Trigger::Schedule(trigger)) => (trigger.tick)(node, at, &schedule.timezone),
        _ => Item::default(),
    };
    made(inner, of(schedule), &prepared, index as u32, vec![item]).await.map(Some)
}

/// Whose ticks a schedule's are: workspace, workflow, version.
pub fn of(schedule: &Schedule) -> (WorkspaceId, WorkflowId, i64) {
    (schedule.workspace, schedule.workflow, schedule.version)
}

/// An execution that nobody asked for: a schedule starts it, or what a trigger found or heard.
pub async fn made(
    inner: &Arc<Inner>,
    (workspace, workflow, version): (WorkspaceId, WorkflowId, i64),
    prepared: &Arc<Prepared>,
    node: u32,
    items: Vec<Item>,
) -> Result<NewExecution, StoreError> {
    let version = u32::try_from(version).unwrap_or_default();
    inner.new_execution(workspace, workflow, version, prepared, node, items, Mode::Trigger).await.map_err(
        |error| match error {
            StartError::Busy { retry_after_ms } => StoreError::Busy { retry_after_ms },
            StartError::Runtime(_) | StartError::NoSpace | StartError::Storage(_) => {
                StoreError::Database(error.to_string())
            }
            other => StoreError::invalid("schedule", other.to_string()),
        },
    )
}

/// Makes the schedules and listeners of a workflow those of its published version.
pub async fn follow(
    inner: &Arc<Inner>,
    workspace: WorkspaceId,
    workflow: WorkflowId,
) -> Result<(), StoreError> {
    let row = inner.store.workflow(workspace, workflow).await?;
    let Some(version) = row.and_then(|r| r.published_version) else {
        inner.store.replace_schedules(workflow, Vec::new()).await?;
        inner.store.replace_listeners(workflow, Vec::new()).await?;
        return Ok(());
    };
    let Some(prepared) = inner.prepared(workspace, workflow, version).await? else { return Ok(()) };
    let now = inner.services.now();
    let zone = prepared.workflow.settings.timezone.clone().unwrap_or_else(|| inner.services.timezone.clone());
    let mut new = Vec::new();
    for (node, ready) in prepared.workflow.nodes.iter().zip(&prepared.nodes).filter(|(n, _)| !n.disabled) {
        let (rules_of, asks) = match ready.kind.and_then(|k| k.trigger()) {
            Some(Trigger::Schedule(trigger)) => (trigger.rules, false),
            Some(Trigger::Poll(trigger)) => (trigger.rules, true),
            _ => continue,
        };
        let rules =
            rules_of(node).map_err(|e| StoreError::invalid("nodes", format!("\"{}\": {e}", node.name)))?;
        for (i, rule) in rules.into_iter().enumerate() {
            let next = next_after(&rule, &zone, now, now)
                .map_err(|e| StoreError::invalid("nodes", format!("\"{}\": {e}", node.name)))?;
            new.push(NewSchedule {
                id: ScheduleId::new(now, uuid::Uuid::new_v4().as_u128()),
                workspace,
                version: i64::from(version),
                node: node.id.clone(),
                rule_index: i as u32,
                rule: serde_json::to_value(&rule).unwrap_or_default(),
                timezone: zone.clone(),
                anchor: now,
                // What is there already is looked at at once: only what comes later is new.
                next_run_at: if asks && i == 0 { Some(now) } else { next },
                misfire: Misfire::default(),
                enabled: true,
            });
        }
    }
    inner.store.replace_schedules(workflow, new).await?;
    listeners::follow(inner, workspace, workflow, version, &prepared).await?;
    let settings = &prepared.workflow.settings;
    inner.store.set_retention(workflow, settings.retention_days).await?;
    inner.store.set_places(workflow, settings.max_concurrency).await?;
    Ok(())
}
