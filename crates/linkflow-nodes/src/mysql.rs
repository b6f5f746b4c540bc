//! MySQL: asks and changes a MySQL or MariaDB database.
//!
//! Here parameters become statements; `mysql_client` runs them. Values go beside the text of a query,
//! never into it.

use linkflow_model::{Item, Object, OnError, Pair, Paired};
use linkflow_node::{Category, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::mysql_client::{Answer, CREDENTIAL, MySql as Connection};
use crate::mysql_sql::{self, Statement, name};
use crate::mysql_values::Reading;
use crate::sql_params::{Batching, Combine, Conditions, DeleteCommand, Mapping, Sort, locator};

pub struct MySql;

/// Asks and changes a MySQL or MariaDB database.
///
/// Values of a query stand in it as `$1`, `$2` and so on, outside of quotes, and are given with
/// `queryReplacement`; `$1:name` stands for a name, such as that of a column. Dates and times are given
/// as the database shows them, without a time zone.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// What is done.
    operation: Operation,
    /// The table; with a database in front of it, `shop.orders`, one of that database.
    #[serde(deserialize_with = "locator")]
    table: String,
    /// The query, or several with `;` between them.
    #[serde(deserialize_with = "lenient::text")]
    query: String,
    /// Where the values that are written come from.
    data_mode: Mapping,
    /// The values that are written.
    values_to_send: Values,
    /// The column by which rows are found, for `update`; for `upsert` one that is left as it is.
    #[serde(deserialize_with = "locator")]
    column_to_match_on: String,
    /// Its value in the rows that are meant.
    value_to_match_on: Value,
    /// What is removed.
    delete_command: DeleteCommand,
    /// Which rows are meant; all of them without a condition.
    #[serde(rename = "where")]
    conditions: Conditions,
    /// Whether all conditions have to be so, or one.
    combine_conditions: Combine,
    /// Give all that is found.
    #[serde(deserialize_with = "lenient::flag")]
    return_all: bool,
    /// How many rows are given at most.
    #[serde(deserialize_with = "lenient::integer")]
    #[schemars(range(min = 1))]
    limit: i64,
    /// By which columns rows are sorted.
    sort: Sort,
    /// What is needed less often.
    options: Options,
}

/// What is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Remove a table, or rows of it.
    DeleteTable,
    /// Run a query.
    ExecuteQuery,
    /// Add rows.
    #[default]
    Insert,
    /// Give rows.
    Select,
    /// Change rows.
    Update,
    /// Change rows, or add those that are not there.
    Upsert,
}

/// The values that are written.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Values {
    /// The columns with their values.
    values: Vec<ColumnValue>,
}

/// A column with its value.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct ColumnValue {
    /// The column.
    #[serde(default, deserialize_with = "locator")]
    column: String,
    /// The value.
    #[serde(default)]
    value: Value,
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether the queries of all items belong together.
    query_batching: Batching,
    /// The values of a query, a list; a text where there is one.
    query_replacement: Value,
    /// How large whole numbers are given. As texts where a number would lose digits, unless said here.
    large_numbers_output: LargeNumbers,
    /// Give decimals as numbers, of which the last digits may be lost, and not as texts.
    #[serde(deserialize_with = "lenient::flag")]
    decimal_numbers: bool,
    /// Whether rows are added before or after what others ask for.
    priority: Priority,
    /// Leave out rows that are there already.
    #[serde(deserialize_with = "lenient::flag")]
    skip_on_conflict: bool,
    /// Write nothing where a text is empty.
    #[serde(deserialize_with = "lenient::flag")]
    replace_empty_strings: bool,
    /// The columns that are given; all of them when empty or with `*`.
    #[serde(deserialize_with = "lenient::names")]
    output_columns: Vec<String>,
    /// Give rows that are the same once.
    #[serde(deserialize_with = "lenient::flag")]
    select_distinct: bool,
    /// Give each statement with its result.
    #[serde(deserialize_with = "lenient::flag")]
    detailed_output: bool,
    /// Give how many rows were changed in place of `success`.
    #[serde(deserialize_with = "lenient::flag")]
    output_counts: bool,
    /// How many milliseconds the server has to let us in, at least 1000; the credential says it when empty.
    #[serde(deserialize_with = "lenient::integer_or_none")]
    connection_timeout_millis: Option<i64>,
}

/// How large whole numbers are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LargeNumbers {
    /// Those of columns for large numbers as texts, all of them.
    Text,
    /// As numbers, where no digit is lost.
    #[default]
    Numbers,
}

/// Whether rows are added before or after what others ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub enum Priority {
    /// As the server does it.
    #[default]
    #[serde(rename = "")]
    Usual,
    /// When nobody reads.
    #[serde(rename = "LOW_PRIORITY")]
    Low,
    /// Before those who read.
    #[serde(rename = "HIGH_PRIORITY")]
    High,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            operation: Operation::default(),
            table: String::new(),
            query: String::new(),
            data_mode: Mapping::AutoMapInputData,
            values_to_send: Values::default(),
            column_to_match_on: String::new(),
            value_to_match_on: Value::Null,
            delete_command: DeleteCommand::default(),
            conditions: Conditions::default(),
            combine_conditions: Combine::default(),
            return_all: false,
            limit: 50,
            sort: Sort::default(),
            options: Options::default(),
        }
    }
}

impl Node for MySql {
    const KIND: &'static str = "mysql";
    const SPEC: Spec = Spec {
        title: "MySQL",
        summary: "Asks and changes a MySQL or MariaDB database.",
        category: Category::Service,
        aliases: &["mariadb", "database", "sql", "query", "table"],
        effects: Effects::Outside,
        credentials: &[CREDENTIAL],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Ask with values",
            params: r#"{"operation": "executeQuery",
                "query": "SELECT number, total FROM orders WHERE customer = $1 AND total > $2",
                "options": {"queryReplacement": ["={{ $json.id }}", 100]}}"#,
            input: r#"[{"id": 7}]"#,
            output: "null",
        },
        Example {
            title: "Keep each order once",
            params: r#"{"operation": "upsert", "table": "orders", "columnToMatchOn": "number"}"#,
            input: r#"[{"number": 7, "total": 12}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        if input.items().is_empty() {
            return Ok(Outcome::items(Vec::new()));
        }
        let first = input.params(0)?;
        match first.options.query_batching {
            Batching::Independently => each_alone(&input, ctx, &first).await,
            Batching::Single | Batching::Transaction => all_or_none(&input, ctx, &first).await,
        }
    }
}

async fn connect<'a>(ctx: &'a Ctx, first: &Params) -> Result<Connection<'a>, NodeError> {
    let limit_ms = first.options.connection_timeout_millis.map(|ms| ms.clamp(1_000, 300_000).unsigned_abs());
    let reading = Reading {
        large_as_texts: first.options.large_numbers_output == LargeNumbers::Text,
        decimals_as_numbers: first.options.decimal_numbers,
    };
    Connection::connect(ctx, limit_ms, reading).await
}

async fn each_alone(input: &Input<Params>, ctx: &Ctx, first: &Params) -> Result<Outcome, NodeError> {
    let mut connection: Option<Connection<'_>> = None;
    let mut out = Vec::new();
    for (index, item) in input.items().iter().enumerate() {
        let done = async {
            let statements = input.params(index)?.statements(item)?;
            let connection = match &mut connection {
                Some(open) => open,
                none => none.insert(connect(ctx, first).await?),
            };
            let mut items = run_all(connection, &statements, first).await?;
            if items.rows.is_empty() {
                items.rows.extend(items.success);
            }
            Ok::<_, NodeError>(items.rows)
        };
        match done.await {
            Ok(items) => out.extend(items.into_iter().map(|json| Item::new(json).paired_with(index))),
            Err(error) => {
                // After a broken exchange the next item needs a new connection.
                if !matches!(error, NodeError::Data { .. } | NodeError::Param { .. }) {
                    connection = None;
                }
                out.push(ctx.failed_item(error, index)?);
            }
        }
    }
    Ok(Outcome::items(out))
}

async fn all_or_none(input: &Input<Params>, ctx: &Ctx, first: &Params) -> Result<Outcome, NodeError> {
    let mut asked = Vec::with_capacity(input.items().len());
    let mut failed = None;
    for (index, item) in input.items().iter().enumerate() {
        match input.params(index).and_then(|params| params.statements(item)) {
            Ok(statements) => asked.push((index, statements)),
            Err(error) => {
                failed = Some((error, index));
                break;
            }
        }
    }
    let n_items = asked.len();
    let mut out = Vec::new();
    if failed.is_none() {
        if first.operation == Operation::Insert && first.options.query_batching == Batching::Single {
            asked = with_many_rows(asked);
        }
        match connect(ctx, first).await {
            Ok(mut connection) => {
                failed = together(&mut connection, &asked, first, n_items, &mut out).await.err()
            }
            Err(error) => failed = Some((error, 0)),
        }
    }
    match failed {
        None => Ok(Outcome::items(out)),
        Some((error, index)) if ctx.on_error == OnError::Stop => Err(error.at_item(index)),
        Some((error, index)) => Ok(Outcome::items(vec![ctx.failed_item(error, index)?])),
    }
}

/// Values that one statement takes at most; the protocol counts them with two bytes.
const VALUES_MAX: usize = 60_000;
/// Rows that one statement adds at most.
const ROWS_MAX: usize = 1_000;

/// Puts rows for the same columns into one statement: a thousand of them alone would be a thousand ways
/// to the server and back. What stands behind `VALUES` is repeated.
fn with_many_rows(asked: Vec<(usize, Vec<Statement>)>) -> Vec<(usize, Vec<Statement>)> {
    let mut fewer: Vec<(usize, Vec<Statement>)> = Vec::new();
    let (mut text, mut n_rows) = (String::new(), 0);
    for (index, mut statements) in asked {
        let last = fewer.last_mut().and_then(|(_, list)| list.last_mut());
        let one = statements.pop();
        match (last, one) {
            (Some(last), Some(one))
                if text == one.text
                    && n_rows < ROWS_MAX
                    && last.values.len() + one.values.len() <= VALUES_MAX =>
            {
                let row = one.text.rsplit_once(" VALUES ").map_or("", |(_, row)| row);
                last.text.push_str(&format!(", {row}"));
                last.values.extend(one.values);
                n_rows += 1;
            }
            (_, Some(one)) => {
                (text, n_rows) = (one.text.clone(), 1);
                fewer.push((index, vec![one]));
            }
            (_, None) => {}
        }
    }
    fewer
}

/// Runs the statements of all items in one transaction; an error comes with the item that it is of.
async fn together(
    connection: &mut Connection<'_>,
    asked: &[(usize, Vec<Statement>)],
    first: &Params,
    n_items: usize,
    out: &mut Vec<Item>,
) -> Result<(), (NodeError, usize)> {
    // What ends a transaction by itself, such as CREATE, can stand alone.
    let is_one = asked.iter().map(|(_, list)| list.len()).sum::<usize>() <= 1;
    if !is_one {
        plainly(connection, "START TRANSACTION").await.map_err(|e| (e, 0))?;
    }
    let mut done = Vec::new();
    for (index, statements) in asked {
        // A connection that is dropped inside a transaction takes all of it back.
        let results = run_all(connection, statements, first).await.map_err(|e| (e, *index))?;
        out.extend(results.rows.into_iter().map(|json| Item::new(json).paired_with(*index)));
        done.extend(results.success.map(|json| (json, *index)));
    }
    if !is_one {
        plainly(connection, "COMMIT").await.map_err(|e| (e, n_items.saturating_sub(1)))?;
    }
    let is_single = first.options.query_batching == Batching::Single;
    match out.is_empty() {
        true if first.options.output_counts || !is_single => {
            out.extend(done.into_iter().map(|(json, index)| Item::new(json).paired_with(index)));
        }
        true => out.extend(done.pop().map(|(json, _)| {
            let all = (0..n_items).map(|index| Pair { item: index as u32, ..Pair::default() }).collect();
            Item::new(json).with_paired(Paired::Many(all))
        })),
        false => {}
    }
    Ok(())
}

async fn plainly(connection: &mut Connection<'_>, text: &str) -> Result<(), NodeError> {
    connection.run(&Statement { text: text.to_owned(), values: Vec::new() }).await.map(drop)
}

/// What an item's statements gave.
struct Results {
    rows: Vec<Object>,
    /// What is said where there are no rows; none where rows were asked for.
    success: Option<Object>,
}

async fn run_all(
    connection: &mut Connection<'_>,
    statements: &[Statement],
    first: &Params,
) -> Result<Results, NodeError> {
    let mut results = Results { rows: Vec::new(), success: None };
    let is_detailed = first.options.detailed_output;
    let detailed = |text: &str, data: Value| {
        Object::from_iter([("sql".to_owned(), json!(text)), ("data".to_owned(), data)])
    };
    for statement in statements {
        for answer in connection.run(statement).await? {
            match answer {
                Answer::Rows(rows) if is_detailed => {
                    results.rows.push(detailed(&statement.text, json!(rows)))
                }
                Answer::Done(counts) if is_detailed => {
                    results.rows.push(detailed(&statement.text, Value::Object(counts)));
                }
                Answer::Rows(rows) => results.rows.extend(rows),
                Answer::Done(counts) if first.options.output_counts => results.success = Some(counts),
                Answer::Done(_) => {
                    results.success = Some(Object::from_iter([("success".to_owned(), json!(true))]));
                }
            }
        }
    }
    Ok(results)
}

/// A statement that is being put together.
#[derive(Default)]
struct Draft {
    values: Vec<Value>,
}

impl Draft {
    /// Where the value stands in the text.
    fn place(&mut self, value: &Value) -> String {
        self.values.push(value.clone());
        "?".to_owned()
    }

    fn ended(self, text: String) -> Vec<Statement> {
        vec![Statement { text, values: self.values }]
    }
}

fn names<'n>(columns: impl IntoIterator<Item = &'n String>) -> String {
    columns.into_iter().map(|column| name(column)).collect::<Vec<_>>().join(", ")
}

impl Params {
    fn statements(&self, item: &Item) -> Result<Vec<Statement>, NodeError> {
        match self.operation {
            Operation::ExecuteQuery => self.query(),
            Operation::Select => self.select(),
            Operation::DeleteTable => self.delete(),
            Operation::Insert => self.insert(&self.values(item)?),
            Operation::Update => self.update(&self.values(item)?),
            Operation::Upsert => self.upsert(&self.values(item)?),
        }
    }

    fn query(&self) -> Result<Vec<Statement>, NodeError> {
        if self.query.trim().is_empty() {
            return Err(NodeError::param("query", "must not be empty"));
        }
        let n_places = mysql_sql::n_places(&self.query);
        let mut values = match &self.options.query_replacement {
            Value::Null => Vec::new(),
            Value::Array(list) => list.clone(),
            // Several values in one text, as people write them.
            Value::String(text) if n_places > 1 => {
                text.split(',').map(|value| Value::String(value.trim().to_owned())).collect()
            }
            Value::String(text) if text.is_empty() && n_places == 0 => Vec::new(),
            one => vec![one.clone()],
        };
        self.leave_out_empty(values.iter_mut());
        let statements = mysql_sql::statements(&self.query, &values)?;
        match statements.is_empty() {
            true => Err(NodeError::param("query", "must be more than comments")),
            false => Ok(statements),
        }
    }

    fn table(&self) -> Result<String, NodeError> {
        match self.table.trim() {
            "" => Err(NodeError::param("table", "must not be empty")),
            table => Ok(table.split('.').map(name).collect::<Vec<_>>().join(".")),
        }
    }

    fn leave_out_empty<'v>(&self, values: impl Iterator<Item = &'v mut Value>) {
        if self.options.replace_empty_strings {
            values.filter(|value| value.as_str() == Some("")).for_each(|value| *value = Value::Null);
        }
    }

    fn values(&self, item: &Item) -> Result<Object, NodeError> {
        let mut values = match self.data_mode {
            Mapping::AutoMapInputData => (*item.json).clone(),
            Mapping::DefineBelow => {
                let list = &self.values_to_send.values;
                if let Some(at) = list.iter().position(|entry| entry.column.is_empty()) {
                    return Err(NodeError::param(
                        format!("valuesToSend.values[{at}].column"),
                        "must not be empty",
                    ));
                }
                let mut values: Object =
                    list.iter().map(|entry| (entry.column.clone(), entry.value.clone())).collect();
                if !self.column_to_match_on.is_empty() && self.operation != Operation::Insert {
                    values.insert(self.column_to_match_on.clone(), self.value_to_match_on.clone());
                }
                values
            }
        };
        self.leave_out_empty(values.values_mut());
        Ok(values)
    }

    fn select(&self) -> Result<Vec<Statement>, NodeError> {
        let mut draft = Draft::default();
        let distinct = if self.options.select_distinct { " DISTINCT" } else { "" };
        let columns = &self.options.output_columns;
        let columns = match columns.is_empty() || columns.iter().any(|c| c == "*") {
            true => "*".to_owned(),
            false => names(columns),
        };
        let mut text = format!("SELECT{distinct} {columns} FROM {}", self.table()?);
        text.push_str(&self.conditions(&mut draft)?);
        text.push_str(&self.sort.text(name));
        if !self.return_all {
            if self.limit < 1 {
                return Err(NodeError::param("limit", format!("must be at least 1, got {}", self.limit)));
            }
            text.push_str(&format!(" LIMIT {}", self.limit));
        }
        Ok(draft.ended(text))
    }

    fn conditions(&self, draft: &mut Draft) -> Result<String, NodeError> {
        self.conditions.text(self.combine_conditions, name, |value| draft.place(value))
    }

    fn delete(&self) -> Result<Vec<Statement>, NodeError> {
        let (table, mut draft) = (self.table()?, Draft::default());
        let text = match self.delete_command {
            DeleteCommand::Truncate => format!("TRUNCATE TABLE {table}"),
            DeleteCommand::Drop => format!("DROP TABLE IF EXISTS {table}"),
            DeleteCommand::Delete => format!("DELETE FROM {table}{}", self.conditions(&mut draft)?),
        };
        Ok(draft.ended(text))
    }

    fn insert(&self, values: &Object) -> Result<Vec<Statement>, NodeError> {
        let (mut draft, table) = (Draft::default(), self.table()?);
        let priority = match self.options.priority {
            Priority::Usual => "",
            Priority::Low => " LOW_PRIORITY",
            Priority::High => " HIGH_PRIORITY",
        };
        let ignore = if self.options.skip_on_conflict { " IGNORE" } else { "" };
        let written = written(&mut draft, values);
        Ok(draft.ended(format!("INSERT{priority}{ignore} INTO {table} {written}")))
    }

    fn upsert(&self, values: &Object) -> Result<Vec<Statement>, NodeError> {
        let (mut draft, table, by) = (Draft::default(), self.table()?, self.found_by(values)?);
        let written = written(&mut draft, values);
        let others = values.iter().filter(|(column, _)| *column != by);
        let changes = others.map(|(column, value)| format!("{} = {}", name(column), draft.place(value)));
        let mut changes: Vec<String> = changes.collect();
        if changes.is_empty() {
            changes.push(format!("{0} = {0}", name(by)));
        }
        let changes = changes.join(", ");
        Ok(draft.ended(format!("INSERT INTO {table} {written} ON DUPLICATE KEY UPDATE {changes}")))
    }

    fn update(&self, values: &Object) -> Result<Vec<Statement>, NodeError> {
        let (mut draft, table, by) = (Draft::default(), self.table()?, self.found_by(values)?);
        let others = values.iter().filter(|(column, _)| *column != by);
        let changes = others.map(|(column, value)| format!("{} = {}", name(column), draft.place(value)));
        let changes: Vec<String> = changes.collect();
        if changes.is_empty() {
            let problem = "must have a value besides that by which rows are found";
            return Err(NodeError::param("valuesToSend", problem));
        }
        let condition = format!("{} = {}", name(by), draft.place(&values[by]));
        Ok(draft.ended(format!("UPDATE {table} SET {} WHERE {condition}", changes.join(", "))))
    }

    /// The column by which rows are found. It needs a value: nobody means all rows by leaving it out.
    fn found_by(&self, values: &Object) -> Result<&str, NodeError> {
        let by = self.column_to_match_on.as_str();
        if by.is_empty() {
            return Err(NodeError::param("columnToMatchOn", "must not be empty"));
        }
        match values.get(by).is_none_or(Value::is_null) {
            true => {
                Err(NodeError::param("columnToMatchOn", format!("there is no value for the column \"{by}\"")))
            }
            false => Ok(by),
        }
    }
}

fn written(draft: &mut Draft, values: &Object) -> String {
    let places: Vec<String> = values.values().map(|value| draft.place(value)).collect();
    format!("({}) VALUES ({})", names(values.keys()), places.join(", "))
}
