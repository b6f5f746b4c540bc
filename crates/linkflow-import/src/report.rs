//! What is said about an import.

use serde::Serialize;
use thiserror::Error;

/// What became of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Behaves as it did there.
    Exact,
    /// Runs, with the difference that the message names.
    Approximate,
    /// There is no kind for it: kept, and it fails when it is reached.
    Missing,
    /// Its parameters could not be understood: kept, and it fails when it is reached.
    Unreadable,
}

impl Verdict {
    pub fn is_runnable(self) -> bool {
        matches!(self, Verdict::Exact | Verdict::Approximate)
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    pub name: String,
    /// The type as the file names it.
    #[serde(rename = "type")]
    pub node_type: String,
    pub type_version: f64,
    pub verdict: Verdict,
    /// What differs, or what to do; empty for `exact`.
    pub message: String,
}

/// Why a file is no workflow at all.
#[derive(Clone, Debug, Error)]
pub enum ImportError {
    #[error("this is not JSON: {0}")]
    NotJson(String),
    #[error("this is JSON, but no workflow: {0}")]
    NoWorkflow(String),
    #[error("`{field}` {problem}")]
    Field { field: String, problem: String },
}
