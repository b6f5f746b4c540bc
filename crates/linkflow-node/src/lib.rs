//! The contract between a node and the world.
//!
//! A node kind is a type that implements [`Node`]; [`NodeKind`] is the same with the type
//! forgotten, so that a list of all kinds can be written down. Nothing here knows a kind by name,
//! an execution's rules, or the store.

pub mod blob;
pub mod code;
pub mod ctx;
pub mod dial;
pub mod error;
pub mod files;
pub mod guard;
pub mod http;
pub mod input;
pub mod kind;
pub mod lenient;
pub mod page;
pub mod schedule;
pub mod table;
pub mod testing;
pub mod trigger;

pub use blob::Blobs;
pub use code::{CodeCall, CodeMode, CodeResult, CodeRunner, Language};
pub use ctx::{
    BoxFuture, ChildCall, ChildResult, Ctx, Host, Limits, Reply, ReplyBody, Resumed, Secret, WorkflowRef,
};
pub use error::NodeError;
pub use input::{Input, RunInput};
pub use kind::{
    Category, CheckFn, CredentialCheck, CredentialSlot, Effects, Example, Node, NodeKind, Outcome, Outputs,
    Ports, Requires, Spec, Wait,
};
