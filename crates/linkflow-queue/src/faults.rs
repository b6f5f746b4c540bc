//! Bugs on purpose, for the tests that must find them. Without the feature `faults` none can be
//! switched on.

/// A bug that a test must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A job is acknowledged when it is taken; a worker that dies then loses it.
    AcknowledgedBeforeWork,
    /// Ids in the active list that nobody has a lease on stay there for ever.
    OrphanNeverSwept,
    /// What came in between the look into an empty queue and the wait for news is not noticed.
    WakeUpLost,
    /// Leases are not extended, so the work of a living worker is given to another.
    LeaseNotExtended,
}

/// Which bug is planted, if any.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    #[cfg(feature = "faults")]
    pub(crate) planted: Option<Planted>,
}

impl Faults {
    pub(crate) fn has(self, bug: Planted) -> bool {
        #[cfg(feature = "faults")]
        return self.planted == Some(bug);
        #[cfg(not(feature = "faults"))]
        {
            let _ = bug;
            false
        }
    }
}
