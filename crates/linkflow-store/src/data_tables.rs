//! Data tables: small tables that people and workflows keep data in. They belong to a workspace.
//!
//! Rows are read through and compared here, not in SQL: a table is small by its limits, and a
//! condition means the same on every database.

use std::collections::BTreeMap;

use linkflow_model::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data_filter::{compare, iso_of_ms};
use crate::db::{Row, Tx, params};
use crate::{ColumnType, RowFilter, Store, StoreError};

/// Limits of a table and of a workspace.
pub const DATA_TABLES_MAX: i64 = 500;
pub const DATA_COLUMNS_MAX: usize = 100;
pub const DATA_ROWS_MAX: i64 = 200_000;
pub const DATA_TABLE_BYTES_MAX: i64 = 64 << 20;
/// Rows in one call.
pub const DATA_ROWS_AT_ONCE_MAX: usize = 10_000;
/// Rows that are in memory at once while a table is read through.
const CHUNK: i64 = 2_000;

/// Names that every row has.
const OWN: [&str; 3] = ["id", "createdAt", "updatedAt"];

#[derive(Clone, Debug, PartialEq)]
pub struct DataTable {
    pub id: DataTableId,
    pub name: String,
    pub columns: Vec<DataColumn>,
    pub n_rows: i64,
    pub n_bytes: i64,
    pub created_at: Millis,
    pub updated_at: Millis,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataColumn {
    /// Stays when the column is renamed.
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ColumnType,
}

/// The order of rows: a column, and whether the largest comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowOrder {
    pub column: String,
    pub descending: bool,
}

/// What is done with the rows that a filter means.
#[derive(Clone, Debug, PartialEq)]
pub enum RowChange {
    Update(Object),
    /// An update, or a new row where no row fits.
    Upsert(Object),
    Delete,
}

impl Store {
    pub async fn data_tables(&self, workspace: WorkspaceId) -> Result<Vec<DataTable>, StoreError> {
        self.db
            .read(move |tx| {
                tx.query(&format!("{SELECT} WHERE workspace = $1 ORDER BY name"), params![workspace], read)
            })
            .await
    }

    /// A table by its id or, where it is none, by its name.
    pub async fn data_table(
        &self,
        workspace: WorkspaceId,
        named: String,
    ) -> Result<Option<DataTable>, StoreError> {
        self.db.read(move |tx| find(tx, workspace, &named)).await
    }

    pub async fn create_data_table(
        &self,
        workspace: WorkspaceId,
        id: DataTableId,
        name: String,
        columns: Vec<(String, ColumnType)>,
        at: Millis,
    ) -> Result<DataTable, StoreError> {
        check_name("name", &name)?;
        let columns = numbered(columns)?;
        self.db
            .write(move |tx| {
                let n: i64 =
                    tx.query_value("SELECT COUNT(*) FROM data_tables WHERE workspace = $1", params![workspace])?;
                if n >= DATA_TABLES_MAX {
                    let problem = format!("would be one too many: a workspace has at most {DATA_TABLES_MAX}");
                    return Err(StoreError::invalid("name", problem));
                }
                tx.execute(
                    "INSERT INTO data_tables (id, workspace, name, columns, next_column, next_row, n_rows, n_bytes, \
                     created_at, updated_at) VALUES ($1, $2, $3, $4, $5, 1, 0, 0, $6, $6)",
                    params![id, workspace, &name, json_of(&columns), columns.len() as i64 + 1, at],
                )?;
                expect(tx, workspace, id)
            })
            .await
    }

    pub async fn rename_data_table(
        &self,
        workspace: WorkspaceId,
        id: DataTableId,
        name: String,
        at: Millis,
    ) -> Result<DataTable, StoreError> {
        check_name("name", &name)?;
        self.db
            .write(move |tx| {
                tx.execute(
                    "UPDATE data_tables SET name = $3, updated_at = $4 WHERE workspace = $1 AND id = $2",
                    params![workspace, id, &name, at],
                )?;
                expect(tx, workspace, id)
            })
            .await
    }

    pub async fn delete_data_table(&self, workspace: WorkspaceId, id: DataTableId) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                let sql = "DELETE FROM data_tables WHERE workspace = $1 AND id = $2";
                match tx.execute(sql, params![workspace, id])? {
                    0 => Err(StoreError::not_found("data table", id)),
                    _ => Ok(()),
                }
            })
            .await
    }

    /// Adds a column; the rows have nothing in it.
    pub async fn add_data_column(
        &self,
        workspace: WorkspaceId,
        id: DataTableId,
        (name, kind): (String, ColumnType),
        at: Millis,
    ) -> Result<DataTable, StoreError> {
        check_column(&name)?;
        self.change_columns(workspace, id, at, move |columns, next| {
            columns.push(DataColumn { id: format!("c{next}"), name, kind });
            Ok(())
        })
        .await
    }

    pub async fn rename_data_column(
        &self,
        workspace: WorkspaceId,
        id: DataTableId,
        (column, name): (String, String),
        at: Millis,
    ) -> Result<DataTable, StoreError> {
        check_column(&name)?;
        self.change_columns(workspace, id, at, move |columns, _| {
            let found = columns.iter_mut().find(|c| c.id == column || c.name == column);
            found.ok_or_else(|| StoreError::not_found("column", &column))?.name = name;
            Ok(())
        })
        .await
    }

    /// Removes a column. What rows have in it is not shown any more.
    pub async fn delete_data_column(
        &self,
        workspace: WorkspaceId,
        id: DataTableId,
        column: String,
        at: Millis,
    ) -> Result<DataTable, StoreError> {
        self.change_columns(workspace, id, at, move |columns, _| {
            let before = columns.len();
            columns.retain(|c| c.id != column && c.name != column);
            if columns.len() == before { Err(StoreError::not_found("column", &column)) } else { Ok(()) }
        })
        .await
    }

    async fn change_columns(
        &self,
        workspace: WorkspaceId,
        id: DataTableId,
        at: Millis,
        change: impl FnOnce(&mut Vec<DataColumn>, i64) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<DataTable, StoreError> {
        self.db
            .write(move |tx| {
                tx.lock_row("data_tables", id)?;
                let table = expect(tx, workspace, id)?;
                let next: i64 =
                    tx.query_value("SELECT next_column FROM data_tables WHERE id = $1", params![id])?;
                let mut columns = table.columns;
                change(&mut columns, next)?;
                check_columns(&columns)?;
                tx.execute(
                    "UPDATE data_tables SET columns = $2, next_column = $3, updated_at = $4 WHERE id = $1",
                    params![id, json_of(&columns), next + 1, at],
                )?;
                expect(tx, workspace, id)
            })
            .await
    }

    /// Rows that fit, in their order: that in which they came, unless `order` says another one. At
    /// most `limit`, those after the row `after`, which counts only without an order.
    pub async fn data_rows(
        &self,
        workspace: WorkspaceId,
        id: DataTableId,
        filter: RowFilter,
        order: Option<RowOrder>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Object>, StoreError> {
        self.db
            .read(move |tx| {
                let table = expect(tx, workspace, id)?;
                check_filter(&table, &filter)?;
                let wanted = if order.is_some() { usize::MAX } else { limit };
                let mut rows: Vec<Object> = Vec::new();
                each_row(tx, &table, &filter, after, &mut |row| {
                    rows.push(row.shown(&table));
                    Ok(rows.len() < wanted)
                })?;
                if let Some(order) = order {
                    sort(&mut rows, &order);
                    rows.truncate(limit);
                }
                Ok(rows)
            })
            .await
    }

    /// Adds rows, given by the names of columns, and shows them with their numbers.
    pub async fn insert_data_rows(
        &self,
        workspace: WorkspaceId,
        id: DataTableId,
        rows: Vec<Object>,
        at: Millis,
    ) -> Result<Vec<Object>, StoreError> {
        if rows.len() > DATA_ROWS_AT_ONCE_MAX {
            let problem = format!("may be {DATA_ROWS_AT_ONCE_MAX} at once, got {}", rows.len());
            return Err(StoreError::invalid("rows", problem));
        }
        self.db
            .write_owed(move |tx| {
                tx.lock_row("data_tables", id)?;
                let table = expect(tx, workspace, id)?;
                insert(tx, &table, &rows, at)
            })
            .await
    }

    /// Changes the rows that fit, and shows them as they are then; those that are removed, as they
    /// were. With `dry` nothing is written.
    pub async fn change_data_rows(
        &self,
        workspace: WorkspaceId,
        id: DataTableId,
        filter: RowFilter,
        change: RowChange,
        dry: bool,
        at: Millis,
    ) -> Result<Vec<Object>, StoreError> {
        self.db
            .write_owed(move |tx| {
                tx.lock_row("data_tables", id)?;
                let table = expect(tx, workspace, id)?;
                check_filter(&table, &filter)?;
                let mut found = Vec::new();
                each_row(tx, &table, &filter, 0, &mut |row| {
                    found.push(row);
                    Ok(true)
                })?;
                match change {
                    RowChange::Delete => delete(tx, &table, found, dry, at),
                    RowChange::Upsert(values) if found.is_empty() && dry => {
                        Ok(vec![stored(&table, &values)?.into_shown(&table)])
                    }
                    RowChange::Upsert(values) if found.is_empty() => insert(tx, &table, &[values], at),
                    RowChange::Update(values) | RowChange::Upsert(values) => {
                        update(tx, &table, found, &values, dry, at)
                    }
                }
            })
            .await
    }
}

/// A row as it lies in the table.
struct Stored {
    id: i64,
    values: Object,
    n_bytes: i64,
    created_at: Millis,
    updated_at: Millis,
}

impl Stored {
    fn shown(&self, table: &DataTable) -> Object {
        let date = |at: Millis| iso_of_ms(at.0).map_or(Value::Null, Value::String);
        let mut shown = Object::new();
        shown.insert("id".to_owned(), Value::from(self.id));
        shown.insert("createdAt".to_owned(), date(self.created_at));
        shown.insert("updatedAt".to_owned(), date(self.updated_at));
        for column in &table.columns {
            let value = self.values.get(&column.id).cloned().unwrap_or(Value::Null);
            shown.insert(column.name.clone(), value);
        }
        shown
    }
}

/// Values by the ids of columns.
struct Values(Object);

impl Values {
    fn into_shown(self, table: &DataTable) -> Object {
        let named =
            table.columns.iter().map(|c| (c.name.clone(), self.0.get(&c.id).cloned().unwrap_or_default()));
        named.collect()
    }
}

/// Values by the names of columns, as they are kept. Names that are no columns are refused, but for
/// those that every row has, which nobody sets.
fn stored(table: &DataTable, given: &Object) -> Result<Values, StoreError> {
    let mut values = Object::new();
    for (name, value) in given.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
        let column = table.columns.iter().find(|column| column.name == *name).ok_or_else(|| {
            let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
            let problem =
                format!("has `{name}`, and the table has no such column; it has {}", names.join(", "));
            StoreError::invalid("values", problem)
        })?;
        values.insert(column.id.clone(), column.kind.take(name, value)?);
    }
    Ok(Values(values))
}

fn insert(
    tx: &mut Tx<'_>,
    table: &DataTable,
    rows: &[Object],
    at: Millis,
) -> Result<Vec<Object>, StoreError> {
    let first: i64 = tx.query_value("SELECT next_row FROM data_tables WHERE id = $1", params![table.id])?;
    let (mut shown, mut n_bytes) = (Vec::with_capacity(rows.len()), 0);
    for (n, given) in rows.iter().enumerate() {
        let Values(values) = stored(table, given)?;
        let text = Value::Object(values.clone()).to_string();
        let id = first + n as i64;
        n_bytes += text.len() as i64;
        tx.execute(
            "INSERT INTO data_rows (data_table, id, value, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)",
            params![table.id, id, &text, at],
        )?;
        shown.push(Stored { id, values, n_bytes: 0, created_at: at, updated_at: at }.shown(table));
    }
    count(tx, table, rows.len() as i64, n_bytes, at)?;
    Ok(shown)
}

fn update(
    tx: &mut Tx<'_>,
    table: &DataTable,
    found: Vec<Stored>,
    given: &Object,
    dry: bool,
    at: Millis,
) -> Result<Vec<Object>, StoreError> {
    let Values(new) = stored(table, given)?;
    let (mut shown, mut n_bytes) = (Vec::with_capacity(found.len()), 0);
    for mut row in found {
        row.values.extend(new.clone());
        row.updated_at = at;
        if !dry {
            let text = Value::Object(row.values.clone()).to_string();
            n_bytes += text.len() as i64 - row.n_bytes;
            tx.execute(
                "UPDATE data_rows SET value = $3, updated_at = $4 WHERE data_table = $1 AND id = $2",
                params![table.id, row.id, &text, at],
            )?;
        }
        shown.push(row.shown(table));
    }
    if !dry {
        count(tx, table, 0, n_bytes, at)?;
    }
    Ok(shown)
}

fn delete(
    tx: &mut Tx<'_>,
    table: &DataTable,
    found: Vec<Stored>,
    dry: bool,
    at: Millis,
) -> Result<Vec<Object>, StoreError> {
    let (n, n_bytes) = (found.len() as i64, found.iter().map(|row| row.n_bytes).sum::<i64>());
    for row in found.iter().filter(|_| !dry) {
        tx.execute("DELETE FROM data_rows WHERE data_table = $1 AND id = $2", params![table.id, row.id])?;
    }
    if !dry {
        count(tx, table, -n, -n_bytes, at)?;
    }
    Ok(found.iter().map(|row| row.shown(table)).collect())
}

/// Keeps the books of a table, and its limits.
fn count(
    tx: &mut Tx<'_>,
    table: &DataTable,
    n_rows: i64,
    n_bytes: i64,
    at: Millis,
) -> Result<(), StoreError> {
    let (all, bytes) = (table.n_rows + n_rows, table.n_bytes + n_bytes);
    if n_rows > 0 && all > DATA_ROWS_MAX {
        let problem = format!("would be {all}, a table has at most {DATA_ROWS_MAX}; remove some first");
        return Err(StoreError::invalid("rows", problem));
    }
    if n_bytes > 0 && bytes > DATA_TABLE_BYTES_MAX {
        let problem = format!("would have {bytes} bytes, a table has at most {DATA_TABLE_BYTES_MAX}");
        return Err(StoreError::invalid("rows", problem));
    }
    tx.execute(
        "UPDATE data_tables SET next_row = next_row + $2, n_rows = $3, n_bytes = $4, updated_at = $5 WHERE id = $1",
        params![table.id, n_rows.max(0), all, bytes, at],
    )?;
    Ok(())
}

/// Shows `take` each row that fits, in the order of their numbers, until it has enough.
fn each_row(
    tx: &mut Tx<'_>,
    table: &DataTable,
    filter: &RowFilter,
    after: i64,
    take: &mut dyn FnMut(Stored) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let (mut after, until) = match filter.only_id() {
        Some(id) => (after.max(id.saturating_sub(1)), id),
        None => (after, i64::MAX),
    };
    loop {
        let rows = tx.query(
            "SELECT id, value, created_at, updated_at FROM data_rows \
             WHERE data_table = $1 AND id > $2 AND id <= $3 ORDER BY id LIMIT $4",
            params![table.id, after, until, CHUNK],
            stored_row,
        )?;
        let is_last = (rows.len() as i64) < CHUNK;
        for row in rows {
            after = row.id;
            if filter.matches(&row.shown(table)) && !take(row)? {
                return Ok(());
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

fn stored_row(row: &Row<'_>) -> Result<Stored, StoreError> {
    let text: String = row.get(1)?;
    let values = serde_json::from_str(&text).map_err(|e| StoreError::Unreadable(format!("data row: {e}")))?;
    Ok(Stored {
        id: row.get(0)?,
        values,
        n_bytes: text.len() as i64,
        created_at: row.get(2)?,
        updated_at: row.get(3)?,
    })
}

fn sort(rows: &mut [Object], order: &RowOrder) {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let nothing = Value::Null;
    rows.sort_by(|a, b| {
        let of = |row: &Object| row.get(&order.column).cloned().unwrap_or_default();
        let (a, b) = (of(a), of(b));
        // Nothing comes last, whichever way it goes.
        match (a == nothing, b == nothing) {
            (true, true) => Equal,
            (true, false) => Greater,
            (false, true) => Less,
            _ if order.descending => compare(&b, &a).unwrap_or(Equal),
            _ => compare(&a, &b).unwrap_or(Equal),
        }
    });
}

fn check_filter(table: &DataTable, filter: &RowFilter) -> Result<(), StoreError> {
    let is_known = |name: &str| OWN.contains(&name) || table.columns.iter().any(|column| column.name == name);
    match filter.conditions.iter().find(|condition| !is_known(&condition.column)) {
        None => Ok(()),
        Some(wrong) => {
            let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
            let problem = format!(
                "names `{}`, and the table has no such column; it has {}",
                wrong.column,
                names.join(", ")
            );
            Err(StoreError::invalid("filter", problem))
        }
    }
}

fn numbered(columns: Vec<(String, ColumnType)>) -> Result<Vec<DataColumn>, StoreError> {
    let mut numbered = Vec::with_capacity(columns.len());
    for (n, (name, kind)) in columns.into_iter().enumerate() {
        check_column(&name)?;
        numbered.push(DataColumn { id: format!("c{}", n + 1), name, kind });
    }
    check_columns(&numbered)?;
    Ok(numbered)
}

fn check_columns(columns: &[DataColumn]) -> Result<(), StoreError> {
    if columns.len() > DATA_COLUMNS_MAX {
        let problem = format!("may be {DATA_COLUMNS_MAX}, got {}", columns.len());
        return Err(StoreError::invalid("columns", problem));
    }
    let mut seen = BTreeMap::new();
    for column in columns {
        if seen.insert(column.name.to_lowercase(), ()).is_some() {
            return Err(StoreError::invalid("columns", format!("has `{}` twice", column.name)));
        }
    }
    Ok(())
}

fn check_name(field: &'static str, name: &str) -> Result<(), StoreError> {
    match name.chars().count() {
        _ if name.trim().is_empty() => Err(StoreError::invalid(field, "must not be empty")),
        n if n > 200 => Err(StoreError::invalid(field, format!("may have 200 characters, got {n}"))),
        _ if name.chars().any(char::is_control) => {
            Err(StoreError::invalid(field, "must not hold control characters"))
        }
        _ => Ok(()),
    }
}

fn check_column(name: &str) -> Result<(), StoreError> {
    check_name("columns", name)?;
    if OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        let problem = format!("may not be named `{name}`: every row has that already");
        return Err(StoreError::invalid("columns", problem));
    }
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.len() <= 63;
    if is_name {
        return Ok(());
    }
    let problem =
        format!("are named with up to 63 letters, digits and _, and begin with no digit, got \"{name}\"");
    Err(StoreError::invalid("columns", problem))
}

const SELECT: &str = "SELECT id, name, columns, n_rows, n_bytes, created_at, updated_at FROM data_tables";

fn read(row: &Row<'_>) -> Result<DataTable, StoreError> {
    let columns: String = row.get(2)?;
    Ok(DataTable {
        id: row.get(0)?,
        name: row.get(1)?,
        columns: serde_json::from_str(&columns)
            .map_err(|e| StoreError::Unreadable(format!("columns of a data table: {e}")))?,
        n_rows: row.get(3)?,
        n_bytes: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}

fn json_of(columns: &[DataColumn]) -> String {
    serde_json::to_string(columns).unwrap_or_default()
}

fn expect(tx: &mut Tx<'_>, workspace: WorkspaceId, id: DataTableId) -> Result<DataTable, StoreError> {
    tx.query_opt(&format!("{SELECT} WHERE workspace = $1 AND id = $2"), params![workspace, id], read)?
        .ok_or_else(|| StoreError::not_found("data table", id))
}

fn find(tx: &mut Tx<'_>, workspace: WorkspaceId, named: &str) -> Result<Option<DataTable>, StoreError> {
    if let Ok(id) = named.parse::<DataTableId>() {
        let sql = format!("{SELECT} WHERE workspace = $1 AND id = $2");
        if let Some(table) = tx.query_opt(&sql, params![workspace, id], read)? {
            return Ok(Some(table));
        }
    }
    tx.query_opt(&format!("{SELECT} WHERE workspace = $1 AND name = $2"), params![workspace, named], read)
}
