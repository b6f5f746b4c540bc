//! The nouns of Linkflow: ids, workflows, items, and the record of an execution.
//!
//! Nothing here waits, touches SQL or HTTP, reads a clock, or decides anything.

pub mod execution;
pub mod history;
pub mod id;
pub mod item;
pub mod time;
pub mod workflow;

pub use execution::{Mode, Status};
pub use history::{History, Run, RunError, Shape, Source};
pub use id::*;
pub use item::{Binary, Item, Items, Object, Pair, Paired, SourceOverwrite};
pub use time::Millis;
pub use workflow::{Edge, Node, OnError, Order, Port, Retry, Settings, Workflow};
