//! What PostgreSQL's errors mean: for the one who asked, and for the connection they came over.

use std::path::PathBuf;

use tokio_postgres::error::{DbError, SqlState};

use crate::StoreError;

/// Why a statement gave no answer.
#[derive(Clone, Debug)]
pub(crate) enum Lost {
    /// The connection is of no use any more; what was sent may or may not have arrived.
    Connection(String),
    /// The database said no.
    Refused(StoreError),
}

impl Lost {
    pub fn of(error: tokio_postgres::Error) -> Lost {
        match error.as_db_error() {
            None => Lost::Connection(with_cause(&error)),
            Some(db) if ends_connection(db) => Lost::Connection(db.message().to_owned()),
            Some(db) => Lost::Refused(refused(db)),
        }
    }

    /// For a caller that had not come to its commit.
    pub fn into_error(self) -> StoreError {
        match self {
            Lost::Connection(cause) => StoreError::Unavailable { cause },
            Lost::Refused(error) => error,
        }
    }
}

pub(crate) fn unreachable(error: &tokio_postgres::Error) -> StoreError {
    match error.as_db_error() {
        // Wrong passwords and missing databases do not pass by themselves, but while a server starts
        // or a pooler is reloaded they look the same: the message says which it is.
        Some(db) => StoreError::Unavailable { cause: db.message().to_owned() },
        None => StoreError::Unavailable { cause: with_cause(error) },
    }
}

fn with_cause(error: &tokio_postgres::Error) -> String {
    use std::error::Error;
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Whether the server, or the pooler before it, gives up the connection, or is none that can write.
fn ends_connection(error: &DbError) -> bool {
    let code = error.code();
    code.code().starts_with("08")
        || matches!(
            *code,
            SqlState::ADMIN_SHUTDOWN
                | SqlState::CRASH_SHUTDOWN
                | SqlState::CANNOT_CONNECT_NOW
                | SqlState::READ_ONLY_SQL_TRANSACTION
                | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                | SqlState::TOO_MANY_CONNECTIONS
        )
        || error.severity() == "FATAL"
}

fn refused(error: &DbError) -> StoreError {
    let server = || PathBuf::from("the database server");
    let code = error.code();
    match *code {
        SqlState::UNIQUE_VIOLATION => StoreError::Duplicate { columns: columns(error) },
        SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::LOCK_NOT_AVAILABLE
        | SqlState::QUERY_CANCELED => StoreError::Busy { retry_after_ms: 100 },
        SqlState::DISK_FULL => StoreError::DiskFull { path: server() },
        SqlState::IO_ERROR => StoreError::Io { path: server(), cause: error.message().to_owned() },
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            StoreError::Corrupted { path: server(), cause: error.message().to_owned() }
        }
        _ => StoreError::Database(format!("{} ({})", error.message(), code.code())),
    }
}

/// The columns that had to be unique, as `tags.workspace, tags.name`. The detail is in the server's
/// language, but has them in the first brackets: `(workspace, name)=(...)`.
fn columns(error: &DbError) -> String {
    let table = error.table().unwrap_or_default();
    let named = error.detail().and_then(|detail| {
        let (_, rest) = detail.split_once('(')?;
        let (columns, _) = rest.split_once(")=")?;
        Some(columns.split(", ").map(|c| format!("{table}.{c}")).collect::<Vec<_>>().join(", "))
    });
    named.unwrap_or_else(|| error.constraint().unwrap_or(table).to_owned())
}
