//! The shell around the engine: takes executions, drives them, and keeps what they need going.
//!
//! Nothing here knows HTTP, a node kind by name, or the environment.

mod again;
mod check;
pub mod contract;
mod drive;
mod duties;
mod failure;
mod feed;
mod foreign;
mod hints;
mod host;
mod listeners;
mod lookups;
mod memory;
mod open_hint;
mod polls;
mod prepared;
pub mod preview;
mod record;
mod retry;
mod scheduler;
mod services;
mod shared_feed;
mod shell;
mod static_data;
mod step;
mod tables;
mod take_over;
mod turns;
mod waiting;
mod worker;

pub use again::{Again, Past, PastRun};
pub use drive::{Alone, AloneEnd, run_alone};
pub use lookups::{KeyGrant, Level, Lookups, Topic, looked_up};
pub use memory::{Gauge, Memory};
pub use prepared::{PrepareError, Prepared};
pub use services::{Clock, Services};
pub use shell::{Shell, ShellParts};
