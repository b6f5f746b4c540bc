//! What an expression gives with items that somebody looks at, while it is being written; and what
//! expressions can use. Nothing here is part of an execution.

pub use linkflow_expr::manual::{Entry, GROUPS, Group};

use serde_json::Value;

/// Evaluates one case: `expression`, `json`, and a `context` of items, nodes, variables and so on. Gives
/// `{"value", "type"}` or `{"error"}`. Bounded in time and memory as in a run; it blocks.
pub fn evaluate(case: &Value) -> Value {
    linkflow_expr::eval_case(case)
}
