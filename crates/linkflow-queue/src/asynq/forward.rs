//! The forwarder: what was put off until a time, or is to be tried again, waits from that time on.

use std::sync::Arc;

use super::{Inner, keys, number, scripts};
use crate::job::{QueueError, QueueName};

/// How many scripts, each for 100 tasks, one tick runs for a queue.
const ROUNDS_MAX: usize = 100;

pub(crate) async fn tick(inner: &Arc<Inner>) {
    for (queue, _) in inner.listening() {
        for from in ["scheduled", "retry"] {
            if let Err(error) = forward(inner, &queue, from).await {
                tracing::debug!(queue = %queue, %error, "{from} tasks of {queue} stay for now: {error}");
            }
        }
    }
}

async fn forward(inner: &Arc<Inner>, queue: &QueueName, from: &str) -> Result<(), QueueError> {
    let keys = [keys::of(queue, from), keys::of(queue, "pending")];
    let clock = &inner.settings.clock;
    let args = [
        number(clock.now_s()),
        keys::tasks(queue).into_bytes(),
        number(clock.now_ns()),
        keys::of(queue, "g:").into_bytes(),
    ];
    for _ in 0..ROUNDS_MAX {
        if inner.link.run::<i64>(&scripts::FORWARD, &keys, &args).await? == 0 {
            break;
        }
    }
    Ok(())
}
