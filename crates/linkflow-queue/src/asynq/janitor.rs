//! The janitor: completed tasks are forgotten when their time is over.

use std::sync::Arc;

use super::{Inner, keys, number, scripts};
use crate::job::{QueueError, QueueName};

/// How many scripts, each for 100 tasks, one tick runs for a queue.
const ROUNDS_MAX: usize = 100;

pub(crate) async fn tick(inner: &Arc<Inner>) {
    for (queue, _) in inner.listening() {
        if let Err(error) = forget(inner, &queue).await {
            tracing::debug!(queue = %queue, %error, "completed tasks of {queue} stay for now: {error}");
        }
    }
}

async fn forget(inner: &Arc<Inner>, queue: &QueueName) -> Result<(), QueueError> {
    let args = [number(inner.settings.clock.now_s()), keys::tasks(queue).into_bytes()];
    for _ in 0..ROUNDS_MAX {
        if inner.link.run::<i64>(&scripts::FORGET, &[keys::of(queue, "completed")], &args).await? == 0 {
            break;
        }
    }
    Ok(())
}
