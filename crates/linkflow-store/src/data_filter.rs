//! Which rows of a data table are meant, and what a column may hold. Pure.

use linkflow_model::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::StoreError;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    String,
    Number,
    Boolean,
    /// A time, as ISO 8601.
    Date,
}

/// Rows that fit the conditions; without any, all rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowFilter {
    /// Whether one condition is enough.
    pub any: bool,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Name of a column, or `id`, `createdAt`, `updatedAt`.
    pub column: String,
    pub test: Test,
    pub value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Test {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    /// With `%` for any text, and `_` for any sign.
    Like,
    /// As `like`, in small and capital letters alike.
    Ilike,
    IsEmpty,
    IsNotEmpty,
    IsTrue,
    IsFalse,
}

impl RowFilter {
    pub fn matches(&self, row: &Object) -> bool {
        let fits =
            |condition: &Condition| condition.matches(row.get(&condition.column).unwrap_or(&Value::Null));
        match (self.conditions.is_empty(), self.any) {
            (true, _) => true,
            (false, true) => self.conditions.iter().any(fits),
            (false, false) => self.conditions.iter().all(fits),
        }
    }

    /// The only row that can be meant, where the conditions say which.
    pub(crate) fn only_id(&self) -> Option<i64> {
        let one =
            |c: &Condition| (c.column == "id" && c.test == Test::Eq).then(|| number(&c.value)).flatten();
        let ids = self.conditions.iter().filter(|_| !self.any || self.conditions.len() == 1);
        ids.filter_map(one).find(|id| id.fract() == 0.0).map(|id| id as i64)
    }
}

impl Condition {
    fn matches(&self, found: &Value) -> bool {
        use std::cmp::Ordering::{Greater, Less};
        let order = || compare(found, &self.value);
        match self.test {
            Test::Eq => is_same(found, &self.value),
            Test::Neq => !is_same(found, &self.value),
            Test::Gt => order() == Some(Greater),
            Test::Gte => order().is_some_and(|o| o != Less),
            Test::Lt => order() == Some(Less),
            Test::Lte => order().is_some_and(|o| o != Greater),
            Test::Like => !found.is_null() && like(&text(&self.value), &text(found)),
            Test::Ilike => {
                !found.is_null() && like(&text(&self.value).to_lowercase(), &text(found).to_lowercase())
            }
            Test::IsEmpty => found.is_null() || *found == "",
            Test::IsNotEmpty => !found.is_null() && *found != "",
            Test::IsTrue => *found == Value::Bool(true),
            Test::IsFalse => *found == Value::Bool(false),
        }
    }
}

fn is_same(a: &Value, b: &Value) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b || (!a.is_null() && !b.is_null() && text(a) == text(b)),
    }
}

pub(crate) fn compare(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    if a.is_null() || b.is_null() {
        return None;
    }
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.partial_cmp(&b),
        // Times of one form sort as texts do.
        _ => Some(text(a).cmp(&text(b))),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(text) if !text.trim().is_empty() => {
            text.trim().parse().ok().filter(|n: &f64| n.is_finite())
        }
        _ => None,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// SQL's LIKE, by hand, so that it is the same everywhere. Takes no longer than pattern times text.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut back) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                back = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '_' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match back {
                Some((star, from)) => {
                    back = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

impl ColumnType {
    /// The value as such a column keeps it.
    pub fn take(self, name: &str, value: &Value) -> Result<Value, StoreError> {
        let wrong = |wanted: &str| {
            let shown: String = value.to_string().chars().take(80).collect();
            Err(StoreError::invalid("values", format!("has `{name}`, which must be {wanted}, got {shown}")))
        };
        match (self, value) {
            (_, Value::Null) => Ok(Value::Null),
            (ColumnType::String, Value::String(_)) => Ok(value.clone()),
            (ColumnType::String, other) => Ok(Value::String(text(other))),
            (ColumnType::Number, Value::String(text)) if text.trim().is_empty() => Ok(Value::Null),
            (ColumnType::Number, other) => match number(other) {
                Some(n) if n.fract() == 0.0 && n.abs() < 9e15 => Ok(Value::from(n as i64)),
                Some(n) => Ok(Number::from_f64(n).map_or(Value::Null, Value::Number)),
                None => wrong("a number"),
            },
            (ColumnType::Boolean, Value::Bool(_)) => Ok(value.clone()),
            (ColumnType::Boolean, other) => match text(other).trim().to_ascii_lowercase().as_str() {
                "true" | "1" => Ok(Value::Bool(true)),
                "false" | "0" => Ok(Value::Bool(false)),
                "" => Ok(Value::Null),
                _ => wrong("true or false"),
            },
            (ColumnType::Date, Value::String(text)) if text.trim().is_empty() => Ok(Value::Null),
            (ColumnType::Date, Value::String(text)) => match iso(text.trim()) {
                Some(date) => Ok(Value::String(date)),
                None => wrong("a date as 2026-03-04 or 2026-03-04T05:06:07Z"),
            },
            (ColumnType::Date, Value::Number(n)) => match n.as_i64().and_then(iso_of_ms) {
                Some(date) => Ok(Value::String(date)),
                None => wrong("a date"),
            },
            (ColumnType::Date, _) => wrong("a date"),
        }
    }
}

/// A time in the one form in which it is kept: UTC, with milliseconds.
fn iso(text: &str) -> Option<String> {
    let at = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let civil = text.parse::<jiff::civil::DateTime>().ok();
        let civil = civil.or_else(|| text.parse::<jiff::civil::Date>().ok().map(|d| d.at(0, 0, 0, 0)))?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp())
    })?;
    iso_of_ms(at.as_millisecond())
}

pub(crate) fn iso_of_ms(ms: i64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(ms).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(test: Test, found: Value, value: Value, expected: bool) {
        let condition = Condition { column: "c".to_owned(), test, value: value.clone() };
        assert_eq!(condition.matches(&found), expected, "{found} {test:?} {value}");
    }

    #[test]
    fn conditions_compare_numbers_as_numbers_and_texts_as_texts() {
        check(Test::Eq, json!(10), json!("10"), true);
        check(Test::Gt, json!(10), json!("9"), true);
        check(Test::Gt, json!("10a"), json!("9"), false);
        check(Test::Lt, json!("2026-03-04T00:00:00.000Z"), json!("2026-03-05"), true);
        check(Test::Lt, json!(null), json!(5), false);
        check(Test::Neq, json!(null), json!(5), true);
        check(Test::IsEmpty, json!(""), json!(null), true);
        check(Test::IsTrue, json!(true), json!(null), true);
        check(Test::Eq, json!(null), json!(null), true);
    }

    #[test]
    fn like_knows_its_two_signs_and_does_not_run_away() {
        check(Test::Like, json!("Hello"), json!("H%o"), true);
        check(Test::Like, json!("Hello"), json!("h%"), false);
        check(Test::Ilike, json!("Hello"), json!("h_llo"), true);
        check(Test::Like, json!("Hello"), json!("ell"), false);
        check(Test::Like, json!(null), json!("%"), false);
        check(Test::Like, json!("a".repeat(5_000)), json!(format!("{}b", "%a".repeat(500))), false);
    }

    #[test]
    fn columns_take_what_can_be_read_as_theirs() {
        let take = |kind: ColumnType, value: Value| kind.take("c", &value).map_err(|e| e.to_string());
        assert_eq!(take(ColumnType::Number, json!(" 4.5 ")), Ok(json!(4.5)));
        assert_eq!(take(ColumnType::Boolean, json!("TRUE")), Ok(json!(true)));
        assert_eq!(take(ColumnType::String, json!({"a": 1})), Ok(json!("{\"a\":1}")));
        assert_eq!(take(ColumnType::Date, json!("2026-03-04")), Ok(json!("2026-03-04T00:00:00.000Z")));
        assert_eq!(
            take(ColumnType::Date, json!("2026-03-04T01:00:00+01:00")),
            Ok(json!("2026-03-04T00:00:00.000Z"))
        );
        let wrong = take(ColumnType::Number, json!("x")).unwrap_err();
        assert_eq!(wrong, "`values` has `c`, which must be a number, got \"x\"");
    }
}
