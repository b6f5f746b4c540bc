//! Schedules: when published workflows start by themselves, and the proof that a tick started one
//! execution and no more. When a rule is due next is the caller's to say.

use linkflow_model::{ExecutionId, Millis, ScheduleId, WorkflowId, WorkspaceId};
use serde_json::Value;

use crate::db::{Row, Tx, params};
use crate::executions::insert as insert_execution;
use crate::faults::Planted;
use crate::{NewExecution, Store, StoreError};

/// What happens with ticks that nobody could fire in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Misfire {
    Skip,
    /// One execution for all that were missed.
    #[default]
    Once,
    /// One execution for each, up to a bound.
    All,
}

impl Misfire {
    pub const fn as_str(self) -> &'static str {
        match self {
            Misfire::Skip => "skip",
            Misfire::Once => "once",
            Misfire::All => "all",
        }
    }

    pub fn parse(text: &str) -> Option<Misfire> {
        [Misfire::Skip, Misfire::Once, Misfire::All].into_iter().find(|m| m.as_str() == text)
    }
}

/// One rule of one schedule node, as it stands in a version that is being published.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSchedule {
    pub id: ScheduleId,
    pub workspace: WorkspaceId,
    pub version: i64,
    /// Id of the node in the workflow.
    pub node: String,
    /// Place of the rule in the node.
    pub rule_index: u32,
    pub rule: Value,
    /// IANA name.
    pub timezone: String,
    /// The time from which intervals count.
    pub anchor: Millis,
    pub next_run_at: Option<Millis>,
    pub misfire: Misfire,
    pub enabled: bool,
}

/// A stored schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub id: ScheduleId,
    pub workspace: WorkspaceId,
    pub workflow: WorkflowId,
    pub version: i64,
    pub node: String,
    pub rule_index: u32,
    pub rule: Value,
    pub timezone: String,
    pub anchor: Millis,
    pub next_run_at: Option<Millis>,
    pub last_run_at: Option<Millis>,
    pub misfire: Misfire,
    pub enabled: bool,
}

/// What became of a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fired {
    Started(Vec<ExecutionId>),
    /// Another leader was faster, or the schedule has been changed, paused or removed meanwhile.
    Already,
}

/// Fires older than this are forgotten: the next time of the schedule alone keeps them from
/// coming back.
const FIRES_KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

const COLUMNS: &str = "id, workspace, workflow, version, node, rule_index, rule, timezone, anchor, \
     next_run_at, last_run_at, misfire, enabled";

fn schedule(row: &Row<'_>) -> Result<Schedule, StoreError> {
    let misfire: String = row.get(11)?;
    Ok(Schedule {
        id: row.get(0)?,
        workspace: row.get(1)?,
        workflow: row.get(2)?,
        version: row.get(3)?,
        node: row.get(4)?,
        rule_index: row.get(5)?,
        rule: row.get(6)?,
        timezone: row.get(7)?,
        anchor: row.get(8)?,
        next_run_at: row.get(9)?,
        last_run_at: row.get(10)?,
        misfire: Misfire::parse(&misfire)
            .ok_or_else(|| StoreError::Unreadable(format!("unknown misfire policy \"{misfire}\"")))?,
        enabled: row.get(12)?,
    })
}

impl Store {
    /// Makes `new` the schedules of a workflow; none when it is no longer published. A rule that
    /// has not changed keeps its id and its rhythm. What people have said about a schedule, that
    /// it is paused and what happens with missed ticks, stays although the rule changes.
    pub async fn replace_schedules(
        &self,
        workflow: WorkflowId,
        new: Vec<NewSchedule>,
    ) -> Result<Vec<Schedule>, StoreError> {
        self.db.write(move |tx| replace(tx, workflow, &new)).await
    }

    /// Schedules whose time has come, the earliest first.
    pub async fn due(&self, now: Millis, limit: usize) -> Result<Vec<Schedule>, StoreError> {
        self.db
            .read(move |tx| {
                tx.query(
                    &format!(
                        "SELECT {COLUMNS} FROM schedules WHERE enabled AND next_run_at IS NOT NULL \
                         AND next_run_at <= $1 ORDER BY next_run_at LIMIT $2"
                    ),
                    params![now, limit],
                    schedule,
                )
            })
            .await
    }

    /// The schedules that fire next, the earliest first.
    pub async fn upcoming(&self, limit: usize) -> Result<Vec<Schedule>, StoreError> {
        self.db
            .read(move |tx| {
                tx.query(
                    &format!(
                        "SELECT {COLUMNS} FROM schedules WHERE enabled AND next_run_at IS NOT NULL \
                         ORDER BY next_run_at LIMIT $1"
                    ),
                    params![limit],
                    schedule,
                )
            })
            .await
    }

    /// When the next schedule is due; `None` when there is none.
    pub async fn next_due(&self) -> Result<Option<Millis>, StoreError> {
        self.db
            .read(|tx| {
                tx.query_value(
                    "SELECT MIN(next_run_at) FROM schedules WHERE enabled AND next_run_at IS NOT NULL",
                    params![],
                )
            })
            .await
    }

    /// Notes the tick, accepts its executions (none when it is skipped) and moves the schedule
    /// on, in one transaction. Whoever comes second with the same tick writes nothing.
    pub async fn fire(
        &self,
        id: ScheduleId,
        fire_time: Millis,
        next_run_at: Option<Millis>,
        executions: Vec<NewExecution>,
    ) -> Result<Fired, StoreError> {
        if next_run_at.is_some_and(|next| next <= fire_time) {
            return Err(StoreError::invalid("next_run_at", "must be later than the tick"));
        }
        let prepared = self.prepare_all(executions).await?;
        let is_sure = self.has(Planted::LeaderWithoutEpoch);
        if is_sure {
            // Time for another one to see the same tick.
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
        self.db
            .write_owed(move |tx| {
                if !note(tx, id, fire_time, next_run_at, prepared.len())? && !is_sure {
                    return Ok(Fired::Already);
                }
                let mut started = Vec::new();
                for execution in &prepared {
                    started.push(insert_execution(tx, execution)?.id);
                }
                Ok(Fired::Started(started))
            })
            .await
    }

    /// The schedules of a workspace, or of one workflow in it.
    pub async fn schedules(
        &self,
        workspace: WorkspaceId,
        workflow: Option<WorkflowId>,
    ) -> Result<Vec<Schedule>, StoreError> {
        self.db
            .read(move |tx| {
                tx.query(
                    &format!(
                        "SELECT {COLUMNS} FROM schedules WHERE workspace = $1 \
                         AND ($2 IS NULL OR workflow = $2) ORDER BY workflow, node, rule_index LIMIT 10000"
                    ),
                    params![workspace, workflow],
                    schedule,
                )
            })
            .await
    }

    /// Pauses a schedule, or lets it go on at `next_run_at`. False when the workspace has none of
    /// that id.
    pub async fn enable_schedule(
        &self,
        workspace: WorkspaceId,
        id: ScheduleId,
        enabled: bool,
        next_run_at: Option<Millis>,
    ) -> Result<bool, StoreError> {
        self.db
            .write(move |tx| {
                let changed = tx.execute(
                    "UPDATE schedules SET enabled = $3, next_run_at = $4 WHERE id = $1 AND workspace = $2",
                    params![id, workspace, enabled, next_run_at],
                )?;
                Ok(changed == 1)
            })
            .await
    }
}

pub(crate) fn replace(
    tx: &mut Tx<'_>,
    workflow: WorkflowId,
    new: &[NewSchedule],
) -> Result<Vec<Schedule>, StoreError> {
    tx.lock_row("workflows", workflow)?;
    let old = of_workflow(tx, workflow)?;
    tx.execute("DELETE FROM schedules WHERE workflow = $1", params![workflow])?;
    for n in new {
        let same = old.iter().find(|o| {
            o.node == n.node && o.rule_index == n.rule_index && o.rule == n.rule && o.timezone == n.timezone
        });
        let place = old.iter().find(|o| o.node == n.node && o.rule_index == n.rule_index);
        let is_enabled = place.map_or(n.enabled, |o| o.enabled);
        // One that had no next time takes up the new rhythm.
        let kept = same.filter(|o| o.enabled && o.next_run_at.is_some());
        tx.execute(
            "INSERT INTO schedules (id, workspace, workflow, version, node, rule_index, rule, timezone, \
             anchor, next_run_at, last_run_at, misfire, enabled) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            params![
                same.map_or(n.id, |o| o.id),
                n.workspace,
                workflow,
                n.version,
                &n.node,
                n.rule_index,
                &n.rule,
                &n.timezone,
                kept.map_or(n.anchor, |o| o.anchor),
                kept.map_or(n.next_run_at, |o| o.next_run_at),
                same.and_then(|o| o.last_run_at),
                place.map_or(n.misfire, |o| o.misfire).as_str(),
                is_enabled,
            ],
        )?;
    }
    for gone in old.iter().filter(|o| !new.iter().any(|n| n.node == o.node && n.rule_index == o.rule_index)) {
        tx.execute("DELETE FROM schedule_fires WHERE schedule = $1", params![gone.id])?;
    }
    of_workflow(tx, workflow)
}

fn of_workflow(tx: &mut Tx<'_>, workflow: WorkflowId) -> Result<Vec<Schedule>, StoreError> {
    tx.query(
        &format!("SELECT {COLUMNS} FROM schedules WHERE workflow = $1 ORDER BY node, rule_index"),
        params![workflow],
        schedule,
    )
}

/// Notes a tick and moves the schedule on; false when the tick is not to be fired any more.
pub(crate) fn note(
    tx: &mut Tx<'_>,
    id: ScheduleId,
    fire_time: Millis,
    next_run_at: Option<Millis>,
    n: usize,
) -> Result<bool, StoreError> {
    let moved = tx.execute(
        "UPDATE schedules SET next_run_at = $3, last_run_at = $2 \
         WHERE id = $1 AND enabled AND next_run_at <= $2",
        params![id, fire_time, next_run_at],
    )?;
    if moved == 0 {
        return Ok(false);
    }
    let noted = tx.execute(
        "INSERT INTO schedule_fires (schedule, fire_time, n) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        params![id, fire_time, n],
    )?;
    tx.execute(
        "DELETE FROM schedule_fires WHERE schedule = $1 AND fire_time < $2",
        params![id, Millis(fire_time.0.saturating_sub(FIRES_KEPT_MS))],
    )?;
    Ok(noted == 1)
}
