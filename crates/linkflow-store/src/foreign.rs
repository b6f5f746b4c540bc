//! Reads the tables of another program's database, whole, as JSON: for those who move here.
//!
//! It only reads, and knows no table by name; what the rows mean is the importer's to say.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value};
use tokio_postgres::SimpleQueryMessage;

use crate::StoreError;
use crate::postgres::{Address, on_own_thread};

/// How long a database may take to take a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Another program's database: a file of SQLite, or the address of a PostgreSQL database.
#[derive(Clone, Debug)]
pub struct Foreign {
    at: String,
}

/// A row: its columns by name.
pub type ForeignRow = Map<String, Value>;

impl Foreign {
    pub fn at(at: &str) -> Foreign {
        Foreign { at: at.to_owned() }
    }

    fn is_postgres(&self) -> bool {
        self.at.starts_with("postgres://") || self.at.starts_with("postgresql://")
    }

    /// All rows of a table, and none where there is no such table. With `only`, those in which that
    /// column has that value.
    pub fn rows(&self, table: &str, only: Option<(&str, &str)>) -> Result<Vec<ForeignRow>, StoreError> {
        self.pick(table, "*", only)
    }

    /// The same with one column each.
    pub fn column(&self, table: &str, column: &str) -> Result<Vec<Value>, StoreError> {
        let rows = self.pick(table, &quoted(column), None)?;
        Ok(rows.into_iter().filter_map(|mut row| row.shift_remove(column)).collect())
    }

    fn pick(
        &self,
        table: &str,
        columns: &str,
        only: Option<(&str, &str)>,
    ) -> Result<Vec<ForeignRow>, StoreError> {
        if self.is_postgres() {
            return self.from_postgres(table, columns, only);
        }
        let path = Path::new(&self.at);
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|e| StoreError::Io { path: path.to_owned(), cause: e.to_string() })?;
        from_sqlite(&connection, table, columns, only).map_err(|e| StoreError::Database(e.to_string()))
    }

    fn from_postgres(
        &self,
        table: &str,
        columns: &str,
        only: Option<(&str, &str)>,
    ) -> Result<Vec<ForeignRow>, StoreError> {
        let address = Address::parse("from-n8n", &self.at, CONNECT)?;
        let filter = only.map(|(column, value)| {
            format!(" WHERE {}::text = '{}'", quoted(column), value.replace('\'', "''"))
        });
        let sql = format!(
            "SELECT row_to_json(t)::text FROM (SELECT {columns} FROM {}{}) t",
            quoted(table),
            filter.unwrap_or_default()
        );
        let known = format!("SELECT to_regclass('{}') IS NOT NULL", quoted(table).replace('\'', "''"));
        let texts = on_own_thread(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|e| StoreError::Database(format!("no runtime for a connection: {e}")))?;
            runtime.block_on(async {
                let (client, connection) =
                    address.connect().await.map_err(|e| StoreError::Unavailable { cause: e.to_string() })?;
                tokio::spawn(async move { drop(connection.await) });
                let failed = |e: tokio_postgres::Error| {
                    StoreError::Database(
                        e.as_db_error().map_or_else(|| e.to_string(), |e| e.message().to_owned()),
                    )
                };
                let is_there = cells(client.simple_query(&known).await.map_err(failed)?);
                if is_there.first().map(String::as_str) != Some("t") {
                    return Ok(Vec::new());
                }
                Ok(cells(client.simple_query(&sql).await.map_err(failed)?))
            })
        })?;
        let row = |text: &String| match serde_json::from_str(text) {
            Ok(Value::Object(row)) => Some(row),
            _ => None,
        };
        Ok(texts.iter().filter_map(row).collect())
    }
}

/// The first column of each row.
fn cells(messages: Vec<SimpleQueryMessage>) -> Vec<String> {
    let first = |message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    messages.into_iter().filter_map(first).collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn from_sqlite(
    connection: &Connection,
    table: &str,
    columns: &str,
    only: Option<(&str, &str)>,
) -> rusqlite::Result<Vec<ForeignRow>> {
    let known = "SELECT COUNT(*) FROM sqlite_master WHERE name = ?1 AND type IN ('table', 'view')";
    if connection.query_row(known, [table], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(Vec::new());
    }
    let filter = only.map(|(column, _)| format!(" WHERE CAST({} AS TEXT) = ?1", quoted(column)));
    let sql = format!("SELECT {columns} FROM {}{}", quoted(table), filter.unwrap_or_default());
    let mut statement = connection.prepare(&sql)?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let value = only.map(|(_, value)| value.to_owned());
    let mut rows = statement.query(rusqlite::params_from_iter(value))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut object = Map::with_capacity(names.len());
        for (i, name) in names.iter().enumerate() {
            object.insert(name.clone(), json(row.get_ref(i)?));
        }
        found.push(object);
    }
    Ok(found)
}

fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::from(n),
        ValueRef::Real(n) => Value::from(n),
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            Value::String(String::from_utf8_lossy(text).into_owned())
        }
    }
}
