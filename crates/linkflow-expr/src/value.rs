//! What an expression gives.

use serde_json::Value;

/// The value of an expression, with the distinctions that JSON does not make.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    Undefined,
    /// A date of the date library, as ISO 8601 text with its offset; none where it is invalid.
    Date(Option<String>),
    /// A date of the language itself, as ISO 8601 text in UTC; none where it is invalid.
    JsDate(Option<String>),
    /// NaN or an infinity.
    NotFinite(f64),
    /// An object whose JSON form is none, such as a length of time.
    Opaque(Value),
    Json(Value),
}

impl Resolved {
    /// The value as JSON: undefined and numbers that JSON cannot hold become null, dates text.
    pub fn into_json(self) -> Value {
        match self {
            Resolved::Undefined | Resolved::NotFinite(_) => Value::Null,
            Resolved::Date(iso) | Resolved::JsDate(iso) => iso.map_or(Value::Null, Value::String),
            Resolved::Opaque(value) | Resolved::Json(value) => value,
        }
    }

    /// Its name in `linkflow eval --cases`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Resolved::Undefined => "undefined",
            Resolved::Date(_) | Resolved::JsDate(_) => "date",
            Resolved::NotFinite(_) | Resolved::Json(Value::Number(_)) => "number",
            Resolved::Json(Value::Null) => "null",
            Resolved::Json(Value::Bool(_)) => "boolean",
            Resolved::Json(Value::String(_)) => "string",
            Resolved::Json(Value::Array(_)) => "array",
            Resolved::Opaque(_) | Resolved::Json(Value::Object(_)) => "object",
        }
    }
}
