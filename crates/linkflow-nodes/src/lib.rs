//! The node kinds, one file each. This list is the only place that names them all.

mod conditions;
mod dates;
mod filter;
mod if_;
mod js;
mod limit;
mod manual_trigger;
mod paths;
mod repair;
mod respond_to_webhook;
mod schedule_trigger;
mod set;
mod trigger_params;
mod webhook;

use linkflow_node::NodeKind;

/// All kinds, in the order of their names.
pub const ALL: &[NodeKind] = &[
    NodeKind::of::<filter::Filter>(),
    NodeKind::of::<if_::If>(),
    NodeKind::of::<limit::Limit>(),
    NodeKind::of::<manual_trigger::ManualTrigger>(),
    NodeKind::of::<respond_to_webhook::RespondToWebhook>(),
    NodeKind::of::<schedule_trigger::ScheduleTrigger>(),
    NodeKind::of::<set::Set>(),
    NodeKind::of::<webhook::Webhook>(),
];

/// The kind named `kind`.
pub fn find(kind: &str) -> Option<&'static NodeKind> {
    ALL.iter().find(|k| k.kind == kind)
}
