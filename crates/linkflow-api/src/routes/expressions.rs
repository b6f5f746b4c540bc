//! Expressions while they are written: what they give with the items somebody looks at, and what they
//! can use.

use axum::extract::State;
use linkflow_runtime::preview::{self, GROUPS};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use crate::Api;
use crate::access::Who;
use crate::extract::Json;
use crate::problem::{Problem, Problems};
use crate::routes::List;

const EXPRESSIONS_MAX: usize = 50;
const EXPRESSION_BYTES_MAX: usize = 64 << 10;
/// Items that come along with a request, all together.
const DATA_BYTES_MAX: usize = 4 << 20;
const VALUE_BYTES_MAX: usize = 256 << 10;

/// Each evaluation takes a thread: people who type do not take them all.
static AT_WORK: Semaphore = Semaphore::const_new(4);

/// Expressions, and what they see.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Parameters as they are written: `={{ $json.name }}`.
    #[schema(min_items = 1, max_items = 50)]
    expressions: Vec<String>,
    /// Fields of the current item.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    json: Option<Map<String, Value>>,
    /// What else they see: `items` of the input, `nodes` by name with their `items`, `itemIndex`,
    /// `workflow`, `timezone`. Variables of the workspace are there by themselves.
    #[serde(default)]
    #[schema(value_type = Object)]
    context: Map<String, Value>,
}

/// What an expression gave.
#[derive(Serialize, ToSchema)]
pub struct Evaluated {
    value: Value,
    /// `string`, `number`, `boolean`, `object`, `array`, `null`, `undefined` or `date`; null for errors.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Why it gives nothing.
    error: Option<String>,
}

/// Names that expressions can use and that belong together.
#[derive(Serialize, ToSchema)]
pub struct NameGroup {
    title: String,
    /// The kind of value that has these methods; empty for names that stand alone.
    of: String,
    entries: Vec<Name>,
}

/// A name that expressions can use.
#[derive(Serialize, ToSchema)]
pub struct Name {
    /// As it is written: `chunk(size)`.
    form: String,
    name: String,
    about: String,
    example: String,
}

/// Evaluate expressions with given items
#[utoipa::path(post, path = "/api/v1/expressions/evaluate", tag = "expressions", request_body = Evaluation,
    responses((status = 200, body = List<Evaluated>), Problems))]
pub async fn evaluate(
    State(api): State<Api>,
    who: Who,
    Json(asked): Json<Evaluation>,
) -> Result<axum::Json<List<Evaluated>>, Problem> {
    check(&asked)?;
    let mut context = asked.context;
    let variables = api.store.variables(who.workspace).await?;
    context.insert("vars".to_owned(), variables.into_iter().map(|v| (v.name, json!(v.value))).collect());
    context.entry("now").or_insert_with(|| json!(api.now().0));
    let context = Value::Object(context);
    let permit = AT_WORK.acquire().await.map_err(|e| Problem::internal(&e))?;
    let work = move || {
        let _permit = permit;
        let one = |expression: &String| evaluate_one(expression, asked.json.as_ref(), &context);
        asked.expressions.iter().map(one).collect()
    };
    let items = tokio::task::spawn_blocking(work).await.map_err(|e| Problem::internal(&e))?;
    Ok(List::whole(items))
}

fn check(asked: &Evaluation) -> Result<(), Problem> {
    let n = asked.expressions.len();
    if n == 0 || n > EXPRESSIONS_MAX {
        return Err(Problem::invalid("expressions", format!("must be 1 to {EXPRESSIONS_MAX}, got {n}")));
    }
    if let Some((i, text)) =
        asked.expressions.iter().enumerate().find(|(_, text)| text.len() > EXPRESSION_BYTES_MAX)
    {
        let problem = format!("may have {EXPRESSION_BYTES_MAX} bytes, got {}", text.len());
        return Err(Problem::invalid(format!("expressions[{i}]"), problem));
    }
    let n_bytes = json!([asked.json, asked.context]).to_string().len();
    if n_bytes > DATA_BYTES_MAX {
        let problem = format!("may have {DATA_BYTES_MAX} bytes of data, got {n_bytes}; send fewer items");
        return Err(Problem::invalid("context", problem));
    }
    Ok(())
}

fn evaluate_one(expression: &str, json: Option<&Map<String, Value>>, context: &Value) -> Evaluated {
    let mut case = json!({"expression": expression, "context": context});
    if let (Some(json), Some(case)) = (json, case.as_object_mut()) {
        case.insert("json".to_owned(), Value::Object(json.clone()));
    }
    let answer = preview::evaluate(&case);
    let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
    let value = answer.get("value").cloned().unwrap_or_default();
    let n_bytes = value.to_string().len();
    if n_bytes > VALUE_BYTES_MAX {
        let error = format!("it gives {n_bytes} bytes, which is too much to be shown here");
        return Evaluated { value: Value::Null, kind: None, error: Some(error) };
    }
    Evaluated { value, kind: text("type"), error: text("error") }
}

/// List what expressions can use
#[utoipa::path(get, path = "/api/v1/expressions/names", tag = "expressions",
    responses((status = 200, body = List<NameGroup>), Problems))]
pub async fn names() -> axum::Json<List<NameGroup>> {
    let groups = GROUPS.iter().map(|group| NameGroup {
        title: group.title.to_owned(),
        of: group.of.to_owned(),
        entries: group
            .entries
            .iter()
            .map(|entry| Name {
                form: entry.form.to_owned(),
                name: entry.name().to_owned(),
                about: entry.about.to_owned(),
                example: entry.example.to_owned(),
            })
            .collect(),
    });
    List::whole(groups.collect())
}
