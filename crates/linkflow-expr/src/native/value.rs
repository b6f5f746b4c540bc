//! A value while an expression is evaluated; borrowed from the items wherever possible.

use std::borrow::Cow;

use linkflow_model::{Item, Object};
use serde_json::Value;

use super::number;
use crate::Resolved;

#[derive(Debug, Clone)]
pub(crate) enum Val<'a> {
    Undefined,
    Null,
    Bool(bool),
    Num(f64),
    /// An integer that JavaScript cannot hold: kept as it is, and left alone.
    Big(&'a Value),
    Text(Cow<'a, str>),
    Array(Cow<'a, [Value]>),
    Object(Cow<'a, Object>),
    Item(&'a Item),
    Items(&'a [Item]),
}

impl<'a> Val<'a> {
    pub fn of(value: &'a Value) -> Val<'a> {
        match value {
            Value::Null => Val::Null,
            Value::Bool(b) => Val::Bool(*b),
            Value::Number(n) => match n.as_f64() {
                Some(f) if n.is_f64() || f.abs() < number::SAFE_MAX => Val::Num(f),
                _ => Val::Big(value),
            },
            Value::String(s) => Val::Text(Cow::Borrowed(s)),
            Value::Array(a) => Val::Array(Cow::Borrowed(a)),
            Value::Object(o) => Val::Object(Cow::Borrowed(o)),
        }
    }

    pub fn owned(value: Value) -> Val<'a> {
        match value {
            Value::Null => Val::Null,
            Value::Bool(b) => Val::Bool(b),
            Value::Number(n) => Val::Num(n.as_f64().unwrap_or(f64::NAN)),
            Value::String(s) => Val::Text(Cow::Owned(s)),
            Value::Array(a) => Val::Array(Cow::Owned(a)),
            Value::Object(o) => Val::Object(Cow::Owned(o)),
        }
    }

    pub fn text(text: impl Into<Cow<'a, str>>) -> Val<'a> {
        Val::Text(text.into())
    }

    pub fn is_nullish(&self) -> bool {
        matches!(self, Val::Undefined | Val::Null)
    }

    pub fn is_truthy(&self) -> bool {
        match self {
            Val::Undefined | Val::Null => false,
            Val::Bool(b) => *b,
            #[cfg(test)]
            Val::Num(0.0) if super::planted::has(super::planted::Bug::Zero) => true,
            Val::Num(n) => *n != 0.0 && !n.is_nan(),
            Val::Text(t) => !t.is_empty(),
            _ => true,
        }
    }

    pub fn into_resolved(self) -> Resolved {
        match self {
            Val::Undefined => Resolved::Undefined,
            Val::Num(n) => number::to_json(n).map_or(Resolved::NotFinite(n), Resolved::Json),
            other => Resolved::Json(other.into_json()),
        }
    }

    pub fn into_json(self) -> Value {
        match self {
            Val::Undefined | Val::Null => Value::Null,
            Val::Bool(b) => Value::Bool(b),
            Val::Num(n) => number::to_json(n).unwrap_or(Value::Null),
            Val::Big(v) => v.clone(),
            Val::Text(t) => Value::String(t.into_owned()),
            Val::Array(a) => Value::Array(a.into_owned()),
            Val::Object(o) => Value::Object(o.into_owned()),
            Val::Item(item) => item_json(item),
            Val::Items(items) => Value::Array(items.iter().map(item_json).collect()),
        }
    }

    /// Appends the text of a chunk between other text. False where JavaScript has to say.
    pub fn append_text(&self, out: &mut String) -> bool {
        match self {
            Val::Undefined | Val::Null => true,
            Val::Num(n) if n.is_nan() => true,
            Val::Array(list) => append_list(list, out, 0),
            _ => self.append_plain(out),
        }
    }

    /// Appends `String(value)` for all but arrays. False where JavaScript has to say.
    pub fn append_plain(&self, out: &mut String) -> bool {
        match self {
            Val::Undefined => out.push_str("undefined"),
            Val::Null => out.push_str("null"),
            Val::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Val::Num(n) => number::push_text(*n, out),
            Val::Text(t) => out.push_str(t),
            // Digits that JavaScript would round are kept.
            Val::Big(v) => out.push_str(&v.to_string()),
            Val::Object(o) if has_text_form(o) => out.push_str("[object Object]"),
            Val::Item(_) => out.push_str("[object Object]"),
            Val::Object(_) | Val::Array(_) | Val::Items(_) => return false,
        }
        true
    }
}

/// Whether the object turns into text in the common way; own fields of these names would be called.
fn has_text_form(object: &Object) -> bool {
    !object.contains_key("toString") && !object.contains_key("valueOf")
}

fn append_list(list: &[Value], out: &mut String, depth: usize) -> bool {
    if depth > 64 {
        return false;
    }
    for (i, value) in list.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        let is_written = match Val::of(value) {
            Val::Null => true,
            Val::Array(inner) => append_list(&inner, out, depth + 1),
            other => other.append_plain(out),
        };
        if !is_written {
            return false;
        }
    }
    true
}

/// The elements joined as `Array.prototype.join` does.
pub(super) fn join(list: &[Value], separator: &str) -> Option<String> {
    let mut out = String::new();
    for (i, value) in list.iter().enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        let is_written = match Val::of(value) {
            #[cfg(test)]
            Val::Null if super::planted::has(super::planted::Bug::JoinNull) => {
                Val::Null.append_plain(&mut out)
            }
            Val::Null => true,
            Val::Array(inner) => append_list(&inner, &mut out, 1),
            other => other.append_plain(&mut out),
        };
        if !is_written {
            return None;
        }
    }
    Some(out)
}

pub(crate) fn item_json(item: &Item) -> Value {
    serde_json::to_value(item).unwrap_or(Value::Null)
}
