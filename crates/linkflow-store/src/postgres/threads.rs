//! The threads that run jobs on PostgreSQL, each on a connection of its own: one transaction for
//! each job. What comes in crowds is written in groups by `group.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::session::Session;
use super::transaction::PgTx;
use crate::commit::{Job, Queue};
use crate::db::Tx;

/// For how long a replica that could not be reached is left alone.
const REPLICA_REST: Duration = Duration::from_secs(5);

/// A thread that writes.
pub(crate) fn write_loop(mut session: Session, queue: &Queue) {
    let target = session.target.clone();
    while let Some(jobs) = queue.take(1) {
        for job in jobs {
            let _busy = Busy::new(target.pool);
            run(&mut session, &target.begin_write, job);
        }
    }
}

fn run(session: &mut Session, begin: &str, mut job: Box<dyn Job>) {
    let mut tx = Tx::postgres(PgTx::new(session, begin));
    let keep = job.run(&mut tx);
    let ended = tx.end(keep);
    job.answer(ended);
}

/// A thread that reads from the primary.
pub(crate) fn read_loop(mut session: Session, queue: &Queue) {
    let target = session.target.clone();
    while let Some(jobs) = queue.take(1) {
        for mut job in jobs.into_iter().filter(|job| !job.is_abandoned()) {
            let _busy = Busy::new(target.pool);
            let mut tx = Tx::postgres(PgTx::new(&mut session, &target.begin_read));
            job.run(&mut tx);
            // There is nothing to keep, so an end that goes wrong takes nothing back.
            let _ = tx.end(false);
            job.answer(Ok(()));
        }
    }
}

/// A thread that reads from a replica, and hands on to the primary what the replica has not got yet.
pub(crate) fn replica_loop(mut session: Session, queue: &Queue, primary: &Arc<Queue>) {
    let target = session.target.clone();
    let mut rests_until: Option<Instant> = None;
    while let Some(jobs) = queue.take(1) {
        for mut job in jobs.into_iter().filter(|job| !job.is_abandoned()) {
            let is_resting = rests_until.is_some_and(|until| Instant::now() < until);
            if is_resting || !has_replayed(&mut session, job.after()) {
                if !is_resting && !session.is_connected() {
                    rests_until = Some(Instant::now() + REPLICA_REST);
                }
                metrics::counter!("linkflow_database_replica_fallbacks_total").increment(1);
                hand_on(job, primary);
                continue;
            }
            let _busy = Busy::new(target.pool);
            let mut tx = Tx::postgres(PgTx::new(&mut session, &target.begin_read));
            job.run(&mut tx);
            let _ = tx.end(false);
            job.answer(Ok(()));
        }
    }
}

fn hand_on(job: Box<dyn Job>, primary: &Queue) {
    if let Err((job, error)) = primary.hand_over(job) {
        job.answer(Err(error));
    }
}

/// Whether the replica has everything up to `after`.
fn has_replayed(session: &mut Session, after: u64) -> bool {
    if session.connect().is_err() {
        return false;
    }
    // A server that is no replica has everything there is.
    let sql = format!("SELECT COALESCE(pg_last_wal_replay_lsn() >= '{}'::pg_lsn, TRUE)", lsn_text(after));
    match session.ask_bool(&sql) {
        Ok(answer) => answer,
        Err(_) => {
            session.disconnect();
            false
        }
    }
}

fn lsn_text(lsn: u64) -> String {
    format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff)
}

/// Counts a connection as busy for as long as it lives.
pub(crate) struct Busy(&'static str);

impl Busy {
    pub fn new(pool: &'static str) -> Busy {
        metrics::gauge!("linkflow_database_connections_busy", "pool" => pool).increment(1.0);
        Busy(pool)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        metrics::gauge!("linkflow_database_connections_busy", "pool" => self.0).decrement(1.0);
    }
}
