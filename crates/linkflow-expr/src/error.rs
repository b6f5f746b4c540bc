//! Why an expression has no value.

use thiserror::Error;

/// What went wrong, without the place: the caller knows node, parameter and item and adds them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExprError {
    #[error("the expression cannot be read: {0}")]
    Syntax(String),
    #[error("there is no node named \"{0}\" in this workflow")]
    UnknownNode(String),
    #[error("node \"{0}\" has not run yet")]
    NotRun(String),
    #[error("no item of \"{node}\" belongs to this item: {why}")]
    Pairing { node: String, why: String },
    #[error("{0}")]
    Function(String),
    #[error("{0} is not allowed in expressions")]
    Forbidden(String),
    #[error("the expression took longer than {0} ms")]
    Timeout(u64),
    #[error("the expression used more than {0} MB of memory")]
    Memory(u64),
}
