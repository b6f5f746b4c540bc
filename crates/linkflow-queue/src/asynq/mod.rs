//! The queue of a cluster: Redis, in the layout of asynq v0.26.
//!
//! Several workers, and programs that use asynq itself, share one server. What a worker takes it
//! holds by a lease, which it extends while it lives; what a dead one held is found by any other.
//! Nothing here is kept for ever: the store knows what is owed.

mod address;
mod beat;
mod bus;
mod ear;
pub(crate) mod feed;
mod forward;
pub(crate) mod health;
mod janitor;
mod keys;
pub(crate) mod leader;
mod link;
mod message;
mod others;
mod recover;
mod scripts;
mod settle;
pub(crate) mod shelf;
mod take;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::join_all;
use prost::Message as _;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::job::{Job, QueueError, QueueName, Taken, Ticket};
use crate::partition;
use crate::queue::{QueueHealth, QueueStats};
use crate::weights::{Shares, Weights};
use address::Address;
use link::Link;
use message::TaskMessage;
use settle::{Order, Verdict};

/// How a process takes part in the queues. Its `Debug` leaves passwords out.
#[derive(Clone)]
pub struct Settings {
    /// `redis://`, `rediss://`, `redis+sentinel://h1,h2/master[/db]` or `redis+cluster://h1,h2`;
    /// Redis 6.2 or newer.
    pub url: String,
    /// A certificate in PEM of whoever signed the server's, where the system does not know it.
    pub ca_certificate: Option<Vec<u8>>,
    /// The queues to take from.
    pub queues: Weights,
    /// The weight of each partition's queue, for who takes from all partitions that exist.
    pub partitions: Option<u32>,
    /// How many jobs at once, as shown to operators.
    pub concurrency: u32,
    /// For how many seconds our own jobs are shown as completed; 0: not at all.
    pub retention_s: u32,
    /// Whether this process works. Otherwise it only pushes, and should not take.
    pub is_worker: bool,
    /// Off for tests, which run the duties by hand.
    pub is_in_background: bool,
    pub timers: Timers,
    pub clock: Clock,
    planted: Faults,
}

/// How often, and how long. Those of asynq, but where it says otherwise.
#[derive(Clone, Debug)]
pub struct Timers {
    pub lease: Duration,
    pub heartbeat: Duration,
    /// Between two looks for leases that ran out; asynq waits a minute.
    pub recover: Duration,
    /// How long a lease must have run out, so that clocks may differ.
    pub recover_grace: Duration,
    /// How long nobody has extended the lease of a job that is taken away when it is pushed. To
    /// take a job away from a slow worker does no harm, since the store decides; shorter than a
    /// heartbeat, because jobs are only held until they are claimed.
    pub unheard: Duration,
    pub forward: Duration,
    pub janitor: Duration,
    /// How long a taker waits for news before it looks by itself.
    pub poll: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Timers {
            lease: seconds(30),
            heartbeat: seconds(5),
            recover: seconds(30),
            recover_grace: seconds(30),
            unheard: seconds(3),
            forward: seconds(5),
            janitor: seconds(8),
            poll: seconds(2),
        }
    }
}

impl Settings {
    /// A worker on the default queue of the server at `url`.
    pub fn new(url: &str) -> Self {
        Settings {
            url: url.to_owned(),
            ca_certificate: None,
            queues: Weights::default(),
            partitions: None,
            concurrency: 10,
            retention_s: 0,
            is_worker: true,
            is_in_background: true,
            timers: Timers::default(),
            clock: Clock::System,
            planted: Faults::default(),
        }
    }

    /// Plants a bug that a test has to find.
    #[cfg(feature = "faults")]
    pub fn plant(mut self, bug: Option<crate::Planted>) -> Self {
        self.planted.planted = bug;
        self
    }

    fn faults(&self) -> Faults {
        self.planted
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("url", &address::without_password(&self.url))
            .field("queues", &self.queues)
            .field("partitions", &self.partitions)
            .field("is_worker", &self.is_worker)
            .field("timers", &self.timers)
            .finish_non_exhaustive()
    }
}

/// A queue in Redis. Dropping it stops the duties and leaves what it holds to its leases; `close`
/// gives it back.
pub struct RedisQueue {
    inner: Arc<Inner>,
    duties: Vec<JoinHandle<()>>,
}

struct Inner {
    link: Arc<Link>,
    settings: Settings,
    server: beat::Server,
    /// What was taken and is not settled.
    held: Mutex<HashMap<Ticket, Held>>,
    shares: Mutex<Shares>,
    /// Queues of partitions that exist.
    partitions: Mutex<BTreeSet<QueueName>>,
    /// Queues pushed to, which have to be known to all.
    pushed: Mutex<BTreeSet<QueueName>>,
    arrived: Notify,
    armed: Arc<Notify>,
    cancelled: broadcast::Sender<Arc<str>>,
    desk: settle::Desk,
}

/// What we hold a lease on.
struct Held {
    /// Marks this taking; whoever takes the task later has another mark.
    owner: Arc<str>,
    message: Arc<TaskMessage>,
    /// `pending_since` as it was, for who gives back.
    since: Vec<u8>,
    started_ms: i64,
    /// Counts what was taken, for the order in which it is given back.
    n: u64,
}

impl RedisQueue {
    /// Refuses settings that cannot be read. A server that is not there is waited for a moment and
    /// then looked for in the background.
    pub async fn open(settings: Settings) -> Result<Self, QueueError> {
        let address = Address::parse(&settings.url, settings.ca_certificate.as_deref())?;
        let (cancelled, _) = broadcast::channel(1024);
        let inner = Arc::new(Inner {
            link: Link::open(address).await,
            server: beat::Server::new(settings.clock.now()),
            settings,
            held: Mutex::default(),
            shares: Mutex::default(),
            partitions: Mutex::default(),
            pushed: Mutex::default(),
            arrived: Notify::new(),
            armed: Arc::new(Notify::new()),
            cancelled,
            desk: settle::Desk::default(),
        });
        let duties = start(&inner);
        Ok(RedisQueue { inner, duties })
    }

    /// See [`crate::Queue::push`].
    pub async fn push(&self, jobs: Vec<Job>) -> Result<usize, QueueError> {
        self.inner.push(jobs).await
    }

    /// Pushes a job unless one with the same execution and workspace was pushed in this way within
    /// `ttl` and is not done. Says whether it came in.
    pub async fn push_unique(&self, job: &Job, ttl: Duration) -> Result<bool, QueueError> {
        self.inner.push_unique(job, ttl).await
    }

    /// See [`crate::Queue::take`].
    pub async fn take(&self, max: usize) -> Result<Vec<Taken>, QueueError> {
        take::take(&self.inner, max).await
    }

    /// See [`crate::Queue::done`].
    pub async fn done(&self, tickets: Vec<Ticket>) {
        self.inner.settle(tickets, &Verdict::Done).await;
    }

    /// See [`crate::Queue::give_back`].
    pub async fn give_back(&self, tickets: Vec<Ticket>) {
        self.inner.settle(tickets, &Verdict::Back).await;
    }

    /// See [`crate::Queue::retry`].
    pub async fn retry(&self, ticket: Ticket, error: &str, jitter: u32) {
        self.inner.settle(vec![ticket], &Verdict::Retry { error: error.to_owned(), jitter }).await;
    }

    /// See [`crate::Queue::archive`].
    pub async fn archive(&self, ticket: Ticket, error: &str) {
        self.inner.settle(vec![ticket], &Verdict::Archive { error: error.to_owned() }).await;
    }

    /// See [`crate::Queue::cancel`].
    pub async fn cancel(&self, id: &str) -> Result<(), QueueError> {
        self.inner.link.call(redis::cmd("PUBLISH").arg(keys::CANCEL).arg(id)).await
    }

    /// See [`crate::Queue::cancellations`].
    pub fn cancellations(&self) -> broadcast::Receiver<Arc<str>> {
        self.inner.cancelled.subscribe()
    }

    /// See [`crate::Queue::pause`].
    pub async fn pause(&self, queue: &QueueName) -> Result<(), QueueError> {
        let now = self.inner.settings.clock.now_s();
        let key = keys::of(queue, "paused");
        self.inner.link.call(redis::cmd("SET").arg(key).arg(now).arg("NX")).await
    }

    pub async fn unpause(&self, queue: &QueueName) -> Result<(), QueueError> {
        self.inner.link.call(redis::cmd("DEL").arg(keys::of(queue, "paused"))).await
    }

    /// See [`crate::Queue::stats`].
    pub async fn stats(&self) -> Result<Vec<QueueStats>, QueueError> {
        self.inner.stats().await
    }

    /// See [`crate::Queue::health`].
    pub async fn health(&self) -> Result<QueueHealth, QueueError> {
        health::ask(&self.inner.link).await
    }

    /// Whether there is a connection at this moment.
    pub fn is_up(&self) -> bool {
        self.inner.link.is_up()
    }

    /// How many jobs are held.
    pub fn n_held(&self) -> usize {
        self.inner.held().len()
    }

    /// See [`crate::Queue::maintain`].
    pub async fn maintain(&self) {
        beat::tick(&self.inner).await;
        forward::tick(&self.inner).await;
        recover::tick(&self.inner).await;
        janitor::tick(&self.inner).await;
    }

    /// Tells the names of the queues that were pushed to once more.
    pub async fn announce(&self) {
        drop(beat::announce(&self.inner).await);
    }

    /// Extends the leases and shows the process to operators, once.
    pub async fn beat(&self) {
        beat::tick(&self.inner).await;
    }

    /// See [`crate::Queue::close`].
    pub async fn close(&self) {
        for duty in &self.duties {
            duty.abort();
        }
        let mut held: Vec<(u64, Ticket)> =
            self.inner.held().iter().map(|(ticket, held)| (held.n, ticket.clone())).collect();
        held.sort_unstable();
        self.give_back(held.into_iter().map(|(_, ticket)| ticket).collect()).await;
        beat::leave(&self.inner).await;
    }
}

impl Drop for RedisQueue {
    fn drop(&mut self) {
        for duty in &self.duties {
            duty.abort();
        }
    }
}

/// Starts the background duties.
fn start(inner: &Arc<Inner>) -> Vec<JoinHandle<()>> {
    let Settings { is_worker, is_in_background, ref timers, .. } = inner.settings;
    if !is_worker {
        let announce = |inner| async move { drop(beat::announce(&inner).await) };
        return if is_in_background { vec![every(inner, timers.heartbeat, announce)] } else { Vec::new() };
    }
    let mut duties = vec![ear::start(inner)];
    if is_in_background {
        duties.push(every(inner, timers.heartbeat, |inner| async move { beat::tick(&inner).await }));
        duties.push(every(inner, settle::AGAIN, |inner| async move { settle::again(&inner).await }));
        duties.push(every(inner, timers.forward, |inner| async move { forward::tick(&inner).await }));
        duties.push(every(inner, timers.recover, |inner| async move { recover::tick(&inner).await }));
        duties.push(every(inner, timers.janitor, |inner| async move { janitor::tick(&inner).await }));
    }
    duties
}

/// Does something at once and then again and again, for as long as the queue is there.
fn every<F>(
    inner: &Arc<Inner>,
    pause: Duration,
    tick: impl Fn(Arc<Inner>) -> F + Send + 'static,
) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let inner = Arc::downgrade(inner);
    tokio::spawn(async move {
        while let Some(inner) = inner.upgrade() {
            tick(inner).await;
            tokio::time::sleep(pause).await;
        }
    })
}

impl Inner {
    async fn push(self: &Arc<Self>, jobs: Vec<Job>) -> Result<usize, QueueError> {
        let mut by_queue: BTreeMap<QueueName, Vec<Job>> = BTreeMap::new();
        for job in jobs {
            by_queue.entry(job.queue.clone()).or_default().push(job);
        }
        self.publish(by_queue.keys()).await?;
        let batches = by_queue
            .iter()
            .flat_map(|(queue, jobs)| jobs.chunks(scripts::BATCH_MAX).map(move |c| (queue, c)));
        let pushed = join_all(batches.map(|(queue, jobs)| self.push_batch(queue, jobs))).await;
        pushed.into_iter().sum()
    }

    async fn push_batch(self: &Arc<Self>, queue: &QueueName, jobs: &[Job]) -> Result<usize, QueueError> {
        let keys = ["pending", "scheduled", "retry", "completed", "active", "lease"];
        let keys = keys.map(|what| keys::of(queue, what));
        let unheard = i64::try_from(self.settings.timers.unheard.as_secs()).unwrap_or(i64::MAX);
        let mut args = vec![
            number(self.settings.clock.now_ns()),
            keys::tasks(queue).into_bytes(),
            number(self.lease_end_s().saturating_sub(unheard)),
        ];
        for job in jobs {
            let message = TaskMessage::of(job, self.settings.retention_s);
            args.push(message.id.clone().into_bytes());
            args.push(message.encode_to_vec());
            args.push(job.start.as_deref().unwrap_or_default().to_vec());
        }
        self.link.run(&scripts::PUSH, &keys, &args).await
    }

    async fn push_unique(self: &Arc<Self>, job: &Job, ttl: Duration) -> Result<bool, QueueError> {
        self.publish([&job.queue]).await?;
        let mut message = TaskMessage::of(job, self.settings.retention_s);
        message.unique_key = keys::unique(&job.queue, &message.kind, &message.payload);
        let task = keys::tasks(&job.queue) + &message.id;
        let keys = [message.unique_key.clone(), task, keys::of(&job.queue, "pending")];
        let ttl_s = i64::try_from(ttl.as_secs().max(1)).unwrap_or(i64::MAX);
        let args = [
            message.id.clone().into_bytes(),
            number(ttl_s),
            message.encode_to_vec(),
            number(self.settings.clock.now_ns()),
        ];
        let came_in: i64 = self.link.run(&scripts::PUSH_UNIQUE, &keys, &args).await?;
        Ok(came_in == 1)
    }

    /// Makes queues known to all before they are used for the first time. The heartbeat does it
    /// again: a UI deletes names, and a server may be emptied.
    async fn publish(
        self: &Arc<Self>,
        queues: impl IntoIterator<Item = &QueueName>,
    ) -> Result<(), QueueError> {
        let new: Vec<QueueName> = {
            let pushed = self.pushed.lock().expect("nothing panics while it holds the names");
            queues.into_iter().filter(|queue| !pushed.contains(*queue)).cloned().collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = new.iter().map(QueueName::as_str).collect();
        self.link.call::<i64>(redis::cmd("SADD").arg(keys::QUEUES).arg(&names)).await?;
        self.pushed.lock().expect("nothing panics while it holds the names").extend(new);
        Ok(())
    }

    /// Every queue that jobs are taken from, with its weight.
    fn listening(&self) -> Vec<(QueueName, u32)> {
        let mut queues = self.settings.queues.0.clone();
        if let Some(weight) = self.settings.partitions {
            let partitions = self.partitions.lock().expect("nothing panics while it holds the names");
            let unnamed = |queue: &&QueueName| self.settings.queues.of(queue).is_none();
            queues.extend(partitions.iter().filter(unnamed).map(|queue| (queue.clone(), weight.max(1))));
        }
        queues
    }

    /// The queues that anybody has ever used.
    async fn known_queues(self: &Arc<Self>) -> Result<Vec<QueueName>, QueueError> {
        let names: BTreeSet<String> = self.link.call(redis::cmd("SMEMBERS").arg(keys::QUEUES)).await?;
        // A name that another program made and we could not is not ours to look at.
        Ok(names.iter().filter_map(|name| QueueName::new(name).ok()).collect())
    }

    /// Learns which partitions exist. One that was known stays known, though a server that was
    /// emptied no longer names it: somebody may push to it at any time.
    async fn discover(self: &Arc<Self>) -> Result<(), QueueError> {
        if self.settings.partitions.is_none() {
            return Ok(());
        }
        let known = self.known_queues().await?;
        let mut partitions = self.partitions.lock().expect("nothing panics while it holds the names");
        let n_before = partitions.len();
        partitions.extend(known.into_iter().filter(|queue| partition::number_of_partition(queue).is_some()));
        let has_new = partitions.len() > n_before;
        drop(partitions);
        if has_new {
            self.arrived.notify_waiters();
        }
        Ok(())
    }

    async fn stats(self: &Arc<Self>) -> Result<Vec<QueueStats>, QueueError> {
        let queues = self.known_queues().await?;
        join_all(queues.iter().map(|queue| self.stats_of(queue))).await.into_iter().collect()
    }

    async fn stats_of(self: &Arc<Self>, queue: &QueueName) -> Result<QueueStats, QueueError> {
        let day = keys::day(self.settings.clock.now_s());
        let lists = ["pending", "active", "scheduled", "retry", "archived", "completed", "paused"];
        let mut keys: Vec<String> = lists.iter().map(|what| keys::of(queue, what)).collect();
        keys.extend(["processed", "failed"].map(|what| keys::of(queue, what)));
        keys.extend(["processed", "failed"].map(|what| keys::on_day(queue, what, &day)));
        let got: Vec<String> =
            self.link.run(&scripts::STATS, &keys, &[keys::tasks(queue).into_bytes()]).await?;
        let n = |i: usize| got.get(i).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let since_ns = got.get(11).and_then(|text| text.parse::<i64>().ok());
        let wait_ns = since_ns.map_or(0, |since| self.settings.clock.now_ns().saturating_sub(since));
        let mut stats = QueueStats {
            queue: queue.clone(),
            pending: n(0),
            active: n(1),
            scheduled: n(2),
            retry: n(3),
            archived: n(4),
            completed: n(5),
            is_paused: n(6) == 1,
            processed: n(7),
            failed: n(8),
            processed_today: n(9),
            failed_today: n(10),
            wait_ms: u64::try_from(wait_ns / 1_000_000).unwrap_or(0),
            memory_bytes: 0,
        };
        stats.memory_bytes = n(12) * stats.size();
        Ok(stats)
    }

    async fn settle(self: &Arc<Self>, tickets: Vec<Ticket>, verdict: &Verdict) {
        let orders: Vec<Order> = {
            let held = self.held();
            let order = |ticket| held.get(&ticket).map(|held| Order::new(&ticket, held, verdict.clone()));
            tickets.into_iter().filter_map(order).collect()
        };
        settle::settle(self, orders).await;
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Ticket, Held>> {
        self.held.lock().expect("nothing panics while it holds the list")
    }

    /// When a lease taken now ends, in seconds since 1970.
    fn lease_end_s(&self) -> i64 {
        let lease_ms = i64::try_from(self.settings.timers.lease.as_millis()).unwrap_or(i64::MAX);
        self.settings.clock.now().0.saturating_add(lease_ms).div_euclid(1000)
    }
}

/// A number as an argument of a script.
fn number(n: i64) -> Vec<u8> {
    n.to_string().into_bytes()
}
