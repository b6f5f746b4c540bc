//! The rules of order, joins, loops, retries and waits.

use std::sync::Arc;

use linkflow_model::Millis;

use crate::{Command, Event, Input, Plan};

/// The state of one execution.
#[derive(Clone, Debug)]
pub struct Machine {
    plan: Arc<Plan>,
}

impl Machine {
    pub fn new(plan: Arc<Plan>) -> Machine {
        Machine { plan }
    }

    /// The state after `events`.
    pub fn replay(plan: Arc<Plan>, events: impl IntoIterator<Item = Event>) -> Machine {
        let _ = events;
        Machine { plan }
    }

    /// Decides what follows from `input`, takes it in, and gives the events to write down.
    pub fn take(&mut self, now: Millis, input: Input) -> Vec<Event> {
        let _ = (now, input, &self.plan);
        Vec::new()
    }

    /// What has to be done next, in the order in which it should be begun.
    pub fn outstanding(&self) -> Vec<Command> {
        Vec::new()
    }

    /// Which node runs in `step`.
    pub fn node_of(&self, step: u32) -> Option<u32> {
        let _ = step;
        None
    }
}
