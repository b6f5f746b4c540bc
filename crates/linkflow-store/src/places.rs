//! How many executions of a workflow, and of a workspace, run side by side. One that finds no place
//! is ready and held back: it holds nothing, and is admitted when a place has become free.
//!
//! The count is that of the rows that are running, taken under a lock of the workflow's or the
//! workspace's own, so it is exact for all workers that know the limit, and nothing has to be set
//! right after a crash. Without limits nothing here is asked.

use std::collections::{BTreeSet, HashMap, HashSet};

use linkflow_model::{ExecutionId, Millis, WorkflowId, WorkspaceId};
use uuid::Uuid;

use crate::db::{Param, Tx, params};
use crate::executions::{Claim, Claimed};
use crate::workers::WorkerKey;
use crate::{Store, StoreError};

/// How long a place is kept for one that was admitted.
const KEPT_MS: i64 = 5_000;
/// Workflows and workspaces that are looked after in one round.
const SCOPES_MAX: usize = 1_000;
/// Executions that are admitted in one round where there is no limit any more.
const ADMITTED_MAX: usize = 1_000;
/// Workflows with a limit that are known at once.
const LIMITS_MAX: usize = 100_000;

/// What may run side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    pub of_workflows: HashMap<WorkflowId, u32>,
    /// Of each workspace.
    pub of_workspace: Option<u32>,
}

impl Places {
    pub fn are_limited(&self) -> bool {
        self.of_workspace.is_some() || !self.of_workflows.is_empty()
    }

    /// Whether ends of these executions make room for others.
    pub fn limit(&self, workflow: WorkflowId) -> bool {
        self.of_workspace.is_some() || self.of_workflows.contains_key(&workflow)
    }

    /// The limits that an execution is under.
    fn over(&self, workflow: WorkflowId, workspace: WorkspaceId) -> Vec<(Uuid, usize)> {
        let of_workflow = self.of_workflows.get(&workflow).map(|n| (workflow.0, *n as usize));
        let of_workspace = self.of_workspace.map(|n| (workspace.0, n as usize));
        of_workflow.into_iter().chain(of_workspace).collect()
    }

    fn of(&self, scope: Uuid) -> Option<usize> {
        self.of_workflows.get(&WorkflowId(scope)).copied().or(self.of_workspace).map(|n| n as usize)
    }
}

/// An execution that a worker would like to take.
struct Candidate {
    id: ExecutionId,
    workflow: WorkflowId,
    workspace: WorkspaceId,
    is_canceled: bool,
}

impl Store {
    /// Sets how many executions of a workflow may run side by side, or that any number may.
    pub async fn set_places(&self, workflow: WorkflowId, n: Option<u32>) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                match n {
                    None => {
                        tx.execute("DELETE FROM concurrency_limits WHERE workflow = $1", params![workflow])
                    }
                    Some(n) => tx.execute(
                        "INSERT INTO concurrency_limits (workflow, n) VALUES ($1, $2) \
                         ON CONFLICT (workflow) DO UPDATE SET n = EXCLUDED.n",
                        params![workflow, n],
                    ),
                }
                .map(drop)
            })
            .await
    }

    /// The workflows that are limited.
    pub async fn places_of_workflows(&self) -> Result<HashMap<WorkflowId, u32>, StoreError> {
        self.db
            .read(|tx| {
                let sql = "SELECT workflow, n FROM concurrency_limits LIMIT $1";
                let all = tx.query(sql, params![LIMITS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(all.into_iter().collect())
            })
            .await
    }

    /// As [`Store::claim`], of those that find a place; the others are held back.
    pub async fn claim_within(
        &self,
        places: &Places,
        key: &WorkerKey,
        ids: Vec<ExecutionId>,
        now: Millis,
    ) -> Result<Vec<Claimed>, StoreError> {
        if !places.are_limited() {
            return self.claim(key, ids, now).await;
        }
        let candidates = self.db.read(move |tx| candidates(tx, &ids)).await?;
        let is_limited = |c: &Candidate| !c.is_canceled && !places.over(c.workflow, c.workspace).is_empty();
        let (limited, free): (Vec<_>, Vec<_>) = candidates.into_iter().partition(is_limited);
        let mut claimed = Vec::new();
        if !free.is_empty() {
            claimed = self.claim(key, free.into_iter().map(|c| c.id).collect(), now).await?;
        }
        if !limited.is_empty() {
            let (places, key, poison_limit) = (places.clone(), key.clone(), self.options.poison_limit);
            let raw = self.db.write_owed(move |tx| {
                let ids = seat(tx, &places, &limited, now)?;
                Claim { key, ids, now, poison_limit }.run(tx)
            });
            claimed.extend(self.decode_claims(raw.await?, now).await?);
        }
        Ok(claimed)
    }

    /// Makes ready those that were held back and for which there is a place now. Says which, and how
    /// many are held back still.
    pub async fn admit(&self, places: &Places, now: Millis) -> Result<(Vec<ExecutionId>, u64), StoreError> {
        let n: u64 = self.db.read(|tx| tx.query_value("SELECT COUNT(*) FROM held_back", params![])).await?;
        if n == 0 {
            return Ok((Vec::new(), 0));
        }
        let places = places.clone();
        let admitted = self.db.write_owed(move |tx| admit(tx, &places, now)).await?;
        let left = n.saturating_sub(admitted.len() as u64);
        Ok((admitted, left))
    }
}

fn candidates(tx: &mut Tx<'_>, ids: &[ExecutionId]) -> Result<Vec<Candidate>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=ids.len()).map(|i| format!("${i}")).collect();
    let sql = format!(
        "SELECT id, workflow, workspace, cancel FROM executions WHERE status = 'ready' AND id IN ({})",
        places.join(", ")
    );
    let params: Vec<Param<'_>> = ids.iter().map(|id| Param::from(*id)).collect();
    let mut found = tx.query(&sql, &params, |row| {
        Ok(Candidate {
            id: row.get(0)?,
            workflow: row.get(1)?,
            workspace: row.get(2)?,
            is_canceled: row.get(3)?,
        })
    })?;
    // Who came first, as the caller says, gets the place.
    let order: HashMap<ExecutionId, usize> = ids.iter().enumerate().map(|(i, id)| (*id, i)).collect();
    found.sort_by_key(|candidate| order.get(&candidate.id).copied());
    Ok(found)
}

/// Waits for all who count the same places; everybody does in the same order.
fn lock(tx: &mut Tx<'_>, scopes: &BTreeSet<Uuid>) -> Result<(), StoreError> {
    scopes.iter().try_for_each(|scope| tx.lock_name(&format!("places of {scope}")))
}

/// How many places are taken, by workflow and by workspace, those that are kept included.
fn taken(tx: &mut Tx<'_>) -> Result<HashMap<Uuid, usize>, StoreError> {
    let rows: Vec<(WorkflowId, WorkspaceId, i64)> = tx.query(
        "SELECT workflow, workspace, COUNT(*) FROM executions WHERE status = 'running' \
         GROUP BY workflow, workspace",
        params![],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let mut taken = HashMap::new();
    for (workflow, workspace, n) in rows {
        let n = usize::try_from(n).unwrap_or(0);
        *taken.entry(workflow.0).or_default() += n;
        *taken.entry(workspace.0).or_default() += n;
    }
    Ok(taken)
}

/// Those that were admitted just now, and for whose places.
fn kept(tx: &mut Tx<'_>, now: Millis) -> Result<HashMap<ExecutionId, Uuid>, StoreError> {
    let rows: Vec<(ExecutionId, Uuid)> = tx.query(
        "SELECT execution, scope FROM held_back WHERE admitted_at > $1",
        params![Millis(now.0 - KEPT_MS)],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(rows.into_iter().collect())
}

/// The candidates that find a place. The others are held back.
fn seat(
    tx: &mut Tx<'_>,
    places: &Places,
    candidates: &[Candidate],
    now: Millis,
) -> Result<Vec<ExecutionId>, StoreError> {
    let over = |c: &Candidate| places.over(c.workflow, c.workspace);
    lock(tx, &candidates.iter().flat_map(over).map(|(scope, _)| scope).collect())?;
    let kept = kept(tx, now)?;
    let mut taken = taken(tx)?;
    kept.values().for_each(|scope| *taken.entry(*scope).or_default() += 1);
    let mut seated = Vec::new();
    for candidate in candidates {
        // Its own kept place is not taken by somebody else.
        if let Some(scope) = kept.get(&candidate.id) {
            taken.entry(*scope).and_modify(|n| *n = n.saturating_sub(1));
        }
        let scopes = over(candidate);
        let full = scopes.iter().find(|(scope, n)| taken.get(scope).copied().unwrap_or(0) >= *n);
        match full {
            Some((scope, _)) => hold_back(tx, candidate.id, *scope, now)?,
            None => {
                scopes.iter().for_each(|(scope, _)| *taken.entry(*scope).or_default() += 1);
                tx.execute("DELETE FROM held_back WHERE execution = $1", params![candidate.id])?;
                seated.push(candidate.id);
            }
        }
    }
    Ok(seated)
}

fn hold_back(tx: &mut Tx<'_>, id: ExecutionId, scope: Uuid, now: Millis) -> Result<(), StoreError> {
    let sql = "UPDATE executions SET ready_at = NULL WHERE id = $1 AND status = 'ready'";
    if tx.execute(sql, params![id])? == 1 {
        tx.execute(
            "INSERT INTO held_back (execution, scope, since, admitted_at) VALUES ($1, $2, $3, NULL) \
             ON CONFLICT (execution) DO UPDATE SET scope = EXCLUDED.scope, admitted_at = NULL",
            params![id, scope, now],
        )?;
    }
    Ok(())
}

fn admit(tx: &mut Tx<'_>, places: &Places, now: Millis) -> Result<Vec<ExecutionId>, StoreError> {
    let scopes: Vec<Uuid> = tx.query(
        "SELECT DISTINCT scope FROM held_back ORDER BY scope LIMIT $1",
        params![SCOPES_MAX],
        |row| row.get(0),
    )?;
    lock(tx, &scopes.iter().copied().collect())?;
    let mut taken = taken(tx)?;
    let kept: HashMap<ExecutionId, Uuid> = kept(tx, now)?;
    kept.values().for_each(|scope| *taken.entry(*scope).or_default() += 1);
    let mut admitted = Vec::new();
    for scope in scopes {
        let n_taken = taken.get(&scope).copied().unwrap_or(0);
        let room = places.of(scope).map_or(ADMITTED_MAX, |n| n.saturating_sub(n_taken));
        if room > 0 {
            admit_of(tx, scope, room, now, &mut admitted)?;
        }
    }
    Ok(admitted)
}

/// Those that have been held back longest. One that is not ready any more needs no place.
fn admit_of(
    tx: &mut Tx<'_>,
    scope: Uuid,
    room: usize,
    now: Millis,
    admitted: &mut Vec<ExecutionId>,
) -> Result<(), StoreError> {
    let mut seen: HashSet<ExecutionId> = HashSet::new();
    let before = admitted.len();
    while admitted.len() - before < room {
        let ids: Vec<ExecutionId> = tx.query(
            "SELECT execution FROM held_back WHERE scope = $1 AND (admitted_at IS NULL OR admitted_at <= $2) \
             ORDER BY since, execution LIMIT $3",
            params![scope, Millis(now.0 - KEPT_MS), room - (admitted.len() - before)],
            |row| row.get(0),
        )?;
        // Each is admitted or removed, so that none comes twice.
        if ids.is_empty() || ids.iter().any(|id| !seen.insert(*id)) {
            break;
        }
        for id in ids {
            let sql = "UPDATE executions SET ready_at = $2 WHERE id = $1 AND status = 'ready'";
            if tx.execute(sql, params![id, now])? == 1 {
                tx.execute("UPDATE held_back SET admitted_at = $2 WHERE execution = $1", params![id, now])?;
                admitted.push(id);
            } else {
                tx.execute("DELETE FROM held_back WHERE execution = $1", params![id])?;
            }
        }
    }
    Ok(())
}
