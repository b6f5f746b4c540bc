//! The node kinds, one file each. This list is the only place that names them all.

mod limit;

use linkflow_node::NodeKind;

/// All kinds, in the order of their names.
pub const ALL: &[NodeKind] = &[NodeKind::of::<limit::Limit>()];

/// The kind named `kind`.
pub fn find(kind: &str) -> Option<&'static NodeKind> {
    ALL.iter().find(|k| k.kind == kind)
}
