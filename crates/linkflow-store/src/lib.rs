//! All SQL, the migrations, the stored formats and the group commit.
//!
//! The tables are the truth about what was accepted and how it ended; queues and caches elsewhere
//! only hint at them. Nothing here knows HTTP or a node kind, and no query reads a clock: times
//! come as arguments. How to write a query file is said at the head of `db.rs`.

mod answers;
mod api_keys;
mod blobs;
mod commit;
mod credentials;
mod data_filter;
mod data_tables;
mod db;
mod entry;
mod error;
mod execution_list;
mod executions;
pub mod faults;
mod foreign;
mod inspect;
mod journal;
mod kept;
mod keyring;
mod listeners;
mod listing;
mod migrations;
mod open;
mod places;
mod polls;
mod postgres;
mod request_keys;
mod retention;
mod schedule_changes;
mod schedules;
mod sessions;
mod start;
mod tags;
mod turns;
mod users;
mod variables;
mod versions;
mod webhooks;
mod workers;
mod workflows;

pub use api_keys::{ApiKeyRow, NewApiKey};
pub use credentials::{CredentialRow, Fields};
pub use data_filter::{ColumnType, Condition, RowFilter, Test};
pub use data_tables::{
    DATA_COLUMNS_MAX, DATA_ROWS_AT_ONCE_MAX, DATA_ROWS_MAX, DATA_TABLE_BYTES_MAX, DATA_TABLES_MAX,
    DataColumn, DataTable, RowChange, RowOrder,
};
pub use entry::{Entry, EntryData};
pub use error::StoreError;
pub use execution_list::ExecutionFilter;
pub use executions::{
    Accepted, CancelAsked, Child, Claimed, ExecutionRecord, Holding, Idempotency, Loaded, NewExecution,
    Parent, WakeCall, WakeRow,
};
pub use foreign::{Foreign, ForeignRow};
pub use inspect::{Inspection, inspect, known_schema};
pub use journal::{Append, AppendError, Appended, Then};
pub use kept::KEPT_BYTES_MAX;
pub use keyring::Keyring;
pub use listeners::{Listener, ListenerKey, NewListener};
pub use listing::Page;
pub use open::{Options, Store};
pub use places::Places;
pub use postgres::{Follower, Freshness, PgOptions, ServerLook, WriteToken, look_at, migrate};
pub use request_keys::RequestAnswer;
pub use retention::{RetentionReport, Size, StatusCounts};
pub use schedules::{Fired, Misfire, NewSchedule, Schedule};
pub use sessions::NewSession;
pub use start::Start;
pub use tags::Tag;
pub use turns::{ReadyRow, Waiting};
pub use users::{NewUser, SignInRow, UserChange, UserRow, Workspace};
pub use variables::Variable;
pub use versions::{VersionDocument, VersionRow};
pub use webhooks::{NewWebhook, WebhookRow};
pub use workers::{WorkerKey, WorkerRow};
pub use workflows::{
    ACTIVITY_MAX, WorkflowActivity, WorkflowFacts, WorkflowFilter, WorkflowRow, WorkflowSave, WorkflowSort,
};
