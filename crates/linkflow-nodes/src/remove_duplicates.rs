//! Remove Duplicates: leaves out items that were there before, in this list or in earlier
//! executions.

use std::collections::HashSet;
use std::sync::Arc;

use linkflow_model::{Item, Object, OnError};
use linkflow_node::lenient::{self, show};
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Ports, Requires, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::conditions::evaluate;
use crate::{dates, group, js, paths};

pub struct RemoveDuplicates;

/// Most values that are remembered between executions.
const HISTORY_MAX: usize = 100_000;

/// Leaves out items that were there before, in this list or in earlier executions.
///
/// Unlike in n8n, lists of different lengths are different values instead of an error, and items
/// that are cut to the compared fields stay paired with the items they were made of, unless the
/// workflow comes from there.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Where duplicates are looked for.
    #[serde(default)]
    operation: Operation,
    /// Which fields have to be equal.
    #[serde(default)]
    compare: Compare,
    /// Names of the fields, for `selectedFields`.
    #[serde(default, deserialize_with = "lenient::names")]
    fields_to_compare: Vec<String>,
    /// Names of the fields that make no difference, for `allFieldsExcept`.
    #[serde(default, deserialize_with = "lenient::names")]
    fields_to_exclude: Vec<String>,
    /// What is remembered between executions.
    #[serde(default)]
    logic: Logic,
    /// The value by which an item is known again.
    #[serde(default)]
    dedupe_value: Value,
    /// A number that grows from item to item; items up to the largest one so far are left out.
    #[serde(default)]
    incremental_dedupe_value: Value,
    /// A date; items up to the latest one so far are left out.
    #[serde(default)]
    date_dedupe_value: Value,
    /// Details.
    #[serde(default)]
    options: Options,
}

/// Where duplicates are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Among the items of this run.
    #[default]
    RemoveDuplicateInputItems,
    /// Among the items of earlier executions.
    RemoveItemsSeenInPreviousExecutions,
    /// Forgets the items of earlier executions.
    ClearDeduplicationHistory,
}

/// Which fields have to be equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Compare {
    /// All of them.
    #[default]
    AllFields,
    /// All but some.
    AllFieldsExcept,
    /// Some of them.
    SelectedFields,
}

/// What is remembered between executions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Logic {
    /// The values of the latest items.
    #[serde(rename = "removeItemsWithAlreadySeenKeyValues")]
    #[default]
    SeenValues,
    /// The largest number.
    #[serde(rename = "removeItemsUpToStoredIncrementalKey")]
    UpToNumber,
    /// The latest date.
    #[serde(rename = "removeItemsUpToStoredDate")]
    UpToDate,
}

/// Details.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether dots in names of fields are part of the name.
    #[serde(deserialize_with = "lenient::flag")]
    disable_dot_notation: bool,
    /// Whether only the compared fields are kept.
    #[serde(deserialize_with = "lenient::flag")]
    remove_other_fields: bool,
    /// Whether items that are cut to the compared fields are paired by their order, whatever they were
    /// made of. For files from n8n.
    #[serde(deserialize_with = "lenient::flag")]
    pairs_by_order: bool,
    /// Whether the node fails as a whole where it goes on after errors, instead of giving one item with
    /// the error. For files from older versions.
    #[serde(deserialize_with = "lenient::flag")]
    fails_as_a_whole: bool,
    /// Who shares the memory: this node alone, or all such nodes of the workflow.
    scope: Scope,
    /// How many values are remembered.
    #[serde(deserialize_with = "lenient::integer")]
    #[schemars(range(min = 1, max = 100000))]
    history_size: i64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            disable_dot_notation: false,
            remove_other_fields: false,
            pairs_by_order: false,
            fails_as_a_whole: false,
            scope: Scope::Node,
            history_size: 10_000,
        }
    }
}

/// Who shares the memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// This node alone.
    #[default]
    Node,
    /// All such nodes of the workflow.
    Workflow,
}

impl Node for RemoveDuplicates {
    const KIND: &'static str = "remove_duplicates";
    const SPEC: Spec = Spec {
        title: "Remove Duplicates",
        summary: "Leaves out items that were there before, in this list or in earlier executions.",
        category: Category::Data,
        aliases: &["dedupe", "unique", "distinct", "seen", "new items"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Keep one item for each mail address",
            params: r#"{"compare": "selectedFields", "fieldsToCompare": "mail"}"#,
            input: r#"[{"mail": "a", "n": 1}, {"mail": "b", "n": 2}, {"mail": "a", "n": 3}]"#,
            output: r#"[[{"mail": "a", "n": 1}, {"mail": "b", "n": 2}]]"#,
        },
        Example {
            title: "Keep what differs in anything but the time",
            params: r#"{"compare": "allFieldsExcept", "fieldsToExclude": "at"}"#,
            input: r#"[{"id": 1, "at": 1}, {"id": 1, "at": 2}]"#,
            output: r#"[[{"id": 1, "at": 1}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        match params.operation {
            Operation::RemoveDuplicateInputItems => {
                let found = among_input(&params, input.items());
                let goes_on = ctx.on_error != OnError::Stop && !params.options.fails_as_a_whole;
                found
                    .or_else(|error| if goes_on { Ok(vec![failed(&error)]) } else { Err(error) })
                    .map(Outcome::items)
            }
            Operation::RemoveItemsSeenInPreviousExecutions => before(&params, &input, ctx).await,
            Operation::ClearDeduplicationHistory => {
                ctx.host.keep(&memory(&params, ctx), Value::Null).await?;
                let items = input.items().iter().enumerate();
                Ok(Outcome::items(items.map(|(i, item)| item.clone().paired_with(i)).collect()))
            }
        }
    }

    fn ports(params: &Object) -> Ports {
        let two =
            params.get("operation").and_then(Value::as_str) == Some("removeItemsSeenInPreviousExecutions");
        let outputs: &[&str] = if two { &["kept", "discarded"] } else { &["main"] };
        Ports {
            inputs: vec!["main".to_owned()],
            outputs: outputs.iter().map(|s| (*s).to_owned()).collect(),
            requires: Requires::Any,
        }
    }
}

/// What comes out in place of all items.
fn failed(error: &NodeError) -> Item {
    let text = Value::String(error.to_string());
    let error = Value::Object(Object::from_iter([("message".to_owned(), text.clone())]));
    Item { error: Some(Arc::new(error)), ..Item::new(Object::from_iter([("error".to_owned(), text)])) }
}

fn among_input(params: &Params, items: &[Item]) -> Result<Vec<Item>, NodeError> {
    let fields = compared_fields(params, items)?;
    let dots = !params.options.disable_dot_notation;
    let rows: Vec<Object>;
    let flat: Vec<&Object> = if params.compare == Compare::SelectedFields {
        items.iter().map(|i| &*i.json).collect()
    } else {
        rows = items.iter().map(|i| if dots { flattened(&i.json) } else { (*i.json).clone() }).collect();
        rows.iter().collect()
    };
    let mut seen = HashSet::new();
    let mut types: Vec<Option<&'static str>> = vec![None; fields.len()];
    let mut out = Vec::new();
    for (i, row) in flat.iter().enumerate() {
        let mut key = String::new();
        let mut values = Vec::with_capacity(fields.len());
        for (field, of) in fields.iter().zip(&mut types) {
            let value = paths::lookup(row, field, dots).ok_or_else(|| missing(field).at_item(i))?;
            check_type(field, value, of).map_err(|e| e.at_item(i))?;
            key.push_str(&group::exact_key(value));
            key.push('\u{1f}');
            values.push(value);
        }
        if seen.insert(key) {
            let options = &params.options;
            let pair = if options.remove_other_fields && options.pairs_by_order { out.len() } else { i };
            let item = items[i].clone().paired_with(pair);
            out.push(if options.remove_other_fields { only(item, &fields, &values, dots) } else { item });
        }
    }
    Ok(out)
}

fn missing(field: &str) -> NodeError {
    NodeError::data(format!(
        "the field \"{field}\" is missing from some items; compare only fields that all items have"
    ))
}

fn compared_fields(params: &Params, items: &[Item]) -> Result<Vec<String>, NodeError> {
    if params.compare == Compare::SelectedFields {
        if params.fields_to_compare.is_empty() {
            return Err(NodeError::param("fieldsToCompare", "must name at least one field"));
        }
        return Ok(params.fields_to_compare.clone());
    }
    let excluded = match params.compare {
        Compare::AllFieldsExcept if params.fields_to_exclude.is_empty() => {
            return Err(NodeError::param("fieldsToExclude", "must name at least one field"));
        }
        Compare::AllFieldsExcept => &params.fields_to_exclude[..],
        _ => &[],
    };
    let mut fields: indexmap::IndexSet<String> = indexmap::IndexSet::new();
    // As in n8n: where some are excluded, those of the first item are compared, and no others.
    let only_first = params.compare == Compare::AllFieldsExcept && !params.options.disable_dot_notation;
    for item in if only_first { &items[..items.len().min(1)] } else { items } {
        let row =
            if params.options.disable_dot_notation { (*item.json).clone() } else { flattened(&item.json) };
        fields.extend(row.into_iter().map(|(name, _)| name));
    }
    Ok(fields.into_iter().filter(|f| !excluded.contains(f)).collect())
}

/// `{"a": {"b": 1}}` as `{"a.b": 1}`; lists stay whole.
fn flattened(object: &Object) -> Object {
    fn add(prefix: &str, object: &Object, out: &mut Object) {
        for (name, value) in object {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                Value::Object(inner) if !inner.is_empty() => add(&path, inner, out),
                other => {
                    out.insert(path, other.clone());
                }
            }
        }
    }
    let mut out = Object::new();
    add("", object, &mut out);
    out
}

/// Values of different types are never duplicates by mistake: they are an error. Null goes with
/// every type.
fn check_type(field: &str, value: &Value, of: &mut Option<&'static str>) -> Result<(), NodeError> {
    let found = match value {
        Value::Null => return Ok(()),
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) | Value::Object(_) => "object",
    };
    match of.replace(found) {
        Some(before) if before != found => {
            Err(NodeError::data(format!("the field \"{field}\" is of different types: {before} and {found}")))
        }
        _ => Ok(()),
    }
}

fn only(item: Item, fields: &[String], values: &[&Value], dots: bool) -> Item {
    let mut json = Object::new();
    for (field, value) in fields.iter().zip(values) {
        if dots {
            paths::set(&mut json, &paths::parse(field), (*value).clone());
        } else {
            json.insert(field.clone(), (*value).clone());
        }
    }
    Item { json: Arc::new(json), binary: None, ..item }
}

fn memory(params: &Params, ctx: &Ctx) -> String {
    match params.options.scope {
        Scope::Node => format!("dedupe:node:{}", ctx.node),
        Scope::Workflow => "dedupe:workflow".to_owned(),
    }
}

/// Leaves out what earlier executions have seen, and remembers what this one sees.
async fn before(params: &Params, input: &Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
    let memory = memory(params, ctx);
    let kept = ctx.host.kept(&memory).await?.unwrap_or(Value::Null);
    let mut past = Past::read(params, &kept, &ctx.idempotency_key(0));
    let (mut new, mut known) = (Vec::new(), Vec::new());
    for (i, item) in input.items().iter().enumerate() {
        let is_new = value_of(params, input, i, ctx).map(|value| past.is_new(value));
        let item = item.clone().paired_with(i);
        match is_new {
            Ok(true) => new.push(item),
            Ok(false) => known.push(item),
            Err(error) => new.push(ctx.failed_item(error, i)?),
        }
    }
    ctx.host.keep(&memory, past.write(&ctx.idempotency_key(0))).await?;
    Ok(Outcome::ports(vec![new, known]))
}

/// By what an item is known again.
enum Mark {
    Text(String),
    Number(f64),
}

fn value_of(params: &Params, input: &Input<Params>, item: usize, ctx: &Ctx) -> Result<Mark, NodeError> {
    let name = match params.logic {
        Logic::SeenValues => "dedupeValue",
        Logic::UpToNumber => "incrementalDedupeValue",
        Logic::UpToDate => "dateDedupeValue",
    };
    let value = match input.part(name) {
        Some(part) => evaluate(part, input.whole(), item).map_err(|e| e.inside(name))?.into_json(),
        None => Value::Null,
    };
    let wrong = |wanted: &str| NodeError::param(name, format!("must be {wanted}, got {}", show(&value)));
    match params.logic {
        Logic::SeenValues => match &value {
            Value::Null => Err(wrong("a value by which the item is known again")),
            value => Ok(Mark::Text(hash(value))),
        },
        Logic::UpToNumber => lenient::as_number(&value).map(Mark::Number).ok_or_else(|| wrong("a number")),
        Logic::UpToDate => {
            let ms = value.as_str().and_then(|t| dates::parse_ms(t, &dates::zone(&ctx.timezone)));
            ms.map(|ms| Mark::Number(ms as f64)).ok_or_else(|| wrong("a date"))
        }
    }
}

fn hash(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => group::exact_key(other),
    };
    hex::encode(&Sha256::digest(text.as_bytes())[..12])
}

/// What earlier executions have seen.
///
/// With it is kept what the latest run has added: when a run is repeated because its end was never
/// written down, it must not take its own items for known ones.
enum Past {
    Values {
        seen: indexmap::IndexSet<String>,
        n_before: usize,
        size: usize,
    },
    /// The largest number before this run, and so far.
    UpTo {
        before: Option<f64>,
        now: Option<f64>,
    },
}

impl Past {
    fn read(params: &Params, kept: &Value, this_run: &str) -> Past {
        let is_repeated = kept.get("run").and_then(Value::as_str) == Some(this_run);
        if params.logic != Logic::SeenValues {
            let field = if is_repeated { "upToBefore" } else { "upTo" };
            let before = kept.get(field).and_then(Value::as_f64);
            return Past::UpTo { before, now: before };
        }
        let list = kept.get("values").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let added = kept.get("added").and_then(Value::as_u64).unwrap_or(0) as usize;
        let n = if is_repeated { list.len().saturating_sub(added) } else { list.len() };
        let seen: indexmap::IndexSet<String> =
            list[..n].iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let size = usize::try_from(params.options.history_size).unwrap_or(1).clamp(1, HISTORY_MAX);
        Past::Values { n_before: seen.len(), seen, size }
    }

    fn is_new(&mut self, mark: Mark) -> bool {
        match (self, mark) {
            (Past::Values { seen, .. }, Mark::Text(text)) => seen.insert(text),
            (Past::UpTo { before, now }, Mark::Number(number)) => {
                *now = Some(now.map_or(number, |n: f64| n.max(number)));
                before.is_none_or(|before| number > before)
            }
            _ => true,
        }
    }

    fn write(self, this_run: &str) -> Value {
        match self {
            Past::Values { seen, n_before, size } => {
                let added = (seen.len() - n_before).min(size);
                let oldest = seen.len().saturating_sub(size);
                let values: Vec<String> = seen.into_iter().skip(oldest).collect();
                json!({ "values": values, "run": this_run, "added": added })
            }
            Past::UpTo { before, now } => {
                let number = |n: Option<f64>| n.map(js::number_value);
                json!({ "upTo": number(now), "upToBefore": number(before), "run": this_run })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkflow_node::testing::{TestHost, ctx, input, items};
    use linkflow_node::{NodeKind, Outcome};

    /// How many items come out of each output in run `n`.
    async fn run(host: &Arc<TestHost>, n: u32, params: Value, given: Value) -> Vec<usize> {
        let dir = tempfile::tempdir().unwrap();
        let kind = NodeKind::of::<RemoveDuplicates>();
        let mut ctx = ctx(dir.path(), host.clone());
        ctx.run = n;
        match kind.run(input(&params, vec![items(&given)]), &ctx).await.unwrap() {
            Outcome::Items(out) => out.ports.iter().map(Vec::len).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_an_earlier_execution_has_seen_is_discarded() {
        let host = Arc::new(TestHost::default());
        let seen =
            |value: Value| json!({"operation": "removeItemsSeenInPreviousExecutions", "dedupeValue": value});
        assert_eq!(run(&host, 0, seen(json!("a")), json!([{}, {}])).await, [1, 1]);
        assert_eq!(run(&host, 1, seen(json!("a")), json!([{}])).await, [0, 1]);
        assert_eq!(run(&host, 2, seen(json!("b")), json!([{}])).await, [1, 0]);
        assert_eq!(run(&host, 3, json!({"operation": "clearDeduplicationHistory"}), json!([{}])).await, [1]);
        assert_eq!(run(&host, 4, seen(json!("a")), json!([{}])).await, [1, 0]);
    }

    #[tokio::test]
    async fn dates_up_to_the_latest_are_discarded() {
        let host = Arc::new(TestHost::default());
        let upto = |date: &str| {
            json!({"operation": "removeItemsSeenInPreviousExecutions",
                "logic": "removeItemsUpToStoredDate", "dateDedupeValue": date})
        };
        assert_eq!(run(&host, 0, upto("2024-01-02"), json!([{}, {}])).await, [2, 0]);
        assert_eq!(run(&host, 1, upto("2024-01-02"), json!([{}])).await, [0, 1]);
        assert_eq!(run(&host, 2, upto("2024-01-03"), json!([{}])).await, [1, 0]);
    }

    #[tokio::test]
    async fn a_run_that_is_repeated_does_not_know_its_own_items() {
        let host = Arc::new(TestHost::default());
        let seen = json!({"operation": "removeItemsSeenInPreviousExecutions", "dedupeValue": "a"});
        assert_eq!(run(&host, 0, seen.clone(), json!([{}])).await, [1, 0]);
        assert_eq!(run(&host, 0, seen.clone(), json!([{}])).await, [1, 0]);
        assert_eq!(run(&host, 1, seen, json!([{}])).await, [0, 1]);
    }
}
