//! The stories that every database is held to, on SQLite.

use linkflow_store::Options;

use crate::help::On;
pub use crate::help::{
    LEASE_MS, World, append, began, child, done, end, finished, id, keep, new, new_id, parked, rest, started,
    success, t, woken, workflow, workspace,
};

#[path = "claims.rs"]
mod claims;
#[path = "contention.rs"]
mod contention;
#[path = "data_tables.rs"]
mod data_tables;
#[path = "handing.rs"]
mod handing;
#[path = "journal.rs"]
mod journal;
#[path = "listeners.rs"]
mod listeners;
#[path = "resources.rs"]
mod resources;
#[path = "retention.rs"]
mod retention;
#[path = "schedules.rs"]
mod schedules;
#[path = "starts.rs"]
mod starts;
#[path = "turns.rs"]
mod turns;
#[path = "waits.rs"]
mod waits;

/// How many times chance is tried: a server takes longer.
const SEEDS: u64 = 12;

fn world() -> World {
    world_with(Options::default())
}

fn world_with(options: Options) -> World {
    crate::help::world_on(On::Sqlite, options)
}
