//! The files that nodes may read and write: those below one folder, and nothing else.

use std::path::PathBuf;

/// Access to a folder. Without a folder every call is refused.
#[derive(Clone, Debug, Default)]
pub struct Files {
    root: Option<PathBuf>,
}

impl Files {
    /// No access at all.
    pub fn none() -> Files {
        Files { root: None }
    }

    /// Access to what is below `root`.
    pub fn below(root: impl Into<PathBuf>) -> Files {
        Files { root: Some(root.into()) }
    }

    pub fn root(&self) -> Option<&PathBuf> {
        self.root.as_ref()
    }
}
