//! Which items of two lists belong together, by the values of their fields.

use std::collections::HashMap;
use std::sync::Arc;

use linkflow_model::{Item, Pair, Paired};
use linkflow_node::{NodeError, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{group, js, paths};

/// An item, and where it came from.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub input: usize,
    pub index: usize,
    pub item: &'a Item,
}

impl<'a> Entry<'a> {
    pub fn all(inputs: &[&'a [Item]], input: usize) -> Vec<Entry<'a>> {
        inputs[input].iter().enumerate().map(|(index, item)| Entry { input, index, item }).collect()
    }

    pub fn pair(&self) -> Pair {
        Pair { item: self.index as u32, input: self.input as u32, source: None }
    }

    /// The item with the number of its input behind each name.
    pub fn suffixed(&self) -> Item {
        let suffixed =
            |(name, value): (&String, &Value)| (format!("{name}_{}", self.input + 1), value.clone());
        Item { json: Arc::new(self.item.json.iter().map(suffixed).collect()), ..self.alone() }
    }

    /// The item as it is.
    pub fn alone(&self) -> Item {
        self.item.clone().with_paired(Paired::One(self.pair()))
    }

    pub fn with_source(&self) -> Item {
        let mut json = (*self.item.json).clone();
        json.insert("_source".to_owned(), Value::String(format!("input{}", self.input + 1)));
        Item { json: Arc::new(json), ..self.alone() }
    }
}

/// Pairs of fields.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct FieldPairs {
    /// The pairs.
    pub values: Vec<FieldPair>,
}

/// Two fields that have to be equal.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct FieldPair {
    /// Name of the field in the first input.
    #[serde(deserialize_with = "lenient::text")]
    pub field1: String,
    /// Name of the field in the second input.
    #[serde(deserialize_with = "lenient::text")]
    pub field2: String,
}

impl FieldPairs {
    /// The pairs that name both fields; an error where there is none.
    pub fn named(&self, param: &str) -> Result<Vec<(String, String)>, NodeError> {
        let pairs = self.values.iter().filter(|p| !p.field1.is_empty() && !p.field2.is_empty());
        let pairs: Vec<_> = pairs.map(|p| (p.field1.clone(), p.field2.clone())).collect();
        if pairs.is_empty() {
            let problem = "must name at least one field by which items belong together";
            return Err(NodeError::param(param, problem));
        }
        Ok(pairs)
    }
}

/// How values are compared.
#[derive(Clone, Copy, Debug)]
pub struct Match {
    /// Whether a dot in a name leads into an object.
    pub dots: bool,
    /// Whether values of different types can be equal.
    pub fuzzy: bool,
    /// Whether a field that is not there is null, on the right.
    pub missing_is_null: bool,
    pub multiple: Multiple,
}

/// Which counterparts are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Multiple {
    /// All of them.
    #[default]
    All,
    /// The first.
    First,
    /// The last. For files from older versions.
    Last,
}

/// Which items of two inputs belong together.
pub struct Join<'a> {
    /// Each item of input 1 that has counterparts, with them.
    pub matched: Vec<(Entry<'a>, Vec<Entry<'a>>)>,
    /// Items of input 2 that have counterparts, in their own order.
    pub matched2: Vec<Entry<'a>>,
    pub unmatched1: Vec<Entry<'a>>,
    pub unmatched2: Vec<Entry<'a>>,
}

/// Finds for each item of the left its counterparts on the right. `fields` are pairs of names.
pub fn joined<'a>(
    left: &[Entry<'a>],
    right: Vec<Entry<'a>>,
    fields: &[(String, String)],
    how: Match,
) -> Join<'a> {
    let left_names: Vec<&str> = fields.iter().map(|(left, _)| left.as_str()).collect();
    let right_names: Vec<&str> = fields.iter().map(|(_, right)| right.as_str()).collect();
    let mut by_key: HashMap<String, Vec<(usize, Vec<&'a Value>)>> = HashMap::new();
    for (at, entry) in right.iter().enumerate() {
        if let Some(values) = values_of(entry.item, &right_names, how.dots, how.missing_is_null) {
            by_key.entry(rough_key(&values, how.fuzzy)).or_default().push((at, values));
        }
    }
    let mut join =
        Join { matched: Vec::new(), matched2: Vec::new(), unmatched1: Vec::new(), unmatched2: Vec::new() };
    let mut has_match = vec![false; right.len()];
    for entry in left {
        let others = match values_of(entry.item, &left_names, how.dots, false) {
            Some(values) => counterparts(&values, by_key.get(&rough_key(&values, how.fuzzy)), how),
            None => Vec::new(),
        };
        others.iter().for_each(|at| has_match[*at] = true);
        match others.is_empty() {
            true => join.unmatched1.push(*entry),
            false => join.matched.push((*entry, others.into_iter().map(|at| right[at]).collect())),
        }
    }
    let (matched, unmatched) = right.into_iter().enumerate().partition::<Vec<_>, _>(|(at, _)| has_match[*at]);
    join.matched2 = matched.into_iter().map(|(_, entry)| entry).collect();
    join.unmatched2 = unmatched.into_iter().map(|(_, entry)| entry).collect();
    join
}

fn counterparts(values: &[&Value], candidates: Option<&Vec<(usize, Vec<&Value>)>>, how: Match) -> Vec<usize> {
    let same = |theirs: &[&Value]| !how.fuzzy || values.iter().zip(theirs).all(|(a, b)| fuzzy_equal(a, b));
    let mut found = candidates.into_iter().flatten().filter(|(_, theirs)| same(theirs)).map(|(at, _)| *at);
    match how.multiple {
        Multiple::All => found.collect(),
        Multiple::First => found.take(1).collect(),
        Multiple::Last => found.next_back().into_iter().collect(),
    }
}

/// The values of all fields; `None` where one is not there, because nothing matches that, unless it
/// is taken for null.
fn values_of<'a>(
    item: &'a Item,
    names: &[&str],
    dots: bool,
    missing_is_null: bool,
) -> Option<Vec<&'a Value>> {
    const NULL: &Value = &Value::Null;
    let missing = missing_is_null.then_some(NULL);
    names.iter().map(|name| paths::lookup(&item.json, name, dots).or(missing)).collect()
}

/// Checks that each field is there in at least one item of its input.
pub fn check_present(entries: &[Entry<'_>], fields: &[&str], dots: bool) -> Result<(), NodeError> {
    let is_missing = |name: &&&str| entries.iter().all(|e| paths::lookup(&e.item.json, name, dots).is_none());
    match fields.iter().find(is_missing) {
        None => Ok(()),
        Some(name) => Err(NodeError::param(
            "mergeByFields",
            format!("no item of one of the inputs has a field \"{name}\""),
        )),
    }
}

/// A text that is the same for values that are equal.
fn rough_key(values: &[&Value], fuzzy: bool) -> String {
    let mut key = String::new();
    for value in values {
        if fuzzy {
            rough_value(value, &mut key)
        } else {
            key.push_str(&group::exact_key(value))
        }
        key.push('\u{1f}');
    }
    key
}

fn rough_value(value: &Value, key: &mut String) {
    match fuzzy_text(value).as_str() {
        "true" | "1" => key.push_str("true"),
        "false" | "0" => key.push_str("false"),
        text => key.push_str(text),
    }
}

/// Nothing and what is empty are one; lists and objects are their JSON.
fn fuzzy_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(list) if list.is_empty() => String::new(),
        Value::Object(object) if object.is_empty() => String::new(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
        other => js::text(other),
    }
}

/// Not transitive: true is 1 and "true", but 1 is not "true".
pub fn fuzzy_equal(a: &Value, b: &Value) -> bool {
    let (a_text, b_text) = (fuzzy_text(a), fuzzy_text(b));
    let bool_and = |a: &Value, other: &str| match a {
        Value::Bool(true) => matches!(other, "true" | "1"),
        Value::Bool(false) => matches!(other, "false" | "0"),
        _ => false,
    };
    a_text == b_text || bool_and(a, &b_text) || bool_and(b, &a_text)
}
