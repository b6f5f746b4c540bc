//! The database: how statements are run, and what rows and parameters are made of. No table is
//! known here.
//!
//! # How to write a query file
//! A noun has a file of its own (`tags.rs`): plain functions over a [`Tx`] beside the types they
//! speak of, and thin methods of [`crate::Store`] that run them.
//! ```text
//! impl Store {
//!     pub async fn create_tag(&self, workspace: WorkspaceId, name: String) -> Result<Tag, StoreError> {
//!         self.db.write(move |tx| insert(tx, workspace, &name)).await
//!     }
//!     pub async fn tags(&self, workspace: WorkspaceId) -> Result<Vec<Tag>, StoreError> {
//!         self.db.read(move |tx| list(tx, workspace)).await
//!     }
//! }
//!
//! fn list(tx: &mut Tx<'_>, workspace: WorkspaceId) -> Result<Vec<Tag>, StoreError> {
//!     tx.query("SELECT id, name FROM tags WHERE workspace = $1 ORDER BY name",
//!         params![workspace],
//!         |row| Ok(Tag { id: row.get(0)?, name: row.get(1)? }))
//! }
//! ```
//! - One SQL text for both databases: `$1`, `$2`... in any order, `ON CONFLICT`, `RETURNING`,
//!   `TRUE` and `FALSE`, `LIMIT`; no `now()`, no `last_insert_rowid`. Values always come as
//!   parameters, never inside the text.
//! - Columns: ids are `BLOB` (SQLite) and `UUID` (Postgres), times `INTEGER` / `BIGINT` in
//!   milliseconds, JSON is `TEXT`, flags are `INTEGER` / `BOOLEAN`. Tables are made in
//!   `migrations/`.
//! - Every query is scoped by workspace.
//! - A job given to `write` is a closure without waits: it runs in the transaction of its batch,
//!   inside a savepoint (on PostgreSQL in one of its own); an `Err` undoes what it did and nothing
//!   else. On PostgreSQL others write at the same time: what is read and then built upon is locked
//!   first, with `lock_row` or `lock_name`. `write` answers after the
//!   commit, and what was handed over is carried out even when nobody waits for the answer any
//!   more. The error may be any type that a [`StoreError`] turns into.
//! - `write_owed` is for what must not be turned away when the store is busy: the end of work
//!   that was accepted earlier.
//! - `read` sees one snapshot of what was committed.

use std::path::Path;
use std::sync::Arc;

use linkflow_model::*;
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde_json::Value;
use uuid::Uuid;

use tokio::sync::oneshot;

use crate::StoreError;
use crate::commit::{Queue, WriteJob};
use crate::postgres::{self, Freshness, HotJob, HotQueue, PgTx, Postgres};

/// Which database it is. A closed set: callers write one text for all.
#[derive(Clone)]
pub(crate) enum Db {
    Sqlite(Arc<Sqlite>),
    /// With where its reads come from.
    Postgres(Arc<Postgres>, Freshness),
}

/// The queues of the threads that own SQLite's connections.
pub(crate) struct Sqlite {
    pub writes: Arc<Queue>,
    pub reads: Arc<Queue>,
    #[cfg(feature = "faults")]
    pub faults: Option<Arc<dyn crate::faults::Faults>>,
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.reads.close();
        self.writes.close();
    }
}

impl Db {
    fn writes(&self) -> &Arc<Queue> {
        match self {
            Db::Sqlite(db) => &db.writes,
            Db::Postgres(db, _) => &db.writes,
        }
    }

    /// Runs `job` in the next transaction and answers once that is on disk. Turned away with
    /// [`StoreError::Busy`] when too much is queued.
    pub async fn write<T, E>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, answer) = WriteJob::new(job);
        let fate = self.fate()?;
        self.writes().offer(job)?;
        let answer = answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()));
        fate.of(answer)
    }

    /// As [`Db::write`], for what is owed to work accepted earlier: it is turned away only when
    /// many times the usual limit is queued.
    pub async fn write_owed<T, E>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, answer) = WriteJob::new(job);
        let fate = self.fate()?;
        self.writes().offer_owed(job)?;
        let answer = answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()));
        fate.of(answer)
    }

    /// Runs `job` on one snapshot. It must not write.
    pub async fn read<T, E>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (after, queue) = match self {
            Db::Sqlite(db) => (0, &db.reads),
            Db::Postgres(db, Freshness::Newest) => (0, &db.reads),
            Db::Postgres(db, Freshness::After(token)) => (token.0, db.a_replica().unwrap_or(&db.reads)),
        };
        let (job, answer) = WriteJob::reading(job, after);
        queue.offer(job)?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Hands a job to those who write in groups, and waits for its answer.
    pub async fn commit<T, E>(
        &self,
        hot: &HotQueue,
        job: impl FnOnce(oneshot::Sender<Result<T, E>>) -> HotJob,
    ) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        let (caller, answer) = oneshot::channel();
        let fate = self.fate()?;
        hot.offer(job(caller))?;
        let answer = answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()));
        fate.of(answer)
    }

    /// Those who write in groups, where there are any.
    pub fn hot(&self) -> Option<&HotQueue> {
        match self {
            Db::Sqlite(_) => None,
            Db::Postgres(db, _) => Some(&db.hot),
        }
    }

    /// Lets what was handed over be done and nothing more come in.
    pub fn close(&self) {
        match self {
            Db::Sqlite(db) => {
                db.reads.close();
                db.writes.close();
            }
            Db::Postgres(db, _) => db.close(),
        }
    }

    /// How many writes wait.
    pub fn writes_queued(&self) -> usize {
        self.writes().len() + self.hot().map_or(0, HotQueue::len)
    }

    #[cfg(feature = "faults")]
    pub fn faults(&self) -> Option<&Arc<dyn crate::faults::Faults>> {
        match self {
            Db::Sqlite(db) => db.faults.as_ref(),
            Db::Postgres(db, _) => db.faults.as_ref(),
        }
    }
}

/// A transaction, or the part of one that belongs to one job.
pub(crate) enum Tx<'a> {
    Sqlite { connection: &'a rusqlite::Connection, path: &'a Path },
    Postgres(PgTx<'a>),
}

impl<'a> Tx<'a> {
    pub fn sqlite(connection: &'a rusqlite::Connection, path: &'a Path) -> Tx<'a> {
        Tx::Sqlite { connection, path }
    }

    pub fn postgres(tx: PgTx<'a>) -> Tx<'a> {
        Tx::Postgres(tx)
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self, Tx::Postgres(_))
    }

    /// Ends a transaction of PostgreSQL; SQLite's belong to their batch.
    pub fn end(self, keep: bool) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite { .. } => Ok(()),
            Tx::Postgres(tx) => tx.end(keep),
        }
    }

    /// Keeps others from changing or locking a row until the end of this transaction, so that what
    /// is read of it next stays true. SQLite has one writer, which is lock enough.
    pub fn lock_row(&mut self, table: &str, id: impl Into<Param<'static>>) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite { .. } => Ok(()),
            Tx::Postgres(tx) => {
                let sql = format!("SELECT 1 FROM {table} WHERE id = $1 FOR UPDATE");
                tx.query(&sql, &[id.into()]).map(drop)
            }
        }
    }

    /// Keeps others from holding the same name until the end of this transaction: for what has no
    /// row yet.
    pub fn lock_name(&mut self, name: &str) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite { .. } => Ok(()),
            Tx::Postgres(tx) => {
                let sql = "SELECT 1 FROM pg_advisory_xact_lock(hashtextextended($1, 0))";
                tx.query(sql, params![name]).map(drop)
            }
        }
    }

    /// The end of a query whose rows others may until then change only in what is not their key.
    pub fn for_key_share(&self) -> &'static str {
        if self.is_postgres() { " FOR KEY SHARE" } else { "" }
    }

    /// The end of a query whose rows are to be changed; those that others hold are left out.
    pub fn skip_locked(&self) -> &'static str {
        if self.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" }
    }

    /// Runs a statement and says how many rows it changed.
    pub fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<usize, StoreError> {
        match self {
            Tx::Sqlite { connection, path } => connection
                .prepare_cached(&numbered(sql))
                .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(params)))
                .map_err(|e| StoreError::sqlite(path, &e)),
            Tx::Postgres(tx) => tx.execute(sql, params),
        }
    }

    /// All rows of a query, each made into a `T`.
    pub fn query<T>(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.each(sql, params, |row| {
            found.push(read(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    /// The first row of a query, if there is one.
    pub fn query_opt<T>(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut read = Some(read);
        let mut found = None;
        self.each(sql, params, |row| {
            if let Some(read) = read.take() {
                found = Some(read(row)?);
            }
            Ok(false)
        })?;
        Ok(found)
    }

    /// The single value of a query that always has a row, such as a count.
    pub fn query_value<T: FromCell>(&mut self, sql: &str, params: &[Param<'_>]) -> Result<T, StoreError> {
        self.query_opt(sql, params, |row| row.get(0))?
            .ok_or_else(|| StoreError::Database(format!("a row was expected of: {sql}")))
    }

    fn each(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        mut visit: impl FnMut(&Row<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite { connection, path } => {
                let refused = |e: rusqlite::Error| StoreError::sqlite(path, &e);
                let mut statement = connection.prepare_cached(&numbered(sql)).map_err(refused)?;
                let mut rows = statement.query(rusqlite::params_from_iter(params)).map_err(refused)?;
                while let Some(row) = rows.next().map_err(refused)? {
                    if !visit(&Row::Sqlite(row))? {
                        break;
                    }
                }
            }
            Tx::Postgres(tx) => {
                for row in tx.query(sql, params)? {
                    if !visit(&Row::Postgres(&row))? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Runs several statements without parameters: for migrations and pragmas.
    pub fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite { connection, path } => {
                connection.execute_batch(sql).map_err(|e| StoreError::sqlite(path, &e))
            }
            Tx::Postgres(tx) => tx.batch(sql),
        }
    }
}

/// SQLite numbers `$n` by first appearance; `?n` says the number. Text in quotes is left alone.
fn numbered(sql: &str) -> String {
    if !sql.contains('\'') {
        return sql.replace('$', "?");
    }
    let mut out = String::with_capacity(sql.len());
    let mut quoted = false;
    for c in sql.chars() {
        quoted ^= c == '\'';
        out.push(if c == '$' && !quoted { '?' } else { c });
    }
    out
}

/// One parameter of a statement. Made by `into()`, mostly through [`params!`].
#[derive(Clone, Debug)]
pub(crate) enum Param<'a> {
    Int(Option<i64>),
    Real(Option<f64>),
    Bool(bool),
    Text(Option<&'a str>),
    OwnedText(String),
    Blob(Option<&'a [u8]>),
    Id(Option<Uuid>),
}

/// A list of [`Param`]s of values of any type that can be one.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::db::Param::from($value)),*][..]
    };
}
pub(crate) use params;

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Param::Int(Some(n)) => ValueRef::Integer(*n),
            Param::Real(Some(n)) => ValueRef::Real(*n),
            Param::Bool(b) => ValueRef::Integer(i64::from(*b)),
            Param::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Param::OwnedText(text) => ValueRef::Text(text.as_bytes()),
            Param::Blob(Some(bytes)) => ValueRef::Blob(bytes),
            Param::Id(Some(id)) => ValueRef::Blob(id.as_bytes()),
            Param::Int(None)
            | Param::Real(None)
            | Param::Text(None)
            | Param::Blob(None)
            | Param::Id(None) => ValueRef::Null,
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

macro_rules! param_from {
    ($($type:ty => |$value:ident| $param:expr;)*) => {$(
        impl<'a> From<$type> for Param<'a> {
            fn from($value: $type) -> Param<'a> { $param }
        }
    )*};
}

param_from! {
    i64 => |n| Param::Int(Some(n));
    i32 => |n| Param::Int(Some(n.into()));
    u32 => |n| Param::Int(Some(n.into()));
    u16 => |n| Param::Int(Some(n.into()));
    // Sizes and counts that are stored are far below the end of the range.
    u64 => |n| Param::Int(Some(i64::try_from(n).unwrap_or(i64::MAX)));
    usize => |n| Param::Int(Some(i64::try_from(n).unwrap_or(i64::MAX)));
    Option<i64> => |n| Param::Int(n);
    Option<u32> => |n| Param::Int(n.map(i64::from));
    f64 => |n| Param::Real(Some(n));
    Option<f64> => |n| Param::Real(n);
    bool => |b| Param::Bool(b);
    Millis => |t| Param::Int(Some(t.0));
    Option<Millis> => |t| Param::Int(t.map(|t| t.0));
    &'a str => |s| Param::Text(Some(s));
    &'a String => |s| Param::Text(Some(s));
    String => |s| Param::OwnedText(s);
    Option<&'a str> => |s| Param::Text(s);
    Option<&'a String> => |s| Param::Text(s.map(String::as_str));
    &'a Option<String> => |s| Param::Text(s.as_deref());
    &'a [u8] => |b| Param::Blob(Some(b));
    &'a Vec<u8> => |b| Param::Blob(Some(b));
    Option<&'a [u8]> => |b| Param::Blob(b);
    &Value => |v| Param::OwnedText(v.to_string());
    Uuid => |id| Param::Id(Some(id));
    Option<Uuid> => |id| Param::Id(id);
    Status => |s| Param::Text(Some(s.as_str()));
    Mode => |m| Param::Text(Some(m.as_str()));
}

/// One row of an answer; columns count from 0.
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    pub fn get<T: FromCell>(&self, column: usize) -> Result<T, StoreError> {
        let cell = match self {
            Row::Sqlite(row) => sqlite_cell(row, column)?,
            Row::Postgres(row) => postgres::cell(row, column)?,
        };
        T::from_cell(cell).map_err(|problem| StoreError::Unreadable(format!("column {column}: {problem}")))
    }
}

fn sqlite_cell<'a>(row: &'a rusqlite::Row<'a>, column: usize) -> Result<Cell<'a>, StoreError> {
    let value = row.get_ref(column).map_err(|e| StoreError::Database(e.to_string()))?;
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(n) => Cell::Int(n),
        ValueRef::Real(n) => Cell::Real(n),
        ValueRef::Text(bytes) => Cell::Text(
            std::str::from_utf8(bytes)
                .map_err(|e| StoreError::Unreadable(format!("column {column}: {e}")))?,
        ),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
    })
}

/// One value of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    Null,
    Int(i64),
    Real(f64),
    Text(&'a str),
    Blob(&'a [u8]),
}

/// What can be read out of a row.
pub(crate) trait FromCell: Sized {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String>;
}

fn unexpected<T>(wanted: &str, cell: Cell<'_>) -> Result<T, String> {
    let kind = match cell {
        Cell::Null => "null",
        Cell::Int(_) => "a whole number",
        Cell::Real(_) => "a number",
        Cell::Text(_) => "text",
        Cell::Blob(_) => "bytes",
    };
    Err(format!("{wanted} expected, found {kind}"))
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Null => Ok(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}

impl FromCell for i64 {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Int(n) => Ok(n),
            cell => unexpected("a whole number", cell),
        }
    }
}

macro_rules! smaller_int_from_cell {
    ($($type:ty)*) => {$(
        impl FromCell for $type {
            fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
                let n = i64::from_cell(cell)?;
                <$type>::try_from(n).map_err(|_| format!("{n} is out of range"))
            }
        }
    )*};
}
smaller_int_from_cell! { u16 u32 u64 i32 usize }

impl FromCell for f64 {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Real(n) => Ok(n),
            Cell::Int(n) => Ok(n as f64),
            cell => unexpected("a number", cell),
        }
    }
}

impl FromCell for bool {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        i64::from_cell(cell).map(|n| n != 0)
    }
}

impl FromCell for Millis {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        i64::from_cell(cell).map(Millis)
    }
}

impl FromCell for String {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Text(text) => Ok(text.to_owned()),
            cell => unexpected("text", cell),
        }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Blob(bytes) => Ok(bytes.to_vec()),
            cell => unexpected("bytes", cell),
        }
    }
}

/// JSON, stored as text.
impl FromCell for Value {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Text(text) => serde_json::from_str(text).map_err(|e| e.to_string()),
            cell => unexpected("JSON text", cell),
        }
    }
}

impl FromCell for Uuid {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Blob(bytes) => Uuid::from_slice(bytes).map_err(|e| e.to_string()),
            cell => unexpected("an id", cell),
        }
    }
}

impl FromCell for Status {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Text(text) => Status::parse(text).ok_or_else(|| format!("unknown status \"{text}\"")),
            cell => unexpected("a status", cell),
        }
    }
}

impl FromCell for Mode {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Text(text) => Mode::parse(text).ok_or_else(|| format!("unknown mode \"{text}\"")),
            cell => unexpected("a mode", cell),
        }
    }
}

macro_rules! ids {
    ($($id:ident)*) => {$(
        impl From<$id> for Param<'_> {
            fn from(id: $id) -> Self { Param::Id(Some(id.0)) }
        }
        impl From<Option<$id>> for Param<'_> {
            fn from(id: Option<$id>) -> Self { Param::Id(id.map(|id| id.0)) }
        }
        impl FromCell for $id {
            fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
                Uuid::from_cell(cell).map($id)
            }
        }
    )*};
}
ids! { WorkspaceId WorkflowId ExecutionId UserId ApiKeyId CredentialId ScheduleId WorkerId TagId VariableId DataTableId }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_and_dollars_in_quotes_are_left_alone() {
        assert_eq!(numbered("SELECT '$1', $2 WHERE a = $1"), "SELECT '$1', ?2 WHERE a = ?1");
    }
}
