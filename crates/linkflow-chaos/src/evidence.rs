//! Collects what the checker judges by: from the clients' log, from the world outside, and from the
//! database. Nothing is taken from what the harness itself believes to have done.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use linkflow_engine::Event;
use linkflow_model::{ExecutionId, WorkspaceId};
use linkflow_store::{PgOptions, Store};
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::effects::Calls;
use crate::load::Load;

/// Journals that are read side by side.
const READERS: usize = 8;
const EVERY: Duration = Duration::from_millis(250);

/// An execution as the database has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub workflow: String,
    pub status: String,
    pub parent: Option<Uuid>,
    pub error: String,
}

/// What a journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// Steps that are recorded as done or failed for good.
    pub steps: u32,
    /// A step that is so more than once, or one of whose tries is recorded twice.
    pub twice: Option<u32>,
    pub ends: u32,
    /// Whether nothing comes behind the end.
    pub is_closed: bool,
}

/// The ticks of one schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticks {
    pub workflow: String,
    /// Ticks that are noted, and the executions that they started as noted.
    pub fires: u64,
    pub started: u64,
    /// Whole seconds from the first to the last tick, both included.
    pub seconds: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Order -> execution, as the clients were told.
    pub accepted: HashMap<u64, Uuid>,
    /// What clients found wrong with their answers.
    pub wrong: Vec<String>,
    /// Orders that may have been accepted without an answer.
    pub unanswered: u64,
    pub effects: HashMap<(u8, u64), Calls>,
    pub rows: HashMap<Uuid, Row>,
    pub journals: HashMap<Uuid, Journal>,
    pub ticks: Vec<Ticks>,
    /// What the database noted at the moment it was written.
    pub violations: Vec<String>,
}

/// Waits until nothing is open any more; gives how long that took, or how many are.
pub async fn settle(cluster: &Cluster, within: Duration) -> Result<Duration, u64> {
    let since = Instant::now();
    let sql = "SELECT count(*) FROM executions e LEFT JOIN workflows w ON w.id = e.workflow \
               WHERE e.status IN ('ready', 'running', 'waiting')";
    let mut open = u64::MAX;
    while since.elapsed() < within {
        if let Ok(n) = cluster.sql(sql).await {
            open = n.parse().unwrap_or(u64::MAX);
            if open == 0 {
                return Ok(since.elapsed());
            }
        }
        tokio::time::sleep(EVERY).await;
    }
    Err(open)
}

/// Stops the schedules, so that all that was started can end.
pub async fn end_schedules(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.sql("UPDATE schedules SET enabled = FALSE").await?;
    Ok(())
}

pub async fn collect(cluster: &Cluster, load: &Load, dir: &Path) -> anyhow::Result<Evidence> {
    let rows = rows(cluster, dir).await?;
    let journals = journals(cluster, rows.keys().copied().collect(), dir).await?;
    let violations = cluster
        .sql("SELECT what || ': ' || execution || ' by ' || writer || ' (' || detail || ')' FROM chaos_violations LIMIT 1000")
        .await?;
    Ok(Evidence {
        accepted: load.log.accepted(),
        wrong: load.log.wrong(),
        unanswered: load.log.unanswered.load(std::sync::atomic::Ordering::Relaxed),
        effects: cluster.seen.all(),
        rows,
        journals,
        ticks: ticks(cluster).await?,
        violations: violations.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect(),
    })
}

async fn rows(cluster: &Cluster, dir: &Path) -> anyhow::Result<HashMap<Uuid, Row>> {
    let file = dir.join("executions.txt");
    // Written by psql, so that a million rows are not held twice.
    let sql = format!(
        "\\copy (SELECT e.id, w.name, e.status, coalesce(e.parent::text, ''), \
         left(replace(coalesce(e.error, ''), E'\\n', ' '), 200) FROM executions e JOIN workflows w ON w.id = e.workflow) \
         TO '{}'",
        file.display()
    );
    cluster.sql(&sql).await?;
    let text = std::fs::read_to_string(&file)?;
    let row = |line: &str| {
        let mut columns = line.splitn(5, '\t');
        let mut next = || columns.next().context("a row with five columns");
        let id: Uuid = next()?.parse()?;
        let (workflow, status, parent) = (next()?.to_owned(), next()?.to_owned(), next()?);
        let parent = if parent.is_empty() { None } else { Some(parent.parse()?) };
        anyhow::Ok((id, Row { workflow, status, parent, error: next()?.to_owned() }))
    };
    text.lines().map(row).collect()
}

async fn ticks(cluster: &Cluster) -> anyhow::Result<Vec<Ticks>> {
    let sql = "SELECT w.name, count(*), coalesce(sum(f.n), 0), (max(f.fire_time) - min(f.fire_time)) / 1000 + 1 \
               FROM schedule_fires f JOIN schedules s ON s.id = f.schedule JOIN workflows w ON w.id = s.workflow \
               GROUP BY w.name ORDER BY w.name";
    let text = cluster.sql(sql).await?;
    let tick = |line: &str| {
        let columns: Vec<&str> = line.split('|').collect();
        let [workflow, fires, started, seconds] = columns[..] else { bail!("{line:?} are no ticks") };
        Ok(Ticks {
            workflow: workflow.to_owned(),
            fires: fires.parse()?,
            started: started.parse()?,
            seconds: seconds.parse()?,
        })
    };
    text.lines().filter(|l| !l.is_empty()).map(tick).collect()
}

async fn journals(cluster: &Cluster, ids: Vec<Uuid>, dir: &Path) -> anyhow::Result<HashMap<Uuid, Journal>> {
    let url = format!(
        "postgres://linkflow@127.0.0.1:{}/linkflow?sslmode=disable&application_name=chaos",
        cluster.postgres.primary_port()
    );
    let store = Store::connect(PgOptions::new(url, dir.join("reader")))?;
    let workspace = store.workspaces().await?.first().copied().context("there is no workspace")?;
    let n = ids.len().div_ceil(READERS).max(1);
    let ids = Arc::new(ids);
    let mut tasks = tokio::task::JoinSet::new();
    for part in 0..READERS {
        let (store, ids) = (store.clone(), ids.clone());
        tasks.spawn(async move {
            let mut found = Vec::new();
            for id in ids.iter().skip(part * n).take(n) {
                found.push((*id, journal(&store, workspace, *id).await?));
            }
            anyhow::Ok(found)
        });
    }
    let mut journals = HashMap::with_capacity(ids.len());
    while let Some(part) = tasks.join_next().await {
        journals.extend(part??);
    }
    store.close().await;
    Ok(journals)
}

async fn journal(store: &Store, workspace: WorkspaceId, id: Uuid) -> anyhow::Result<Journal> {
    let loaded = store.load(workspace, ExecutionId(id)).await?;
    let loaded = loaded.with_context(|| format!("{id} has gone while it was read"))?;
    Ok(judge(&loaded.entries.into_iter().map(|e| e.event).collect::<Vec<_>>()))
}

/// What is noted of the events of a journal.
pub fn judge(events: &[Event]) -> Journal {
    let (mut tries, mut over) = (Vec::new(), Vec::new());
    let mut journal =
        Journal { is_closed: matches!(events.last(), Some(Event::Finished { .. })), ..Journal::default() };
    for event in events {
        let (step, attempt, is_over) = match *event {
            Event::Done { step, attempt, .. } => (step, attempt, true),
            Event::Failed { step, attempt, retry_at, .. } => (step, attempt, retry_at.is_none()),
            Event::Finished { .. } => {
                journal.ends += 1;
                continue;
            }
            _ => continue,
        };
        if tries.contains(&(step, attempt)) || is_over && over.contains(&step) {
            journal.twice = Some(step);
        }
        tries.push((step, attempt));
        if is_over {
            over.push(step);
        }
    }
    over.sort_unstable();
    over.dedup();
    journal.steps = over.len() as u32;
    journal
}
