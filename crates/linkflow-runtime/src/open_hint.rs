//! The hint of an execution that runs before its claim is written. Until then nobody else knows that
//! it is being worked on: whatever becomes of its worker's try, the hint has to come back.

use std::sync::Arc;

use linkflow_queue::{Job, Ticket};

use crate::shell::Inner;

/// Let go of once the claim is written. Dropped before that, the execution is hinted at anew, without
/// what it starts with, so that the next worker claims it first and the tries are counted.
pub struct OpenHint {
    inner: Arc<Inner>,
    held: Option<(Ticket, Job)>,
}

impl OpenHint {
    pub fn new(inner: &Arc<Inner>, ticket: Ticket, job: Job) -> OpenHint {
        OpenHint { inner: inner.clone(), held: Some((ticket, job)) }
    }

    /// From here on the store says whose it is.
    pub fn claimed(mut self) {
        if let Some((ticket, _)) = self.held.take() {
            self.inner.hints.done(ticket);
        }
    }
}

impl Drop for OpenHint {
    fn drop(&mut self) {
        if let Some((ticket, job)) = self.held.take() {
            self.inner.hints.done(ticket);
            self.inner.hints.push_jobs(vec![Job { start: None, ..job }]);
        }
    }
}
