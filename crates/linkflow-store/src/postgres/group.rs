//! Group commit: what comes in crowds (accepts, claims, appends) is taken as it has queued up,
//! written with a few statements over lists, and answered after one commit. Where more are likely to
//! come within 2 ms, the first of them waits so long; with little to do nobody waits.
//!
//! Only plain cases are written here; one that needs more (children, waits, repetitions) is handed
//! to a thread that runs it by itself. An error undoes the group, which is then tried in halves, so
//! that one bad row never fails the others.

mod flight;
mod queue;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use queue::{HotJob, HotQueue};

use super::fault::Lost;
use super::session::{Fate, Mark, Session};
use super::threads::Busy;
use crate::StoreError;
use crate::commit::{Queue, WriteJob};
use flight::Outcome;

/// How often a job that collides with others is tried by itself.
const BUSY_TRIES: u32 = 3;

/// The thread that commits. The first one takes whatever there is; the others help when it cannot
/// keep up.
pub(crate) fn commit_loop(mut session: Session, n: usize, hot: &HotQueue, writes: &Arc<Queue>) {
    while let Some(jobs) = hot.take(n > 0) {
        let _busy = Busy::new(session.target.pool);
        metrics::histogram!("linkflow_database_group_size").record(jobs.len() as f64);
        let (now, later) = flight::at_once(jobs);
        commit(&mut session, now, writes, Instant::now());
        for job in later {
            commit(&mut session, vec![job], writes, Instant::now());
        }
        // Those who were answered just now often have more to write: let them, so that the first of
        // them is not written by himself while the others wait for that.
        std::thread::yield_now();
    }
}

/// Writes a group, whatever it takes, and answers everybody in it.
fn commit(session: &mut Session, jobs: Vec<HotJob>, writes: &Arc<Queue>, since: Instant) {
    let (mut is_again, mut n_busy) = (false, 0);
    loop {
        match flight::write(session, &jobs, is_again) {
            Ok(outcomes) => return answer(session, jobs, outcomes, writes),
            // Two that waited for each other: the other one is through now.
            Err(Failed::Refused(StoreError::Busy { .. })) if jobs.len() == 1 && n_busy < BUSY_TRIES => {
                n_busy += 1;
            }
            Err(Failed::Refused(error)) if jobs.len() == 1 => return refuse(jobs, &error),
            Err(Failed::Refused(error)) => {
                tracing::debug!(%error, n = jobs.len(), "a group was refused, trying it in halves");
                return halve(session, jobs, writes, since);
            }
            Err(Failed::Unreachable(error)) => return refuse(jobs, &error),
            Err(Failed::Lost { cause, unanswered }) => {
                match unanswered {
                    Unanswered::Commit(mark, outcomes) => match session.fate_of(mark.as_ref()) {
                        Fate::Committed => return answer(session, jobs, outcomes, writes),
                        Fate::Undone => {}
                        Fate::Unknown => is_again = true,
                    },
                    // Written again, and compared with what is there.
                    Unanswered::All => is_again = true,
                }
                if since.elapsed() > session.target.patience {
                    return refuse(jobs, &StoreError::Unknown { cause });
                }
                session.disconnect();
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn halve(session: &mut Session, mut jobs: Vec<HotJob>, writes: &Arc<Queue>, since: Instant) {
    let second = jobs.split_off(jobs.len() / 2);
    commit(session, jobs, writes, since);
    commit(session, second, writes, since);
}

/// Why a group was not written, or why nobody knows.
pub(super) enum Failed {
    Refused(StoreError),
    /// No connection could be had; nothing was written.
    Unreachable(StoreError),
    Lost {
        cause: String,
        unanswered: Unanswered,
    },
}

/// What was not answered before the connection ended.
pub(super) enum Unanswered {
    All,
    /// Only the commit: of this transaction, and what is answered if it holds.
    Commit(Option<Mark>, Vec<Outcome>),
}

impl From<Lost> for Failed {
    fn from(lost: Lost) -> Failed {
        match lost {
            Lost::Connection(cause) => Failed::Lost { cause, unanswered: Unanswered::All },
            Lost::Refused(error @ StoreError::Unavailable { .. }) => Failed::Unreachable(error),
            Lost::Refused(error) => Failed::Refused(error),
        }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Failed {
        Failed::from(Lost::Refused(error))
    }
}

fn answer(session: &mut Session, jobs: Vec<HotJob>, mut outcomes: Vec<Outcome>, writes: &Arc<Queue>) {
    flight::bury_exhausted(session, &jobs, &mut outcomes);
    for (job, outcome) in jobs.into_iter().zip(outcomes) {
        match (job, outcome) {
            (HotJob::Accept { caller, .. }, Outcome::Accepted(accepted)) => drop(caller.send(Ok(accepted))),
            (HotJob::Claim { caller, .. }, Outcome::Claimed(claims)) => drop(caller.send(claims)),
            (HotJob::Append { caller, .. }, Outcome::Appended(appended)) => drop(caller.send(appended)),
            (job, _) => by_itself(job, writes),
        }
    }
}

fn refuse(jobs: Vec<HotJob>, error: &StoreError) {
    for job in jobs {
        job.refuse(error);
    }
}

/// Hands a job that is no plain case to a thread that runs it in a transaction of its own.
fn by_itself(job: HotJob, writes: &Arc<Queue>) {
    let job = match job {
        HotJob::Append { work, caller } => WriteJob::answering(move |tx| work.run(tx), caller),
        HotJob::Accept { new, caller } => {
            WriteJob::answering(move |tx| crate::executions::insert(tx, &new), caller)
        }
        HotJob::Claim { claim, caller } => WriteJob::answering(move |tx| claim.run(tx), caller),
    };
    if let Err((job, error)) = writes.hand_over(job) {
        job.answer(Err(error));
    }
}
