//! One entry of an execution's order: which node, fed from where, and how far it has come.
//! What follows from a step's end is decided elsewhere.

use linkflow_model::{Millis, Source};

use crate::{PlanNode, Tries, Wait, Wake};

/// Something that was handed to an input: an output of a finished run, and how many items it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub source: Source,
    pub items: u32,
}

/// A node whose turn may come, with what its inputs hold.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub node: u32,
    pub inputs: Vec<Option<Delivery>>,
    /// Runs on one empty item, because in order v0 a node is waiting for what it makes.
    pub primed: bool,
    /// Leaves only a number behind, because there is nothing to run on.
    pub dropped: bool,
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// May be begun. `began` when an [`crate::Event::Began`] for this try is on record.
    Ready { began: bool },
    /// Between two tries.
    Resting { until: Millis },
    /// Waits for something outside.
    Parked { wait: Wait },
    /// Over, with items on its outputs. `failed` when the node failed and went on all the same.
    Done { failed: bool },
    /// Over, without outputs; the execution fails.
    Failed,
    /// Never ran: there were no items for it, or the execution was failing already.
    Dropped,
}

/// Why an execution fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// This step failed.
    Step(u32),
    /// The last step was a node that failed, though it may go on after errors.
    LastStep(u32),
    /// It would have needed more steps than `steps_max`.
    TooManySteps,
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub node: u32,
    /// Index among the runs of the node. A dropped step has none; its number means nothing.
    pub run: u32,
    pub inputs: Box<[Option<Source>]>,
    pub primed: bool,
    pub state: StepState,
    /// Which go at the step this is, from 1: each try and each wake-up counts one.
    pub attempt: u32,
    /// How many tries have failed.
    pub failures: u32,
    pub resumed: Option<Wake>,
    pub outputs: Box<[u32]>,
}

impl Step {
    pub fn is_running(&self) -> bool {
        matches!(self.state, StepState::Ready { began: true })
    }

    pub fn is_ready(&self) -> bool {
        matches!(self.state, StepState::Ready { .. })
    }

    /// Whether an answer to this attempt is awaited.
    pub fn awaits(&self, attempt: u32) -> bool {
        self.is_ready() && self.attempt == attempt
    }

    /// When the step goes on by itself.
    pub fn wakes_at(&self) -> Option<Millis> {
        match self.state {
            StepState::Resting { until } => Some(until),
            StepState::Parked { wait: Wait::Until(until) } => Some(until),
            StepState::Parked { wait: Wait::Call { until } } => until,
            _ => None,
        }
    }

    /// Whether `by` is what the step waits for, at this time.
    pub fn is_woken_by(&self, by: Wake, now: Millis) -> bool {
        match (self.state, by) {
            (_, Wake::Time) => self.wakes_at().is_some_and(|at| at <= now),
            (StepState::Parked { wait: Wait::Call { .. } }, Wake::Call) => true,
            (StepState::Parked { wait: Wait::Children { .. } }, Wake::Children) => true,
            _ => false,
        }
    }

    /// When the next try may begin after one more failure; `None` when that was the last.
    pub fn retry_at(
        &self,
        node: &PlanNode,
        now: Millis,
        retryable: bool,
        retry_after_ms: Option<u64>,
    ) -> Option<Millis> {
        let failures = self.failures.saturating_add(1);
        if !retryable || failures >= node.tries.max || node.disabled {
            return None;
        }
        Some(now.plus(rest_ms(&node.tries, failures).max(retry_after_ms.unwrap_or(0))))
    }
}

/// Milliseconds to rest after the `failures`-th failure.
fn rest_ms(tries: &Tries, failures: u32) -> u64 {
    let growth = u64::from(tries.factor).saturating_pow(failures.saturating_sub(1));
    tries.wait_ms.saturating_mul(growth).min(tries.max_wait_ms)
}
