//! Hands executions to workers. An entry means "this execution may have work": losing or
//! repeating one is harmless, because the store decides who may run what.
//!
//! Two implementations stand behind [`Queue`]: [`MemoryQueue`] within a process, and [`RedisQueue`]
//! for a cluster, which keeps the layout of asynq v0.26 so that its tools and Go programs work on
//! the same queues. [`Election`] says which of several schedulers is at work.
//!
//! What is not here: what an execution means, and any promise that an entry survives. Redis may be
//! emptied at any time; whoever pushes keeps the truth elsewhere and pushes again.

mod asynq;
mod clock;
mod fair;
mod faults;
mod job;
mod memory;
mod partition;
mod queue;
mod weights;

pub use asynq::feed::{FeedReader, Watched};
pub use asynq::health::{RedisLook, look_at};
pub use asynq::leader::{Election, ElectionSettings};
pub use asynq::shelf::{Shelved, Slip};
pub use asynq::{RedisQueue, Settings, Timers};
pub use clock::Clock;
pub use faults::Planted;
pub use job::{ForeignJob, Job, QueueError, QueueName, Request, Taken, Ticket, retry_delay_s};
pub use memory::MemoryQueue;
pub use partition::{number_of_partition, partition_of, partition_queue};
pub use queue::{Queue, QueueHealth, QueueStats, ShownSchedule};
pub use weights::{Shares, Weights};
