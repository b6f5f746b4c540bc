//! What waits to be written in groups.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot::Sender;

use crate::StoreError;
use crate::executions::{Accepted, Claim, Prepared, RawClaim};
use crate::journal::{AppendError, Appended, Work};

/// Most jobs in one group, and about the most bytes.
const GROUP_MAX: usize = 256;
const GROUP_BYTES_MAX: usize = 8 << 20;
/// A second committer helps when so many wait, or the first of them has waited so long.
const HELP_FROM: usize = 128;
const HELP_AFTER: Duration = Duration::from_millis(100);
/// For how long a job waits for others that are likely to come, so that they share a transaction: what
/// a transaction costs is most of what a group of one costs. With little to do nobody waits.
const LINGER: Duration = Duration::from_millis(2);
/// So many are a group that is worth its transaction.
const ENOUGH: usize = 16;
/// A helper looks by itself this often, should nobody come who calls it.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What is owed may queue up this many times the limit of new work.
const OWED_FACTOR: usize = 16;

/// A job, and the caller who waits for its answer.
pub(crate) enum HotJob {
    Accept { new: Prepared, caller: Sender<Result<Accepted, StoreError>> },
    Claim { claim: Claim, caller: Sender<Result<Vec<RawClaim>, StoreError>> },
    Append { work: Box<Work>, caller: Sender<Result<Appended, AppendError>> },
}

impl HotJob {
    fn bytes(&self) -> usize {
        match self {
            HotJob::Accept { new, .. } => new.chunk.data.len(),
            HotJob::Claim { .. } => 0,
            HotJob::Append { work, .. } => work.chunk.data.len(),
        }
    }

    /// Work that is accepted anew can be turned away; what was accepted before has to go on.
    fn is_owed(&self) -> bool {
        !matches!(self, HotJob::Accept { .. })
    }

    /// Tells the caller that nothing came of it. One that went away wants no answer.
    pub fn refuse(self, error: &StoreError) {
        match self {
            HotJob::Accept { caller, .. } => drop(caller.send(Err(error.clone()))),
            HotJob::Claim { caller, .. } => drop(caller.send(Err(error.clone()))),
            HotJob::Append { caller, .. } => drop(caller.send(Err(error.clone().into()))),
        }
    }
}

/// Jobs that wait for a committer. Bounded: who comes when it is full is turned away at once.
pub(crate) struct HotQueue {
    state: Mutex<State>,
    /// Something has come. Only the first committer listens.
    changed: Condvar,
    /// The first committer cannot keep up.
    help: Condvar,
    limit: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<(Instant, HotJob)>,
    is_closed: bool,
    pace: Pace,
    /// The first committer waits for more, and wants to hear of nothing but enough.
    is_lingering: bool,
}

/// How fast jobs come.
struct Pace {
    last: Instant,
    /// The time between two of them, in microseconds; recent ones count most.
    gap_us: f64,
}

/// A pause longer than this says no more than this.
const GAP_US_MAX: f64 = 50_000.0;

impl Default for Pace {
    fn default() -> Pace {
        Pace { last: Instant::now(), gap_us: GAP_US_MAX }
    }
}

impl Pace {
    fn note(&mut self, now: Instant) {
        let gap_us = now.duration_since(self.last).as_micros() as f64;
        self.last = now;
        self.gap_us += (gap_us.min(GAP_US_MAX) - self.gap_us) / 8.0;
    }

    /// Whether another one is likely to come within `time`.
    fn is_likely_within(&self, time: Duration) -> bool {
        self.gap_us <= time.as_micros() as f64
    }
}

impl State {
    /// How much longer to wait for others: until the first of those that wait has waited enough.
    fn lingers(&self) -> Option<Duration> {
        let (since, _) = self.jobs.front()?;
        let left = LINGER.checked_sub(since.elapsed())?;
        let is_worth_it = self.jobs.len() < ENOUGH && !self.is_closed && self.pace.is_likely_within(LINGER);
        is_worth_it.then_some(left)
    }

    fn needs_help(&self) -> bool {
        self.jobs.len() >= HELP_FROM
            || self.jobs.front().is_some_and(|(since, _)| since.elapsed() >= HELP_AFTER)
    }
}

impl HotQueue {
    pub fn new(limit: usize) -> Arc<HotQueue> {
        Arc::new(HotQueue {
            state: Mutex::default(),
            changed: Condvar::new(),
            help: Condvar::new(),
            limit: limit.max(1),
        })
    }

    pub fn offer(&self, job: HotJob) -> Result<(), StoreError> {
        let limit = if job.is_owed() { self.limit.saturating_mul(OWED_FACTOR) } else { self.limit };
        let mut state = self.lock();
        if state.is_closed {
            return Err(StoreError::Closed);
        }
        if state.jobs.len() >= limit {
            return Err(StoreError::Busy { retry_after_ms: 1_000 });
        }
        let now = Instant::now();
        state.pace.note(now);
        state.jobs.push_back((now, job));
        let needs_help = state.needs_help();
        let is_wanted = !state.is_lingering || state.jobs.len() >= ENOUGH;
        drop(state);
        if is_wanted {
            self.changed.notify_one();
        }
        if needs_help {
            self.help.notify_one();
        }
        Ok(())
    }

    /// Takes what there is, up to a group. `None` when the queue is closed and empty.
    pub fn take(&self, is_helper: bool) -> Option<Vec<HotJob>> {
        let mut state = self.lock();
        loop {
            if !is_helper && let Some(left) = state.lingers() {
                state.is_lingering = true;
                state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                state.is_lingering = false;
                continue;
            }
            let has_work = !state.jobs.is_empty();
            if has_work && (!is_helper || state.is_closed || state.needs_help()) {
                return Some(group_of(&mut state.jobs));
            }
            if state.is_closed {
                return None;
            }
            state = if is_helper {
                self.help.wait_timeout(state, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
        self.help.notify_all();
    }

    pub fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    // Nothing runs under the lock, so a poisoned one guards sound data.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn group_of(jobs: &mut VecDeque<(Instant, HotJob)>) -> Vec<HotJob> {
    let mut group = Vec::new();
    let mut bytes = 0;
    while group.len() < GROUP_MAX
        && bytes < GROUP_BYTES_MAX
        && let Some((since, job)) = jobs.pop_front()
    {
        if group.is_empty() {
            metrics::histogram!("linkflow_database_wait_seconds", "pool" => "commit")
                .record(since.elapsed().as_secs_f64());
        }
        bytes += job.bytes();
        group.push(job);
    }
    group
}

#[cfg(test)]
mod tests {
    use linkflow_model::{Millis, WorkerId};

    use super::*;
    use crate::WorkerKey;

    fn offer(queue: &HotQueue) {
        let key = WorkerKey { id: WorkerId(uuid::Uuid::nil()), epoch: 1 };
        let claim = Claim { key, ids: Vec::new(), now: Millis(0), poison_limit: 5 };
        queue.offer(HotJob::Claim { claim, caller: tokio::sync::oneshot::channel().0 }).unwrap();
    }

    #[test]
    fn a_lonely_job_waits_for_nobody_and_one_of_many_for_a_moment() {
        let queue = HotQueue::new(1_000);
        offer(&queue);
        assert_eq!(queue.lock().lingers(), None, "nothing says that others come");
        assert_eq!(queue.take(false).unwrap().len(), 1);
        for _ in 0..200 {
            offer(&queue);
        }
        assert_eq!(queue.lock().lingers(), None, "there are enough");
        queue.take(false).unwrap();
        queue.lock().pace.gap_us = 10.0;
        offer(&queue);
        assert!(queue.lock().lingers().is_some_and(|left| left <= LINGER));
        std::thread::sleep(LINGER);
        assert_eq!(queue.lock().lingers(), None, "it has waited enough");
        queue.lock().jobs.clear();
        queue.lock().pace.gap_us = 10.0;
        offer(&queue);
        queue.close();
        assert_eq!(queue.lock().lingers(), None, "nobody comes any more");
        assert_eq!(queue.take(false).unwrap().len(), 1);
    }

    #[test]
    fn the_pace_is_that_of_the_last_jobs() {
        let mut pace = Pace::default();
        let mut now = pace.last;
        let mut come = |pace: &mut Pace, n: usize, gap: Duration| {
            for _ in 0..n {
                now += gap;
                pace.note(now);
            }
            pace.is_likely_within(LINGER)
        };
        assert!(!come(&mut pace, 1, Duration::from_micros(10)));
        assert!(come(&mut pace, 60, Duration::from_micros(500)));
        assert!(!come(&mut pace, 2, Duration::from_secs(60)));
        assert!(!come(&mut pace, 60, Duration::from_millis(5)));
    }
}
