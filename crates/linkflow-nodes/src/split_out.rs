//! Split Out: makes an item of each element of a list.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_model::{Item, Object, Paired};
use linkflow_node::lenient;
use linkflow_node::{Ctx, Example, Input, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::paths;

pub struct SplitOut;

/// The name that stands for the item's files.
const FILES: &str = "$binary";

/// Makes an item of each element of a list.
///
/// Unlike in n8n, an element is not overwritten by its list where the list's name is among the
/// other fields as well.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Names of the fields that hold the lists; `$binary` for the item's files.
    #[serde(default, deserialize_with = "lenient::names")]
    field_to_split_out: Vec<String>,
    /// Which other fields the new items get.
    #[serde(default)]
    include: Include,
    /// Names of the other fields, for `selectedOtherFields`.
    #[serde(default, deserialize_with = "lenient::names")]
    fields_to_include: Vec<String>,
    /// Details.
    #[serde(default)]
    options: Options,
}

/// Which other fields the new items get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Include {
    /// None: an element that is an object becomes the item.
    #[serde(rename = "noOtherFields")]
    #[default]
    Nothing,
    /// All but the lists.
    #[serde(rename = "allOtherFields")]
    All,
    /// Some.
    #[serde(rename = "selectedOtherFields")]
    Selected,
}

/// Details.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether dots in names of fields are part of the name.
    #[serde(deserialize_with = "lenient::flag")]
    disable_dot_notation: bool,
    /// Names under which the elements stand in the new items, one for each list.
    #[serde(deserialize_with = "lenient::names")]
    destination_field_name: Vec<String>,
    /// Whether the new items get the files of their item.
    #[serde(deserialize_with = "lenient::flag")]
    include_binary: bool,
    /// What is no list is an error, and so is a field that is not there. For files from older
    /// versions.
    wants: Wants,
}

/// What a field must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Wants {
    /// Anything, or nothing at all.
    #[default]
    Anything,
    /// A list or an object.
    ListOrObject,
    /// A list or an object, or nothing at all.
    ListOrObjectIfAny,
    /// A list.
    List,
}

impl Node for SplitOut {
    const KIND: &'static str = "split_out";
    const SPEC: Spec = Spec {
        title: "Split Out",
        summary: "Makes an item of each element of a list.",
        aliases: &["list", "array", "split", "explode", "unwind", "items"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "One item for each line of an order",
            params: r#"{"fieldToSplitOut": "lines"}"#,
            input: r#"[{"id": 1, "lines": [{"sku": "a"}, {"sku": "b"}]}]"#,
            output: r#"[[{"sku": "a"}, {"sku": "b"}]]"#,
        },
        Example {
            title: "Keep the order's id",
            params: r#"{"fieldToSplitOut": "lines", "include": "selectedOtherFields", "fieldsToInclude": "id"}"#,
            input: r#"[{"id": 1, "n": 2, "lines": ["a", "b"]}]"#,
            output: r#"[[{"lines": "a", "id": 1}, {"lines": "b", "id": 1}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let is_written = input.part("fieldToSplitOut").is_none_or(|part| part.constant().is_some());
        let mut out = Vec::new();
        for (i, item) in input.items().iter().enumerate() {
            let items = input.params(i).and_then(|params| split(&params, item, is_written));
            let items = items.map_err(|e| e.at_item(i))?;
            out.extend(items.into_iter().map(|item| item.with_paired(Paired::to(i))));
            if out.len() > ctx.limits.items_max {
                return Err(NodeError::Limit {
                    what: "items".to_owned(),
                    limit: ctx.limits.items_max.to_string(),
                });
            }
        }
        Ok(Outcome::items(out))
    }
}

/// `is_written`: the fields are named in the parameters, and not by an expression, which may name none
/// for some of the items.
fn split(params: &Params, item: &Item, is_written: bool) -> Result<Vec<Item>, NodeError> {
    let fields: Vec<&str> =
        params.field_to_split_out.iter().map(|f| f.strip_prefix("$json.").unwrap_or(f)).collect();
    if fields.is_empty() && !is_written {
        return Ok(Vec::new());
    }
    if fields.is_empty() {
        return Err(NodeError::param("fieldToSplitOut", "must name at least one field"));
    }
    if params.include == Include::Selected && params.fields_to_include.is_empty() {
        return Err(NodeError::param("fieldsToInclude", "must name at least one field"));
    }
    let targets = &params.options.destination_field_name;
    if !targets.is_empty() && targets.len() != fields.len() {
        let problem = format!("must have {} names, one for each list, got {}", fields.len(), targets.len());
        return Err(NodeError::param("options.destinationFieldName", problem));
    }
    let base = base(params, item, &fields);
    let whole = fields.len() == 1 && params.include == Include::Nothing && targets.is_empty();
    let mut made: Vec<Item> = Vec::new();
    for (n, field) in fields.iter().enumerate() {
        if *field == FILES {
            add_files(&mut made, item, &base);
            continue;
        }
        let name = targets.get(n).map_or(*field, String::as_str);
        check_wanted(params, item, field)?;
        for (at, element) in elements(params, item, field).into_iter().enumerate() {
            if made.len() <= at {
                made.push(Item { json: base.clone(), ..Item::default() });
            }
            let json = Arc::make_mut(&mut made[at].json);
            match element {
                Value::Object(object) if whole => *json = object,
                Value::Array(list) if whole => {
                    *json = list.into_iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect();
                }
                other => {
                    json.insert(name.to_owned(), other);
                }
            }
        }
    }
    let selected = selected(params, item);
    if !selected.is_empty() {
        made.iter_mut().for_each(|m| Arc::make_mut(&mut m.json).extend(selected.clone()));
    }
    if params.options.include_binary {
        made.iter_mut().filter(|m| m.binary.is_none()).for_each(|m| m.binary = item.binary.clone());
    }
    Ok(made)
}

/// What all new items have.
fn base(params: &Params, item: &Item, fields: &[&str]) -> Arc<Object> {
    let dots = !params.options.disable_dot_notation;
    match params.include {
        Include::Nothing => Arc::default(),
        Include::All => {
            let mut json = (*item.json).clone();
            for field in fields {
                if json.shift_remove(*field).is_none() && dots {
                    paths::remove(&mut json, &paths::parse(field));
                }
            }
            Arc::new(json)
        }
        Include::Selected => Arc::default(),
    }
}

/// The fields that were chosen to stay. They win over an element of the same name.
fn selected(params: &Params, item: &Item) -> Object {
    if params.include != Include::Selected {
        return Object::new();
    }
    let dots = !params.options.disable_dot_notation;
    let names = params.fields_to_include.iter().map(|f| f.strip_prefix("$json.").unwrap_or(f));
    let field = |name: &str| Some((name.to_owned(), paths::lookup(&item.json, name, dots)?.clone()));
    names.filter_map(field).collect()
}

fn check_wanted(params: &Params, item: &Item, field: &str) -> Result<(), NodeError> {
    let found = paths::lookup(&item.json, field, !params.options.disable_dot_notation);
    match (params.options.wants, found) {
        (Wants::Anything, _) | (_, Some(Value::Array(_))) => Ok(()),
        (Wants::ListOrObject | Wants::ListOrObjectIfAny, Some(Value::Object(_))) => Ok(()),
        (Wants::ListOrObjectIfAny, None) => Ok(()),
        (_, None) => Err(NodeError::data(format!("the item has no field \"{field}\""))),
        (_, Some(other)) => Err(NodeError::data(format!(
            "the field \"{field}\" must be a list, got {}",
            lenient::show(other)
        ))),
    }
}

/// The elements of a list, the values of an object, or the one value; none where the field is not
/// there.
fn elements(params: &Params, item: &Item, field: &str) -> Vec<Value> {
    match paths::lookup(&item.json, field, !params.options.disable_dot_notation) {
        None => Vec::new(),
        Some(Value::Array(list)) => list.clone(),
        Some(Value::Object(object)) => object.values().cloned().collect(),
        Some(other) => vec![other.clone()],
    }
}

fn add_files(made: &mut Vec<Item>, item: &Item, base: &Arc<Object>) {
    let Some(files) = &item.binary else { return };
    for (at, (name, file)) in files.iter().enumerate() {
        if made.len() <= at {
            made.push(Item { json: base.clone(), ..Item::default() });
        }
        made[at].binary = Some(Arc::new(BTreeMap::from([(name.clone(), file.clone())])));
    }
}
