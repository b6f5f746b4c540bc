//! Where hints go and come from: the queue, and what is said to it. A hint says that an execution
//! may have work. One that is lost is made good by the sweep, so nobody waits for a server to take
//! one in: with a queue in memory it is there at once, with one behind a network a task carries
//! what was said, many things at a time. What a hint means is not known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use linkflow_model::{ExecutionId, WorkspaceId};
use linkflow_node::Reply;
use linkflow_queue::{
    Job, Queue, QueueError, QueueName, RedisQueue, ShownSchedule, Taken, Ticket, number_of_partition,
    partition_of, partition_queue,
};
use linkflow_store::ReadyRow;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::contract::{Check, CheckStatus};
use crate::lookups::Topic;

/// The channel on which processes tell each other what happened.
const NEWS: &str = "linkflow:news";
/// What goes to every process has to be small; the rest is read from the store.
const NEWS_BYTES_MAX: usize = 64 * 1024;
/// Hints on their way to the server; more are dropped and left to the sweep.
const ON_THE_WAY_MAX: usize = 100_000;
/// What is said to the server in one go.
const LETTERS_MAX: usize = 1_000;
/// How long the end of a process waits for what is still to be said.
const FLUSH_MAX: Duration = Duration::from_secs(5);

pub struct Hints {
    queue: Arc<Queue>,
    /// The queue of those whose workspace has none of its own.
    usual: QueueName,
    partitions: Option<u32>,
    post: Option<Post>,
}

/// The way to a queue behind a network.
struct Post {
    letters: mpsc::UnboundedSender<Letter>,
    on_the_way: Arc<AtomicUsize>,
}

enum Letter {
    Push(Vec<Job>),
    Done(Ticket),
    GiveBack(Vec<Ticket>),
    Archive(Ticket, String),
    Ended(ExecutionId, WorkspaceId),
    Flush(oneshot::Sender<()>),
}

/// What processes tell each other.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// A node answered the request that started its execution.
    Reply { execution: ExecutionId, reply: Reply },
    /// The same, where the answer is to be read from the journal.
    Answered { execution: ExecutionId, workspace: WorkspaceId },
    /// Something that is looked up often has changed.
    Changed(Topic),
    /// These have ended, as the store says.
    Ended(Vec<(ExecutionId, WorkspaceId)>),
}

impl Hints {
    /// With a queue in Redis this needs a runtime to run in.
    pub fn new(queue: Queue, partitions: Option<u32>) -> Hints {
        let queue = Arc::new(queue);
        let post = matches!(*queue, Queue::Redis(_)).then(|| {
            let (letters, mail) = mpsc::unbounded_channel();
            let on_the_way = Arc::new(AtomicUsize::new(0));
            tokio::spawn(deliver(queue.clone(), mail, on_the_way.clone()));
            Post { letters, on_the_way }
        });
        Hints { queue, usual: QueueName::default(), partitions, post }
    }

    /// Whether the queue is within this process, and nobody else's.
    pub fn is_local(&self) -> bool {
        self.post.is_none()
    }

    /// The queue itself, for what is no hint.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Whether the queue's server can be reached, as far as is known.
    pub fn is_up(&self) -> bool {
        match &*self.queue {
            Queue::Memory(_) => true,
            Queue::Redis(queue) => queue.is_up(),
        }
    }

    /// The queue in which executions of a workspace wait.
    pub fn queue_of(&self, workspace: WorkspaceId) -> QueueName {
        match self.partitions {
            Some(n) => partition_queue(partition_of(workspace, n)),
            None => self.usual.clone(),
        }
    }

    /// The queue in which an execution waits whose row names `queue`. Partitions are what the
    /// setting makes of the usual queue at present, whatever it was when the row was written.
    pub fn place(&self, queue: &str, workspace: WorkspaceId) -> QueueName {
        match QueueName::new(queue) {
            Ok(own) if own != self.usual && number_of_partition(&own).is_none() => own,
            _ => self.queue_of(workspace),
        }
    }

    pub fn job_of(&self, row: ReadyRow) -> Job {
        let queue = self.place(&row.queue, row.workspace);
        Job::new(queue, row.id, row.workspace)
    }

    pub fn push_jobs(&self, jobs: Vec<Job>) {
        let n = jobs.len();
        match (&*self.queue, &self.post) {
            _ if n == 0 => {}
            (Queue::Memory(queue), _) => _ = queue.push_jobs(jobs),
            (Queue::Redis(_), Some(post)) => {
                if post.on_the_way.fetch_add(n, Ordering::Relaxed) > ON_THE_WAY_MAX {
                    post.on_the_way.fetch_sub(n, Ordering::Relaxed);
                    metrics::counter!("linkflow_hints_dropped_total").increment(n as u64);
                } else {
                    self.say(Letter::Push(jobs));
                }
            }
            (Queue::Redis(_), None) => {}
        }
    }

    /// The queues that this process takes from and that are not paused, with their weights.
    pub async fn open_queues(&self) -> Result<Vec<(QueueName, u32)>, QueueError> {
        self.queue.open_queues().await
    }

    /// The ids that somebody cancels by way of the queue's own tools.
    pub fn cancellations(&self) -> broadcast::Receiver<Arc<str>> {
        self.queue.cancellations()
    }

    /// Queues in which something waits that no process takes from, as far as they have shown
    /// themselves. Says so in the log, and as a metric.
    pub async fn unserved(&self) -> Result<Vec<QueueName>, QueueError> {
        let (stats, served) = (self.queue.stats().await?, self.queue.served().await?);
        let mut unserved = Vec::new();
        for one in stats {
            let (is_served, queue) = (served.contains(&one.queue), one.queue);
            let is_left = one.pending > 0 && !is_served;
            metrics::gauge!("linkflow_queue_unserved", "queue" => queue.to_string())
                .set(f64::from(u8::from(is_left)));
            if is_left {
                unserved.push(queue);
            }
        }
        Ok(unserved)
    }

    /// Whether the usual queue was once spread over more partitions than now, and this is one of
    /// those that are not any more.
    pub fn is_left_over(&self, queue: &QueueName) -> bool {
        number_of_partition(queue).is_some_and(|number| self.partitions.is_none_or(|n| number >= n))
    }

    /// Up to `max` jobs of one queue, whoever takes from it; waits for none.
    pub async fn take_from(&self, queue: &QueueName, max: usize) -> Result<Vec<Taken>, QueueError> {
        self.queue.take_from(queue, max).await
    }

    pub async fn show_schedules(&self, all: Vec<ShownSchedule>, ttl: Duration) -> Result<(), QueueError> {
        self.queue.show_schedules(all, ttl).await
    }

    /// Up to `max` jobs; waits until there is one.
    pub async fn take(&self, max: usize) -> Result<Vec<Taken>, QueueError> {
        self.queue.take(max).await
    }

    pub fn done(&self, ticket: Ticket) {
        match &*self.queue {
            Queue::Memory(queue) => queue.done(vec![ticket]),
            Queue::Redis(_) => self.say(Letter::Done(ticket)),
        }
    }

    pub fn give_back(&self, tickets: Vec<Ticket>) {
        match &*self.queue {
            Queue::Memory(queue) => queue.give_back(tickets),
            Queue::Redis(_) => self.say(Letter::GiveBack(tickets)),
        }
    }

    /// Puts aside what can never be done, with the reason.
    pub fn archive(&self, ticket: Ticket, error: String) {
        match &*self.queue {
            Queue::Memory(queue) => queue.archive(ticket),
            Queue::Redis(_) => self.say(Letter::Archive(ticket, error)),
        }
    }

    fn say(&self, letter: Letter) {
        if let Some(post) = &self.post {
            // An error means that the task is gone, which outlives everybody who could say anything.
            let _ = post.letters.send(letter);
        }
    }

    /// Says what is still to be said, gives back what is held, and leaves.
    pub async fn close(&self) {
        let (sender, flushed) = oneshot::channel();
        if self.post.is_some() {
            self.say(Letter::Flush(sender));
            let _ = tokio::time::timeout(FLUSH_MAX, flushed).await;
        }
        let _ = tokio::time::timeout(FLUSH_MAX, self.queue.close()).await;
    }

    /// Hands an answer to whichever process has the request that waits for it. False when it could
    /// not be sent, or is too large to go to all of them.
    pub async fn reply(&self, execution: ExecutionId, reply: Reply) -> bool {
        let Queue::Redis(queue) = &*self.queue else { return false };
        tell(queue, &News::Reply { execution, reply }).await
    }

    /// Says that an answer is in the journal. False when nobody could be told.
    pub async fn answered(&self, execution: ExecutionId, workspace: WorkspaceId) -> bool {
        let Queue::Redis(queue) = &*self.queue else { return false };
        tell(queue, &News::Answered { execution, workspace }).await
    }

    /// Tells the other processes that an execution has ended.
    pub fn ended(&self, workspace: WorkspaceId, execution: ExecutionId) {
        self.say(Letter::Ended(execution, workspace));
    }

    /// What other processes tell from now on; nothing where there are none.
    pub fn hear(&self) -> Option<mpsc::Receiver<Vec<u8>>> {
        match &*self.queue {
            Queue::Memory(_) => None,
            Queue::Redis(queue) => Some(queue.hear(NEWS)),
        }
    }

    /// Shows how the queue's server is, where there is one.
    async fn measure_server(&self) {
        let Queue::Redis(queue) = &*self.queue else { return };
        let asked = tokio::time::timeout(Duration::from_secs(2), queue.health()).await;
        let health = asked.ok().and_then(Result::ok);
        metrics::gauge!("linkflow_redis_up").set(f64::from(u8::from(health.is_some())));
        if let Some(health) = health {
            metrics::gauge!("linkflow_redis_latency_seconds").set(health.latency.as_secs_f64());
            metrics::gauge!("linkflow_redis_memory_bytes").set(health.memory_bytes as f64);
            metrics::gauge!("linkflow_redis_memory_max_bytes").set(health.memory_bytes_max as f64);
        }
    }

    /// Shows what is in the queues, by the names that asynq's exporter uses.
    pub async fn measure(&self) {
        self.measure_server().await;
        let Ok(Ok(all)) = tokio::time::timeout(FLUSH_MAX, self.queue.stats()).await else { return };
        for stats in all {
            let queue = stats.queue.to_string();
            let show =
                |name: &'static str, value: f64| metrics::gauge!(name, "queue" => queue.clone()).set(value);
            show("asynq_queue_size", stats.size() as f64);
            show("asynq_queue_latency_seconds", stats.wait_ms as f64 / 1_000.0);
            show("asynq_queue_memory_usage_approx_bytes", stats.memory_bytes as f64);
            show("asynq_tasks_processed_total", stats.processed as f64);
            show("asynq_tasks_failed_total", stats.failed as f64);
            show("asynq_queue_paused_total", f64::from(u8::from(stats.is_paused)));
            let states = [
                ("pending", stats.pending),
                ("active", stats.active),
                ("scheduled", stats.scheduled),
                ("retry", stats.retry),
                ("archived", stats.archived),
                ("completed", stats.completed),
            ];
            for (state, n) in states {
                let labels = [("queue", queue.clone()), ("state", state.to_owned())];
                metrics::gauge!("asynq_tasks_enqueued_total", &labels).set(n as f64);
            }
        }
    }

    /// How the queue is. Without it work goes on, more slowly.
    pub async fn check(&self) -> Check {
        let degraded =
            |message: String| Check { status: CheckStatus::Degraded, latency_ms: 0, message: Some(message) };
        if let Queue::Memory(queue) = &*self.queue {
            let message = Some(format!("{} waiting", queue.len()));
            return Check { status: CheckStatus::Ok, latency_ms: 0, message };
        }
        match tokio::time::timeout(Duration::from_secs(2), self.queue.health()).await {
            Ok(Ok(health)) => {
                let latency_ms = u64::try_from(health.latency.as_millis()).unwrap_or(u64::MAX);
                let evicts =
                    "the server throws keys away when it is full; set maxmemory-policy to noeviction";
                let message = health.is_evicting.then(|| evicts.to_owned());
                let status = if health.is_evicting { CheckStatus::Degraded } else { CheckStatus::Ok };
                Check { status, latency_ms, message }
            }
            Ok(Err(error)) => degraded(error.to_string()),
            Err(_) => degraded("the queue's server did not answer within 2 s".to_owned()),
        }
    }
}

/// Says whether it could be sent.
pub async fn tell(queue: &RedisQueue, news: &News) -> bool {
    let Ok(message) = serde_json::to_vec(news) else { return false };
    if message.len() > NEWS_BYTES_MAX {
        return false;
    }
    match queue.tell(NEWS, &message).await {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(%error, "other processes were not told, they ask the store: {error}");
            false
        }
    }
}

async fn deliver(queue: Arc<Queue>, mut mail: mpsc::UnboundedReceiver<Letter>, on_the_way: Arc<AtomicUsize>) {
    let mut letters = Vec::new();
    while mail.recv_many(&mut letters, LETTERS_MAX).await > 0 {
        let (mut done, mut back, mut jobs) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ended, mut flushed) = (Vec::new(), Vec::new());
        for letter in letters.drain(..) {
            match letter {
                Letter::Push(new) => jobs.extend(new),
                Letter::Done(ticket) => done.push(ticket),
                Letter::GiveBack(tickets) => back.extend(tickets),
                Letter::Archive(ticket, error) => queue.archive(ticket, &error).await,
                Letter::Ended(execution, workspace) => ended.push((execution, workspace)),
                Letter::Flush(sender) => flushed.push(sender),
            }
        }
        on_the_way.fetch_sub(jobs.len(), Ordering::Relaxed);
        if let Queue::Redis(queue) = &*queue
            && !ended.is_empty()
        {
            tell(queue, &News::Ended(ended)).await;
        }
        // First what lets go: what is pushed while it is held waits for that.
        if !done.is_empty() {
            queue.done(done).await;
        }
        if !back.is_empty() {
            queue.give_back(back).await;
        }
        if !jobs.is_empty()
            && let Err(error) = queue.push(jobs).await
        {
            tracing::debug!(%error, "hints were not taken, the sweep makes them good: {error}");
        }
        for sender in flushed {
            let _ = sender.send(());
        }
    }
}
