//! People's code in processes of their own.
//!
//! [`Pool`] is the side that has everything: it starts children, hands them one run at a time and
//! kills what does not keep to its limits. [`child_main`] is the side that has nothing: no file,
//! no socket, no other process, no secret; only a pipe to its parent.

mod child;
mod frame;
mod pool;
mod python;
mod restrict;
mod result;

pub use child::child_main;
pub use pool::{Pool, PoolConfig, Runner};
pub use restrict::restrict;
