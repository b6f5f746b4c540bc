//! Tells the server what became of the jobs that were taken. Many callers settle at the same time;
//! whoever is at the desk does it for all that have come, in one script per queue. What the server
//! cannot be told now is told later, with the lease held until then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prost::Message as _;

use super::message::TaskMessage;
use super::{Held, Inner, keys, number, scripts};
use crate::job::{QueueError, QueueName, Ticket, retry_delay_s};

/// asynq keeps this many archived tasks, and for this long.
const ARCHIVED_MAX: i64 = 10_000;
const ARCHIVED_S: i64 = 90 * 24 * 3600;
/// Counters of days are kept as long.
pub(crate) const COUNTERS_S: i64 = 90 * 24 * 3600;
/// What the server could not be told is told again after this time.
pub(crate) const AGAIN: Duration = Duration::from_millis(500);
/// The longest text of an error that is kept with a task.
const ERROR_MAX: usize = 2000;

#[derive(Default)]
pub(crate) struct Desk {
    orders: Mutex<Vec<Order>>,
    seat: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Done,
    Back,
    Retry { error: String, jitter: u32 },
    Archive { error: String },
}

/// What became of one job.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) ticket: Ticket,
    pub(crate) holder: Holder,
    message: Arc<TaskMessage>,
    /// The message as it came, if it cannot be read.
    raw: Option<Vec<u8>>,
    since: Vec<u8>,
    verdict: Verdict,
}

/// By which right a job is settled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Holder {
    Owner(Arc<str>),
    /// Nobody extends its lease: it ended by this time, in seconds since 1970.
    NobodySince(i64),
}

impl Order {
    pub(crate) fn new(ticket: &Ticket, held: &Held, verdict: Verdict) -> Self {
        Order {
            ticket: ticket.clone(),
            holder: Holder::Owner(held.owner.clone()),
            message: held.message.clone(),
            raw: None,
            since: held.since.clone(),
            verdict,
        }
    }

    pub(crate) fn unreadable(ticket: Ticket, owner: Arc<str>, raw: Vec<u8>) -> Self {
        let verdict = Verdict::Archive { error: String::new() };
        let message = Arc::new(TaskMessage::default());
        Order { ticket, holder: Holder::Owner(owner), message, raw: Some(raw), since: Vec::new(), verdict }
    }

    pub(crate) fn expired(ticket: Ticket, message: TaskMessage, cutoff_s: i64, verdict: Verdict) -> Self {
        let holder = Holder::NobodySince(cutoff_s);
        Order { ticket, holder, message: Arc::new(message), raw: None, since: Vec::new(), verdict }
    }

    pub(crate) fn expired_unreadable(ticket: Ticket, raw: Vec<u8>, cutoff_s: i64) -> Self {
        let verdict = Verdict::Archive { error: String::new() };
        Order { raw: Some(raw), ..Order::expired(ticket, TaskMessage::default(), cutoff_s, verdict) }
    }

    /// The first three arguments of each task in `BACK` and `AWAY`.
    fn guard(&self) -> [Vec<u8>; 3] {
        let (owner, cutoff) = match &self.holder {
            Holder::Owner(owner) => (owner.as_bytes().to_vec(), Vec::new()),
            Holder::NobodySince(cutoff_s) => (Vec::new(), number(*cutoff_s)),
        };
        [self.ticket.id().as_bytes().to_vec(), owner, cutoff]
    }
}

/// Settles, and returns when the server knows or cannot be reached. Dropping the future does not
/// stop it.
pub(crate) async fn settle(inner: &Arc<Inner>, orders: Vec<Order>) {
    if orders.is_empty() {
        return;
    }
    inner.desk.orders().extend(orders);
    let own = inner.clone();
    let _ = tokio::spawn(async move { clear(&own).await }).await;
}

/// Settles what could not be settled before, once the server is there.
pub(crate) async fn again(inner: &Arc<Inner>) {
    if inner.link.is_up() && !inner.desk.orders().is_empty() {
        clear(inner).await;
    }
}

/// Settles what has come so far, what could not be settled before included.
pub(crate) async fn clear(inner: &Arc<Inner>) {
    let _seat = inner.desk.seat.lock().await;
    let orders = std::mem::take(&mut *inner.desk.orders());
    let mut by_queue: BTreeMap<QueueName, Vec<Order>> = BTreeMap::new();
    for order in orders {
        by_queue.entry(order.ticket.queue.clone()).or_default().push(order);
    }
    for (queue, orders) in by_queue {
        let (done, rest): (Vec<_>, Vec<_>) = orders.into_iter().partition(|o| o.verdict == Verdict::Done);
        let (back, away): (Vec<_>, Vec<_>) = rest.into_iter().partition(|o| o.verdict == Verdict::Back);
        for orders in done.chunks(scripts::BATCH_MAX) {
            inner.close_orders(orders, inner.tell_done(&queue, orders).await);
        }
        // Each goes before all that wait, so the last one goes first.
        let back: Vec<Order> = back.into_iter().rev().collect();
        for orders in back.chunks(scripts::BATCH_MAX) {
            inner.close_orders(orders, inner.tell_back(&queue, orders).await);
        }
        for orders in away.chunks(scripts::BATCH_MAX) {
            inner.close_orders(orders, inner.tell_away(&queue, orders).await);
        }
    }
}

impl Desk {
    fn orders(&self) -> std::sync::MutexGuard<'_, Vec<Order>> {
        self.orders.lock().expect("nothing panics while it holds the orders")
    }
}

impl Inner {
    /// What the server knows is held no longer; what it could not be told waits for the next time.
    fn close_orders(&self, orders: &[Order], told: Result<i64, QueueError>) {
        match told {
            Err(QueueError::Unavailable { .. }) => {
                // What nobody holds is found again by itself.
                let ours = orders.iter().filter(|order| matches!(order.holder, Holder::Owner(_)));
                self.desk.orders().extend(ours.cloned());
                return;
            }
            Err(error) => tracing::error!(%error, "{} jobs cannot be settled: {error}", orders.len()),
            Ok(_) => {}
        }
        let mut held = self.held();
        for order in orders {
            let is_same = |held: &Held| order.holder == Holder::Owner(held.owner.clone());
            if held.get(&order.ticket).is_some_and(is_same) {
                held.remove(&order.ticket);
            }
        }
    }

    async fn tell_done(&self, queue: &QueueName, orders: &[Order]) -> Result<i64, QueueError> {
        let now = self.settings.clock.now();
        let now_s = now.0.div_euclid(1000);
        let mut keys =
            ["active", "lease", "pending", "completed", "processed"].map(|k| keys::of(queue, k)).to_vec();
        keys.push(keys::on_day(queue, "processed", &keys::day(now_s)));
        let mut args = vec![
            number(now_s + COUNTERS_S),
            keys::tasks(queue).into_bytes(),
            number(self.settings.clock.now_ns()),
        ];
        for Order { ticket, holder, message, .. } in orders {
            let Holder::Owner(owner) = holder else { continue };
            let kept = (message.retention_s > 0).then(|| {
                let completed = TaskMessage { completed_at_s: now_s, ..TaskMessage::clone(message) };
                completed.encode_to_vec()
            });
            args.push(ticket.id().as_bytes().to_vec());
            args.push(owner.as_bytes().to_vec());
            args.push(lock_of(queue, message));
            args.push(kept.unwrap_or_default());
            args.push(number(now_s.saturating_add(message.retention_s)));
        }
        self.link.run(&scripts::DONE, &keys, &args).await
    }

    async fn tell_back(&self, queue: &QueueName, orders: &[Order]) -> Result<i64, QueueError> {
        let keys = ["active", "lease", "pending"].map(|what| keys::of(queue, what));
        let mut args = vec![keys::tasks(queue).into_bytes(), number(self.settings.clock.now_ns())];
        for order in orders {
            args.extend(order.guard());
            args.push(order.since.clone());
            // What a dead worker leaves counts as a failure of the job.
            let is_lost = matches!(order.holder, Holder::NobodySince(_));
            args.push(if is_lost { order.message.encode_to_vec() } else { Vec::new() });
            args.push(b"1".to_vec());
        }
        self.link.run(&scripts::BACK, &keys, &args).await
    }

    async fn tell_away(&self, queue: &QueueName, orders: &[Order]) -> Result<i64, QueueError> {
        let now_s = self.settings.clock.now_s();
        let day = keys::day(now_s);
        let mut keys = ["active", "lease", "retry", "archived"].map(|what| keys::of(queue, what)).to_vec();
        for what in ["processed", "failed"] {
            keys.extend([keys::of(queue, what), keys::on_day(queue, what, &day)]);
        }
        keys.push(keys::of(queue, "pending"));
        let mut args = vec![
            keys::tasks(queue).into_bytes(),
            number(now_s + COUNTERS_S),
            number(now_s - ARCHIVED_S),
            number(ARCHIVED_MAX),
            number(self.settings.clock.now_ns()),
        ];
        for order in orders {
            args.extend(order.guard());
            let (state, score, message) = order.outcome(now_s);
            args.extend([state.as_bytes().to_vec(), number(score), message]);
        }
        self.link.run(&scripts::AWAY, &keys, &args).await
    }
}

impl Order {
    /// Where a failed task goes, with which score, and its message from then on.
    fn outcome(&self, now_s: i64) -> (&'static str, i64, Vec<u8>) {
        if let Some(raw) = &self.raw {
            return ("archived", now_s, raw.clone());
        }
        let mut message = TaskMessage::clone(&self.message);
        message.last_failed_at_s = now_s;
        let (error, jitter) = match &self.verdict {
            Verdict::Retry { error, jitter } => (error.as_str(), Some(*jitter)),
            Verdict::Archive { error } => (error.as_str(), None),
            Verdict::Done | Verdict::Back => ("", None),
        };
        message.error_msg = error.chars().take(ERROR_MAX).collect();
        match jitter {
            Some(jitter) if message.retried < message.retry => {
                let at = now_s + retry_delay_s(message.retried, jitter);
                message.retried += 1;
                ("retry", at, message.encode_to_vec())
            }
            _ => ("archived", now_s, message.encode_to_vec()),
        }
    }
}

/// The lock to release, if it lies in the same slot; a foreign message might name anything.
fn lock_of(queue: &QueueName, message: &TaskMessage) -> Vec<u8> {
    let is_here = message.unique_key.starts_with(&keys::of(queue, "unique:"));
    if is_here { message.unique_key.clone().into_bytes() } else { Vec::new() }
}
