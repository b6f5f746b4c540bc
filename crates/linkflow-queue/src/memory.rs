//! The queue of a single process.

use std::collections::{HashSet, VecDeque};
use std::sync::Mutex;

use linkflow_model::ExecutionId;
use tokio::sync::Notify;

/// A queue in memory. An id that waits already is not taken in again.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    order: VecDeque<ExecutionId>,
    waiting: HashSet<ExecutionId>,
}

impl MemoryQueue {
    pub fn push(&self, ids: impl IntoIterator<Item = ExecutionId>) {
        let mut state = self.state();
        let mut n = 0;
        for id in ids {
            if state.waiting.insert(id) {
                state.order.push_back(id);
                n += 1;
            }
        }
        drop(state);
        if n > 0 {
            self.arrived.notify_one();
        }
    }

    /// Takes up to `max` ids, oldest first; waits until there is one.
    pub async fn take(&self, max: usize) -> Vec<ExecutionId> {
        loop {
            let arrived = self.arrived.notified();
            let (taken, more) = self.take_now(max);
            if !taken.is_empty() {
                if more {
                    self.arrived.notify_one();
                }
                return taken;
            }
            arrived.await;
        }
    }

    fn take_now(&self, max: usize) -> (Vec<ExecutionId>, bool) {
        let mut state = self.state();
        let n = max.min(state.order.len());
        let taken: Vec<ExecutionId> = state.order.drain(..n).collect();
        for id in &taken {
            state.waiting.remove(id);
        }
        (taken, !state.order.is_empty())
    }

    pub fn len(&self) -> usize {
        self.state().order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the queue")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkflow_model::Millis;

    fn id(n: i64) -> ExecutionId {
        ExecutionId::new(Millis(n), 0)
    }

    #[tokio::test]
    async fn ids_come_out_in_the_order_in_which_they_came_in_each_once() {
        let queue = MemoryQueue::default();
        queue.push([id(1), id(2), id(1), id(3)]);
        assert_eq!(queue.take(2).await, [id(1), id(2)]);
        assert_eq!(queue.take(5).await, [id(3)]);
        queue.push([id(1)]);
        assert_eq!(queue.take(5).await, [id(1)], "what was taken may come again");
    }

    #[tokio::test]
    async fn a_taker_that_waits_is_woken() {
        let queue = std::sync::Arc::new(MemoryQueue::default());
        let other = queue.clone();
        let taker = tokio::spawn(async move { other.take(1).await });
        tokio::task::yield_now().await;
        queue.push([id(7)]);
        assert_eq!(taker.await.unwrap(), [id(7)]);
    }
}
