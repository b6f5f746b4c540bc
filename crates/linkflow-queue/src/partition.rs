//! Which partition a workspace's executions go to. Partitions are plain queues; workers of any
//! number of partitions listen on all that exist, so that a change of the number strands nothing.

use linkflow_model::WorkspaceId;

use crate::job::QueueName;

/// What the names of all partitions begin with.
pub(crate) const PREFIX: &str = "workflow:partition:";

/// The most partitions that can be asked for.
pub const PARTITIONS_MAX: u32 = 1024;

/// The partition of a workspace, 0 to `n - 1`. Jump consistent hashing (Lamping and Veach): when
/// the number grows from `n` to `n + 1`, one workspace in `n + 1` moves, and only to the new one.
/// `n` is taken as at least 1 and at most 1024.
pub fn partition_of(workspace: WorkspaceId, n: u32) -> u32 {
    let n = i64::from(n.clamp(1, PARTITIONS_MAX));
    let mut key = mixed(workspace.0.as_u128());
    let (mut at, mut next) = (-1_i64, 0_i64);
    while next < n {
        at = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((at + 1) as f64 * ((1_u64 << 31) as f64 / ((key >> 33) + 1) as f64)) as i64;
    }
    u32::try_from(at).unwrap_or(0)
}

/// The queue of a partition.
pub fn partition_queue(partition: u32) -> QueueName {
    QueueName::new(&format!("{PREFIX}{partition}")).expect("a prefix and a number are a name")
}

/// Which partition a queue is, if it is one of those that there can be.
pub fn number_of_partition(queue: &QueueName) -> Option<u32> {
    let number = queue.as_str().strip_prefix(PREFIX).and_then(|number| number.parse::<u32>().ok());
    number.filter(|number| *number < PARTITIONS_MAX)
}

/// All of an id's bits count: the first ones of an id are a time.
fn mixed(id: u128) -> u64 {
    let mut x = (id >> 64) as u64 ^ (id as u64).rotate_left(29);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkflow_model::Millis;

    fn workspaces() -> impl Iterator<Item = WorkspaceId> {
        (0..10_000_u128).map(|i| WorkspaceId::new(Millis(1_700_000_000_000 + i as i64), i * 0x9e37_79b9))
    }

    #[test]
    fn workspaces_spread_evenly() {
        let mut counts = [0; 10];
        for workspace in workspaces() {
            counts[partition_of(workspace, 10) as usize] += 1;
        }
        assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
    }

    #[test]
    fn one_partition_more_moves_only_its_share_and_only_there() {
        let moved: Vec<u32> = workspaces()
            .filter(|w| partition_of(*w, 10) != partition_of(*w, 11))
            .map(|w| partition_of(w, 11))
            .collect();
        assert!((700..1150).contains(&moved.len()), "{} moved", moved.len());
        assert!(moved.iter().all(|to| *to == 10));
    }

    #[test]
    fn any_number_of_partitions_gives_one_of_them() {
        for n in [0, 1, 2, 1024, u32::MAX] {
            let workspace = workspaces().next().unwrap();
            assert!(partition_of(workspace, n) < n.clamp(1, PARTITIONS_MAX));
        }
        assert_eq!(partition_queue(3).as_str(), "workflow:partition:3");
    }
}
