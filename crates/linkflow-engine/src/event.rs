//! What can happen in an execution, what may be asked of the machine, and what it asks for.
//!
//! Items themselves are never here: an output is a count. Steps are numbered in the order in
//! which the machine entered them, from 0 (the trigger); the number is stable across a replay.

use linkflow_model::{Millis, Source};

/// Something that happened. The journal holds these; the state of a [`crate::Machine`] is their
/// fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The execution began at `node`, whose outputs were given from outside. This is step 0.
    Started { at: Millis, node: u32, outputs: Vec<u32> },
    /// A try of a step began. Written ahead of effects, so that a crash between the effect and
    /// its result is noticed.
    Began { at: Millis, step: u32, attempt: u32 },
    /// A try ended with items: how many on each output. `failed` when the node failed and goes
    /// on all the same, as its error policy says.
    Done { at: Millis, step: u32, attempt: u32, outputs: Vec<u32>, failed: bool },
    /// A try failed. `retry_at` is when the next one may begin; without one the step has failed.
    Failed { at: Millis, step: u32, attempt: u32, retry_at: Option<Millis> },
    /// The step waits for something outside and holds no slot meanwhile.
    Parked { at: Millis, step: u32, wait: Wait },
    /// What a parked step waited for has come; it runs again and is told so. Or, by time, the rest
    /// after a failed try is over.
    Woken { at: Millis, step: u32, by: Wake },
    /// Somebody asked to cancel.
    Canceled { at: Millis },
    /// The execution's time limit has passed.
    TimedOut { at: Millis },
    /// Terminal.
    Finished { at: Millis, outcome: Outcome },
}

impl Event {
    /// When it happened.
    pub fn at(&self) -> Millis {
        match *self {
            Event::Started { at, .. }
            | Event::Began { at, .. }
            | Event::Done { at, .. }
            | Event::Failed { at, .. }
            | Event::Parked { at, .. }
            | Event::Woken { at, .. }
            | Event::Canceled { at }
            | Event::TimedOut { at }
            | Event::Finished { at, .. } => at,
        }
    }
}

/// What a parked step waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    Until(Millis),
    /// A call from outside, at most until that time.
    Call {
        until: Option<Millis>,
    },
    /// The end of `n` child executions.
    Children {
        n: u32,
    },
}

/// Why a parked step goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    Time,
    Call,
    Children,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Error,
    Canceled,
    TimedOut,
}

/// What the shell tells the machine. Late, repeated and impossible inputs are ignored: `take`
/// then gives no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Start {
        node: u32,
        outputs: Vec<u32>,
    },
    Began {
        step: u32,
        attempt: u32,
    },
    Done {
        step: u32,
        attempt: u32,
        outputs: Vec<u32>,
        failed: bool,
    },
    /// `retryable` is false for failures that another try cannot mend (a wrong parameter in a
    /// workflow of ours). `retry_after_ms` is what a service asked for; the longer wait wins.
    Failed {
        step: u32,
        attempt: u32,
        retryable: bool,
        retry_after_ms: Option<u64>,
    },
    Park {
        step: u32,
        attempt: u32,
        wait: Wait,
    },
    Wake {
        step: u32,
        by: Wake,
    },
    Cancel,
    /// Time has passed: wakes what waits for a time, ends what is over its limit.
    Tick,
}

/// What has to be done next; it follows from the state alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run a step. `began` says that an earlier process wrote [`Event::Began`] for this very try
    /// and no result: its effect may or may not have happened.
    Run {
        step: u32,
        /// Which go at the step this is, from 1. Each try and each wake-up has a number of its own,
        /// so a late answer to an earlier one is known as such.
        attempt: u32,
        node: u32,
        /// Index of this run among the runs of the node, from 0.
        run: u32,
        /// What each input is fed from; `None` for an empty input.
        inputs: Vec<Option<Source>>,
        resumed: Option<Wake>,
        began: bool,
    },
    /// Nothing runs before this time, or before a call or a child's end wakes a step. When the time
    /// has come, [`Input::Tick`] says so.
    Sleep { until: Option<Millis> },
    /// The execution is over.
    End(Outcome),
}
