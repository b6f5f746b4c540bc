//! Aggregate: makes one item of all items.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use linkflow_model::{Binary, Item, Object, Pair, Paired};
use linkflow_node::lenient;
use linkflow_node::{Ctx, Example, Input, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::paths;

pub struct Aggregate;

/// Makes one item of all items.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Whether single fields are collected, or whole items.
    #[serde(default)]
    aggregate: What,
    /// The fields that are collected, each into a list of its own.
    #[serde(default)]
    fields_to_aggregate: Fields,
    /// Name of the field that gets the list of items.
    #[serde(default = "data", deserialize_with = "lenient::text")]
    destination_field_name: String,
    /// Which fields of the items are collected.
    #[serde(default)]
    include: Include,
    /// Names of the fields, for `specifiedFields`.
    #[serde(default, deserialize_with = "lenient::names")]
    fields_to_include: Vec<String>,
    /// Names of the fields, for `allFieldsExcept`.
    #[serde(default, deserialize_with = "lenient::names")]
    fields_to_exclude: Vec<String>,
    /// Details.
    #[serde(default)]
    options: Options,
}

fn data() -> String {
    "data".to_owned()
}

/// What is collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Single fields.
    #[default]
    AggregateIndividualFields,
    /// Whole items, in one list.
    AggregateAllItemData,
}

/// A list of fields.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fields {
    /// The fields.
    #[serde(default)]
    field_to_aggregate: Vec<Field>,
}

/// One field.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Field {
    /// Its name, or the path to it.
    #[serde(deserialize_with = "lenient::text")]
    field_to_aggregate: String,
    /// Whether the list gets another name.
    #[serde(deserialize_with = "lenient::flag")]
    rename_field: bool,
    /// Name of the list; by default the last part of the field's path.
    #[serde(deserialize_with = "lenient::text")]
    output_field_name: String,
}

/// Which fields of the items are collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Include {
    /// All of them.
    #[default]
    AllFields,
    /// Some of them.
    SpecifiedFields,
    /// All but some.
    AllFieldsExcept,
}

/// Details.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether dots in names of fields are part of the name.
    #[serde(deserialize_with = "lenient::flag")]
    disable_dot_notation: bool,
    /// Whether lists are put together into one list.
    #[serde(deserialize_with = "lenient::flag")]
    merge_lists: bool,
    /// Whether null stands for fields that are missing or null.
    #[serde(deserialize_with = "lenient::flag")]
    keep_missing: bool,
    /// Whether the item gets the files of all items.
    #[serde(deserialize_with = "lenient::flag")]
    include_binaries: bool,
    /// Whether a file with the same content is taken only once.
    #[serde(deserialize_with = "lenient::flag")]
    keep_only_unique: bool,
    /// Whether it is an error when no item has one of the fields. For files from older versions.
    #[serde(deserialize_with = "lenient::flag")]
    wants_fields: bool,
    /// Whether a list of the items is paired with the first of them alone. For files from older
    /// versions.
    #[serde(deserialize_with = "lenient::flag")]
    pairs_with_first: bool,
}

impl Node for Aggregate {
    const KIND: &'static str = "aggregate";
    const SPEC: Spec = Spec {
        title: "Aggregate",
        summary: "Makes one item of all items: lists of their fields, or a list of the items.",
        aliases: &["list", "array", "collect", "combine", "group", "implode"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Collect one field",
            params: r#"{"fieldsToAggregate": {"fieldToAggregate": [{"fieldToAggregate": "id"}]}}"#,
            input: r#"[{"id": 1}, {"id": 2}]"#,
            output: r#"[[{"id": [1, 2]}]]"#,
        },
        Example {
            title: "Collect the items",
            params: r#"{"aggregate": "aggregateAllItemData", "destinationFieldName": "all"}"#,
            input: r#"[{"id": 1}, {"id": 2}]"#,
            output: r#"[[{"all": [{"id": 1}, {"id": 2}]}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, _ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        let items = input.items();
        let mut item = match params.aggregate {
            What::AggregateIndividualFields => single_fields(&params, items)?,
            What::AggregateAllItemData if params.options.pairs_with_first => {
                whole_items(&params, items).paired_with(0)
            }
            What::AggregateAllItemData => whole_items(&params, items),
        };
        if params.options.include_binaries {
            item.binary = files_of(items, params.options.keep_only_unique);
        }
        Ok(Outcome::items(vec![item]))
    }
}

fn paired_with(indexes: impl Iterator<Item = usize>) -> Paired {
    Paired::Many(indexes.map(|i| Pair { item: i as u32, ..Pair::default() }).collect())
}

fn single_fields(params: &Params, items: &[Item]) -> Result<Item, NodeError> {
    let mut json = Object::new();
    let mut used = HashSet::new();
    for (i, field) in params.fields_to_aggregate.field_to_aggregate.iter().enumerate() {
        if field.field_to_aggregate.is_empty() {
            continue;
        }
        let name = list_name(field, &params.options);
        if !used.insert(name.clone()) {
            let place = format!("fieldsToAggregate.fieldToAggregate[{i}]");
            return Err(NodeError::param(
                place,
                format!("the name \"{name}\" is used by another list already"),
            ));
        }
        check_present(&field.field_to_aggregate, &params.options, items)?;
        let list = Value::Array(values(&field.field_to_aggregate, &params.options, items));
        if params.options.disable_dot_notation {
            json.insert(name, list);
        } else {
            paths::set(&mut json, &paths::parse(&name), list);
        }
    }
    Ok(Item::new(json).with_paired(paired_with(0..items.len())))
}

fn check_present(field: &str, options: &Options, items: &[Item]) -> Result<(), NodeError> {
    let dots = !options.disable_dot_notation;
    let is_needed = options.wants_fields && !(options.keep_missing && (dots || !field.contains('.')));
    if is_needed && items.iter().all(|item| paths::lookup(&item.json, field, dots).is_none()) {
        return Err(NodeError::data(format!("no item has a field \"{field}\"")));
    }
    Ok(())
}

fn list_name(field: &Field, options: &Options) -> String {
    if field.rename_field && !field.output_field_name.is_empty() {
        return field.output_field_name.clone();
    }
    if options.disable_dot_notation {
        return field.field_to_aggregate.clone();
    }
    field.field_to_aggregate.rsplit('.').next().unwrap_or_default().to_owned()
}

fn values(field: &str, options: &Options, items: &[Item]) -> Vec<Value> {
    let mut list = Vec::new();
    for item in items {
        match paths::lookup(&item.json, field, !options.disable_dot_notation) {
            None | Some(Value::Null) => {
                if options.keep_missing {
                    list.push(Value::Null);
                }
            }
            Some(Value::Array(inner)) if options.merge_lists => {
                list.extend(inner.iter().filter(|v| options.keep_missing || !v.is_null()).cloned());
            }
            Some(Value::Array(inner)) if !options.keep_missing => {
                list.push(inner.iter().filter(|v| !v.is_null()).cloned().collect());
            }
            Some(value) => list.push(value.clone()),
        }
    }
    list
}

fn whole_items(params: &Params, items: &[Item]) -> Item {
    let mut list = Vec::new();
    let mut from = Vec::new();
    let include = match params.include {
        Include::SpecifiedFields if params.fields_to_include.is_empty() => Include::AllFields,
        Include::AllFieldsExcept if params.fields_to_exclude.is_empty() => Include::AllFields,
        include => include,
    };
    for (i, item) in items.iter().enumerate() {
        let picked: Object = match include {
            Include::AllFields => (*item.json).clone(),
            Include::SpecifiedFields => {
                let names = params.fields_to_include.iter();
                names.filter_map(|n| Some((n.clone(), item.json.get(n)?.clone()))).collect()
            }
            Include::AllFieldsExcept => {
                let stays = |name: &String| !params.fields_to_exclude.contains(name);
                item.json.iter().filter(|(n, _)| stays(n)).map(|(n, v)| (n.clone(), v.clone())).collect()
            }
        };
        if include != Include::AllFields && picked.is_empty() {
            continue;
        }
        list.push(Value::Object(picked));
        from.push(i);
    }
    let mut json = Object::new();
    json.insert(params.destination_field_name.clone(), Value::Array(list));
    Item::new(json).with_paired(paired_with(from.into_iter()))
}

/// The files of all items; of those with the same name, the later ones get a number.
fn files_of(items: &[Item], unique: bool) -> Option<Arc<BTreeMap<String, Binary>>> {
    let mut all: BTreeMap<String, Binary> = BTreeMap::new();
    let mut seen = HashSet::new();
    for (name, file) in items.iter().filter_map(|item| item.binary.as_ref()).flat_map(|files| files.iter()) {
        if unique && !seen.insert(file.id.clone()) {
            continue;
        }
        let mut free = name.clone();
        let mut n = 0;
        while all.contains_key(&free) {
            n += 1;
            free = format!("{name}_{n}");
        }
        all.insert(free, file.clone());
    }
    (!all.is_empty()).then(|| Arc::new(all))
}
