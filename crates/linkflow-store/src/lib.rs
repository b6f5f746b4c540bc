//! All SQL, the migrations, the stored formats and the group commit.
//!
//! The tables are the truth about what was accepted and how it ended; queues and caches elsewhere
//! only hint at them. Nothing here knows HTTP or a node kind, and no query reads a clock: times
//! come as arguments. How to write a query file is said at the head of `db.rs`.

mod blobs;
mod commit;
mod db;
mod error;
mod migrations;
mod open;

pub use error::StoreError;
pub use open::{Options, Store};
