//! Data Table: reads and writes the tables that are kept here.

use linkflow_model::{Item, Object};
use linkflow_node::table::{Filter, TableCall};
use linkflow_node::{Category, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub struct DataTable;

/// Reads and writes data tables: small tables that are kept here, beside the workflows.
///
/// A node that is tried again after a crash may insert its rows a second time; `upsert` does not.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Whether it is about rows or about tables.
    #[serde(default)]
    resource: Resource,
    /// What is done.
    #[serde(default)]
    operation: Operation,
    /// The table: its id or its name.
    #[serde(default, deserialize_with = "locator")]
    data_table_id: String,
    /// Whether one condition is enough.
    #[serde(default)]
    match_type: MatchType,
    /// Which rows are meant; all of them without a condition, where that is allowed.
    #[serde(default)]
    filters: Filters,
    /// The values that are written.
    #[serde(default)]
    columns: Columns,
    /// Give all that is found.
    #[serde(default, deserialize_with = "lenient::flag")]
    return_all: bool,
    /// How many rows or tables are given at most.
    #[serde(default = "fifty", deserialize_with = "lenient::integer")]
    #[schemars(range(min = 1))]
    limit: i64,
    /// Whether rows are sorted.
    #[serde(default, deserialize_with = "lenient::flag")]
    order_by: bool,
    /// By which column.
    #[serde(default = "by_creation", deserialize_with = "lenient::text")]
    order_by_column: String,
    /// Which end comes first.
    #[serde(default)]
    order_by_direction: Direction,
    /// The name of a new table.
    #[serde(default, deserialize_with = "lenient::text")]
    table_name: String,
    /// The new name of a table.
    #[serde(default, deserialize_with = "lenient::text")]
    new_name: String,
    /// The columns of a new table.
    #[serde(default)]
    table_columns: Vec<NewColumn>,
    /// What is needed less often.
    #[serde(default)]
    options: Options,
}

/// What it is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Resource {
    /// Rows of a table.
    #[default]
    Row,
    /// Tables.
    Table,
}

/// What is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Add a row for each item.
    #[default]
    Insert,
    /// Give the rows that fit.
    Get,
    /// Let items through for which a row fits.
    RowExists,
    /// Let items through for which no row fits.
    RowNotExists,
    /// Change the rows that fit.
    Update,
    /// Change the rows that fit, or add one where none does.
    Upsert,
    /// Remove the rows that fit.
    DeleteRows,
    /// Make a table.
    Create,
    /// Give the tables.
    List,
    /// Give a table another name.
    Rename,
    /// Remove a table with its rows.
    Delete,
}

/// How conditions are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MatchType {
    /// One is enough.
    #[default]
    AnyCondition,
    /// All have to be so.
    AllConditions,
}

/// Which rows are meant.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Filters {
    /// The conditions.
    conditions: Vec<ConditionParam>,
}

/// One condition.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConditionParam {
    /// The column; `id`, `createdAt` and `updatedAt` are there too.
    #[serde(default = "id", deserialize_with = "lenient::text")]
    key_name: String,
    /// What has to be so.
    #[serde(default)]
    condition: Test,
    /// What it is compared with.
    #[serde(default)]
    key_value: Value,
}

/// What has to be so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Test {
    /// It is the same.
    #[default]
    Eq,
    /// It is not the same.
    Neq,
    /// It is more.
    Gt,
    /// It is as much or more.
    Gte,
    /// It is less.
    Lt,
    /// It is as much or less.
    Lte,
    /// It fits a pattern: `%` for any text, `_` for any sign.
    Like,
    /// As `like`, whatever the letters' size.
    Ilike,
    /// There is nothing.
    IsEmpty,
    /// There is something.
    IsNotEmpty,
    /// It is true.
    IsTrue,
    /// It is false.
    IsFalse,
}

/// The values that are written.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Columns {
    /// Where they come from.
    mapping_mode: Mapping,
    /// The values, by the names of columns.
    value: Option<Object>,
}

/// Where values come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mapping {
    /// They are written below.
    #[default]
    DefineBelow,
    /// The item has them, under the names of columns; what is no column is left out.
    AutoMapInputData,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub enum Direction {
    /// The smallest.
    #[serde(rename = "ASC")]
    Asc,
    /// The largest.
    #[default]
    #[serde(rename = "DESC")]
    Desc,
}

/// A column of a new table.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct NewColumn {
    /// Its name.
    #[serde(deserialize_with = "lenient::text")]
    name: String,
    /// What it holds: `string`, `number`, `boolean` or `date`.
    #[serde(default = "string", rename = "type", deserialize_with = "lenient::text")]
    kind: String,
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Write nothing, and give what it would be.
    #[serde(deserialize_with = "lenient::flag")]
    dry_run: bool,
    /// Where a table of that name is there already, give it instead of failing.
    #[serde(deserialize_with = "lenient::flag")]
    create_if_not_exists: bool,
    /// Only tables whose name has this text in it.
    #[serde(deserialize_with = "lenient::text")]
    filter_name: String,
}

fn fifty() -> i64 {
    50
}

fn by_creation() -> String {
    "createdAt".to_owned()
}

fn id() -> String {
    "id".to_owned()
}

fn string() -> String {
    "string".to_owned()
}

/// A text, or n8n's choice from a list: an object with `value`.
fn locator<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    let value = Value::deserialize(d)?;
    Ok(match value.get("value") {
        Some(inner) => lenient::as_text(inner),
        None if value.is_null() => String::new(),
        None => lenient::as_text(&value),
    })
}

/// Rows that are written in one call.
const ROWS_AT_ONCE: usize = 5_000;

impl Node for DataTable {
    const KIND: &'static str = "data_table";
    const SPEC: Spec = Spec {
        title: "Data Table",
        summary: "Reads and writes tables that are kept here.",
        category: Category::Data,
        aliases: &["table", "database", "storage", "rows", "upsert", "spreadsheet"],
        effects: Effects::Outside,
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Keep each order once",
            params: r#"{"operation": "upsert", "dataTableId": "orders",
                "filters": {"conditions": [{"keyName": "number", "keyValue": "={{ $json.number }}"}]},
                "columns": {"mappingMode": "autoMapInputData"}}"#,
            input: r#"[{"number": 7, "total": 12}]"#,
            output: "null",
        },
        Example {
            title: "Find the open ones, the largest first",
            params: r#"{"operation": "get", "dataTableId": "orders", "matchType": "allConditions",
                "filters": {"conditions": [{"keyName": "open", "condition": "isTrue"}]},
                "orderBy": true, "orderByColumn": "total"}"#,
            input: "[{}]",
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        if input.items().is_empty() {
            return Ok(Outcome::items(Vec::new()));
        }
        let first = input.params(0)?;
        if first.resource == Resource::Row && first.operation == Operation::Insert {
            return insert_all(&input, ctx).await;
        }
        let mut out = Vec::new();
        for (index, item) in input.items().iter().enumerate() {
            match one(&input, ctx, index, item).await {
                Ok(items) => out.extend(items),
                Err(error) => out.push(ctx.failed_item(error, index)?),
            }
            if out.len() > ctx.limits.items_max {
                let limit = ctx.limits.items_max.to_string();
                return Err(NodeError::Limit { what: "the rows that are given".to_owned(), limit });
            }
        }
        Ok(Outcome::items(out))
    }
}

/// Inserts go together: one call for many items, unless they go to different tables.
async fn insert_all(input: &Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
    let mut out: Vec<Item> = Vec::with_capacity(input.items().len());
    let mut batch: Vec<(usize, Object)> = Vec::new();
    let mut table = String::new();
    for (index, item) in input.items().iter().enumerate() {
        let params = match input.params(index) {
            Ok(params) => params,
            Err(error) => {
                out.push(ctx.failed_item(error, index)?);
                continue;
            }
        };
        if !batch.is_empty() && (params.data_table_id != table || batch.len() >= ROWS_AT_ONCE) {
            out.extend(inserted(ctx, &table, std::mem::take(&mut batch)).await?);
        }
        table.clone_from(&params.data_table_id);
        batch.push((index, params.values(item, ctx).await?));
    }
    out.extend(inserted(ctx, &table, batch).await?);
    Ok(Outcome::items(out))
}

async fn inserted(ctx: &Ctx, table: &str, batch: Vec<(usize, Object)>) -> Result<Vec<Item>, NodeError> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let (places, rows): (Vec<usize>, Vec<Object>) = batch.into_iter().unzip();
    let call = TableCall::Insert { table: table.to_owned(), rows: rows.clone() };
    let paired = |rows: Vec<Object>| {
        rows.into_iter().zip(&places).map(|(row, place)| Item::new(row).paired_with(*place)).collect()
    };
    match ctx.host.tables(call).await {
        Ok(rows) => Ok(paired(rows)),
        Err(error) if rows.len() == 1 => Ok(vec![ctx.failed_item(error, places[0])?]),
        Err(error) if ctx.on_error == linkflow_model::OnError::Stop => Err(error),
        Err(_) => {
            // All or none were written; one by one the good ones are.
            let mut out = Vec::new();
            for (place, row) in places.iter().zip(rows) {
                let call = TableCall::Insert { table: table.to_owned(), rows: vec![row] };
                match ctx.host.tables(call).await {
                    Ok(rows) => out.extend(rows.into_iter().map(|row| Item::new(row).paired_with(*place))),
                    Err(error) => out.push(ctx.failed_item(error, *place)?),
                }
            }
            Ok(out)
        }
    }
}

async fn one(input: &Input<Params>, ctx: &Ctx, index: usize, item: &Item) -> Result<Vec<Item>, NodeError> {
    let params = input.params(index)?;
    let (table, filter, dry) = (params.data_table_id.clone(), params.filter(), params.options.dry_run);
    let call = match (params.resource, params.operation) {
        (Resource::Table, operation) => return params.of_tables(ctx, operation, index).await,
        (_, Operation::Get) => {
            let order = params
                .order_by
                .then(|| (params.order_by_column.clone(), params.order_by_direction == Direction::Desc));
            TableCall::Rows { table, filter, order, limit: params.most(ctx)? }
        }
        (_, Operation::RowExists | Operation::RowNotExists) => {
            params.need_conditions()?;
            let found = ctx.host.tables(TableCall::Rows { table, filter, order: None, limit: 1 }).await?;
            let passes = found.is_empty() != (params.operation == Operation::RowExists);
            return Ok(passes.then(|| item.clone().paired_with(index)).into_iter().collect());
        }
        (_, Operation::DeleteRows) => {
            params.need_conditions()?;
            TableCall::Delete { table, filter, dry }
        }
        (_, Operation::Update | Operation::Upsert) => {
            params.need_conditions()?;
            let values = params.values(item, ctx).await?;
            TableCall::Update { table, filter, values, insert: params.operation == Operation::Upsert, dry }
        }
        (_, other) => {
            let shown = serde_json::to_value(other).unwrap_or_default();
            return Err(NodeError::param("operation", format!("is for tables, got {shown} for rows")));
        }
    };
    let rows = ctx.host.tables(call).await?;
    Ok(rows.into_iter().map(|row| Item::new(row).paired_with(index)).collect())
}

impl Params {
    fn filter(&self) -> Filter {
        let conditions = self.filters.conditions.iter().map(|c| {
            let test = serde_json::to_value(c.condition).ok();
            let test = test.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
            (c.key_name.clone(), test, c.key_value.clone())
        });
        Filter { any: self.match_type == MatchType::AnyCondition, conditions: conditions.collect() }
    }

    /// Nobody means all rows without saying so.
    fn need_conditions(&self) -> Result<(), NodeError> {
        match self.filters.conditions.is_empty() {
            true => Err(NodeError::param("filters.conditions", "must have at least one condition")),
            false => Ok(()),
        }
    }

    fn most(&self, ctx: &Ctx) -> Result<usize, NodeError> {
        match usize::try_from(self.limit) {
            _ if self.return_all => Ok(ctx.limits.items_max),
            Ok(limit) if limit > 0 => Ok(limit),
            _ => Err(NodeError::param("limit", format!("must be at least 1, got {}", self.limit))),
        }
    }

    async fn values(&self, item: &Item, ctx: &Ctx) -> Result<Object, NodeError> {
        if self.columns.mapping_mode == Mapping::DefineBelow {
            return Ok(self.columns.value.clone().unwrap_or_default());
        }
        let tables = ctx.host.tables(TableCall::Tables).await?;
        let is_it = |table: &&Object| {
            table["id"] == self.data_table_id.as_str() || table["name"] == self.data_table_id.as_str()
        };
        let columns = tables.iter().find(is_it).and_then(|table| table.get("columns")?.as_array());
        let names: Vec<&str> = columns.into_iter().flatten().filter_map(|c| c["name"].as_str()).collect();
        let known = item.json.iter().filter(|(name, _)| names.contains(&name.as_str()));
        Ok(known.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    async fn of_tables(&self, ctx: &Ctx, operation: Operation, index: usize) -> Result<Vec<Item>, NodeError> {
        let table = self.data_table_id.clone();
        let call = match operation {
            Operation::Create => {
                let tables = ctx.host.tables(TableCall::Tables).await?;
                let known = tables.into_iter().find(|t| t["name"] == self.table_name.as_str());
                if let Some(known) = known.filter(|_| self.options.create_if_not_exists) {
                    return Ok(vec![Item::new(known).paired_with(index)]);
                }
                let columns = self.table_columns.iter().map(|c| (c.name.clone(), c.kind.clone())).collect();
                TableCall::Create { name: self.table_name.clone(), columns }
            }
            Operation::Update | Operation::Rename => TableCall::Rename { table, name: self.new_name.clone() },
            Operation::Delete => TableCall::Drop { table },
            Operation::List => {
                let wanted = self.options.filter_name.to_lowercase();
                let tables = ctx.host.tables(TableCall::Tables).await?;
                let fits =
                    |t: &Object| t["name"].as_str().unwrap_or_default().to_lowercase().contains(&wanted);
                let found = tables.into_iter().filter(fits).take(self.most(ctx)?);
                return Ok(found.map(|t| Item::new(t).paired_with(index)).collect());
            }
            other => {
                let shown = serde_json::to_value(other).unwrap_or_default();
                return Err(NodeError::param("operation", format!("is for rows, got {shown} for tables")));
            }
        };
        let found = ctx.host.tables(call).await?;
        Ok(found.into_iter().map(|t| Item::new(t).paired_with(index)).collect())
    }
}
