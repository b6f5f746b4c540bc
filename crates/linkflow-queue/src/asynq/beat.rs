//! The heartbeat: extends the leases of what is held, settles what could not be settled before,
//! and shows this process and its work to asynq's tools.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use linkflow_model::Millis;
use prost::Message as _;

use super::message::{ServerInfo, TIMEOUT_S, Timestamp, WorkerInfo};
use super::{Inner, keys, number, scripts, settle};
use crate::faults::Planted;
use crate::job::{QueueError, QueueName, Ticket};

/// Who this process is, in the eyes of the tools.
pub(crate) struct Server {
    host: String,
    pid: i32,
    pub(crate) id: String,
    started: Millis,
}

impl Server {
    pub(crate) fn new(started: Millis) -> Self {
        let file = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        // The braces of a key's slot go around it.
        let host: String = file.trim().chars().filter(|c| !matches!(c, '{' | '}' | ':')).collect();
        Server {
            host: if host.is_empty() { "unknown-host".to_owned() } else { host },
            pid: i32::try_from(std::process::id()).unwrap_or(0),
            id: uuid::Uuid::new_v4().to_string(),
            started,
        }
    }

    pub(crate) fn key(&self, what: &str) -> String {
        format!("{what}:{{{}:{}:{}}}", self.host, self.pid, self.id)
    }
}

pub(crate) async fn tick(inner: &Arc<Inner>) {
    settle::clear(inner).await;
    let trouble = [extend(inner).await, show(inner).await, announce(inner).await, inner.discover().await];
    if let Some(error) = trouble.into_iter().find_map(Result::err) {
        tracing::debug!(%error, "a heartbeat did not get through: {error}");
    }
}

async fn extend(inner: &Arc<Inner>) -> Result<(), QueueError> {
    if inner.settings.faults().has(Planted::LeaseNotExtended) {
        return Ok(());
    }
    let mut by_queue: BTreeMap<QueueName, Vec<(Ticket, Arc<str>)>> = BTreeMap::new();
    for (ticket, held) in inner.held().iter() {
        by_queue.entry(ticket.queue.clone()).or_default().push((ticket.clone(), held.owner.clone()));
    }
    for (queue, leases) in by_queue {
        for leases in leases.chunks(scripts::BATCH_MAX) {
            extend_batch(inner, &queue, leases).await?;
        }
    }
    Ok(())
}

async fn extend_batch(
    inner: &Arc<Inner>,
    queue: &QueueName,
    leases: &[(Ticket, Arc<str>)],
) -> Result<(), QueueError> {
    let mut args = vec![keys::tasks(queue).into_bytes(), number(inner.lease_end_s())];
    for (ticket, owner) in leases {
        args.extend([ticket.id().as_bytes().to_vec(), owner.as_bytes().to_vec()]);
    }
    let lost: Vec<String> = inner.link.run(&scripts::EXTEND, &[keys::of(queue, "lease")], &args).await?;
    for id in lost {
        let ticket = Ticket { queue: queue.clone(), id: id.into() };
        let owner = leases.iter().find(|(t, _)| *t == ticket).map(|(_, owner)| owner);
        let mut held = inner.held();
        if held.get(&ticket).is_some_and(|held| Some(&held.owner) == owner) {
            held.remove(&ticket);
            tracing::warn!(queue = %queue, task = %ticket.id, "the lease on {} is lost", ticket.id);
        }
    }
    Ok(())
}

/// Shows the process for twice the time between two beats, as asynq does.
async fn show(inner: &Arc<Inner>) -> Result<(), QueueError> {
    let server = &inner.server;
    let (server_key, workers_key) = (server.key(keys::SERVERS), server.key(keys::WORKERS));
    let ttl_s = i64::try_from(inner.settings.timers.heartbeat.as_secs()).unwrap_or(5).max(1) * 2;
    let ends = inner.settings.clock.now_s() + ttl_s;
    for (all, key) in [(keys::SERVERS, &server_key), (keys::WORKERS, &workers_key)] {
        inner.link.call::<i64>(redis::cmd("ZADD").arg(all).arg(ends).arg(key)).await?;
    }
    let workers = workers(inner);
    let mut args = vec![number(ttl_s), info(inner, workers.len()).encode_to_vec()];
    for worker in workers.iter().take(1000) {
        args.extend([worker.task_id.clone().into_bytes(), worker.encode_to_vec()]);
    }
    inner.link.run::<i64>(&scripts::SHOW, &[server_key, workers_key], &args).await?;
    Ok(())
}

fn info(inner: &Inner, n_active: usize) -> ServerInfo {
    let weights = inner.listening().into_iter();
    let queues: HashMap<String, i32> =
        weights.map(|(queue, weight)| (queue.to_string(), i32::try_from(weight).unwrap_or(1))).collect();
    ServerInfo {
        host: inner.server.host.clone(),
        pid: inner.server.pid,
        server_id: inner.server.id.clone(),
        concurrency: i32::try_from(inner.settings.concurrency).unwrap_or(i32::MAX),
        queues,
        strict_priority: false,
        status: "active".to_owned(),
        start_time: Timestamp::of_ms(inner.server.started.0),
        active_worker_count: i32::try_from(n_active).unwrap_or(i32::MAX),
    }
}

fn workers(inner: &Inner) -> Vec<WorkerInfo> {
    let held = inner.held();
    let worker = |(ticket, held): (&Ticket, &super::Held)| {
        let timeout_s = if held.message.timeout_s > 0 { held.message.timeout_s } else { TIMEOUT_S };
        let mut deadline_ms = held.started_ms.saturating_add(timeout_s.saturating_mul(1000));
        if held.message.deadline_s > 0 {
            deadline_ms = deadline_ms.min(held.message.deadline_s.saturating_mul(1000));
        }
        WorkerInfo {
            host: inner.server.host.clone(),
            pid: inner.server.pid,
            server_id: inner.server.id.clone(),
            task_id: ticket.id().to_owned(),
            task_type: held.message.kind.clone(),
            task_payload: held.message.payload.clone(),
            queue: ticket.queue.to_string(),
            start_time: Timestamp::of_ms(held.started_ms),
            deadline: Timestamp::of_ms(deadline_ms),
        }
    };
    held.iter().map(worker).collect()
}

/// The names of the queues we use, again: a UI deletes them, and a server may have been emptied.
pub(crate) async fn announce(inner: &Arc<Inner>) -> Result<(), QueueError> {
    let mut names: Vec<String> = Vec::new();
    if inner.settings.is_worker {
        names.extend(inner.settings.queues.iter().map(|(queue, _)| queue.to_string()));
    }
    {
        let pushed = inner.pushed.lock().expect("nothing panics while it holds the names");
        names.extend(pushed.iter().map(QueueName::to_string));
    }
    if names.is_empty() {
        return Ok(());
    }
    inner.link.call::<i64>(redis::cmd("SADD").arg(keys::QUEUES).arg(&names)).await.map(drop)
}

/// The process is no longer shown.
pub(crate) async fn leave(inner: &Arc<Inner>) {
    let (server, workers) = (inner.server.key(keys::SERVERS), inner.server.key(keys::WORKERS));
    for (all, key) in [(keys::SERVERS, server), (keys::WORKERS, workers)] {
        // Who cannot be told sees us for a few more seconds.
        let _ = inner.link.call::<i64>(redis::cmd("ZREM").arg(all).arg(&key)).await;
        let _ = inner.link.call::<i64>(redis::cmd("DEL").arg(&key)).await;
    }
}
