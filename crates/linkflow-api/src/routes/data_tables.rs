//! Data tables: small tables that people and workflows keep data in.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use linkflow_model::{DataTableId, Object};
use linkflow_store::{
    ColumnType, Condition, DATA_ROWS_AT_ONCE_MAX, DataColumn, DataTable, RowChange, RowFilter, RowOrder, Test,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Json, Path, Query, Raw};
use crate::problem::{Problem, Problems};
use crate::routes::{List, limit};

/// A data table.
#[derive(Serialize, ToSchema)]
pub struct DataTableView {
    id: Uuid,
    name: String,
    columns: Vec<ColumnView>,
    n_rows: i64,
    n_bytes: i64,
    created_at: i64,
    updated_at: i64,
}

/// A column of a data table.
#[derive(Serialize, ToSchema)]
pub struct ColumnView {
    /// Stays when the column is renamed.
    id: String,
    name: String,
    r#type: ColumnKind,
}

/// What a column holds. A date is a time as ISO 8601.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    String,
    Number,
    Boolean,
    Date,
}

impl From<ColumnKind> for ColumnType {
    fn from(kind: ColumnKind) -> ColumnType {
        match kind {
            ColumnKind::String => ColumnType::String,
            ColumnKind::Number => ColumnType::Number,
            ColumnKind::Boolean => ColumnType::Boolean,
            ColumnKind::Date => ColumnType::Date,
        }
    }
}

impl ColumnView {
    fn of(column: DataColumn) -> ColumnView {
        let kind = match column.kind {
            ColumnType::String => ColumnKind::String,
            ColumnType::Number => ColumnKind::Number,
            ColumnType::Boolean => ColumnKind::Boolean,
            ColumnType::Date => ColumnKind::Date,
        };
        ColumnView { id: column.id, name: column.name, r#type: kind }
    }
}

impl DataTableView {
    fn of(table: DataTable) -> DataTableView {
        DataTableView {
            id: table.id.0,
            name: table.name,
            columns: table.columns.into_iter().map(ColumnView::of).collect(),
            n_rows: table.n_rows,
            n_bytes: table.n_bytes,
            created_at: table.created_at.0,
            updated_at: table.updated_at.0,
        }
    }
}

/// A new data table.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataTableBody {
    /// Its name, which no other table of the workspace has.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Its columns.
    #[serde(default)]
    #[schema(max_items = 100)]
    columns: Vec<ColumnBody>,
}

/// A new column.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnBody {
    /// Begins with a letter or `_`, goes on with letters, digits and `_`.
    #[schema(pattern = "^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
    name: String,
    r#type: ColumnKind,
}

/// A new name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NameBody {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

/// Rows to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RowsBody {
    /// Values by the names of columns.
    #[schema(max_items = 10000, value_type = Vec<Object>)]
    rows: Vec<Object>,
}

/// A change of the rows that are meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    filter: FilterBody,
    /// Values by the names of columns.
    #[schema(value_type = Object)]
    values: Object,
    /// Add a row where none fits.
    #[serde(default)]
    upsert: bool,
    /// Write nothing, and show what it would be.
    #[serde(default)]
    dry_run: bool,
}

/// Rows to remove.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveBody {
    filter: FilterBody,
    /// Write nothing, and show what would be removed.
    #[serde(default)]
    dry_run: bool,
}

/// Which rows are meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterBody {
    /// Whether one condition is enough.
    #[serde(default)]
    any: bool,
    #[schema(min_items = 1, max_items = 100)]
    conditions: Vec<ConditionBody>,
}

/// One condition.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionBody {
    /// A column, or `id`, `createdAt`, `updatedAt`.
    column: String,
    test: TestKind,
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    value: Value,
}

/// What has to be so. In `like`, `%` is any text and `_` any sign.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum TestKind {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    Like,
    Ilike,
    IsEmpty,
    IsNotEmpty,
    IsTrue,
    IsFalse,
}

/// The most conditions of a filter.
const CONDITIONS_MAX: usize = 100;

impl FilterBody {
    /// Nobody means all rows without saying so.
    fn filter(self) -> Result<RowFilter, Problem> {
        if self.conditions.is_empty() {
            return Err(Problem::invalid("filter.conditions", "must have at least one condition"));
        }
        if self.conditions.len() > CONDITIONS_MAX {
            let problem = format!("may be {CONDITIONS_MAX}, got {}", self.conditions.len());
            return Err(Problem::invalid("filter.conditions", problem));
        }
        let conditions = self.conditions.into_iter().map(|c| Condition {
            column: c.column,
            test: test_of(c.test),
            value: c.value,
        });
        Ok(RowFilter { any: self.any, conditions: conditions.collect() })
    }
}

fn test_of(test: TestKind) -> Test {
    match test {
        TestKind::Eq => Test::Eq,
        TestKind::Neq => Test::Neq,
        TestKind::Gt => Test::Gt,
        TestKind::Gte => Test::Gte,
        TestKind::Lt => Test::Lt,
        TestKind::Lte => Test::Lte,
        TestKind::Like => Test::Like,
        TestKind::Ilike => Test::Ilike,
        TestKind::IsEmpty => Test::IsEmpty,
        TestKind::IsNotEmpty => Test::IsNotEmpty,
        TestKind::IsTrue => Test::IsTrue,
        TestKind::IsFalse => Test::IsFalse,
    }
}

/// Which rows are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RowsQuery {
    /// How many rows a page has at most.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// A filter, as JSON: `{"conditions": [{"column": "n", "test": "gt", "value": 3}]}`.
    filter: Option<String>,
    /// A column by which rows are sorted; with `-` in front, the largest comes first. The list then has
    /// one page.
    sort: Option<String>,
}

/// A row: `id`, `createdAt`, `updatedAt`, and its columns by name.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub struct RowView(Object);

/// Rows that were written or removed.
#[derive(Serialize, ToSchema)]
pub struct RowsView {
    items: Vec<RowView>,
}

fn rows_view(rows: Vec<Object>) -> axum::Json<RowsView> {
    axum::Json(RowsView { items: rows.into_iter().map(RowView).collect() })
}

/// List data tables
#[utoipa::path(get, path = "/api/v1/data-tables", tag = "data-tables",
    responses((status = 200, body = List<DataTableView>), Problems))]
pub async fn list(State(api): State<Api>, who: Who) -> Result<axum::Json<List<DataTableView>>, Problem> {
    let tables = api.store.data_tables(who.workspace).await?;
    Ok(List::whole(tables.into_iter().map(DataTableView::of).collect()))
}

/// Make a data table
#[utoipa::path(post, path = "/api/v1/data-tables", tag = "data-tables", request_body = DataTableBody,
    responses((status = 201, body = DataTableView), Problems))]
pub async fn create(
    State(api): State<Api>,
    who: Who,
    Json(body): Json<DataTableBody>,
) -> Result<(StatusCode, axum::Json<DataTableView>), Problem> {
    let id = DataTableId::new(api.now(), api.random());
    let columns = body.columns.into_iter().map(|c| (c.name, c.r#type.into())).collect();
    let table = api.store.create_data_table(who.workspace, id, body.name, columns, api.now()).await?;
    Ok((StatusCode::CREATED, axum::Json(DataTableView::of(table))))
}

async fn find(api: &Api, who: &Who, id: Uuid) -> Result<DataTable, Problem> {
    let found = api.store.data_table(who.workspace, DataTableId(id).to_string()).await?;
    found.ok_or_else(|| Problem::not_found("data table", id))
}

/// Show a data table
#[utoipa::path(get, path = "/api/v1/data-tables/{id}", tag = "data-tables", params(("id" = Uuid, Path)),
    responses((status = 200, body = DataTableView), Problems))]
pub async fn show(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<DataTableView>, Problem> {
    Ok(axum::Json(DataTableView::of(find(&api, &who, id).await?)))
}

/// Give a data table another name
#[utoipa::path(put, path = "/api/v1/data-tables/{id}", tag = "data-tables", params(("id" = Uuid, Path)),
    request_body = NameBody, responses((status = 200, body = DataTableView), Problems))]
pub async fn rename(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Json(body): Json<NameBody>,
) -> Result<axum::Json<DataTableView>, Problem> {
    let table = api.store.rename_data_table(who.workspace, DataTableId(id), body.name, api.now()).await?;
    Ok(axum::Json(DataTableView::of(table)))
}

/// Remove a data table with its rows
#[utoipa::path(delete, path = "/api/v1/data-tables/{id}", tag = "data-tables", params(("id" = Uuid, Path)),
    responses((status = 204, description = "Removed"), Problems))]
pub async fn delete(State(api): State<Api>, who: Who, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    api.store.delete_data_table(who.workspace, DataTableId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Add a column to a data table
#[utoipa::path(post, path = "/api/v1/data-tables/{id}/columns", tag = "data-tables", params(("id" = Uuid, Path)),
    request_body = ColumnBody, responses((status = 201, body = DataTableView), Problems))]
pub async fn add_column(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Json(body): Json<ColumnBody>,
) -> Result<(StatusCode, axum::Json<DataTableView>), Problem> {
    let column = (body.name, body.r#type.into());
    let table = api.store.add_data_column(who.workspace, DataTableId(id), column, api.now()).await?;
    Ok((StatusCode::CREATED, axum::Json(DataTableView::of(table))))
}

/// Give a column another name
#[utoipa::path(put, path = "/api/v1/data-tables/{id}/columns/{column}", tag = "data-tables",
    params(("id" = Uuid, Path), ("column" = String, Path, description = "Its id or its name")),
    request_body = NameBody, responses((status = 200, body = DataTableView), Problems))]
pub async fn rename_column(
    State(api): State<Api>,
    who: Who,
    Path((id, column)): Path<(Uuid, String)>,
    Json(body): Json<NameBody>,
) -> Result<axum::Json<DataTableView>, Problem> {
    let names = (column, body.name);
    let table = api.store.rename_data_column(who.workspace, DataTableId(id), names, api.now()).await?;
    Ok(axum::Json(DataTableView::of(table)))
}

/// Remove a column with what rows have in it
#[utoipa::path(delete, path = "/api/v1/data-tables/{id}/columns/{column}", tag = "data-tables",
    params(("id" = Uuid, Path), ("column" = String, Path, description = "Its id or its name")),
    responses((status = 200, body = DataTableView), Problems))]
pub async fn delete_column(
    State(api): State<Api>,
    who: Who,
    Path((id, column)): Path<(Uuid, String)>,
) -> Result<axum::Json<DataTableView>, Problem> {
    let table = api.store.delete_data_column(who.workspace, DataTableId(id), column, api.now()).await?;
    Ok(axum::Json(DataTableView::of(table)))
}

/// List rows of a data table
#[utoipa::path(get, path = "/api/v1/data-tables/{id}/rows", tag = "data-tables", params(("id" = Uuid, Path), RowsQuery),
    responses((status = 200, body = List<RowView>), Problems))]
pub async fn rows(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Query(query): Query<RowsQuery>,
) -> Result<axum::Json<List<RowView>>, Problem> {
    let filter = match query.filter.as_deref().filter(|text| !text.is_empty()) {
        None => RowFilter::default(),
        Some(text) => {
            let body: FilterBody = serde_json::from_str(text)
                .map_err(|e| Problem::invalid("filter", format!("must be a filter as JSON: {e}")))?;
            body.filter()?
        }
    };
    let wrong = || Problem::invalid("cursor", "is not one that a list gave; leave it out to begin anew");
    let after: i64 = query.cursor.as_deref().map_or(Ok(0), |text| text.parse().map_err(|_| wrong()))?;
    let order = query.sort.filter(|text| !text.is_empty()).map(|text| match text.strip_prefix('-') {
        Some(column) => RowOrder { column: column.to_owned(), descending: true },
        None => RowOrder { column: text, descending: false },
    });
    let (n, is_sorted) = (limit(query.limit)?, order.is_some());
    let found = api.store.data_rows(who.workspace, DataTableId(id), filter, order, after, n + 1).await?;
    let more = found.len() > n && !is_sorted;
    let items: Vec<RowView> = found.into_iter().take(n).map(RowView).collect();
    let next = items.last().filter(|_| more).and_then(|row| row.0.get("id")).map(Value::to_string);
    Ok(axum::Json(List { items, next }))
}

/// Add rows to a data table
#[utoipa::path(post, path = "/api/v1/data-tables/{id}/rows", tag = "data-tables", params(("id" = Uuid, Path)),
    request_body = RowsBody, responses((status = 201, body = RowsView), Problems))]
pub async fn insert(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Json(body): Json<RowsBody>,
) -> Result<(StatusCode, axum::Json<RowsView>), Problem> {
    let rows = api.store.insert_data_rows(who.workspace, DataTableId(id), body.rows, api.now()).await?;
    Ok((StatusCode::CREATED, rows_view(rows)))
}

/// Change rows of a data table
#[utoipa::path(patch, path = "/api/v1/data-tables/{id}/rows", tag = "data-tables", params(("id" = Uuid, Path)),
    request_body = ChangeBody, responses((status = 200, body = RowsView), Problems))]
pub async fn change(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Json(body): Json<ChangeBody>,
) -> Result<axum::Json<RowsView>, Problem> {
    let filter = body.filter.filter()?;
    let change = if body.upsert { RowChange::Upsert(body.values) } else { RowChange::Update(body.values) };
    let table = DataTableId(id);
    let rows =
        api.store.change_data_rows(who.workspace, table, filter, change, body.dry_run, api.now()).await?;
    Ok(rows_view(rows))
}

/// Remove rows of a data table
#[utoipa::path(post, path = "/api/v1/data-tables/{id}/rows/delete", tag = "data-tables",
    params(("id" = Uuid, Path)), request_body = RemoveBody, responses((status = 200, body = RowsView), Problems))]
pub async fn remove(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Json(body): Json<RemoveBody>,
) -> Result<axum::Json<RowsView>, Problem> {
    let (table, filter) = (DataTableId(id), body.filter.filter()?);
    let change = RowChange::Delete;
    let rows =
        api.store.change_data_rows(who.workspace, table, filter, change, body.dry_run, api.now()).await?;
    Ok(rows_view(rows))
}

/// Get the rows of a data table as CSV
#[utoipa::path(get, path = "/api/v1/data-tables/{id}/csv", tag = "data-tables", params(("id" = Uuid, Path)),
    responses((status = 200, body = String, content_type = "text/csv"), Problems))]
pub async fn export(State(api): State<Api>, who: Who, Path(id): Path<Uuid>) -> Result<Response, Problem> {
    let table = find(&api, &who, id).await?;
    let everything = RowFilter::default();
    let rows = api.store.data_rows(who.workspace, table.id, everything, None, 0, usize::MAX).await?;
    let mut out = csv::Writer::from_writer(Vec::new());
    let names: Vec<&str> = ["id", "createdAt", "updatedAt"]
        .into_iter()
        .chain(table.columns.iter().map(|column| column.name.as_str()))
        .collect();
    let broken = |e: csv::Error| Problem::internal(&e);
    out.write_record(&names).map_err(broken)?;
    for row in rows {
        let cells = names.iter().map(|name| match row.get(*name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        });
        out.write_record(cells).map_err(broken)?;
    }
    let bytes = out.into_inner().map_err(|e| Problem::internal(&e))?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers
        .insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"rows.csv\""));
    Ok((headers, bytes).into_response())
}

/// What came of a file.
#[derive(Serialize, ToSchema)]
pub struct ImportedView {
    n_rows: usize,
}

/// Add the rows of a CSV file
///
/// The first line has the names of columns, in any order; `id`, `createdAt` and `updatedAt` are passed
/// over. An empty cell is nothing. All rows are taken, or none.
#[utoipa::path(post, path = "/api/v1/data-tables/{id}/csv", tag = "data-tables", params(("id" = Uuid, Path)),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = ImportedView), Problems))]
pub async fn import(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    Raw(body): Raw,
) -> Result<axum::Json<ImportedView>, Problem> {
    let table = find(&api, &who, id).await?;
    let rows = read_csv(&body, &table)?;
    let n_rows = rows.len();
    api.store.insert_data_rows(who.workspace, table.id, rows, api.now()).await?;
    Ok(axum::Json(ImportedView { n_rows }))
}

fn read_csv(body: &[u8], table: &DataTable) -> Result<Vec<Object>, Problem> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(body);
    let unreadable =
        |e: csv::Error| Problem::invalid("body", format!("must be CSV with a line of names: {e}"));
    let names = reader.headers().map_err(unreadable)?.clone();
    if names.is_empty() {
        return Err(Problem::invalid("body", "must be CSV with a line of names, and is empty"));
    }
    let is_known = |name: &str| {
        ["id", "createdAt", "updatedAt"].contains(&name) || table.columns.iter().any(|c| c.name == name)
    };
    if let Some(unknown) = names.iter().map(str::trim).find(|name| !is_known(name)) {
        let problem = format!("has a column \"{unknown}\", and the table has no such column");
        return Err(Problem::invalid("body", problem));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        if rows.len() >= DATA_ROWS_AT_ONCE_MAX {
            let problem = format!("may have {DATA_ROWS_AT_ONCE_MAX} rows; send the file in parts");
            return Err(Problem::invalid("body", problem));
        }
        let cells = names.iter().zip(record.iter()).map(|(name, cell)| {
            let value = if cell.is_empty() { Value::Null } else { Value::String(cell.to_owned()) };
            (name.trim().to_owned(), value)
        });
        rows.push(cells.collect());
    }
    Ok(rows)
}
