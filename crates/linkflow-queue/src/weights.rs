//! How much each queue gets. The choice is deterministic and starves nobody: over any stretch in
//! which all queues have work, each gets its share to within one job.

use std::collections::HashMap;
use std::str::FromStr;

use crate::job::{QueueError, QueueName};
use crate::partition;

/// The queues to listen on, each with a weight: `critical:6,default:3,low:1`. A name without a
/// number weighs 1. Names may contain colons; the number is what follows the last one, but that of
/// a partition belongs to its name: `workflow:partition:3` weighs 1, `workflow:partition:3:5` 5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights(pub(crate) Vec<(QueueName, u32)>);

/// The most queues one worker listens on by name.
const QUEUES_MAX: usize = 64;
const WEIGHT_MAX: u32 = 1000;

impl Default for Weights {
    fn default() -> Self {
        Weights(vec![(QueueName::default(), 1)])
    }
}

impl Weights {
    /// A worker that listens on nothing but `queue`.
    pub fn only(queue: QueueName) -> Self {
        Weights(vec![(queue, 1)])
    }

    pub fn iter(&self) -> impl Iterator<Item = (&QueueName, u32)> {
        self.0.iter().map(|(queue, weight)| (queue, *weight))
    }

    pub(crate) fn of(&self, queue: &QueueName) -> Option<u32> {
        self.0.iter().find(|(q, _)| q == queue).map(|(_, weight)| *weight)
    }
}

impl FromStr for Weights {
    type Err = QueueError;

    fn from_str(text: &str) -> Result<Self, QueueError> {
        let mut queues: Vec<(QueueName, u32)> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, weight) = one(part)?;
            if queues.iter().any(|(known, _)| *known == name) {
                return Err(wrong(format!("names {name} twice")));
            }
            queues.push((name, weight));
        }
        if queues.is_empty() || queues.len() > QUEUES_MAX {
            return Err(wrong(format!("must name 1 to {QUEUES_MAX} queues, got {text:?}")));
        }
        Ok(Weights(queues))
    }
}

/// What follows the last colon is a weight, if it is a number and what precedes it is a whole name:
/// `workflow:partition:3` is a partition, and not a queue `workflow:partition` that weighs 3.
fn one(part: &str) -> Result<(QueueName, u32), QueueError> {
    let whole = || QueueName::new(part).map(|name| (name, 1));
    let Some((name, number)) = part.rsplit_once(':') else { return whole() };
    let (name, number) = (name.trim(), number.trim());
    if format!("{name}:") == partition::PREFIX || number.starts_with(|c: char| c.is_alphabetic()) {
        return whole();
    }
    match number.parse() {
        Ok(weight @ 1..=WEIGHT_MAX) => Ok((QueueName::new(name)?, weight)),
        _ => {
            Err(wrong(format!("must give a weight of 1 to {WEIGHT_MAX} after the last colon, got {part:?}")))
        }
    }
}

fn wrong(problem: String) -> QueueError {
    QueueError::invalid("queues", problem)
}

/// Deals slots out to queues by weight: smooth weighted round robin, as nginx picks upstreams. A
/// queue that has nothing is dealt its share all the same and saves nothing up for later.
#[derive(Debug, Default)]
pub struct Shares {
    credit: HashMap<QueueName, i64>,
}

impl Shares {
    /// How many of `n` slots each queue gets, in the order of `queues`.
    pub fn deal(&mut self, queues: &[(QueueName, u32)], n: usize) -> Vec<usize> {
        self.credit.retain(|name, _| queues.iter().any(|(queue, _)| queue == name));
        let total: i64 = queues.iter().map(|(_, weight)| i64::from(*weight)).sum();
        let mut credit: Vec<i64> =
            queues.iter().map(|(queue, _)| self.credit.get(queue).copied().unwrap_or(0)).collect();
        let mut dealt = vec![0; queues.len()];
        for _ in 0..n {
            for (credit, (_, weight)) in credit.iter_mut().zip(queues) {
                *credit += i64::from(*weight);
            }
            let Some(best) = (0..credit.len()).max_by_key(|i| (credit[*i], std::cmp::Reverse(*i))) else {
                break;
            };
            credit[best] -= total;
            dealt[best] += 1;
        }
        self.credit.extend(queues.iter().map(|(queue, _)| queue.clone()).zip(credit));
        dealt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(text: &str) -> Vec<(QueueName, u32)> {
        text.parse::<Weights>().unwrap().0
    }

    #[test]
    fn priorities_are_read_and_what_cannot_be_read_is_shown() {
        let read = |text: &str| {
            let list = weights(text);
            list.iter().map(|(q, w)| format!("{q}={w}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(read("critical:6, default:3,low"), "critical=6 default=3 low=1");
        assert_eq!(read("workflow:partition:3"), "workflow:partition:3=1");
        assert_eq!(
            read("workflow:partition:3:5,workflow:partition:30 : 2"),
            "workflow:partition:3=5 workflow:partition:30=2"
        );
        assert_eq!(read("a:b:c,a:b:7,mails:eu"), "a:b:c=1 a:b=7 mails:eu=1");
        for wrong in ["", ",", "a:0", "a:3x", "a:-1", "a:", "a:1,a:2", "a:1001", "{a}:1"] {
            assert!(wrong.parse::<Weights>().is_err(), "{wrong:?} was read");
        }
    }

    #[test]
    fn each_stretch_of_ten_slots_is_dealt_six_three_one_however_it_is_cut() {
        let queues = weights("critical:6,default:3,low:1");
        for cut in [1, 2, 3, 7, 10, 25] {
            let (mut shares, mut sum) = (Shares::default(), vec![0; 3]);
            for _ in 0..100 {
                for (sum, n) in sum.iter_mut().zip(shares.deal(&queues, cut)) {
                    *sum += n;
                }
                let n: usize = sum.iter().sum();
                for (got, weight) in sum.iter().zip([6, 3, 1]) {
                    let fair = n * weight / 10;
                    assert!(got.abs_diff(fair) <= 1, "cut {cut}, after {n}: {sum:?}");
                }
            }
        }
    }

    #[test]
    fn no_queues_are_dealt_nothing() {
        assert!(Shares::default().deal(&[], 5).is_empty());
    }
}
