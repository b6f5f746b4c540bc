//! What can go wrong in the store, said so that the reader knows who can help.

use std::path::PathBuf;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// More work is queued than the store takes; nothing was written. Try again after the wait.
    #[error("the store has too much to do, try again in {retry_after_ms} ms")]
    Busy { retry_after_ms: u64 },
    /// Another process works on this data directory.
    #[error(
        "the data directory {} is in use by process {pid}; stop that process or choose another `--data-dir`",
        path.display()
    )]
    Locked { path: PathBuf, pid: String },
    /// The data were written by a later version of the program.
    #[error(
        "the database has schema version {found}, this program knows versions up to {known}; \
         run a newer linkflow, or restore a backup of before the upgrade"
    )]
    NewerSchema { found: i64, known: i64 },
    /// The database does not answer; nothing was written. Try again.
    #[error("the database cannot be reached ({cause}); nothing was written")]
    Unavailable { cause: String },
    /// The answer to a write got lost, and nobody can tell whether it took place.
    #[error("whether the database wrote this is not known ({cause}); look before it is done again")]
    Unknown { cause: String },
    #[error("no space is left on the disk of {}; free some, nothing is lost", path.display())]
    DiskFull { path: PathBuf },
    #[error("{} cannot be written to; check its owner, its mode and whether the file system is read-only", path.display())]
    ReadOnly { path: PathBuf },
    #[error("the database {} is damaged ({cause}); restore a backup", path.display())]
    Corrupted { path: PathBuf, cause: String },
    /// The operating system refused a file operation.
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: String },
    /// What was looked for does not exist, or not in this workspace.
    #[error("no {what} {id}")]
    NotFound { what: &'static str, id: String },
    /// A value cannot be taken; the caller can put this right.
    #[error("`{field}` {problem}")]
    Invalid { field: &'static str, problem: String },
    /// Another row has this value already: `columns` is what has to be unique, such as
    /// `tags.workspace, tags.name`.
    #[error("another entry with the same value exists already ({columns})")]
    Duplicate { columns: String },
    /// The row has changed since the caller read it.
    #[error("{what} {id} has been changed meanwhile; read it again")]
    Changed { what: &'static str, id: String },
    /// The same idempotency key came with another request.
    #[error("the idempotency key \"{key}\" was used for another request; use a new key for a new request")]
    KeyReused { key: String },
    /// The lease of the worker that asks has ended.
    #[error("the lease of this worker has ended")]
    Fenced,
    /// A stored row cannot be read.
    #[error("stored data cannot be read: {0}")]
    Unreadable(String),
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
    /// Anything else that the database refused.
    #[error("the database refused: {0}")]
    Database(String),
}

impl StoreError {
    pub fn not_found(what: &'static str, id: impl ToString) -> StoreError {
        StoreError::NotFound { what, id: id.to_string() }
    }

    pub fn invalid(field: &'static str, problem: impl Into<String>) -> StoreError {
        StoreError::Invalid { field, problem: problem.into() }
    }

    /// Whether a value that has to be unique exists already; `column` is part of its name, such
    /// as `tags.name`.
    pub fn is_duplicate_of(&self, column: &str) -> bool {
        matches!(self, StoreError::Duplicate { columns } if columns.contains(column))
    }

    pub(crate) fn io(path: impl Into<PathBuf>, error: &std::io::Error) -> StoreError {
        use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let path = path.into();
        match error.kind() {
            StorageFull | QuotaExceeded => StoreError::DiskFull { path },
            PermissionDenied | ReadOnlyFilesystem => StoreError::ReadOnly { path },
            _ => StoreError::Io { path, cause: error.to_string() },
        }
    }

    /// What SQLite's error means for people; `path` is the database file.
    pub(crate) fn sqlite(path: &std::path::Path, error: &rusqlite::Error) -> StoreError {
        use rusqlite::ErrorCode;
        let path = path.to_owned();
        let rusqlite::Error::SqliteFailure(code, message) = error else {
            return StoreError::Database(error.to_string());
        };
        let message = message.clone().unwrap_or_else(|| code.to_string());
        match code.code {
            ErrorCode::DiskFull => StoreError::DiskFull { path },
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => StoreError::ReadOnly { path },
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                StoreError::Corrupted { path, cause: message }
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Busy { retry_after_ms: 100 },
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => StoreError::Io { path, cause: message },
            ErrorCode::ConstraintViolation => match message.split_once("UNIQUE constraint failed: ") {
                Some((_, columns)) => StoreError::Duplicate { columns: columns.to_owned() },
                None => StoreError::Database(message),
            },
            _ => StoreError::Database(message),
        }
    }
}
