//! Takes jobs: as many as there is room for, from each queue its share, all in one go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use prost::Message as _;
use tokio::sync::oneshot;

use super::message::TaskMessage;
use super::settle::{Order, Verdict, settle};
use super::{Held, Inner, keys, number, scripts};
use crate::fair;
use crate::faults::Planted;
use crate::job::{QueueError, QueueName, Taken, Ticket};

/// The most that is taken at once.
const TAKE_MAX: usize = 1000;

/// Counts the takings of this process and what was taken, for marks and order.
static TAKINGS: AtomicU64 = AtomicU64::new(0);

/// Waits until there is something to take.
pub(crate) async fn take(inner: &Arc<Inner>, max: usize) -> Result<Vec<Taken>, QueueError> {
    if max == 0 {
        return Ok(Vec::new());
    }
    loop {
        let arrived = inner.arrived.notified();
        tokio::pin!(arrived);
        arrived.as_mut().enable();
        let taken = take_safely(inner, max.min(TAKE_MAX)).await?;
        if !taken.is_empty() {
            return Ok(fair::take_turns(taken));
        }
        inner.armed.notify_one();
        // News come by the ear; the wait ends by itself in case it is deaf.
        let _ = tokio::time::timeout(inner.settings.timers.poll, arrived).await;
    }
}

/// What was taken for somebody who may have left by now; then it goes back.
struct Delivery {
    inner: Arc<Inner>,
    taken: Vec<Taken>,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.taken.is_empty() {
            return;
        }
        let tickets = self.taken.drain(..).map(|taken| taken.ticket().clone()).collect();
        let inner = self.inner.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { inner.settle(tickets, &Verdict::Back).await });
        }
    }
}

/// Takes in a task of its own, so that a caller who leaves does not leave jobs behind that nobody
/// knows of.
async fn take_safely(inner: &Arc<Inner>, max: usize) -> Result<Vec<Taken>, QueueError> {
    let (deliver, delivered) = oneshot::channel();
    let own = inner.clone();
    tokio::spawn(async move {
        let taken = take_now(&own, max).await.map(|taken| Delivery { inner: own.clone(), taken });
        // Who left gets nothing, and the delivery goes back as it is dropped.
        let _ = deliver.send(taken);
    });
    let left = |_| QueueError::Unavailable { cause: "the runtime is shutting down".to_owned() };
    let mut delivery = delivered.await.map_err(left)??;
    Ok(std::mem::take(&mut delivery.taken))
}

/// First from each queue its share, all at once; what is left over goes to those that have more.
async fn take_now(inner: &Arc<Inner>, max: usize) -> Result<Vec<Taken>, QueueError> {
    let queues = inner.listening();
    let dealt = {
        let mut shares = inner.shares.lock().expect("nothing panics while it holds the shares");
        shares.deal(&queues, max)
    };
    let asked: Vec<(&QueueName, usize)> =
        queues.iter().map(|(queue, _)| queue).zip(dealt).filter(|(_, n)| *n > 0).collect();
    let answers = join_all(asked.iter().map(|(queue, n)| take_of(inner, queue, *n))).await;
    let mut taken = Vec::new();
    let (mut empty, mut failed) = (Vec::new(), None);
    for ((queue, n), answer) in asked.iter().zip(answers) {
        match answer {
            Ok(some) => {
                if some.len() < *n {
                    empty.push(*queue);
                }
                taken.extend(some);
            }
            Err(error) => {
                empty.push(*queue);
                failed = Some(error);
            }
        }
    }
    for (queue, _) in queues.iter().filter(|(queue, _)| !empty.contains(&queue)) {
        if taken.len() >= max {
            break;
        }
        match take_of(inner, queue, max - taken.len()).await {
            Ok(some) => taken.extend(some),
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if taken.is_empty() => Err(error),
        _ => Ok(taken),
    }
}

async fn take_of(inner: &Arc<Inner>, queue: &QueueName, n: usize) -> Result<Vec<Taken>, QueueError> {
    let mut taken = Vec::new();
    while taken.len() < n {
        let some = n.min(scripts::BATCH_MAX).min(n - taken.len());
        match take_batch(inner, queue, some).await {
            // What was taken before the trouble is held and must be worked on.
            Err(error) if taken.is_empty() => return Err(error),
            Err(_) => break,
            Ok(batch) => {
                let was_all = batch.len() < some;
                taken.extend(batch);
                if was_all {
                    break;
                }
            }
        }
    }
    Ok(taken)
}

pub(crate) async fn take_batch(
    inner: &Arc<Inner>,
    queue: &QueueName,
    n: usize,
) -> Result<Vec<Taken>, QueueError> {
    let keys = ["paused", "pending", "active", "lease"].map(|what| keys::of(queue, what));
    let owner: Arc<str> = format!("{}:{}", inner.server.id, TAKINGS.fetch_add(1, Ordering::Relaxed)).into();
    let args = [
        number(inner.lease_end_s()),
        keys::tasks(queue).into_bytes(),
        n.to_string().into_bytes(),
        owner.as_bytes().to_vec(),
    ];
    let got: Vec<Vec<u8>> = inner.link.run(&scripts::TAKE, &keys, &args).await?;
    let mut taken = Vec::with_capacity(got.len() / 4);
    let mut unreadable = Vec::new();
    for task in got.chunks_exact(4) {
        let [id, message, since, start] = task else { continue };
        match (std::str::from_utf8(id), TaskMessage::decode(message.as_slice())) {
            (Ok(id), Ok(message)) => taken.push(hold(inner, queue, id, &owner, message, (since, start))),
            _ => unreadable.push((id.clone(), message.clone())),
        }
    }
    refuse(inner, queue, &owner, unreadable).await;
    if inner.settings.faults().has(Planted::AcknowledgedBeforeWork) {
        let tickets = taken.iter().map(|taken| taken.ticket().clone()).collect();
        inner.settle(tickets, &Verdict::Done).await;
    }
    Ok(taken)
}

fn hold(
    inner: &Inner,
    queue: &QueueName,
    id: &str,
    owner: &Arc<str>,
    message: TaskMessage,
    (since, start): (&[u8], &[u8]),
) -> Taken {
    let ticket = Ticket { queue: queue.clone(), id: id.into() };
    let taken = message.taken(ticket.clone(), start);
    let held = Held {
        owner: owner.clone(),
        message: Arc::new(message),
        since: since.to_vec(),
        started_ms: inner.settings.clock.now().0,
        n: TAKINGS.fetch_add(1, Ordering::Relaxed),
    };
    inner.held().insert(ticket, held);
    taken
}

/// What nobody can read is archived, as it is; otherwise it would come again for ever.
async fn refuse(
    inner: &Arc<Inner>,
    queue: &QueueName,
    owner: &Arc<str>,
    unreadable: Vec<(Vec<u8>, Vec<u8>)>,
) {
    let order = |(id, message): (Vec<u8>, Vec<u8>)| {
        let id = String::from_utf8(id).ok()?;
        tracing::warn!(queue = %queue, task = %id, "task {id} of {queue} cannot be read and is archived");
        let ticket = Ticket { queue: queue.clone(), id: id.into() };
        Some(Order::unreadable(ticket, owner.clone(), message))
    };
    settle(inner, unreadable.into_iter().filter_map(order).collect()).await;
}
