//! Where the time comes from: the system, whoever the process believes more, or a test that turns it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use linkflow_model::Millis;

/// The wall clock that leases and due times are compared with.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// As somebody else tells it, such as the database that all processes share.
    Told(fn() -> Millis),
    /// Milliseconds since 1970; stands still until somebody turns it.
    Turned(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now`.
    pub fn standing_at(now: Millis) -> Self {
        Clock::Turned(Arc::new(AtomicI64::new(now.0)))
    }

    pub fn now(&self) -> Millis {
        match self {
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Clock::Told(now) => now(),
            Clock::Turned(ms) => Millis(ms.load(Ordering::Relaxed)),
        }
    }

    /// Turns the clock on; one that is not this process's cannot be turned and stays as it is.
    pub fn turn_ms(&self, ms: i64) {
        if let Clock::Turned(at) = self {
            at.fetch_add(ms, Ordering::Relaxed);
        }
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.now().0.div_euclid(1000)
    }

    /// What asynq keeps as `pending_since`.
    pub(crate) fn now_ns(&self) -> i64 {
        self.now().0.saturating_mul(1_000_000)
    }
}
