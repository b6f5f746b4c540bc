//! Groups of items by the values of some fields, and texts by which equal values are found.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::js;

/// A text that is the same for equal values: objects whatever the order of their keys, numbers
/// however they are written.
pub fn exact_key(value: &Value) -> String {
    let mut key = String::new();
    push_key(value, &mut key);
    key
}

fn push_key(value: &Value, key: &mut String) {
    match value {
        Value::Number(n) => key.push_str(&js::number_text(n)),
        Value::Array(list) => {
            key.push('[');
            for value in list {
                push_key(value, key);
                key.push(',');
            }
            key.push(']');
        }
        Value::Object(object) => {
            let mut names: Vec<&String> = object.keys().collect();
            names.sort_unstable();
            key.push('{');
            for name in names {
                push_key(&Value::String(name.clone()), key);
                key.push(':');
                push_key(&object[name], key);
                key.push(',');
            }
            key.push('}');
        }
        other => key.push_str(&other.to_string()),
    }
}

/// Groups within groups, one level for each field; in the order in which they came up.
pub struct Groups {
    by_text: bool,
    top: Level,
}

#[derive(Default)]
struct Level {
    items: Vec<usize>,
    groups: Vec<(Option<Value>, Level)>,
    index: HashMap<String, usize>,
}

impl Groups {
    /// With `by_text`, values are one group when they look the same as text.
    pub fn new(by_text: bool) -> Groups {
        Groups { by_text, top: Level::default() }
    }

    /// Whether no item was put into any group.
    pub fn is_empty(&self) -> bool {
        self.top.groups.is_empty() && self.top.items.is_empty()
    }

    /// Puts item `item` into the group of these values.
    pub fn add(&mut self, values: Vec<Option<Value>>, item: usize) {
        let by_text = self.by_text;
        let mut level = &mut self.top;
        for value in values {
            let value = known(value, by_text);
            let key = value.as_ref().map_or("undefined".to_owned(), exact_key);
            let at = match level.index.get(&key) {
                Some(at) => *at,
                None => {
                    level.index.insert(key, level.groups.len());
                    level.groups.push((value, Level::default()));
                    level.groups.len() - 1
                }
            };
            level = &mut level.groups[at].1;
        }
        level.items.push(item);
    }

    /// Each group with its values and items.
    pub fn flat(&self) -> Vec<(Vec<Option<Value>>, Vec<usize>)> {
        let mut out = Vec::new();
        flatten(&self.top, &mut Vec::new(), &mut out);
        out
    }

    /// An object within an object for each field.
    pub fn nested(&self, leaf: &dyn Fn(&[usize]) -> Value) -> Value {
        nest(&self.top, leaf)
    }
}

/// Lists and objects are known by their JSON.
fn known(value: Option<Value>, by_text: bool) -> Option<Value> {
    match value {
        Some(value @ (Value::Array(_) | Value::Object(_))) => Some(Value::String(value.to_string())),
        value if by_text => Some(Value::String(text_of(&value))),
        value => value,
    }
}

fn text_of(value: &Option<Value>) -> String {
    value.as_ref().map_or("undefined".to_owned(), js::text)
}

fn flatten(level: &Level, path: &mut Vec<Option<Value>>, out: &mut Vec<(Vec<Option<Value>>, Vec<usize>)>) {
    if level.groups.is_empty() {
        out.push((path.clone(), level.items.clone()));
        return;
    }
    for (value, inner) in &level.groups {
        path.push(value.clone());
        flatten(inner, path, out);
        path.pop();
    }
}

fn nest(level: &Level, leaf: &dyn Fn(&[usize]) -> Value) -> Value {
    if level.groups.is_empty() {
        return leaf(&level.items);
    }
    let groups = level.groups.iter().map(|(value, inner)| (text_of(value), nest(inner, leaf)));
    Value::Object(groups.collect::<Map<String, Value>>())
}
