//! Who is upstream of whom, as sets of bits.

use crate::PlanNode;

/// Paths through a workflow.
#[derive(Clone, Debug)]
pub(crate) struct Reach {}

impl Reach {
    pub fn of(nodes: &[PlanNode]) -> Reach {
        let _ = nodes;
        Reach {}
    }
}
