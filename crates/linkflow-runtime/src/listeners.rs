//! Triggers that listen: one process, the one that leads, stays connected for each of them, and what is
//! heard starts executions.
//!
//! Who listens is written in the listener's row, and an execution is accepted only from that one: when
//! two believe for a moment that they lead, both hear the same, and one of them starts something. A
//! connection that ends is made anew, later each time, and why it ended is kept with the row.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use linkflow_model::{Item, Workflow, WorkflowId, WorkspaceId};
use linkflow_node::trigger::{Ear, ListenTrigger, Trigger};
use linkflow_node::{BoxFuture, NodeError};
use linkflow_store::{Fired, Listener, ListenerKey, NewListener, StoreError};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::duties::{every, log};
use crate::host::store_trouble;
use crate::prepared::Prepared;
use crate::scheduler::made;
use crate::shell::Inner;
use crate::step::Try;

/// How often it is looked which listeners there are.
const LOOK_EVERY_MS: u64 = 1_000;
/// Listeners that one process holds.
const LISTENERS_MAX: usize = 2_000;
/// How long it is waited before a connection that ended is made anew: at first, and at most.
const AGAIN_MS: u64 = 1_000;
const AGAIN_MS_MAX: u64 = 60_000;
/// A connection that stood so long counts as a good one.
const GOOD: Duration = Duration::from_secs(60);
/// For how long a listener is left to one who took it from here.
const LEFT_FOR: Duration = Duration::from_secs(15);
/// What was heard and is not yet accepted, and how much of it is accepted at once.
const HEARD_MAX: usize = 1_000;
const AT_ONCE_MAX: usize = 100;
/// How long, and how often, it is tried to take back what a listener made.
const LEAVE_MAX: Duration = Duration::from_secs(60);
const LEAVES_MAX: u32 = 6;

/// What this process does about a listener.
enum Held {
    Listens {
        holder: String,
        task: AbortOnDropHandle<()>,
    },
    Leaves(AbortOnDropHandle<()>),
    /// Another one took it, and it is left to that one for a while.
    Taken(Instant),
}

/// Holds all listeners for as long as this process leads.
pub async fn hold(inner: &Arc<Inner>, leads: &(dyn Fn() -> bool + Send + Sync)) {
    let mut tick = every(LOOK_EVERY_MS);
    let mut held = HashMap::new();
    loop {
        tick.tick().await;
        if leads() && !inner.draining.load(Ordering::Relaxed) {
            log("looking after listeners", look(inner, &mut held).await);
        } else {
            held.clear();
        }
        let n = held.values().filter(|held| matches!(held, Held::Listens { .. })).count();
        metrics::gauge!("linkflow_listeners").set(n as f64);
    }
}

async fn look(inner: &Arc<Inner>, held: &mut HashMap<ListenerKey, Held>) -> Result<(), StoreError> {
    let rows = inner.store.all_listeners(LISTENERS_MAX).await?;
    let by_key: HashMap<&ListenerKey, &Listener> = rows.iter().map(|row| (&row.key, row)).collect();
    held.retain(|key, held| match (by_key.get(key), &held) {
        (None, _) => false,
        (Some(row), Held::Leaves(task)) => !row.is_wanted && !task.is_finished(),
        (Some(row), Held::Taken(until)) => row.is_wanted && Instant::now() < *until,
        (Some(row), Held::Listens { holder, task }) => {
            if row.is_wanted && row.holder.as_ref() != Some(holder) {
                *held = Held::Taken(Instant::now() + LEFT_FOR);
                return true;
            }
            row.is_wanted && !task.is_finished()
        }
    });
    for row in &rows {
        if held.contains_key(&row.key) {
            continue;
        }
        // What an earlier version made could have the name of what this one makes.
        let is_free = |other: &Listener| {
            other.is_wanted || (other.key.workflow, &other.key.node) != (row.key.workflow, &row.key.node)
        };
        match row.is_wanted {
            true if rows.iter().all(is_free) => drop(begin(inner, row, held).await?),
            true => {}
            false => {
                let task = tokio::spawn(leave(inner.clone(), row.clone()));
                held.insert(row.key.clone(), Held::Leaves(AbortOnDropHandle::new(task)));
            }
        }
    }
    Ok(())
}

async fn begin(
    inner: &Arc<Inner>,
    row: &Listener,
    held: &mut HashMap<ListenerKey, Held>,
) -> Result<(), StoreError> {
    let version = u32::try_from(row.key.version).unwrap_or_default();
    let Some(prepared) = inner.prepared(row.workspace, row.key.workflow, version).await? else {
        return Ok(());
    };
    let Some((node, trigger)) = trigger_of(&prepared, &row.key.node) else { return Ok(()) };
    let holder = uuid::Uuid::new_v4().to_string();
    if !inner.store.claim_listener(row.key.clone(), holder.clone()).await? {
        return Ok(());
    }
    let one = One {
        inner: inner.clone(),
        key: row.key.clone(),
        workspace: row.workspace,
        holder: holder.clone(),
        prepared,
        node,
        is_lost: AtomicBool::new(false),
    };
    let task = AbortOnDropHandle::new(tokio::spawn(one.listen(trigger)));
    held.insert(row.key.clone(), Held::Listens { holder, task });
    Ok(())
}

fn trigger_of(prepared: &Prepared, node: &str) -> Option<(u32, ListenTrigger)> {
    let index = prepared.workflow.nodes.iter().position(|n| n.id == node)?;
    match prepared.nodes[index].kind.and_then(|k| k.trigger()) {
        Some(Trigger::Listen(trigger)) => Some((index as u32, trigger)),
        _ => None,
    }
}

/// Makes the listeners of a workflow those of its published version.
pub async fn follow(
    inner: &Inner,
    workspace: WorkspaceId,
    workflow: WorkflowId,
    version: u32,
    prepared: &Prepared,
) -> Result<(), StoreError> {
    let nodes = prepared.workflow.nodes.iter().filter(|n| !n.disabled);
    let new = nodes.filter(|n| trigger_of(prepared, &n.id).is_some()).map(|node| NewListener {
        workspace,
        version: i64::from(version),
        node: node.id.clone(),
        document: serde_json::to_value(node).unwrap_or_default(),
    });
    inner.store.replace_listeners(workflow, new.collect()).await
}

/// A listener that this process holds.
struct One {
    inner: Arc<Inner>,
    key: ListenerKey,
    workspace: WorkspaceId,
    holder: String,
    prepared: Arc<Prepared>,
    node: u32,
    /// Another one holds it by now.
    is_lost: AtomicBool,
}

impl One {
    /// Connects again and again, until somebody else has taken the listener.
    async fn listen(self, trigger: ListenTrigger) {
        let mut n_failed = 0_u32;
        loop {
            let began = Instant::now();
            let ended = self.once(trigger).await;
            if self.is_lost.load(Ordering::Relaxed) {
                return;
            }
            n_failed = if began.elapsed() >= GOOD { 1 } else { n_failed.saturating_add(1) };
            let why = ended.err().map_or("the connection ended".to_owned(), |error| error.to_string());
            let node = &self.prepared.node(self.node).name;
            tracing::warn!(workflow = %self.key.workflow, node, n_failed, "\"{node}\" does not listen: {why}");
            if let Err(error) = self.note(Some(why)).await {
                tracing::warn!(%error, "why a listener failed could not be kept: {error}");
            }
            tokio::time::sleep(Duration::from_millis(again_ms(n_failed, uuid::Uuid::new_v4().as_u128())))
                .await;
        }
    }

    /// One connection, from its beginning to its end.
    async fn once(&self, trigger: ListenTrigger) -> Result<(), NodeError> {
        let ids = (self.workspace, self.key.workflow);
        let attempt = Try::of_trigger(&self.inner, ids, self.prepared.clone(), self.node).await?;
        let (said, mut heard) = mpsc::channel(HEARD_MAX);
        let listening = async {
            let ear = Hearing { one: self, said };
            attempt.listen(trigger.listen, &ear).await
        };
        let accepting = self.accept_all(&mut heard);
        tokio::pin!(accepting);
        tokio::select! {
            // What was heard before the connection ended is accepted after it.
            ended = listening => accepting.await.and(ended),
            // Whatever else is heard would be lost.
            refused = &mut accepting => refused,
        }
    }

    async fn accept_all(&self, heard: &mut mpsc::Receiver<Vec<Item>>) -> Result<(), NodeError> {
        let mut batch = Vec::new();
        while heard.recv_many(&mut batch, AT_ONCE_MAX).await > 0 {
            self.accept(std::mem::take(&mut batch)).await?;
        }
        Ok(())
    }

    /// Starts an execution for each of these.
    async fn accept(&self, batch: Vec<Vec<Item>>) -> Result<(), NodeError> {
        let of = (self.workspace, self.key.workflow, self.key.version);
        let mut executions = Vec::with_capacity(batch.len());
        for items in batch {
            let new = made(&self.inner, of, &self.prepared, self.node, items).await;
            executions.push(new.map_err(|e| store_trouble(&e))?);
        }
        let fired = self.inner.store.fire_listener(self.key.clone(), self.holder.clone(), executions).await;
        match fired.map_err(|e| store_trouble(&e))? {
            Fired::Already => {
                self.is_lost.store(true, Ordering::Relaxed);
                Err(NodeError::Canceled)
            }
            Fired::Started(ids) => {
                for &id in &ids {
                    self.inner.tell_accepted(self.workspace, id, self.key.workflow);
                }
                self.inner.hint(self.workspace, ids);
                Ok(())
            }
        }
    }

    /// Keeps that it listens now, or why it does not.
    async fn note(&self, error: Option<String>) -> Result<(), StoreError> {
        let (key, holder, now) = (self.key.clone(), self.holder.clone(), self.inner.services.now());
        let is_mine = self.inner.store.note_listener(key, holder, now, error).await?;
        self.is_lost.fetch_or(!is_mine, Ordering::Relaxed);
        Ok(())
    }
}

/// Twice as long each time, less up to a quarter, so that many do not come back at once.
fn again_ms(n_failed: u32, chance: u128) -> u64 {
    let ms = AGAIN_MS.saturating_mul(1 << n_failed.saturating_sub(1).min(16)).min(AGAIN_MS_MAX);
    ms - (chance % u128::from(ms / 4)) as u64
}

/// The ear of one connection.
struct Hearing<'a> {
    one: &'a One,
    said: mpsc::Sender<Vec<Item>>,
}

impl Ear for Hearing<'_> {
    fn connected(&self) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move {
            self.one.note(None).await.map_err(|e| store_trouble(&e))?;
            if self.one.is_lost.load(Ordering::Relaxed) { Err(NodeError::Canceled) } else { Ok(()) }
        })
    }

    fn heard(&self, items: Vec<Item>) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move { self.said.send(items).await.map_err(|_| NodeError::Canceled) })
    }
}

/// Takes back what a listener has made elsewhere, and forgets it. After some tries it is given up: who
/// is away for so long cannot keep a workflow from being published anew.
async fn leave(inner: Arc<Inner>, row: Listener) {
    let key = row.key.clone();
    for n in 1..=LEAVES_MAX {
        let left = tokio::time::timeout(LEAVE_MAX, leave_once(&inner, &row)).await;
        let Err(error) = left.unwrap_or(Err(NodeError::TimedOut { limit_ms: LEAVE_MAX.as_millis() as u64 }))
        else {
            break;
        };
        let given_up = if n == LEAVES_MAX { "; it is given up" } else { "" };
        tracing::warn!(workflow = %key.workflow, node = key.node, %error, "what a listener made elsewhere could not be taken back: {error}{given_up}");
        if n < LEAVES_MAX {
            tokio::time::sleep(Duration::from_millis(again_ms(n, uuid::Uuid::new_v4().as_u128()))).await;
        }
    }
    log("forgetting a listener", inner.store.forget_listener(key).await);
}

/// By the node as it was published: its workflow may be gone.
async fn leave_once(inner: &Arc<Inner>, row: &Listener) -> Result<(), NodeError> {
    let unreadable = |e: String| NodeError::data(format!("a stored node cannot be read: {e}"));
    let node = serde_json::from_value(row.document.clone()).map_err(|e| unreadable(e.to_string()))?;
    let alone = Workflow { id: Some(row.key.workflow), nodes: vec![node], ..Workflow::default() };
    let prepared = Prepared::new(Arc::new(alone), inner.services.kinds).map_err(|e| unreadable(e.0))?;
    let Some((node, trigger)) = trigger_of(&prepared, &row.key.node) else { return Ok(()) };
    let ids = (row.workspace, row.key.workflow);
    Try::of_trigger(inner, ids, Arc::new(prepared), node).await?.leave(trigger.leave).await
}
