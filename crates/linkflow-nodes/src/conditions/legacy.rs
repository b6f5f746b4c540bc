//! Conditions as the first versions of n8n's If, Filter and Switch asked them: nothing is
//! converted first, and each operation makes of the values what JavaScript does.

use jiff::tz::TimeZone;
use linkflow_node::NodeError;
use linkflow_node::lenient::show;
use serde_json::Value;

use super::{Operand, Test, Than, Type};
use crate::{dates, js};

const NULL: &Value = &Value::Null;

/// Whether the test holds, before it is turned round.
pub(super) fn holds(
    of: Type,
    test: Test,
    left: &Operand,
    right: &Operand,
    zone: &TimeZone,
) -> Result<bool, NodeError> {
    Ok(match test {
        Test::Empty => is_empty(left),
        Test::Exists => left.exists(),
        Test::Equals => equals(left, right),
        Test::Contains => text_or_nothing(left).contains(&text_or_nothing(right)),
        Test::StartsWith => text_only(left)?.starts_with(&string(right)),
        Test::EndsWith => text_only(left)?.ends_with(&string(right)),
        Test::Matches => js::Pattern::read(&text_or_nothing(right))
            .and_then(|regex| regex.is_match(&text_or_nothing(left)))
            .map_err(|e| e.inside("rightValue"))?,
        Test::Compare(than) if of == Type::Date => than.holds(date(left, zone)?, date(right, zone)?),
        Test::Compare(than) => compare(than, left, right),
        Test::IsTrue | Test::LengthEquals | Test::Length(_) | Test::Never => false,
    })
}

/// The value; null stands for undefined as well.
fn value(operand: &Operand) -> &Value {
    match operand {
        Operand::Json(value) => value,
        _ => NULL,
    }
}

fn string(operand: &Operand) -> String {
    match operand {
        Operand::Undefined => "undefined".to_owned(),
        other => js::text(value(other)),
    }
}

fn text_or_nothing(operand: &Operand) -> String {
    let value = value(operand);
    if js::truthy(value) { js::text(value) } else { String::new() }
}

fn text_only(operand: &Operand) -> Result<&str, NodeError> {
    match operand {
        Operand::Json(Value::String(text)) => Ok(text),
        other => Err(NodeError::param("leftValue", format!("must be text, got {}", show(value(other))))),
    }
}

fn is_empty(operand: &Operand) -> bool {
    match value(operand) {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

/// `===`: values of different types are different, lists and objects always.
fn equals(left: &Operand, right: &Operand) -> bool {
    match (left, right) {
        (Operand::Undefined, Operand::Undefined) | (Operand::Null, Operand::Null) => true,
        (Operand::Json(left), Operand::Json(right)) => match (left, right) {
            (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
            (Value::Array(_) | Value::Object(_), _) => false,
            _ => left == right,
        },
        _ => false,
    }
}

/// Two texts by their letters, everything else as numbers; nothing counts as 0.
fn compare(than: Than, left: &Operand, right: &Operand) -> bool {
    let primitive = |operand: &Operand| match value(operand) {
        value if !js::truthy(value) => Value::from(0),
        value @ (Value::Array(_) | Value::Object(_)) => Value::String(js::text(value)),
        value => value.clone(),
    };
    match (primitive(left), primitive(right)) {
        (Value::String(left), Value::String(right)) => than.orders(js::text_order(&left, &right)),
        (left, right) => than.holds(js::number(&left), js::number(&right)),
    }
}

fn date(operand: &Operand, zone: &TimeZone) -> Result<f64, NodeError> {
    let found = match value(operand) {
        Value::Number(ms) => ms.as_f64(),
        Value::String(text) => dates::parse_ms(text, zone).map(|ms| ms as f64),
        _ => None,
    };
    found.ok_or_else(|| NodeError::param("", format!("must be a date, got {}", show(value(operand)))))
}
