//! Hands executions to workers. An entry means "this execution may have work": losing or
//! repeating one is harmless, because the store decides who may run what.

mod memory;

pub use memory::MemoryQueue;
