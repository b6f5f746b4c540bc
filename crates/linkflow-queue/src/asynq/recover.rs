//! The recoverer: finds what dead workers held. A job of ours waits again at once, because the
//! store decides whether it may be tried; a task of another program is tried again later, or
//! archived when it has been tried often enough. Ids in the active list that belong to nobody,
//! which asynq leaves there for ever, are found as well.

use std::sync::Arc;

use prost::Message as _;

use super::message::TaskMessage;
use super::settle::{Order, Verdict, settle};
use super::{Inner, keys, number, scripts};
use crate::faults::Planted;
use crate::job::{QueueError, QueueName, Ticket};

/// How many scripts one tick runs for a queue.
const ROUNDS_MAX: usize = 100;
/// How many places of the active list one script looks at.
const PLACES: i64 = 500;
/// asynq's words for it, so that its users know them.
const EXPIRED: &str = "asynq: task lease expired";

pub(crate) async fn tick(inner: &Arc<Inner>) {
    for (queue, _) in inner.listening() {
        if let Err(error) = recover(inner, &queue).await {
            tracing::debug!(queue = %queue, %error, "what dead workers held of {queue} stays: {error}");
        }
        if inner.settings.faults().has(Planted::OrphanNeverSwept) {
            continue;
        }
        if let Err(error) = sweep(inner, &queue).await {
            tracing::debug!(queue = %queue, %error, "orphans of {queue} stay for now: {error}");
        }
    }
}

async fn recover(inner: &Arc<Inner>, queue: &QueueName) -> Result<(), QueueError> {
    let grace_s = i64::try_from(inner.settings.timers.recover_grace.as_secs()).unwrap_or(i64::MAX);
    let cutoff_s = inner.settings.clock.now_s().saturating_sub(grace_s);
    let args = [number(cutoff_s), keys::tasks(queue).into_bytes(), number(100)];
    for _ in 0..ROUNDS_MAX {
        let got: Vec<Vec<u8>> = inner.link.run(&scripts::EXPIRED, &[keys::of(queue, "lease")], &args).await?;
        if got.is_empty() {
            break;
        }
        // A lease on nothing goes in the same way: the scripts find nothing to move.
        let orders: Vec<Order> = got
            .chunks_exact(2)
            .filter_map(|task| match task {
                [id, message] => Some(order(queue, id, message, cutoff_s)),
                _ => None,
            })
            .collect();
        tracing::info!(queue = %queue, n_jobs = orders.len(), "found {} jobs of dead workers", orders.len());
        settle(inner, orders).await;
    }
    Ok(())
}

/// What is to become of a task whose lease ran out.
fn order(queue: &QueueName, id: &[u8], message: &[u8], cutoff_s: i64) -> Order {
    let ticket = Ticket { queue: queue.clone(), id: String::from_utf8_lossy(id).into() };
    let Ok(mut task) = TaskMessage::decode(message) else {
        return Order::expired_unreadable(ticket, message.to_vec(), cutoff_s);
    };
    let error = EXPIRED.to_owned();
    let is_ours = task.ours().is_some();
    let verdict = if task.retried >= task.retry {
        Verdict::Archive { error }
    } else if is_ours {
        task.retried += 1;
        task.error_msg = error;
        Verdict::Back
    } else {
        Verdict::Retry { error, jitter: 0 }
    };
    Order::expired(ticket, task, cutoff_s, verdict)
}

/// Looks through the active list.
async fn sweep(inner: &Arc<Inner>, queue: &QueueName) -> Result<(), QueueError> {
    let keys = [keys::of(queue, "active"), keys::of(queue, "lease")];
    let mut first = 0;
    for _ in 0..ROUNDS_MAX {
        let args = [
            number(first),
            number(first + PLACES - 1),
            keys::tasks(queue).into_bytes(),
            number(inner.lease_end_s()),
        ];
        let [n_seen, n_gone, n_leased]: [i64; 3] = inner.link.run(&scripts::ORPHANS, &keys, &args).await?;
        if n_gone + n_leased > 0 {
            tracing::warn!(queue = %queue, n_gone, n_leased, "{n_gone} orphans of {queue} went, {n_leased} got a lease");
        }
        if n_seen < PLACES {
            break;
        }
        first += n_seen - n_gone;
    }
    Ok(())
}
