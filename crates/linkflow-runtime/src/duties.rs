//! What has to be done now and then: heartbeat, due waits, lost hints, dead workers, schedules,
//! listeners, wishes to cancel, executions that nobody drives, answers that nobody gave, retention.
//!
//! A process on its own does all of it. In a cluster each worker keeps its lease and looks after
//! what it runs, and one leader does the rest for all.
//!
//! None of them waits for another that fails, and nothing keeps the heartbeat waiting.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use linkflow_model::ExecutionId;
use linkflow_queue::{QueueName, ShownSchedule, Taken};
use linkflow_store::faults::Planted;
use linkflow_store::{Holding, Schedule, StoreError};
use serde_json::json;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::shell::{Inner, SWEEP_MAX};
use crate::worker::{LEASE_MS, Lease};

/// How long an execution may be ready before its hint counts as lost.
const HINT_MS: u64 = 2_000;
/// How often it is looked whether somebody waits for a place that is free.
const ADMIT_EVERY_MS: u64 = 1_000;
/// How often it is looked whether all queues are served, and how often it is said of one that is not.
const LOOK_AT_QUEUES_EVERY_MS: u64 = 10_000;
const SAY_UNSERVED_EVERY: u64 = 6;
/// How often the schedules are shown to the queue's tools, for how long, and how many.
const SHOW_EVERY_MS: u64 = 10_000;
const SHOWN_FOR: Duration = Duration::from_secs(30);
const SHOWN_MAX: usize = 1_000;
/// Jobs of a partition that is none any more that are moved in one go.
const MOVED_MAX: usize = 200;
/// How soon a dead worker is noticed once its lease is over.
const REAP_EVERY: Duration = Duration::from_secs(1);
const RETAIN_EVERY_MS: u64 = 600_000;
/// How soon the end of an execution elsewhere is seen by those who wait for it.
const ANSWER_EVERY_MS: u64 = 250;
const ASK_SELDOM: u64 = 8;

pub async fn run(inner: Arc<Inner>, lease: Arc<Lease>, stop: CancellationToken) {
    let all = async {
        tokio::join!(
            beat(&inner, &lease),
            rounds(&inner, Some(&lease), &|| true),
            retain(&inner, &|| true),
            crate::listeners::hold(&inner, &|| true),
            admit_all(&inner)
        )
    };
    tokio::select! {
        () = stop.cancelled() => {}
        _ = all => {}
    }
}

/// Those of a worker among others.
pub async fn drive(inner: Arc<Inner>, lease: Arc<Lease>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        _ = async {
            tokio::join!(beat(&inner, &lease), look_after_all(&inner, &lease), hear_cancellations(&inner), admit_all(&inner))
        } => {}
    }
}

/// Those that one process has for all others.
pub async fn lead(inner: &Arc<Inner>, stop: CancellationToken, leads: &(dyn Fn() -> bool + Send + Sync)) {
    tokio::select! {
        () = stop.cancelled() => {}
        _ = async {
            tokio::join!(
                rounds(inner, None, leads),
                retain(inner, leads),
                crate::listeners::hold(inner, leads),
                look_at_queues(inner, leads),
                show_schedules(inner, leads)
            )
        } => {}
    }
}

/// Those of a process that accepts, and leaves the work to others.
pub async fn answer(inner: &Inner, stop: CancellationToken) {
    let mut heard = inner.hints.hear();
    let mut tick = every(ANSWER_EVERY_MS);
    let mut n = 0_u64;
    let all = async {
        loop {
            tokio::select! {
                Some(message) = next_of(&mut heard) => {
                    log("answering what was heard", inner.answer_heard(&message).await);
                }
                _ = tick.tick() => {
                    n += 1;
                    // Who hears of each end asks seldom, for what was missed.
                    if !inner.hints.is_up() || n.is_multiple_of(ASK_SELDOM) {
                        log("answering", inner.answer_ended().await);
                        log("looking for answers", inner.answer_answered().await);
                    }
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = all => {}
    }
}

async fn next_of(heard: &mut Option<mpsc::Receiver<Vec<u8>>>) -> Option<Vec<u8>> {
    match heard {
        Some(heard) => heard.recv().await,
        None => std::future::pending().await,
    }
}

async fn look_after_all(inner: &Inner, lease: &Lease) {
    let mut tick = every(1_000);
    let mut orphans = HashSet::new();
    loop {
        tick.tick().await;
        log("looking after what runs", look_after(inner, lease, &mut orphans).await);
    }
}

/// Admits those that were held back: whenever an execution here has left a place, and now and then
/// for places that were left by workers which died.
async fn admit_all(inner: &Inner) {
    let mut tick = every(ADMIT_EVERY_MS);
    loop {
        tokio::select! {
            () = inner.place_left.notified() => {}
            _ = tick.tick() => {}
        }
        log("admitting", admit(inner).await);
    }
}

async fn admit(inner: &Inner) -> Result<(), StoreError> {
    let places = inner.places().await?;
    let (ids, n_left) = inner.store.admit(&places, inner.services.now()).await?;
    metrics::gauge!("linkflow_executions_held_back").set(n_left as f64);
    inner.hint_all(ids).await
}

/// What somebody cancels with asynq's tools. All workers hear of it, and the first one decides.
async fn hear_cancellations(inner: &Inner) {
    let mut heard = inner.hints.cancellations();
    loop {
        match heard.recv().await {
            Ok(id) => log("canceling", cancel_heard(inner, &id).await),
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn cancel_heard(inner: &Inner, id: &str) -> Result<(), StoreError> {
    let Ok(id) = id.parse::<ExecutionId>() else { return Ok(()) };
    match inner.store.workspace_of(id).await? {
        Some(workspace) => inner.cancel(workspace, id).await.map(drop),
        None => Ok(()),
    }
}

/// Queues that nobody takes from. Partitions that are none any more are emptied into those that
/// are; of others it is said, and no more: an operator gave each of them to certain workers.
async fn look_at_queues(inner: &Arc<Inner>, leads: &(dyn Fn() -> bool + Send + Sync)) {
    let mut tick = every(LOOK_AT_QUEUES_EVERY_MS);
    let mut said = HashMap::new();
    loop {
        tick.tick().await;
        if !leads() {
            continue;
        }
        // Without the queue's server there is nothing to see.
        let unserved = inner.hints.unserved().await.unwrap_or_default();
        said.retain(|queue, _| unserved.contains(queue));
        for queue in unserved {
            if inner.hints.is_left_over(&queue) {
                move_on(inner, &queue).await;
                continue;
            }
            let n: &mut u64 = said.entry(queue.clone()).or_default();
            // The first look may come before a worker that has just started shows itself.
            if *n % SAY_UNSERVED_EVERY == 1 {
                tracing::warn!(queue = %queue, "executions wait in the queue {queue}, and no worker takes from it; name it in QUEUE_PRIORITIES or QUEUE_NAME of one");
            }
            *n += 1;
        }
    }
}

/// Empties a queue into those in which its executions would wait now.
async fn move_on(inner: &Arc<Inner>, queue: &QueueName) {
    loop {
        let taken = inner.hints.take_from(queue, MOVED_MAX).await.unwrap_or_default();
        let is_last = taken.len() < MOVED_MAX;
        if !taken.is_empty() {
            tracing::info!(queue = %queue, n_jobs = taken.len(), "{} jobs of {queue} are moved", taken.len());
        }
        let (mut ids, mut tickets) = (Vec::new(), Vec::new());
        for job in taken {
            match job {
                Taken::Execution { ticket, job } => {
                    ids.push(job.execution);
                    tickets.push(ticket);
                }
                Taken::Foreign(job) => crate::worker::take_foreign(inner, job).await,
            }
        }
        // What cannot be hinted at now is found by the sweep.
        log("moving jobs", inner.hint_all(ids).await);
        tickets.into_iter().for_each(|ticket| inner.hints.done(ticket));
        if is_last {
            return;
        }
    }
}

async fn show_schedules(inner: &Inner, leads: &(dyn Fn() -> bool + Send + Sync)) {
    let mut tick = every(SHOW_EVERY_MS);
    loop {
        tick.tick().await;
        if !leads() || inner.hints.is_local() || !inner.hints.is_up() {
            continue;
        }
        log("showing the schedules", shown(inner).await);
    }
}

async fn shown(inner: &Inner) -> Result<(), StoreError> {
    let show = |schedule: Schedule| {
        let payload = json!({"workflow_id": schedule.workflow, "node": schedule.node});
        let zone = &schedule.timezone;
        Some(ShownSchedule {
            id: schedule.id.to_string(),
            spec: format!("{} ({zone})", schedule.rule),
            payload: payload.to_string().into_bytes(),
            queue: inner.hints.queue_of(schedule.workspace),
            next: schedule.next_run_at?,
            previous: schedule.last_run_at,
        })
    };
    let all = inner.store.upcoming(SHOWN_MAX).await?.into_iter().filter_map(show).collect();
    if let Err(error) = inner.hints.show_schedules(all, SHOWN_FOR).await {
        tracing::debug!(%error, "the schedules are not shown: {error}");
    }
    Ok(())
}

pub fn every(ms: u64) -> Interval {
    let mut interval = tokio::time::interval(Duration::from_millis(ms));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Keeps the lease.
async fn beat(inner: &Inner, lease: &Lease) {
    let mut tick = every(LEASE_MS / 4);
    loop {
        tick.tick().await;
        let key = lease.key();
        let beaten = match inner.store.heartbeat(&key, inner.services.now(), LEASE_MS).await {
            Ok(true) => Ok(()),
            Ok(false) => lease.renew(inner, &key).await,
            Err(error) => Err(error),
        };
        if let Err(error) = beaten {
            tracing::error!(%error, "the heartbeat failed: {error}");
            tick.reset_after(Duration::from_secs(1));
        }
    }
}

async fn retain(inner: &Inner, leads: &(dyn Fn() -> bool + Send + Sync)) {
    let mut tick = every(RETAIN_EVERY_MS);
    tick.reset_after(Duration::from_secs(30));
    loop {
        tick.tick().await;
        if !leads() {
            continue;
        }
        let kept = inner.store.retain(inner.services.now(), inner.retention_days, None).await;
        log("retention", kept.map(|_| ()));
    }
}

/// With a lease, also what belongs to a process that drives and answers.
async fn rounds(inner: &Arc<Inner>, lease: Option<&Lease>, leads: &(dyn Fn() -> bool + Send + Sync)) {
    let mut tick = every(200);
    let mut orphans = HashSet::new();
    let mut n = 0_u64;
    let mut reaped: Option<Instant> = None;
    loop {
        tick.tick().await;
        if !leads() {
            (n, reaped) = (0, None);
            continue;
        }
        // By time, however long a round takes; and before anything else is taken in: what was
        // interrupted goes on first.
        if reaped.is_none_or(|at| at.elapsed() >= REAP_EVERY) {
            log("looking for dead workers", reap(inner).await);
            reaped = Some(Instant::now());
        }
        log("waking what is due", wake_due(inner).await);
        if !inner.draining.load(Ordering::Relaxed) {
            log("the schedules", crate::scheduler::tick(inner).await);
        }
        if n.is_multiple_of(5) {
            // The first round takes in what an earlier process left; later ones what was lost.
            log("looking for lost hints", sweep(inner, if n == 0 { 0 } else { HINT_MS }).await);
            log(
                "removing journals that were an answer",
                inner.store.remove_outlived(inner.services.now()).await.map(drop),
            );
            if let Some(lease) = lease {
                log("looking after what runs", look_after(inner, lease, &mut orphans).await);
            }
        }
        if n % 10 == 9 && lease.is_some() {
            log("answering", inner.answer_ended().await);
        }
        n += 1;
    }
}

pub fn log(duty: &str, done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(%error, "{duty} failed: {error}");
    }
}

async fn wake_due(inner: &Inner) -> Result<(), StoreError> {
    inner.hint_ready(inner.store.wake_due(inner.services.now(), SWEEP_MAX).await?).await
}

async fn reap(inner: &Inner) -> Result<(), StoreError> {
    inner.hint_ready(inner.store.reap(inner.services.now()).await?).await
}

async fn sweep(inner: &Inner, age_ms: u64) -> Result<(), StoreError> {
    if inner.store.has(Planted::NoSweeper) {
        return Ok(());
    }
    inner.hint_older_than(inner.services.now(), age_ms).await
}

/// Tells executions that somebody wants their end, and hands back those that are this worker's on
/// disk and that it does not know: a claim whose answer got lost, or one that could not be handed
/// back at once. One round alone proves nothing, a claim may just be coming in.
async fn look_after(
    inner: &Inner,
    lease: &Lease,
    orphans: &mut HashSet<(ExecutionId, u64)>,
) -> Result<(), StoreError> {
    let key = lease.key();
    let held = inner.store.held_by(&key).await?;
    let mut unknown = HashSet::new();
    for Holding { id, claim, cancel_requested } in held {
        match inner.cancel_token(id) {
            Some(cancel) if cancel_requested => cancel.cancel(),
            Some(_) => {}
            None => _ = unknown.insert((id, claim)),
        }
    }
    for &(id, claim) in unknown.intersection(orphans) {
        let why = "its worker lost sight of it".to_owned();
        if inner.store.give_back(&key, (id, claim), inner.services.now(), why, false).await? {
            inner.hint_ready(vec![id]).await?;
        }
    }
    *orphans = unknown;
    Ok(())
}
