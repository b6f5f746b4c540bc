//! Postgres: asks and changes a PostgreSQL database.
//!
//! Here parameters become statements; `pg_client` runs them. Values go beside the text of a query,
//! never into it.

use linkflow_model::{Item, Object, OnError};
use linkflow_node::{
    Category, CredentialCheck, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::pg_client::{self, CREDENTIAL, Postgres as Connection};
use crate::pg_sql::{self, Statement, name};
use crate::sql_params::{Batching, Combine, Conditions, DeleteCommand, LargeNumbers, Mapping, Sort, locator};

pub struct Postgres;

/// Asks and changes a PostgreSQL database.
///
/// Values of a query stand in it as `$1`, `$2` and so on, outside of quotes, and are given with
/// `queryReplacement`; `$1:name` stands for a name, such as that of a column.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// What is done.
    operation: Operation,
    /// The schema in which the table is.
    #[serde(deserialize_with = "locator")]
    schema: String,
    /// The table.
    #[serde(deserialize_with = "locator")]
    table: String,
    /// The query, or several with `;` between them.
    #[serde(deserialize_with = "lenient::text")]
    query: String,
    /// The values that are written, and the columns by which rows are found.
    columns: Columns,
    /// What is removed.
    delete_command: DeleteCommand,
    /// Let the numbers of new rows begin anew.
    #[serde(deserialize_with = "lenient::flag")]
    restart_sequences: bool,
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
#[serde(rename_all = "camelCase", default)]
pub struct Columns {
    /// Where they come from.
    mapping_mode: Mapping,
    /// The values, by the names of columns.
    value: Option<Object>,
    /// The columns by which rows are found, for `update` and `upsert`.
    #[serde(deserialize_with = "lenient::names")]
    matching_columns: Vec<String>,
}

/// What is needed less often.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether the queries of all items belong together.
    query_batching: Batching,
    /// The values of a query, a list; a text where there is one.
    query_replacement: Value,
    /// Whether large whole numbers and decimals are given as texts, which keep all digits.
    large_numbers_output: LargeNumbers,
    /// Leave out rows that are there already.
    #[serde(deserialize_with = "lenient::flag")]
    skip_on_conflict: bool,
    /// Write nothing where a text is empty.
    #[serde(deserialize_with = "lenient::flag")]
    replace_empty_strings: bool,
    /// The columns that are given; all of them when empty or with `*`.
    #[serde(deserialize_with = "lenient::names")]
    output_columns: Vec<String>,
    /// Remove what depends on it too.
    #[serde(deserialize_with = "lenient::flag")]
    cascade: bool,
    /// How many seconds the server has to answer.
    #[serde(deserialize_with = "lenient::integer")]
    #[schemars(range(min = 1, max = 300))]
    connection_timeout: i64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            query_batching: Batching::default(),
            query_replacement: Value::Null,
            large_numbers_output: LargeNumbers::default(),
            skip_on_conflict: false,
            replace_empty_strings: false,
            output_columns: Vec::new(),
            cascade: false,
            connection_timeout: 30,
        }
    }
}

impl Default for Params {
    fn default() -> Params {
        Params {
            operation: Operation::default(),
            schema: "public".to_owned(),
            table: String::new(),
            query: String::new(),
            columns: Columns::default(),
            delete_command: DeleteCommand::default(),
            restart_sequences: false,
            conditions: Conditions::default(),
            combine_conditions: Combine::default(),
            return_all: false,
            limit: 50,
            sort: Sort::default(),
            options: Options::default(),
        }
    }
}

impl Node for Postgres {
    const KIND: &'static str = "postgres";
    const SPEC: Spec = Spec {
        title: "Postgres",
        summary: "Asks and changes a PostgreSQL database.",
        category: Category::Service,
        aliases: &["postgresql", "database", "sql", "query", "timescale", "table"],
        effects: Effects::Outside,
        credentials: &[CREDENTIAL],
        checks: &[CredentialCheck { slot: CREDENTIAL.name, check: pg_client::check }],
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
            params: r#"{"operation": "upsert", "table": "orders",
                "columns": {"mappingMode": "autoMapInputData", "matchingColumns": ["number"]}}"#,
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
    let seconds = first.options.connection_timeout.clamp(1, 300).unsigned_abs();
    let numbers = first.options.large_numbers_output == LargeNumbers::Numbers;
    Connection::connect(ctx, seconds * 1000, numbers).await
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
            run_all(connection, &statements).await
        };
        match done.await {
            Ok(items) => out.extend(items.into_iter().map(|item| item.paired_with(index))),
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
            Ok(statements) => asked.push(statements),
            Err(error) => {
                failed = Some((error, index));
                break;
            }
        }
    }
    let mut out = Vec::new();
    if failed.is_none() {
        match connect(ctx, first).await {
            Ok(mut connection) => failed = together(&mut connection, &asked, &mut out).await.err(),
            Err(error) => failed = Some((error, 0)),
        }
    }
    match failed {
        None => Ok(Outcome::items(out)),
        Some((error, index)) if ctx.on_error == OnError::Stop => Err(error.at_item(index)),
        Some((error, index)) => Ok(Outcome::items(vec![ctx.failed_item(error, index)?])),
    }
}

/// Runs the statements of all items in one transaction; an error comes with the item that it is of.
async fn together(
    connection: &mut Connection<'_>,
    asked: &[Vec<Statement>],
    out: &mut Vec<Item>,
) -> Result<(), (NodeError, usize)> {
    // What cannot be in a transaction, such as VACUUM, can stand alone.
    let is_one = asked.iter().map(Vec::len).sum::<usize>() <= 1;
    if !is_one {
        connection.plainly("BEGIN").await.map_err(|e| (e, 0))?;
    }
    for (index, statements) in asked.iter().enumerate() {
        // A connection that is dropped inside a transaction takes all of it back.
        let items = run_all(connection, statements).await.map_err(|e| (e, index))?;
        out.extend(items.into_iter().map(|item| item.paired_with(index)));
    }
    match is_one {
        true => Ok(()),
        false => connection.plainly("COMMIT").await.map_err(|e| (e, asked.len().saturating_sub(1))),
    }
}

/// The rows of one item's statements; where they are not for reading and give none, that they went well.
async fn run_all(connection: &mut Connection<'_>, statements: &[Statement]) -> Result<Vec<Item>, NodeError> {
    let mut items = Vec::new();
    let mut only_reads = true;
    for statement in statements {
        only_reads &= pg_sql::only_reads(&statement.text);
        items.extend(connection.run(statement).await?.into_iter().map(Item::new));
    }
    if items.is_empty() && !only_reads {
        items.push(Item::new(Object::from_iter([("success".to_owned(), json!(true))])));
    }
    Ok(items)
}

/// A statement that is being put together.
#[derive(Default)]
struct Draft {
    values: Vec<Value>,
}

impl Draft {
    /// Where the value stands in the text.
    fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
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
            Operation::Insert => self.insert(&self.values(item)),
            Operation::Update => self.update(&self.values(item)),
            Operation::Upsert => self.upsert(&self.values(item)),
        }
    }

    fn query(&self) -> Result<Vec<Statement>, NodeError> {
        if self.query.trim().is_empty() {
            return Err(NodeError::param("query", "must not be empty"));
        }
        let values = match &self.options.query_replacement {
            Value::Null => Vec::new(),
            Value::Array(list) => list.clone(),
            // Several values in one text, as people write them.
            Value::String(text) if pg_sql::highest_place(&self.query) > 1 => {
                text.split(',').map(|value| Value::String(value.trim().to_owned())).collect()
            }
            Value::String(text) if text.is_empty() && pg_sql::highest_place(&self.query) == 0 => Vec::new(),
            one => vec![one.clone()],
        };
        let statements = pg_sql::statements(&self.query, &values)?;
        match statements.is_empty() {
            true => Err(NodeError::param("query", "must be more than comments")),
            false => Ok(statements),
        }
    }

    fn table(&self) -> Result<String, NodeError> {
        match (self.schema.trim(), self.table.trim()) {
            (_, "") => Err(NodeError::param("table", "must not be empty")),
            ("", table) => Ok(name(table)),
            (schema, table) => Ok(format!("{}.{}", name(schema), name(table))),
        }
    }

    /// The values that are written; what is left open is not.
    fn values(&self, item: &Item) -> Object {
        let mut values = match self.columns.mapping_mode {
            Mapping::DefineBelow => self.columns.value.clone().unwrap_or_default(),
            Mapping::AutoMapInputData => (*item.json).clone(),
        };
        if self.options.replace_empty_strings {
            let empty = values.values_mut().filter(|value| value.as_str() == Some(""));
            empty.for_each(|value| *value = Value::Null);
        }
        values
    }

    fn output(&self) -> String {
        let columns = &self.options.output_columns;
        if columns.is_empty() || columns.iter().any(|c| c == "*") { "*".to_owned() } else { names(columns) }
    }

    fn select(&self) -> Result<Vec<Statement>, NodeError> {
        let mut draft = Draft::default();
        let mut text = format!("SELECT {} FROM {}", self.output(), self.table()?);
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

    fn delete(&self) -> Result<Vec<Statement>, NodeError> {
        let (table, mut draft) = (self.table()?, Draft::default());
        let cascade = if self.options.cascade { " CASCADE" } else { "" };
        let restart = if self.restart_sequences { " RESTART IDENTITY" } else { "" };
        let text = match self.delete_command {
            DeleteCommand::Truncate => format!("TRUNCATE TABLE {table}{restart}{cascade}"),
            DeleteCommand::Drop => format!("DROP TABLE IF EXISTS {table}{cascade}"),
            DeleteCommand::Delete => format!("DELETE FROM {table}{}", self.conditions(&mut draft)?),
        };
        Ok(draft.ended(text))
    }

    fn conditions(&self, draft: &mut Draft) -> Result<String, NodeError> {
        self.conditions.text(self.combine_conditions, name, |value| draft.place(value.clone()))
    }

    fn insert(&self, values: &Object) -> Result<Vec<Statement>, NodeError> {
        let (mut draft, table) = (Draft::default(), self.table()?);
        let written = self.written(&mut draft, values);
        let skip = if self.options.skip_on_conflict { " ON CONFLICT DO NOTHING" } else { "" };
        let output = self.output();
        Ok(draft.ended(format!("INSERT INTO {table} {written}{skip} RETURNING {output}")))
    }

    fn upsert(&self, values: &Object) -> Result<Vec<Statement>, NodeError> {
        let (mut draft, table, by) = (Draft::default(), self.table()?, self.found_by(values)?);
        let written = self.written(&mut draft, values);
        let changes: Vec<String> = values
            .keys()
            .filter(|column| !by.contains(column))
            .map(|column| format!("{0} = EXCLUDED.{0}", name(column)))
            .collect();
        let change = match changes.is_empty() {
            true => "NOTHING".to_owned(),
            false => format!("UPDATE SET {}", changes.join(", ")),
        };
        let (by, output) = (names(by), self.output());
        Ok(draft.ended(format!(
            "INSERT INTO {table} {written} ON CONFLICT ({by}) DO {change} RETURNING {output}"
        )))
    }

    fn update(&self, values: &Object) -> Result<Vec<Statement>, NodeError> {
        let (mut draft, table, by) = (Draft::default(), self.table()?, self.found_by(values)?);
        let mut part = |column: &String, value: &Value| {
            let place = draft.place(value.clone());
            format!("{} = {place}", name(column))
        };
        let changes: Vec<String> =
            values.iter().filter(|(c, _)| !by.contains(c)).map(|(c, value)| part(c, value)).collect();
        if changes.is_empty() {
            let problem = "must have a value besides those by which rows are found";
            return Err(NodeError::param("columns", problem));
        }
        let conditions: Vec<String> =
            values.iter().filter(|(c, _)| by.contains(c)).map(|(c, value)| part(c, value)).collect();
        let (changes, conditions, output) = (changes.join(", "), conditions.join(" AND "), self.output());
        Ok(draft.ended(format!("UPDATE {table} SET {changes} WHERE {conditions} RETURNING {output}")))
    }

    fn written(&self, draft: &mut Draft, values: &Object) -> String {
        if values.is_empty() {
            return "DEFAULT VALUES".to_owned();
        }
        let places: Vec<String> = values.values().map(|value| draft.place(value.clone())).collect();
        format!("({}) VALUES ({})", names(values.keys()), places.join(", "))
    }

    /// The columns by which rows are found. Each needs a value: nobody means all rows by leaving it out.
    fn found_by(&self, values: &Object) -> Result<&Vec<String>, NodeError> {
        let by = &self.columns.matching_columns;
        if by.is_empty() {
            return Err(NodeError::param("columns.matchingColumns", "must name at least one column"));
        }
        match by.iter().find(|column| values.get(*column).is_none_or(Value::is_null)) {
            Some(column) => {
                Err(NodeError::param("columns", format!("must have a value for the column \"{column}\"")))
            }
            None => Ok(by),
        }
    }
}
