//! Reading parameters the way people write them: `"5"` for 5, `"true"` for true. Expressions
//! often give text where a number is meant.
//!
//! Use with `#[serde(deserialize_with = "lenient::integer")]`, and `default` where it may be
//! left out: null counts as left out where the type has a default.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

fn wrong<E: de::Error>(wanted: &str, found: &Value) -> E {
    E::custom(format!("must be {wanted}, got {}", show(found)))
}

/// A value in a message: cut to 80 characters.
pub fn show(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 80 { text.chars().take(80).collect::<String>() + "..." } else { text }
}

/// The number that a value stands for, in JavaScript's way for texts (`" 12 "` is 12, `""` none).
pub fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) if !s.trim().is_empty() => s.trim().parse().ok().filter(|f: &f64| f.is_finite()),
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        _ => None,
    }
}

pub fn number<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    let value = Value::deserialize(d)?;
    as_number(&value).ok_or_else(|| wrong("a number", &value))
}

pub fn integer<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
    let value = Value::deserialize(d)?;
    let number = as_number(&value).ok_or_else(|| wrong("a whole number", &value))?;
    if number.fract() != 0.0 || number.abs() > 9_007_199_254_740_991.0 {
        return Err(wrong("a whole number", &value));
    }
    Ok(number as i64)
}

/// As [`integer`], with null and an empty text for none.
pub fn integer_or_none<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    let value = Value::deserialize(d)?;
    if is_nothing(&value) {
        return Ok(None);
    }
    integer(value).map(Some).map_err(de::Error::custom)
}

pub fn flag<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(d)?;
    match &value {
        Value::Bool(b) => Ok(*b),
        Value::Null => Ok(false),
        Value::Number(n) => Ok(n.as_f64().is_some_and(|f| f != 0.0)),
        Value::String(s) => match s.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" | "" => Ok(false),
            _ => Err(wrong("true or false", &value)),
        },
        _ => Err(wrong("true or false", &value)),
    }
}

/// Text; numbers and booleans as JavaScript prints them, null as nothing, lists and objects as JSON.
pub fn text<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    Ok(as_text(&Value::deserialize(d)?))
}

pub fn as_text(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A list of names: a list, or one text with commas.
pub fn names<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    let value = Value::deserialize(d)?;
    match &value {
        Value::Array(list) => Ok(list.iter().map(as_text).collect()),
        Value::Null => Ok(Vec::new()),
        Value::String(s) => {
            Ok(s.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect())
        }
        Value::Number(_) | Value::Bool(_) => Ok(vec![as_text(&value)]),
        Value::Object(_) => Err(wrong("a list of names", &value)),
    }
}

/// A value that may be written as JSON text.
pub fn json<'de, D: Deserializer<'de>>(d: D) -> Result<Value, D::Error> {
    let value = Value::deserialize(d)?;
    match &value {
        Value::String(s) if s.trim().is_empty() => Ok(Value::Null),
        Value::String(s) => {
            serde_json::from_str(s).map_err(|e| de::Error::custom(format!("is not valid JSON: {e}")))
        }
        _ => Ok(value),
    }
}

fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null) || matches!(value, Value::String(s) if s.trim().is_empty())
}
