//! One type before both queues. The callers see what can be done with a queue, and never which
//! one it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use linkflow_model::Millis;
use tokio::sync::broadcast;

use crate::asynq::RedisQueue;
use crate::job::{Job, QueueError, QueueName, Taken, Ticket};
use crate::memory::MemoryQueue;

/// Hands jobs to workers. What it loses or repeats does no harm; the store decides.
pub enum Queue {
    Memory(MemoryQueue),
    Redis(RedisQueue),
}

/// What is in a queue. Where a queue has no such state, the number is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    pub queue: QueueName,
    pub pending: u64,
    pub active: u64,
    pub scheduled: u64,
    pub retry: u64,
    pub archived: u64,
    pub completed: u64,
    /// In total, failures included.
    pub processed: u64,
    pub failed: u64,
    /// Of the present day (UTC).
    pub processed_today: u64,
    pub failed_today: u64,
    pub is_paused: bool,
    /// How long the oldest pending job has waited.
    pub wait_ms: u64,
    /// What the queue takes in the server, estimated from a few of its entries.
    pub memory_bytes: u64,
}

/// A schedule, as asynq's tools show those of a scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownSchedule {
    pub id: String,
    /// When it fires, for people.
    pub spec: String,
    /// What it starts, as JSON.
    pub payload: Vec<u8>,
    pub queue: QueueName,
    pub next: Millis,
    pub previous: Option<Millis>,
}

/// How the queue's server is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueHealth {
    pub latency: Duration,
    /// What it keeps, in all masters together.
    pub memory_bytes: u64,
    /// How much it may keep; 0 where there is no limit.
    pub memory_bytes_max: u64,
    /// Whether it throws keys away when it is full; `maxmemory-policy` should be `noeviction`.
    pub is_evicting: bool,
}

impl QueueStats {
    /// All states together: what `asynq_queue_size` shows.
    pub fn size(&self) -> u64 {
        self.pending + self.active + self.scheduled + self.retry + self.archived + self.completed
    }

    pub(crate) fn of<'a>(
        all: &'a mut BTreeMap<QueueName, QueueStats>,
        queue: &QueueName,
    ) -> &'a mut QueueStats {
        let new = || QueueStats { queue: queue.clone(), ..QueueStats::default() };
        all.entry(queue.clone()).or_insert_with(new)
    }
}

impl Queue {
    /// Puts jobs in, each once: what waits already stays where it is; what is held comes again once
    /// it is let go, or at once if whoever held it seems to have died; what was archived stays archived. Returns how many came in anew.
    pub async fn push(&self, jobs: Vec<Job>) -> Result<usize, QueueError> {
        match self {
            Queue::Memory(queue) => Ok(queue.push_jobs(jobs)),
            Queue::Redis(queue) => queue.push(jobs).await,
        }
    }

    /// Takes up to `max` jobs and waits until there is one; `max` is the number of free slots, at
    /// most 1,000 are taken at once. Dropping the future loses nothing. With the server out of
    /// reach the answer is `Unavailable` within about two seconds, mostly at once, so who asks in a
    /// loop pauses then and asks the store meanwhile.
    pub async fn take(&self, max: usize) -> Result<Vec<Taken>, QueueError> {
        match self {
            Queue::Memory(queue) => Ok(queue.take_jobs(max).await),
            Queue::Redis(queue) => queue.take(max).await,
        }
    }

    /// The work is done. What cannot be told to the server now is told later.
    pub async fn done(&self, tickets: Vec<Ticket>) {
        match self {
            Queue::Memory(queue) => queue.done(tickets),
            Queue::Redis(queue) => queue.done(tickets).await,
        }
    }

    /// The work was not begun, or must go on elsewhere: it waits again, before all others.
    pub async fn give_back(&self, tickets: Vec<Ticket>) {
        match self {
            Queue::Memory(queue) => queue.give_back(tickets),
            Queue::Redis(queue) => queue.give_back(tickets).await,
        }
    }

    /// The work failed and is tried again after [`crate::retry_delay_s`], or archived when it has
    /// failed too often. `jitter` is a random number of 0 to 29.
    pub async fn retry(&self, ticket: Ticket, error: &str, jitter: u32) {
        match self {
            Queue::Memory(queue) => queue.retry(ticket, jitter),
            Queue::Redis(queue) => queue.retry(ticket, error, jitter).await,
        }
    }

    /// The work can never succeed: it is kept for people to look at.
    pub async fn archive(&self, ticket: Ticket, error: &str) {
        match self {
            Queue::Memory(queue) => queue.archive(ticket),
            Queue::Redis(queue) => queue.archive(ticket, error).await,
        }
    }

    /// Tells every worker that what has this id is to be cancelled.
    pub async fn cancel(&self, id: &str) -> Result<(), QueueError> {
        match self {
            Queue::Memory(queue) => queue.cancel(id),
            Queue::Redis(queue) => queue.cancel(id).await?,
        }
        Ok(())
    }

    /// The ids that are cancelled from now on, by us or with another tool. Hints: a receiver that
    /// lags or was cut off has missed some.
    pub fn cancellations(&self) -> broadcast::Receiver<Arc<str>> {
        match self {
            Queue::Memory(queue) => queue.cancellations(),
            Queue::Redis(queue) => queue.cancellations(),
        }
    }

    /// Nothing is taken from a paused queue; it goes on taking jobs in.
    pub async fn pause(&self, queue: &QueueName) -> Result<(), QueueError> {
        match self {
            Queue::Memory(memory) => memory.pause(queue),
            Queue::Redis(redis) => redis.pause(queue).await?,
        }
        Ok(())
    }

    pub async fn unpause(&self, queue: &QueueName) -> Result<(), QueueError> {
        match self {
            Queue::Memory(memory) => memory.unpause(queue),
            Queue::Redis(redis) => redis.unpause(queue).await?,
        }
        Ok(())
    }

    /// What is in each queue that exists.
    pub async fn stats(&self) -> Result<Vec<QueueStats>, QueueError> {
        match self {
            Queue::Memory(queue) => Ok(queue.stats()),
            Queue::Redis(queue) => queue.stats().await,
        }
    }

    /// Asks the server how it is; the queue in memory always answers.
    pub async fn health(&self) -> Result<QueueHealth, QueueError> {
        match self {
            Queue::Memory(_) => Ok(QueueHealth::default()),
            Queue::Redis(queue) => queue.health().await,
        }
    }

    /// The queues that this process takes from at present, with their weights: those that are paused
    /// are left out. A queue in memory has them all.
    pub async fn open_queues(&self) -> Result<Vec<(QueueName, u32)>, QueueError> {
        match self {
            Queue::Memory(queue) => Ok(queue.open_queues()),
            Queue::Redis(queue) => queue.open_queues().await,
        }
    }

    /// The queues that some process takes from, whichever it is: those that showed themselves within
    /// the time of two heartbeats.
    pub async fn served(&self) -> Result<BTreeSet<QueueName>, QueueError> {
        match self {
            Queue::Memory(queue) => Ok(queue.open_queues().into_iter().map(|(queue, _)| queue).collect()),
            Queue::Redis(queue) => queue.served().await,
        }
    }

    /// Takes up to `max` jobs, at most 200, of a queue that this process need not listen to; does
    /// not wait for any.
    pub async fn take_from(&self, queue: &QueueName, max: usize) -> Result<Vec<Taken>, QueueError> {
        match self {
            Queue::Memory(memory) => Ok(memory.take_from(queue, max)),
            Queue::Redis(redis) => redis.take_from(queue, max).await,
        }
    }

    /// Shows schedules to asynq's tools for `ttl`, as those of this process.
    pub async fn show_schedules(&self, all: Vec<ShownSchedule>, ttl: Duration) -> Result<(), QueueError> {
        match self {
            Queue::Memory(_) => Ok(()),
            Queue::Redis(queue) => queue.show_schedules(all, ttl).await,
        }
    }

    /// Runs every background duty once: what a test does after it has turned the clock.
    pub async fn maintain(&self) {
        match self {
            Queue::Memory(queue) => queue.look_again(),
            Queue::Redis(queue) => queue.maintain().await,
        }
    }

    /// Gives back whatever is held, and leaves.
    pub async fn close(&self) {
        match self {
            Queue::Memory(_) => {}
            Queue::Redis(queue) => queue.close().await,
        }
    }
}
