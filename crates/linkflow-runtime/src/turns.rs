//! Workspaces take turns. A queue hands out what came first, so a workspace that starts a hundred
//! thousand executions would keep the single one of another waiting for the last of them. While a
//! worker gets all that it asks for, more than that waits; every other time it then asks the store
//! who waits, and takes the oldest of each workspace instead of the next in the queue.
//!
//! What is taken in this way leaves its hint in the queue, where it is found later to be of no use.
//! Nothing is decided here: what two workers take at once, the store gives to one.

use std::collections::HashMap;
use std::time::Duration;

use linkflow_model::{ExecutionId, Millis};
use linkflow_queue::{QueueName, Shares};
use linkflow_store::{StoreError, Waiting};
use tokio::time::Instant;

use crate::shell::Inner;

/// For how long it is believed who waits.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Default)]
pub struct Turns {
    /// The last taking filled all slots.
    is_crowded: bool,
    /// The last taking was by turns.
    was_by_turns: bool,
    looked_at: Option<Instant>,
    queues: Vec<Queue>,
    shares: Shares,
    /// How often each queue has begun anew; the start of the next round.
    rounds: HashMap<QueueName, usize>,
}

/// A queue in which more than one workspace waits.
struct Queue {
    name: QueueName,
    weight: u32,
    waiting: Vec<Waiting>,
}

impl Turns {
    /// Says what the last taking from the queue brought.
    pub fn took(&mut self, n: usize, asked: usize) {
        self.is_crowded = n >= asked;
        self.was_by_turns = false;
    }

    /// Up to `n` executions of those whose turn it is; none when the queue's order will do.
    pub async fn next(&mut self, inner: &Inner, n: usize) -> Result<Vec<ExecutionId>, StoreError> {
        if !self.is_crowded || self.was_by_turns {
            return Ok(Vec::new());
        }
        self.look(inner).await?;
        let wanted = self.deal(n);
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let rows = inner.store.oldest_of(wanted, Millis(i64::MAX)).await?;
        self.was_by_turns = !rows.is_empty();
        metrics::counter!("linkflow_taken_by_turns_total").increment(rows.len() as u64);
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    async fn look(&mut self, inner: &Inner) -> Result<(), StoreError> {
        if self.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        self.looked_at = Some(Instant::now());
        self.queues.clear();
        let waiting = inner.store.who_waits().await?;
        if waiting.len() < 2 {
            return Ok(());
        }
        // Without the queue's server nobody knows what is paused; the store is asked then anyway.
        let Ok(open) = inner.hints.open_queues().await else { return Ok(()) };
        let mut by_queue: HashMap<QueueName, Vec<Waiting>> = HashMap::new();
        for one in waiting {
            by_queue.entry(inner.hints.place(&one.queue, one.workspace)).or_default().push(one);
        }
        for (name, weight) in open {
            let waiting = by_queue.remove(&name).unwrap_or_default();
            if waiting.len() > 1 {
                self.queues.push(Queue { name, weight, waiting });
            }
        }
        Ok(())
    }

    /// How many of each are taken: queues by their weights, and within a queue one of each
    /// workspace after the other, from where the last round ended.
    fn deal(&mut self, n: usize) -> Vec<(Waiting, usize)> {
        let weights: Vec<(QueueName, u32)> = self.queues.iter().map(|q| (q.name.clone(), q.weight)).collect();
        let mut wanted = Vec::new();
        for (queue, n) in self.queues.iter().zip(self.shares.deal(&weights, n)) {
            let n_waiting = queue.waiting.len();
            let first = self.rounds.entry(queue.name.clone()).or_default();
            for i in 0..n.min(n_waiting) {
                let each = n / n_waiting + usize::from(i < n % n_waiting);
                wanted.push((queue.waiting[(*first + i) % n_waiting].clone(), each));
            }
            *first = (*first + n) % n_waiting;
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use linkflow_model::WorkspaceId;

    use super::*;

    fn turns(weights: &[(&str, u32, u128)]) -> Turns {
        let queue = |&(name, weight, n): &(&str, u32, u128)| Queue {
            name: QueueName::new(name).unwrap(),
            weight,
            waiting: (0..n)
                .map(|w| Waiting { queue: name.to_owned(), workspace: WorkspaceId(uuid::Uuid::from_u128(w)) })
                .collect(),
        };
        Turns { queues: weights.iter().map(queue).collect(), ..Turns::default() }
    }

    /// What each workspace of each queue got in so many rounds.
    fn dealt(turns: &mut Turns, rounds: usize, n: usize) -> String {
        let mut sums: std::collections::BTreeMap<(String, u128), usize> = Default::default();
        for _ in 0..rounds {
            for (waiting, n) in turns.deal(n) {
                *sums.entry((waiting.queue, waiting.workspace.0.as_u128())).or_default() += n;
            }
        }
        let one = |((queue, workspace), n): (&(String, u128), &usize)| format!("{queue}/{workspace}={n}");
        sums.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn everybody_gets_the_same_however_few_slots_there_are() {
        for (rounds, n) in [(60, 1), (20, 3), (6, 10), (1, 60)] {
            let got = dealt(&mut turns(&[("a", 1, 3)]), rounds, n);
            assert_eq!(got, "a/0=20 a/1=20 a/2=20", "{rounds} rounds of {n}");
        }
    }

    #[test]
    fn queues_keep_their_weights() {
        let got = dealt(&mut turns(&[("critical", 6, 2), ("low", 2, 4)]), 20, 4);
        assert_eq!(got, "critical/0=30 critical/1=30 low/0=5 low/1=5 low/2=5 low/3=5");
    }

    #[test]
    fn nobody_is_asked_for_where_nobody_waits() {
        assert!(turns(&[]).deal(10).is_empty());
    }
}
