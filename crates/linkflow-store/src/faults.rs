//! Trouble on purpose: what a test can make the store do wrong, so that those who use it show what
//! they do then. Without the feature `faults` nothing of it is compiled but the names.

use crate::{Store, StoreError};

/// How a write goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    #[default]
    Passes,
    /// It is refused, and nothing is written.
    Refused,
    /// It is written, and the answer gets lost.
    AnswerLost,
}

impl Fate {
    /// What the caller is told.
    pub(crate) fn of<T, E: From<StoreError>>(self, answer: Result<T, E>) -> Result<T, E> {
        if self == Fate::AnswerLost { Err(lost("the answer")) } else { answer }
    }
}

fn lost<E: From<StoreError>>(what: &str) -> E {
    StoreError::Database(format!("{what} got lost")).into()
}

#[cfg(feature = "faults")]
impl crate::db::Db {
    pub(crate) fn fate<E: From<StoreError>>(&self) -> Result<Fate, E> {
        match self.faults().map_or(Fate::Passes, |f| f.write()) {
            Fate::Refused => Err(lost("the write")),
            fate => Ok(fate),
        }
    }
}

#[cfg(not(feature = "faults"))]
impl crate::db::Db {
    pub(crate) const fn fate<E>(&self) -> Result<Fate, E> {
        Ok(Fate::Passes)
    }
}

/// A bug that a checker must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Whoever appends may do so, whether it holds the execution or not.
    NoFence,
    /// An execution is acknowledged before it is on disk, and sometimes never gets there.
    AcknowledgedBeforeCommit,
    /// A call is confirmed, and what it brought is not noted.
    WakeUpLost,
    /// A result is written twice.
    StepRecordedTwice,
    /// Only the lease keeps workers apart; neither the owner nor the place in the journal is
    /// looked at. No bug yet: a revoked lease is enough.
    LeaseAlone,
    /// The same, and the executions of a dead worker are free before its lease is revoked.
    FreedBeforeRevoked,
    /// Nobody looks for executions whose hint got lost.
    NoSweeper,
    /// An execution that comes to rest does not look at what came meanwhile.
    EarlyWakeForgotten,
    /// Whoever believes that it leads starts what is due, whether somebody else has or not.
    LeaderWithoutEpoch,
    /// The workflow for failures is started after the end is on disk, and a crash comes between.
    ErrorWorkflowForgotten,
}

/// Decides what goes wrong. Called from many tasks at once.
#[cfg(feature = "faults")]
pub trait Faults: std::fmt::Debug + Send + Sync {
    /// How the next write goes.
    fn write(&self) -> Fate {
        Fate::Passes
    }

    /// Whether the next heartbeat is lost, and its sender believes that it arrived.
    fn loses_heartbeat(&self) -> bool {
        false
    }

    /// How often a hint arrives: once, when nothing goes wrong.
    fn hints(&self) -> usize {
        1
    }

    fn planted(&self) -> Option<Planted> {
        None
    }

    /// Whether the planted bug shows this time.
    fn shows(&self) -> bool {
        true
    }
}

#[cfg(feature = "faults")]
impl Store {
    /// Whether `bug` is planted and shows now.
    pub fn has(&self, bug: Planted) -> bool {
        self.options.faults.as_ref().is_some_and(|f| f.planted() == Some(bug) && f.shows())
    }

    pub fn loses_heartbeat(&self) -> bool {
        self.options.faults.as_ref().is_some_and(|f| f.loses_heartbeat())
    }

    /// How often a hint arrives.
    pub fn hints(&self) -> usize {
        self.options.faults.as_ref().map_or(1, |f| f.hints())
    }
}

#[cfg(not(feature = "faults"))]
impl Store {
    /// Whether `bug` is planted and shows now.
    pub const fn has(&self, _bug: Planted) -> bool {
        false
    }

    pub const fn loses_heartbeat(&self) -> bool {
        false
    }

    /// How often a hint arrives.
    pub const fn hints(&self) -> usize {
        1
    }
}

/// The bug that `LINKFLOW_PLANTED` names, for a whole process: what the cluster's fault harness plants.
#[cfg(feature = "faults")]
pub(crate) fn by_environment() -> Option<std::sync::Arc<dyn Faults>> {
    let name = std::env::var("LINKFLOW_PLANTED").ok()?;
    let planted = match name.as_str() {
        "no-fence" => Planted::NoFence,
        "early-acknowledgement" => Planted::AcknowledgedBeforeCommit,
        "step-twice" => Planted::StepRecordedTwice,
        "leader-without-epoch" => Planted::LeaderWithoutEpoch,
        "freed-before-revoked" => Planted::FreedBeforeRevoked,
        _ => {
            tracing::error!("`LINKFLOW_PLANTED` names no bug that is known: {name:?}");
            return None;
        }
    };
    tracing::warn!("a bug is planted on purpose: {planted:?}");
    Some(std::sync::Arc::new(ByEnvironment { planted, n: std::sync::atomic::AtomicU64::new(0) }))
}

#[cfg(feature = "faults")]
#[derive(Debug)]
struct ByEnvironment {
    planted: Planted,
    n: std::sync::atomic::AtomicU64,
}

#[cfg(feature = "faults")]
impl Faults for ByEnvironment {
    fn planted(&self) -> Option<Planted> {
        Some(self.planted)
    }

    /// What would break everything at once shows now and then, as such bugs do.
    fn shows(&self) -> bool {
        let n = self.n.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match self.planted {
            Planted::AcknowledgedBeforeCommit => n % 20 == 19,
            Planted::StepRecordedTwice => n % 50 == 49,
            _ => true,
        }
    }
}
