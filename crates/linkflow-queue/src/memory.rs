//! The queue of a single process. It is filled from the store at the start, so nothing in it needs
//! to outlive the process.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use linkflow_model::{ExecutionId, Millis, WorkspaceId};
use tokio::sync::{Notify, broadcast};

use crate::clock::Clock;
use crate::fair;
use crate::job::{Job, QueueName, Taken, Ticket, retry_delay_s};
use crate::queue::QueueStats;
use crate::weights::{Shares, Weights};

/// How often an archived or failed entry may be tried before it is put aside, as in asynq.
const RETRY_MAX: i32 = 25;

/// A queue in memory. What waits already is not taken in again; what is held is taken in, and
/// comes again once it is let go.
#[derive(Debug)]
pub struct MemoryQueue {
    state: Mutex<State>,
    arrived: Notify,
    weights: Weights,
    clock: Clock,
    cancelled: broadcast::Sender<Arc<str>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<QueueName, VecDeque<Entry>>,
    place: HashMap<Ticket, Place>,
    /// What is to be tried again, by when and in which order it was put there.
    later: BTreeMap<(Millis, u64), Entry>,
    n_later: u64,
    paused: Vec<QueueName>,
    counts: HashMap<QueueName, Counts>,
    shares: Shares,
}

#[derive(Clone, Debug)]
struct Entry {
    job: Job,
    since: Millis,
    retried: i32,
}

#[derive(Debug)]
enum Place {
    Waiting,
    Held { entry: Entry, is_wanted_again: bool },
    Later { at: (Millis, u64) },
    Archived,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    processed: u64,
    failed: u64,
}

impl Default for MemoryQueue {
    fn default() -> Self {
        MemoryQueue::new(Weights::default(), Clock::System)
    }
}

impl MemoryQueue {
    /// A queue whose named queues get their shares by `weights`; any other queue weighs 1.
    pub fn new(weights: Weights, clock: Clock) -> Self {
        let (cancelled, _) = broadcast::channel(1024);
        MemoryQueue { state: Mutex::default(), arrived: Notify::new(), weights, clock, cancelled }
    }

    /// Pushes executions to the default queue, for whoever knows nothing but their ids.
    pub fn push(&self, ids: impl IntoIterator<Item = ExecutionId>) {
        let workspace = WorkspaceId(uuid::Uuid::nil());
        let job = |execution| Job::new(QueueName::default(), execution, workspace);
        self.push_jobs(ids.into_iter().map(job).collect());
    }

    /// Takes up to `max` ids and lets go of them at once; waits until there is one.
    pub async fn take(&self, max: usize) -> Vec<ExecutionId> {
        let taken = self.take_jobs(max).await;
        self.done(taken.iter().map(|taken| taken.ticket().clone()).collect());
        let id = |taken| match taken {
            Taken::Execution { job, .. } => Some(job.execution),
            Taken::Foreign(_) => None,
        };
        taken.into_iter().filter_map(id).collect()
    }

    /// Returns how many came in anew.
    pub fn push_jobs(&self, jobs: Vec<Job>) -> usize {
        let since = self.clock.now();
        let mut state = self.state();
        let n =
            jobs.into_iter().filter(|job| state.put(Entry { job: job.clone(), since, retried: 0 })).count();
        drop(state);
        if n > 0 {
            self.arrived.notify_one();
        }
        n
    }

    /// Takes up to `max` jobs, of each queue the oldest first; waits until there is one.
    pub async fn take_jobs(&self, max: usize) -> Vec<Taken> {
        while max > 0 {
            let arrived = self.arrived.notified();
            let (taken, more, due) = self.take_now(max);
            if !taken.is_empty() {
                if more {
                    self.arrived.notify_one();
                }
                return fair::take_turns(taken);
            }
            match due {
                None => arrived.await,
                Some(ms) => {
                    let wait = Duration::from_millis(ms.clamp(1, 60_000));
                    let _ = tokio::time::timeout(wait, arrived).await;
                }
            }
        }
        Vec::new()
    }

    /// What was taken, whether there is more, and in how many milliseconds something is due.
    fn take_now(&self, max: usize) -> (Vec<Taken>, bool, Option<u64>) {
        let now = self.clock.now();
        let mut state = self.state();
        state.forward(now);
        let taken = state.take(&self.weights, max);
        let more = state.open(&self.weights).next().is_some();
        let due = state.later.keys().next().map(|(at, _)| u64::try_from(at.0 - now.0).unwrap_or(0));
        (taken, more, due)
    }

    pub fn done(&self, tickets: Vec<Ticket>) {
        let now = self.clock.now();
        self.let_go(tickets, |state, entry, again| {
            state.counts.entry(entry.job.queue.clone()).or_default().processed += 1;
            if again {
                state.put(Entry { since: now, retried: 0, ..entry });
            }
        });
    }

    /// Puts what is held back to where it came from, in the order in which it was taken.
    pub fn give_back(&self, tickets: Vec<Ticket>) {
        let back = tickets.into_iter().rev().collect();
        self.let_go(back, |state, entry, _| state.put_front(entry));
    }

    /// Puts what is held aside until it is tried again, or for good after 25 times.
    pub fn retry(&self, ticket: Ticket, jitter: u32) {
        let now = self.clock.now();
        self.let_go(vec![ticket], |state, entry, again| {
            let queue = entry.job.queue.clone();
            let counts = state.counts.entry(queue).or_default();
            (counts.processed, counts.failed) = (counts.processed + 1, counts.failed + 1);
            if again {
                state.put(Entry { since: now, ..entry });
            } else if entry.retried >= RETRY_MAX {
                state.place.insert(entry.job.ticket(), Place::Archived);
            } else {
                state.put_later(entry, now, jitter);
            }
        });
    }

    /// Puts what is held aside for good.
    pub fn archive(&self, ticket: Ticket) {
        self.let_go(vec![ticket], |state, entry, _| {
            let counts = state.counts.entry(entry.job.queue.clone()).or_default();
            (counts.processed, counts.failed) = (counts.processed + 1, counts.failed + 1);
            state.place.insert(entry.job.ticket(), Place::Archived);
        });
    }

    fn let_go(&self, tickets: Vec<Ticket>, mut what: impl FnMut(&mut State, Entry, bool)) {
        let mut state = self.state();
        for ticket in tickets {
            if !matches!(state.place.get(&ticket), Some(Place::Held { .. })) {
                continue;
            }
            if let Some(Place::Held { entry, is_wanted_again }) = state.place.remove(&ticket) {
                what(&mut state, entry, is_wanted_again);
            }
        }
        drop(state);
        self.arrived.notify_one();
    }

    pub fn pause(&self, queue: &QueueName) {
        let mut state = self.state();
        if !state.paused.contains(queue) {
            state.paused.push(queue.clone());
        }
    }

    pub fn unpause(&self, queue: &QueueName) {
        self.state().paused.retain(|paused| paused != queue);
        self.arrived.notify_one();
    }

    /// The queues with a weight, and those that something waits in, without the paused ones.
    pub(crate) fn open_queues(&self) -> Vec<(QueueName, u32)> {
        let state = self.state();
        let mut all: BTreeMap<QueueName, u32> = self.weights.iter().map(|(q, w)| (q.clone(), w)).collect();
        all.extend(state.open(&self.weights));
        all.into_iter().filter(|(queue, _)| !state.paused.contains(queue)).collect()
    }

    pub(crate) fn take_from(&self, queue: &QueueName, max: usize) -> Vec<Taken> {
        let mut taken = Vec::new();
        self.state().take_of(queue, max, &mut taken);
        taken
    }

    /// Wakes takers, so that they look at the clock again.
    pub(crate) fn look_again(&self) {
        self.arrived.notify_one();
    }

    pub fn cancel(&self, id: &str) {
        // An error means that nobody listens.
        let _ = self.cancelled.send(id.into());
    }

    pub fn cancellations(&self) -> broadcast::Receiver<Arc<str>> {
        self.cancelled.subscribe()
    }

    pub fn stats(&self) -> Vec<QueueStats> {
        let now = self.clock.now();
        self.state().stats(now)
    }

    pub fn len(&self) -> usize {
        self.state().waiting.values().map(VecDeque::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the queue")
    }
}

impl State {
    /// Takes an entry in, unless it is known and nothing changes. Says whether it came in anew.
    fn put(&mut self, entry: Entry) -> bool {
        let ticket = entry.job.ticket();
        match self.place.get_mut(&ticket) {
            Some(Place::Waiting | Place::Archived) => return false,
            Some(Place::Held { is_wanted_again, .. }) => {
                *is_wanted_again = true;
                return false;
            }
            Some(Place::Later { at }) => {
                self.later.remove(at);
            }
            None => {}
        }
        self.waiting.entry(entry.job.queue.clone()).or_default().push_back(entry);
        self.place.insert(ticket, Place::Waiting);
        true
    }

    fn put_front(&mut self, entry: Entry) {
        self.place.insert(entry.job.ticket(), Place::Waiting);
        self.waiting.entry(entry.job.queue.clone()).or_default().push_front(entry);
    }

    fn put_later(&mut self, entry: Entry, now: Millis, jitter: u32) {
        let delay_ms = retry_delay_s(entry.retried, jitter) * 1000;
        self.n_later += 1;
        let at = (Millis(now.0 + delay_ms), self.n_later);
        self.place.insert(entry.job.ticket(), Place::Later { at });
        self.later.insert(at, Entry { retried: entry.retried + 1, ..entry });
    }

    /// What has become due waits from now on.
    fn forward(&mut self, now: Millis) {
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now) {
            let entry = first.remove();
            self.place.insert(entry.job.ticket(), Place::Waiting);
            let queue = self.waiting.entry(entry.job.queue.clone()).or_default();
            queue.push_back(Entry { since: now, ..entry });
        }
    }

    /// The queues that have something to take.
    fn open<'a>(&'a self, weights: &'a Weights) -> impl Iterator<Item = (QueueName, u32)> + 'a {
        let is_open = |queue: &QueueName| !self.paused.contains(queue);
        self.waiting
            .iter()
            .filter(move |(queue, entries)| !entries.is_empty() && is_open(queue))
            .map(|(queue, _)| (queue.clone(), weights.of(queue).unwrap_or(1)))
    }

    fn take(&mut self, weights: &Weights, max: usize) -> Vec<Taken> {
        let mut taken = Vec::new();
        while taken.len() < max {
            let open: Vec<_> = self.open(weights).collect();
            if open.is_empty() {
                break;
            }
            let dealt = self.shares.deal(&open, max - taken.len());
            for ((queue, _), n) in open.iter().zip(dealt) {
                self.take_of(queue, n, &mut taken);
            }
        }
        taken
    }

    fn take_of(&mut self, queue: &QueueName, n: usize, taken: &mut Vec<Taken>) {
        let Some(entries) = self.waiting.get_mut(queue) else { return };
        for mut entry in entries.drain(..n.min(entries.len())) {
            let start = entry.job.start.take();
            let (ticket, job) = (entry.job.ticket(), Job { start, ..entry.job.clone() });
            self.place.insert(ticket.clone(), Place::Held { entry, is_wanted_again: false });
            taken.push(Taken::Execution { ticket, job });
        }
    }

    fn stats(&self, now: Millis) -> Vec<QueueStats> {
        let mut stats: BTreeMap<QueueName, QueueStats> = BTreeMap::new();
        for (queue, entries) in &self.waiting {
            let of = QueueStats::of(&mut stats, queue);
            of.pending = entries.len() as u64;
            of.wait_ms = entries.front().map_or(0, |e| u64::try_from(now.0 - e.since.0).unwrap_or(0));
        }
        for (ticket, place) in &self.place {
            let of = QueueStats::of(&mut stats, &ticket.queue);
            match place {
                Place::Waiting => {}
                Place::Held { .. } => of.active += 1,
                Place::Later { .. } => of.retry += 1,
                Place::Archived => of.archived += 1,
            }
        }
        for (queue, counts) in &self.counts {
            let of = QueueStats::of(&mut stats, queue);
            (of.processed, of.failed) = (counts.processed, counts.failed);
        }
        for queue in &self.paused {
            QueueStats::of(&mut stats, queue).is_paused = true;
        }
        stats.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: i64) -> ExecutionId {
        ExecutionId::new(Millis(n), 0)
    }

    #[tokio::test]
    async fn ids_come_out_in_the_order_in_which_they_came_in_each_once() {
        let queue = MemoryQueue::default();
        queue.push([id(1), id(2), id(1), id(3)]);
        assert_eq!(queue.take(2).await, [id(1), id(2)]);
        assert_eq!(queue.take(5).await, [id(3)]);
        queue.push([id(1)]);
        assert_eq!(queue.take(5).await, [id(1)], "what was taken may come again");
    }

    #[tokio::test]
    async fn a_taker_that_waits_is_woken() {
        let queue = Arc::new(MemoryQueue::default());
        let other = queue.clone();
        let taker = tokio::spawn(async move { other.take(1).await });
        tokio::task::yield_now().await;
        queue.push([id(7)]);
        assert_eq!(taker.await.unwrap(), [id(7)]);
    }
}
