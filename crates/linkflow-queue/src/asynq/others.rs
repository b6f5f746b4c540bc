//! What a process says to, and learns of, the others beside the jobs: which queues somebody takes
//! from, and which schedules this one fires. Both in the keys that asynq's tools look at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use prost::Message as _;

use super::message::{SchedulerEntry, ServerInfo, Timestamp};
use super::{RedisQueue, keys, number, scripts, take};
use crate::job::{EXECUTE, QueueError, QueueName, Taken};
use crate::queue::ShownSchedule;

/// Processes that are looked at.
const SERVERS_MAX: usize = 10_000;
/// Schedules that are shown.
const SHOWN_MAX: usize = 1_000;

/// What asynq writes for a time that has not come yet: the first second of Go's time. Its tools leave
/// out an entry without one.
const NEVER: Timestamp = Timestamp { seconds: -62_135_596_800, nanos: 0 };

impl RedisQueue {
    /// See [`crate::Queue::open_queues`].
    pub async fn open_queues(&self) -> Result<Vec<(QueueName, u32)>, QueueError> {
        let inner = &self.inner;
        let all = inner.listening().into_iter().map(|(queue, weight)| async move {
            let paused: u64 = inner.link.call(redis::cmd("EXISTS").arg(keys::of(&queue, "paused"))).await?;
            Ok::<_, QueueError>((paused == 0).then_some((queue, weight)))
        });
        join_all(all).await.into_iter().filter_map(Result::transpose).collect()
    }

    /// See [`crate::Queue::served`].
    pub async fn served(&self) -> Result<BTreeSet<QueueName>, QueueError> {
        let link = &self.inner.link;
        let now_s = self.inner.settings.clock.now_s();
        let mut living = redis::cmd("ZRANGEBYSCORE");
        living.arg(keys::SERVERS).arg(now_s).arg("+inf").arg("LIMIT").arg(0).arg(SERVERS_MAX);
        let living: Vec<String> = link.call(&living).await?;
        let mut served = BTreeSet::new();
        for key in living {
            let shown: Option<Vec<u8>> = link.call(redis::cmd("GET").arg(&key)).await?;
            let info = shown.and_then(|bytes| ServerInfo::decode(bytes.as_slice()).ok());
            let queues: BTreeMap<String, i32> = info.into_iter().flat_map(|info| info.queues).collect();
            served.extend(queues.keys().filter_map(|name| QueueName::new(name).ok()));
        }
        Ok(served)
    }

    /// See [`crate::Queue::take_from`].
    pub async fn take_from(&self, queue: &QueueName, max: usize) -> Result<Vec<Taken>, QueueError> {
        take::take_batch(&self.inner, queue, max.min(scripts::BATCH_MAX)).await
    }

    /// See [`crate::Queue::show_schedules`].
    pub async fn show_schedules(&self, all: Vec<ShownSchedule>, ttl: Duration) -> Result<(), QueueError> {
        let inner = &self.inner;
        let key = inner.server.key(keys::SCHEDULERS);
        let ttl_s = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX).max(1);
        let ends = inner.settings.clock.now_s().saturating_add(ttl_s);
        inner.link.call::<i64>(redis::cmd("ZADD").arg(keys::SCHEDULERS).arg(ends).arg(&key)).await?;
        let mut args = vec![number(ttl_s)];
        args.extend(all.into_iter().take(SHOWN_MAX).map(|schedule| entry(schedule).encode_to_vec()));
        inner.link.run::<i64>(&scripts::SHOW_SCHEDULES, &[key], &args).await.map(drop)
    }
}

fn entry(schedule: ShownSchedule) -> SchedulerEntry {
    SchedulerEntry {
        id: schedule.id,
        spec: schedule.spec,
        task_type: EXECUTE.to_owned(),
        task_payload: schedule.payload,
        enqueue_options: vec![format!("Queue({:?})", schedule.queue.as_str())],
        next_enqueue_time: Timestamp::of_ms(schedule.next.0),
        prev_enqueue_time: schedule.previous.map_or(Some(NEVER), |at| Timestamp::of_ms(at.0)),
    }
}
