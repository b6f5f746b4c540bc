//! The node kinds, one file each. This list is the only place that names them all.

mod conditions;
mod dates;
mod error_trigger;
mod execute_workflow;
mod execute_workflow_trigger;
mod filter;
mod if_;
mod js;
mod limit;
mod manual_trigger;
mod no_op;
mod paths;
mod repair;
mod respond_to_webhook;
mod schedule_trigger;
mod set;
mod sticky_note;
mod stop_and_error;
mod switch;
mod trigger_params;
mod wait;
mod webhook;

use linkflow_node::NodeKind;

/// All kinds, in the order of their names.
pub const ALL: &[NodeKind] = &[
    NodeKind::of::<error_trigger::ErrorTrigger>(),
    NodeKind::of::<execute_workflow::ExecuteWorkflow>(),
    NodeKind::of::<execute_workflow_trigger::ExecuteWorkflowTrigger>(),
    NodeKind::of::<filter::Filter>(),
    NodeKind::of::<if_::If>(),
    NodeKind::of::<limit::Limit>(),
    NodeKind::of::<manual_trigger::ManualTrigger>(),
    NodeKind::of::<no_op::NoOp>(),
    NodeKind::of::<respond_to_webhook::RespondToWebhook>(),
    NodeKind::of::<schedule_trigger::ScheduleTrigger>(),
    NodeKind::of::<set::Set>(),
    NodeKind::of::<sticky_note::StickyNote>(),
    NodeKind::of::<stop_and_error::StopAndError>(),
    NodeKind::of::<switch::Switch>(),
    NodeKind::of::<wait::Wait>(),
    NodeKind::of::<webhook::Webhook>(),
];

/// The kind named `kind`.
pub fn find(kind: &str) -> Option<&'static NodeKind> {
    ALL.iter().find(|k| k.kind == kind)
}
