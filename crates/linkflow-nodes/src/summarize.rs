//! Summarize: counts, adds up and collects, for all items or by groups.

use std::collections::HashSet;

use linkflow_model::{Item, Object, Pair, Paired};
use linkflow_node::lenient;
use linkflow_node::{Ctx, Example, Input, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::group::{self, Groups};
use crate::{js, paths};

pub struct Summarize;

/// Counts, adds up and collects, for all items or by groups.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// What is summed up.
    #[serde(default)]
    fields_to_summarize: Fields,
    /// Names of the fields whose values make the groups; one group of all items when empty.
    #[serde(default, deserialize_with = "lenient::names")]
    fields_to_split_by: Vec<String>,
    /// Details.
    #[serde(default)]
    options: Options,
}

/// A list of summaries.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct Fields {
    /// The summaries.
    #[serde(default)]
    values: Vec<Field>,
}

/// One summary.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Field {
    /// How the values are summed up.
    aggregation: Aggregation,
    /// Name of the field, or the path to it.
    #[serde(deserialize_with = "lenient::text")]
    field: String,
    /// Whether empty values count, for those that count, list or join.
    #[serde(deserialize_with = "lenient::flag")]
    include_empty: bool,
    /// What stands between the values, for `concatenate`; `other` for a text of your own.
    #[serde(deserialize_with = "lenient::text")]
    separate_by: String,
    /// What stands between the values, for `other`.
    #[serde(deserialize_with = "lenient::text")]
    custom_separator: String,
}

impl Default for Field {
    fn default() -> Field {
        Field {
            aggregation: Aggregation::Count,
            field: String::new(),
            include_empty: false,
            separate_by: ",".to_owned(),
            custom_separator: String::new(),
        }
    }
}

/// How values are summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Aggregation {
    /// A list of them.
    Append,
    /// Their mean; null without any number.
    Average,
    /// A text of them.
    Concatenate,
    /// How many there are.
    #[default]
    Count,
    /// How many different ones there are.
    CountUnique,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// Their sum.
    Sum,
}

impl Aggregation {
    fn prefix(self) -> &'static str {
        match self {
            Aggregation::Append => "appended_",
            Aggregation::Average => "average_",
            Aggregation::Concatenate => "concatenated_",
            Aggregation::Count => "count_",
            Aggregation::CountUnique => "unique_count_",
            Aggregation::Max => "max_",
            Aggregation::Min => "min_",
            Aggregation::Sum => "sum_",
        }
    }
}

/// Details.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether a field that no item has is summed up all the same.
    #[serde(deserialize_with = "lenient::flag")]
    continue_if_field_not_found: bool,
    /// Whether dots in names of fields are part of the name.
    #[serde(deserialize_with = "lenient::flag")]
    disable_dot_notation: bool,
    /// Whether each group becomes an item, or all of them one.
    output_format: OutputFormat,
    /// Whether items without a value for the groups are left out.
    #[serde(deserialize_with = "lenient::flag")]
    skip_empty_split_fields: bool,
    /// Whether groups are made by text, so that `"1"` and 1 are one. For files from older versions.
    #[serde(deserialize_with = "lenient::flag")]
    groups_by_text: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            continue_if_field_not_found: true,
            disable_dot_notation: false,
            output_format: OutputFormat::SeparateItems,
            skip_empty_split_fields: false,
            groups_by_text: false,
        }
    }
}

/// What groups become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OutputFormat {
    /// An item each.
    #[default]
    SeparateItems,
    /// One item with a field for each value.
    SingleItem,
}

impl Node for Summarize {
    const KIND: &'static str = "summarize";
    const SPEC: Spec = Spec {
        title: "Summarize",
        summary: "Counts, adds up and collects, for all items or by groups.",
        aliases: &["pivot", "group by", "sum", "count", "average", "total", "aggregate"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Totals by customer",
            params: r#"{"fieldsToSummarize": {"values": [{"aggregation": "sum", "field": "total"}]}, "fieldsToSplitBy": "customer"}"#,
            input: r#"[{"customer": "a", "total": 1}, {"customer": "b", "total": 2}, {"customer": "a", "total": 3}]"#,
            output: r#"[[{"sum_total": 4, "customer": "a"}, {"sum_total": 2, "customer": "b"}]]"#,
        },
        Example {
            title: "Join all names",
            params: r#"{"fieldsToSummarize": {"values": [{"aggregation": "concatenate", "field": "name", "separateBy": ", "}]}}"#,
            input: r#"[{"name": "Ada"}, {"name": ""}, {"name": "Bo"}]"#,
            output: r#"[[{"concatenated_name": "Ada, Bo"}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, _ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        let items = input.items();
        let fields: Vec<&Field> =
            params.fields_to_summarize.values.iter().filter(|f| !f.field.is_empty()).collect();
        if fields.is_empty() {
            return Err(NodeError::param("fieldsToSummarize", "must name at least one field"));
        }
        check_fields(&params.options, &fields, items)?;
        let groups = grouped(&params, items);
        if !params.fields_to_split_by.is_empty() && groups.is_empty() {
            let all: Vec<usize> = (0..items.len()).collect();
            let single = params.options.output_format == OutputFormat::SingleItem;
            let none = Item::default().with_paired(pairs(&all));
            return Ok(Outcome::items(if single { vec![none] } else { Vec::new() }));
        }
        let summary = |of: &[usize]| summary(&params.options, &fields, items, of);
        Ok(Outcome::items(match params.options.output_format {
            OutputFormat::SingleItem => {
                let json = groups.nested(&|of| Value::Object(summary(of)));
                let all: Vec<usize> = (0..items.len()).collect();
                vec![Item::from_value(json).with_paired(pairs(&all))]
            }
            OutputFormat::SeparateItems => {
                let item = |(key, of): (Vec<Option<Value>>, Vec<usize>)| {
                    let mut json = summary(&of);
                    let named = params.fields_to_split_by.iter().zip(key);
                    json.extend(named.filter_map(|(name, value)| Some((plain_name(name), value?))));
                    Item::new(json).with_paired(pairs(&of))
                };
                groups.flat().into_iter().map(item).collect()
            }
        }))
    }
}

fn grouped(params: &Params, items: &[Item]) -> Groups {
    let options = &params.options;
    let mut groups = Groups::new(options.groups_by_text);
    for (i, item) in items.iter().enumerate() {
        let value = |field: &String| paths::lookup(&item.json, field, !options.disable_dot_notation).cloned();
        let key: Vec<Option<Value>> = params.fields_to_split_by.iter().map(value).collect();
        // Made by text, a missing value is the text "undefined", which is not empty.
        let skips = options.skip_empty_split_fields && !options.groups_by_text;
        if !(skips && key.iter().any(is_nothing)) {
            groups.add(key, i);
        }
    }
    groups
}

fn pairs(of: &[usize]) -> Paired {
    Paired::Many(of.iter().map(|i| Pair { item: *i as u32, ..Pair::default() }).collect())
}

fn is_nothing(value: &Option<Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(value) => value.as_str() == Some(""),
    }
}

/// A name without dots, blanks and brackets.
fn plain_name(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '[' | ']' | '"' | '\''))
        .map(|c| if matches!(c, '.' | ' ') { '_' } else { c })
        .collect()
}

fn check_fields(options: &Options, fields: &[&Field], items: &[Item]) -> Result<(), NodeError> {
    if options.continue_if_field_not_found {
        return Ok(());
    }
    let dots = !options.disable_dot_notation;
    match fields.iter().find(|f| items.iter().all(|i| paths::lookup(&i.json, &f.field, dots).is_none())) {
        None => Ok(()),
        Some(field) => {
            Err(NodeError::param("fieldsToSummarize", format!("no item has a field \"{}\"", field.field)))
        }
    }
}

fn summary(options: &Options, fields: &[&Field], items: &[Item], of: &[usize]) -> Object {
    let dots = !options.disable_dot_notation;
    let mut json = Object::new();
    for field in fields {
        let values = of.iter().map(|i| paths::lookup(&items[*i].json, &field.field, dots));
        let name = format!("{}{}", field.aggregation.prefix(), plain_name(&field.field));
        json.insert(name, aggregated(field, values));
    }
    json
}

fn aggregated<'v>(field: &Field, values: impl Iterator<Item = Option<&'v Value>>) -> Value {
    let empty = |v: &Value| v.is_null() || v.as_str() == Some("");
    let counts_empty = field.include_empty
        && matches!(
            field.aggregation,
            Aggregation::Append | Aggregation::Concatenate | Aggregation::Count | Aggregation::CountUnique
        );
    let all: Vec<Option<&Value>> = values.filter(|v| counts_empty || v.is_some_and(|v| !empty(v))).collect();
    let there = || all.iter().copied().flatten();
    let numbers = || there().filter_map(Value::as_f64);
    match field.aggregation {
        Aggregation::Append => all.iter().map(|v| v.cloned().unwrap_or(Value::Null)).collect(),
        Aggregation::Count => Value::from(all.len()),
        Aggregation::CountUnique => {
            let key = |v: &Option<&Value>| v.map_or("undefined".to_owned(), group::exact_key);
            Value::from(all.iter().map(key).collect::<HashSet<String>>().len())
        }
        Aggregation::Concatenate => {
            let separator =
                if field.separate_by == "other" { &field.custom_separator } else { &field.separate_by };
            let text = |v: &Option<&Value>| v.map_or("undefined".to_owned(), joined);
            Value::String(all.iter().map(text).collect::<Vec<_>>().join(separator))
        }
        Aggregation::Sum => js::number_value(numbers().sum()),
        Aggregation::Average => match numbers().count() {
            0 => Value::Null,
            n => js::number_value(numbers().sum::<f64>() / n as f64),
        },
        Aggregation::Max => best(there(), |candidate, best| js::less(best, candidate)),
        Aggregation::Min => best(there(), js::less),
    }
}

fn joined(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => value.to_string(),
        other => js::text(other),
    }
}

/// The first value than which no other is better.
fn best<'v>(all: impl Iterator<Item = &'v Value>, is_better: impl Fn(&Value, &Value) -> bool) -> Value {
    all.reduce(|best, candidate| if is_better(candidate, best) { candidate } else { best })
        .cloned()
        .unwrap_or(Value::Null)
}
