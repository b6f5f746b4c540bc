//! What the stories are told with: jobs by number, and a queue with a clock that is turned.

use std::future::Future;
use std::time::Duration;

use linkflow_model::{ExecutionId, Millis, WorkspaceId};
use linkflow_queue::{
    Clock, Job, MemoryQueue, Queue, QueueName, RedisQueue, Settings, Taken, Ticket, Timers,
};

use crate::servers::Redis;

/// 2026-11-23, 12:00 UTC.
pub const NOON: Millis = Millis(1_795_435_200_000);

pub struct Stage {
    pub queue: Queue,
    pub clock: Clock,
    pub redis: Option<Redis>,
}

pub const THREE_QUEUES: &str = "critical:6,default:3,low:1";

impl Stage {
    pub async fn in_memory() -> Self {
        let clock = Clock::standing_at(NOON);
        let queue = Queue::Memory(MemoryQueue::new(THREE_QUEUES.parse().unwrap(), clock.clone()));
        Stage { queue, clock, redis: None }
    }

    pub async fn in_redis() -> Self {
        let redis = Redis::start();
        let clock = Clock::standing_at(NOON);
        let queue = Queue::Redis(worker(&redis.url(), &clock).await);
        Stage { queue, clock, redis: Some(redis) }
    }
}

/// The settings of a worker whose duties are run by hand and whose clock is turned by hand.
pub fn settings(url: &str, clock: &Clock) -> Settings {
    let mut settings = Settings::new(url);
    settings.queues = THREE_QUEUES.parse().unwrap();
    settings.clock = clock.clone();
    settings.is_in_background = false;
    settings.timers = Timers { recover_grace: Duration::ZERO, ..Timers::default() };
    settings
}

pub async fn worker(url: &str, clock: &Clock) -> RedisQueue {
    RedisQueue::open(settings(url, clock)).await.unwrap()
}

pub fn execution(n: u128) -> ExecutionId {
    ExecutionId::new(Millis(1), n)
}

pub fn job_of(workspace: u128, queue: &str, n: u128) -> Job {
    let workspace = WorkspaceId(ExecutionId::new(Millis(0), workspace).0);
    Job::new(QueueName::new(queue).unwrap(), execution(n), workspace)
}

pub fn job(n: u128) -> Job {
    job_of(1, "default", n)
}

pub fn jobs(ns: impl IntoIterator<Item = u128>) -> Vec<Job> {
    ns.into_iter().map(job).collect()
}

/// The numbers of the jobs that were taken.
pub fn numbers(taken: &[Taken]) -> Vec<u128> {
    let number = |taken: &Taken| match taken {
        Taken::Execution { job, .. } => job.execution.0.as_u128() & 0xffff_ffff,
        Taken::Foreign(job) => panic!("{job:?} is no execution"),
    };
    taken.iter().map(number).collect()
}

pub fn tickets(taken: &[Taken]) -> Vec<Ticket> {
    taken.iter().map(|taken| taken.ticket().clone()).collect()
}

/// Fails a test that waits for what does not come.
#[track_caller]
pub fn soon<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, future)
            .await
            .unwrap_or_else(|_| panic!("nothing came, waited for at {caller}"))
    }
}

impl Stage {
    pub async fn push(&self, jobs: Vec<Job>) -> usize {
        soon(self.queue.push(jobs)).await.unwrap()
    }

    pub async fn take(&self, max: usize) -> Vec<Taken> {
        soon(self.queue.take(max)).await.unwrap()
    }

    /// Takes what is there, and nothing if there is nothing.
    pub async fn take_if_any(&self, max: usize) -> Vec<Taken> {
        take_if_any(&self.queue, max).await
    }
}

pub async fn take_if_any(queue: &Queue, max: usize) -> Vec<Taken> {
    // The taker that leaves gives back what it would have got, so the wait decides nothing.
    tokio::time::timeout(Duration::from_millis(150), queue.take(max)).await.map_or(Vec::new(), Result::unwrap)
}
