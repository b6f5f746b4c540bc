//! The order within a batch: workspaces take turns, so that one which pushed a thousand jobs does
//! not make the single job of another wait behind them. It goes no further than the batch.

use std::collections::{HashMap, VecDeque};

use linkflow_model::WorkspaceId;

use crate::job::Taken;

/// Deals the batch out: the first of each workspace, then the second of each, and so on. Among the
/// entries of a workspace the order stays; the tasks of other programs count as one workspace.
pub(crate) fn take_turns(batch: Vec<Taken>) -> Vec<Taken> {
    let mut order: Vec<Option<WorkspaceId>> = Vec::new();
    let mut piles: HashMap<Option<WorkspaceId>, VecDeque<Taken>> = HashMap::new();
    let n = batch.len();
    for taken in batch {
        let workspace = match &taken {
            Taken::Execution { job, .. } => Some(job.workspace),
            Taken::Foreign(_) => None,
        };
        let pile = piles.entry(workspace).or_default();
        if pile.is_empty() {
            order.push(workspace);
        }
        pile.push_back(taken);
    }
    let mut dealt = Vec::with_capacity(n);
    while dealt.len() < n {
        dealt.extend(order.iter().filter_map(|workspace| piles.get_mut(workspace)?.pop_front()));
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Job, QueueName};
    use linkflow_model::{ExecutionId, Millis};

    fn job(workspace: u128, n: i64) -> Taken {
        let workspace = WorkspaceId(uuid::Uuid::from_u128(workspace));
        let job = Job::new(QueueName::default(), ExecutionId::new(Millis(n), 0), workspace);
        Taken::Execution { ticket: job.ticket(), job }
    }

    #[test]
    fn a_busy_workspace_does_not_stand_in_the_way_of_a_quiet_one() {
        let batch = vec![job(1, 1), job(1, 2), job(1, 3), job(2, 4), job(1, 5), job(3, 6)];
        let want = vec![job(1, 1), job(2, 4), job(3, 6), job(1, 2), job(1, 3), job(1, 5)];
        assert_eq!(take_turns(batch), want);
    }
}
