//! Postgres Trigger: starts the workflow with what a PostgreSQL server notifies of: rows of a table
//! that are added, changed or removed, or whatever is sent to a channel.
//!
//! For a table it makes a function and a trigger in the database, marks the function as its own, and
//! removes both when the node is no longer published. What somebody else made is never touched, unless
//! the author says so.

use std::sync::Arc;

use linkflow_model::{Item, Mode, Object};
use linkflow_node::trigger::{Ear, ListenTrigger, Trigger};
use linkflow_node::{
    BoxFuture, Category, Ctx, Effects, Example, Input, Node, NodeError, Outcome, RunInput, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_postgres::Notification;

use crate::listening;
use crate::pg_client::{CREDENTIAL, Postgres};
use crate::pg_sql::{Statement, name};
use crate::sql_params::locator;

pub struct PostgresTrigger;

/// Starts the workflow when rows of a table are added, changed or removed, or when something is sent to
/// a channel. What happens while nobody listens is not heard: PostgreSQL keeps none of it.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// What is listened to.
    trigger_mode: TriggerMode,
    /// The schema in which the table is.
    #[serde(deserialize_with = "locator")]
    schema: String,
    /// The table.
    #[serde(deserialize_with = "locator")]
    table_name: String,
    /// The channel, for `listenTrigger`.
    #[serde(deserialize_with = "lenient::text")]
    channel_name: String,
    /// What has to happen to a row.
    fires_on: FiresOn,
    /// How what is made in the database is called.
    additional_fields: Names,
    /// What is needed less often.
    options: Options,
}

/// What is listened to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TriggerMode {
    /// A table: a function and a trigger are made in the database.
    #[default]
    CreateTrigger,
    /// A channel that somebody else sends to.
    ListenTrigger,
}

/// What has to happen to a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum FiresOn {
    /// It is added.
    #[default]
    Insert,
    /// It is changed.
    Update,
    /// It is removed.
    Delete,
}

/// How what is made in the database is called. Without names it gets some that nothing else has.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Names {
    /// The channel.
    #[serde(deserialize_with = "lenient::text")]
    channel_name: String,
    /// The function.
    #[serde(deserialize_with = "lenient::text")]
    function_name: String,
    /// The trigger.
    #[serde(deserialize_with = "lenient::text")]
    trigger_name: String,
    /// Take the place of a function and a trigger of these names that somebody else made.
    #[serde(deserialize_with = "lenient::flag")]
    replace_if_exists: bool,
}

/// What is needed less often.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// How many seconds the server may take to take the call.
    #[serde(deserialize_with = "lenient::integer")]
    #[schemars(range(min = 1))]
    connection_timeout: i64,
}

impl Default for Options {
    fn default() -> Options {
        Options { connection_timeout: 30 }
    }
}

impl Node for PostgresTrigger {
    const KIND: &'static str = "postgres_trigger";
    const SPEC: Spec = Spec {
        title: "Postgres Trigger",
        summary: "Starts the workflow when rows of a PostgreSQL table change, or when something is sent to a channel.",
        category: Category::Trigger,
        aliases: &["postgresql", "listen", "notify", "channel", "row", "table", "database"],
        inputs: &[],
        effects: Effects::Outside,
        credentials: &[CREDENTIAL],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Hear of new orders",
            params: r#"{"schema": "public", "tableName": "orders", "firesOn": "INSERT"}"#,
            input: "[]",
            output: "null",
        },
        Example {
            title: "Hear what is sent to a channel",
            params: r#"{"triggerMode": "listenTrigger", "channelName": "orders"}"#,
            input: "[]",
            output: "null",
        },
    ];
    type Params = Params;

    /// By hand it waits for a notification, and leaves nothing behind.
    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let heard = listening::run(&input, ctx, listen).await;
        if ctx.mode == Mode::Manual {
            leave(input.whole().clone(), ctx).await?;
        }
        heard
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Listen(ListenTrigger { listen, leave }))
    }
}

fn listen<'a>(input: Arc<RunInput>, ctx: &'a Ctx, ear: &'a dyn Ear) -> BoxFuture<'a, Result<(), NodeError>> {
    Box::pin(async move {
        let params: Params = listening::params(&input)?;
        let (mut postgres, mut heard) = Postgres::listening(ctx, params.connect_ms()?).await?;
        let channel = match params.trigger_mode {
            TriggerMode::ListenTrigger => params.channel()?,
            TriggerMode::CreateTrigger => {
                let made = Made::of(&params, ctx)?;
                made.make(&mut postgres, &params).await?;
                made.channel
            }
        };
        postgres.plainly(&format!("LISTEN {}", name(&channel))).await?;
        ear.connected().await?;
        loop {
            let notification = postgres.next(&mut heard).await?;
            ear.heard(vec![item(&notification)]).await?;
        }
    })
}

fn leave(input: Arc<RunInput>, ctx: &Ctx) -> BoxFuture<'_, Result<(), NodeError>> {
    Box::pin(async move {
        let params: Params = listening::params(&input)?;
        if params.trigger_mode == TriggerMode::ListenTrigger {
            return Ok(());
        }
        let made = Made::of(&params, ctx)?;
        let mut postgres = Postgres::connect(ctx, params.connect_ms()?, false).await?;
        made.unmake(&mut postgres).await
    })
}

fn item(notification: &Notification) -> Item {
    let (channel, payload) = (notification.channel(), notification.payload());
    let mut json = Object::new();
    json.insert("length".to_owned(), json!(channel.len() + payload.len() + 10));
    json.insert("processId".to_owned(), json!(notification.process_id()));
    json.insert("channel".to_owned(), json!(channel));
    let payload = serde_json::from_str(payload).unwrap_or_else(|_| Value::String(payload.to_owned()));
    json.insert("payload".to_owned(), payload);
    json.insert("name".to_owned(), json!("notification"));
    Item::new(json)
}

impl Params {
    fn connect_ms(&self) -> Result<u64, NodeError> {
        match u64::try_from(self.options.connection_timeout) {
            Ok(seconds @ 1..=3_600) => Ok(seconds * 1_000),
            _ => {
                let problem = format!("must be from 1 to 3600, got {}", self.options.connection_timeout);
                Err(NodeError::param("options.connectionTimeout", problem))
            }
        }
    }

    fn channel(&self) -> Result<String, NodeError> {
        match self.channel_name.trim() {
            "" => Err(NodeError::param("channelName", "must not be empty")),
            channel => Ok(channel.to_owned()),
        }
    }
}

/// What there is in the database for a table that is listened to. Names are quoted where they are part
/// of a statement.
struct Made {
    table: String,
    function: String,
    trigger: String,
    channel: String,
    /// By which it is known whose the function is.
    mark: String,
    replaces: bool,
}

/// Rows that are larger are not sent: PostgreSQL takes 8000 bytes, and more would fail what changes the row.
const ROW_BYTES_MAX: usize = 7_900;

impl Made {
    fn of(params: &Params, ctx: &Ctx) -> Result<Made, NodeError> {
        if params.table_name.trim().is_empty() {
            return Err(NodeError::param("tableName", "must not be empty"));
        }
        let schema = if params.schema.trim().is_empty() { "public" } else { params.schema.trim() };
        let is_by_hand = ctx.mode == Mode::Manual;
        let text = format!("{}/{}/{is_by_hand}", ctx.workflow, ctx.node);
        let own = format!("linkflow_{}", &hex::encode(Sha256::digest(text.as_bytes()))[..16]);
        // A run by hand keeps out of the way of what is published.
        let or_own = |given: &str| match given.trim().trim_end_matches("()") {
            "" => own.clone(),
            _ if is_by_hand => own.clone(),
            given => given.to_owned(),
        };
        let names = &params.additional_fields;
        Ok(Made {
            table: format!("{}.{}", name(schema), name(params.table_name.trim())),
            function: dotted(&or_own(&names.function_name)),
            trigger: folded(&or_own(&names.trigger_name)),
            channel: or_own(&names.channel_name),
            mark: format!("made by Linkflow for {own}"),
            replaces: names.replace_if_exists,
        })
    }

    async fn make(&self, postgres: &mut Postgres<'_>, params: &Params) -> Result<(), NodeError> {
        postgres.plainly("BEGIN").await?;
        // Two that lead for a moment would make it at the same time.
        postgres.plainly(&format!("SELECT pg_advisory_xact_lock(hashtext({}))", quoted(&self.mark))).await?;
        if !self.replaces {
            self.check_free(postgres).await?;
        }
        postgres.plainly(&self.statements(params.fires_on)).await?;
        postgres.plainly("COMMIT").await
    }

    /// That neither the function nor the trigger is somebody else's.
    async fn check_free(&self, postgres: &mut Postgres<'_>) -> Result<(), NodeError> {
        let function = self.owner(postgres).await?;
        if function.is_some_and(|mark| mark.as_deref() != Some(&self.mark)) {
            let problem =
                format!("there is a function {} already; name another, or replace it", self.function);
            return Err(NodeError::param("additionalFields.functionName", problem));
        }
        let text = "SELECT obj_description(tgfoid, 'pg_proc') AS mark FROM pg_trigger \
                    WHERE tgrelid = to_regclass($1) AND quote_ident(tgname) = quote_ident($2)";
        let trigger = self.trigger[1..self.trigger.len() - 1].replace("\"\"", "\"");
        let found = asked(postgres, text, &[&self.table, &trigger]).await?;
        if found.is_some_and(|mark| mark.as_deref() != Some(&self.mark)) {
            let problem = format!(
                "there is a trigger {} on {} already; name another, or replace it",
                self.trigger, self.table
            );
            return Err(NodeError::param("additionalFields.triggerName", problem));
        }
        Ok(())
    }

    /// The mark of the function: nothing where there is no function, none where it has no mark.
    async fn owner(&self, postgres: &mut Postgres<'_>) -> Result<Option<Option<String>>, NodeError> {
        let text = "SELECT obj_description(oid, 'pg_proc') AS mark FROM pg_proc \
                    WHERE oid = to_regprocedure($1)";
        asked(postgres, text, &[&format!("{}()", self.function)]).await
    }

    fn statements(&self, fires_on: FiresOn) -> String {
        let Made { table, function, trigger, .. } = self;
        let (event, row) = match fires_on {
            FiresOn::Insert => ("INSERT", "NEW"),
            FiresOn::Update => ("UPDATE", "NEW"),
            FiresOn::Delete => ("DELETE", "OLD"),
        };
        let too_large = format!("{{\"omitted\": \"the row has more than {ROW_BYTES_MAX} bytes\"}}");
        let body = format!(
            "DECLARE said text := row_to_json({row})::text; BEGIN \
             IF octet_length(said) > {ROW_BYTES_MAX} THEN said := {}; END IF; \
             PERFORM pg_notify({}, said); RETURN NULL; END",
            quoted(&too_large),
            quoted(&self.channel)
        );
        format!(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS {}; \
             COMMENT ON FUNCTION {function}() IS {}; \
             DROP TRIGGER IF EXISTS {trigger} ON {table}; \
             CREATE TRIGGER {trigger} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()",
            quoted(&body),
            quoted(&self.mark)
        )
    }

    /// Removes the function if it is our own, and with it the trigger.
    async fn unmake(&self, postgres: &mut Postgres<'_>) -> Result<(), NodeError> {
        match self.owner(postgres).await? {
            Some(Some(mark)) if mark == self.mark => {
                postgres.plainly(&format!("DROP FUNCTION IF EXISTS {}() CASCADE", self.function)).await
            }
            _ => Ok(()),
        }
    }
}

/// The first row's `mark`: nothing without a row.
async fn asked(
    postgres: &mut Postgres<'_>,
    text: &str,
    values: &[&str],
) -> Result<Option<Option<String>>, NodeError> {
    let values = values.iter().map(|value| json!(value)).collect();
    let rows = postgres.run(&Statement { text: text.to_owned(), values }).await?;
    Ok(rows.first().map(|row| row.get("mark").and_then(Value::as_str).map(str::to_owned)))
}

/// A text in a statement. Without backslashes it is one whatever the server's settings are.
fn quoted(text: &str) -> String {
    let escape = if text.contains('\\') { "E" } else { "" };
    format!("{escape}'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A name as PostgreSQL takes it without quotes: in lower case, unless it has quotes.
fn folded(text: &str) -> String {
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(exact) => name(&exact.replace("\"\"", "\"")),
        None => name(&text.to_lowercase()),
    }
}

/// `schema.function`, each part quoted.
fn dotted(text: &str) -> String {
    text.split('.').map(folded).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_stay_what_they_are_in_statements() {
        assert_eq!(dotted("App.On_Order"), "\"app\".\"on_order\"");
        assert_eq!(folded("\"Exact \"\" name\""), "\"Exact \"\" name\"");
        assert_eq!(folded("x\"; drop table t; --"), "\"x\"\"; drop table t; --\"");
        assert_eq!(quoted("it's"), "'it''s'");
        assert_eq!(quoted("a\\'b"), "E'a\\\\''b'");
    }
}
