//! Decides what follows from what happened in an execution: events in, commands out.
//!
//! Pure and synchronous. There is no clock here, no IO, no async, no item contents, no node kind
//! by name and no third-party crate: time and counts of items come as arguments.

mod event;
mod machine;
mod parallel;
mod plan;
mod reach;
mod sequence;
mod step;

pub use event::{Command, Event, Input, Outcome, Wait, Wake};
pub use machine::Machine;
pub use plan::{NODES_MAX, Plan, PlanError, PlanNode, Required, Tries};
pub use step::{Cause, StepState};
