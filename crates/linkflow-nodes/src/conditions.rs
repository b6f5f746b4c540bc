//! Conditions, as If, Filter and Switch have them.
//!
//! [`Conditions`] is how they are written down, [`Check`] the same made ready to be asked for
//! very many items: what is constant has been read once, and only the rest is resolved per item.

mod legacy;

use std::cmp::Ordering;

use jiff::tz::TimeZone;
use linkflow_expr::params::Part;
use linkflow_expr::{Compiled, Resolved};
use linkflow_node::input::read_params;
use linkflow_node::lenient::show;
use linkflow_node::{NodeError, RunInput};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{dates, js};

/// What If and Filter ask of each item.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// What has to hold for an item to go through the first output. Without any condition, all do.
    #[serde(default)]
    conditions: Conditions,
}

/// A list of conditions and how they are combined.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Conditions {
    /// How values are compared.
    pub options: CompareOptions,
    /// The conditions.
    pub conditions: Vec<Condition>,
    /// Whether all conditions have to hold, or one of them.
    pub combinator: Combinator,
}

/// How values are compared.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CompareOptions {
    /// Whether upper and lower case letters are different.
    pub case_sensitive: bool,
    /// Whether a value of another type is an error, or is converted.
    pub type_validation: Validation,
    /// Rules of conversion: 1 takes every non-empty text as true, 2 reads "false" and "0" as false,
    /// 3 reads an empty text as no number.
    #[serde(deserialize_with = "linkflow_node::lenient::integer")]
    #[schemars(range(min = 1, max = 3))]
    pub version: i64,
}

impl Default for CompareOptions {
    fn default() -> CompareOptions {
        CompareOptions { case_sensitive: true, type_validation: Validation::Strict, version: 3 }
    }
}

/// What happens to values of another type than the operator's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Validation {
    /// They are an error.
    #[default]
    Strict,
    /// They are converted where that is possible.
    Loose,
    /// Nothing is converted; each operator makes of the values what JavaScript does. For files from
    /// older versions.
    Legacy,
}

/// How several conditions are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Combinator {
    /// All have to hold.
    #[default]
    And,
    /// One is enough.
    Or,
}

/// One condition.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// The value that is looked at, mostly an expression.
    pub left_value: Value,
    /// What is asked of it.
    pub operator: Operator,
    /// The value with which it is compared, for operators that compare.
    pub right_value: Value,
}

/// What is asked of a value.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Operator {
    /// The type of the value: `string`, `number`, `dateTime`, `boolean`, `array` or `object`.
    #[serde(rename = "type")]
    pub of: String,
    /// For all types `exists`, `notExists`, `empty`, `notEmpty`; for text `equals`, `contains`,
    /// `startsWith`, `endsWith`, `regex`; for numbers `equals`, `gt`, `lt`, `gte`, `lte`; for dates
    /// `equals`, `after`, `before`, `afterOrEquals`, `beforeOrEquals`; for booleans `true`,
    /// `false`, `equals`; for lists `contains`, `lengthEquals`, `lengthGt`, `lengthLt`, `lengthGte`,
    /// `lengthLte`. Most have a counterpart that begins with `not`.
    pub operation: String,
    /// The type of the right value, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right_type: Option<String>,
}

/// The type as which a value is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    Text,
    Number,
    Date,
    Bool,
    List,
    Object,
    Any,
}

impl Type {
    fn parse(name: &str) -> Type {
        match name {
            "string" => Type::Text,
            "number" => Type::Number,
            "dateTime" => Type::Date,
            "boolean" => Type::Bool,
            "array" => Type::List,
            "object" => Type::Object,
            _ => Type::Any,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Type::Text => "text",
            Type::Number => "a number",
            Type::Date => "a date",
            Type::Bool => "true or false",
            Type::List => "a list",
            Type::Object => "an object",
            Type::Any => "anything",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Than {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Than {
    /// Nothing is less or greater than NaN.
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Than::Less => left < right,
            Than::LessOrEqual => left <= right,
            Than::Greater => left > right,
            Than::GreaterOrEqual => left >= right,
        }
    }

    fn orders(self, order: Ordering) -> bool {
        match self {
            Than::Less => order.is_lt(),
            Than::LessOrEqual => order.is_le(),
            Than::Greater => order.is_gt(),
            Than::GreaterOrEqual => order.is_ge(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Test {
    Exists,
    Empty,
    IsTrue,
    Equals,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    Compare(Than),
    LengthEquals,
    Length(Than),
    /// An operation that nobody knows never holds.
    Never,
}

/// The test of an operation, and whether it is turned round.
fn test_of(of: Type, operation: &str) -> (Test, bool) {
    let common = match operation {
        "exists" => Some((Test::Exists, false)),
        "notExists" => Some((Test::Exists, true)),
        "empty" => Some((Test::Empty, false)),
        "notEmpty" => Some((Test::Empty, true)),
        _ => None,
    };
    if let Some(found) = common.filter(|_| of != Type::Any) {
        return found;
    }
    match (of, operation) {
        (Type::Text | Type::Number | Type::Date | Type::Bool, "equals") => (Test::Equals, false),
        (Type::Text | Type::Number | Type::Date | Type::Bool, "notEquals") => (Test::Equals, true),
        (Type::Text | Type::List, "contains") => (Test::Contains, false),
        (Type::Text | Type::List, "notContains") => (Test::Contains, true),
        (Type::Text, "startsWith") => (Test::StartsWith, false),
        (Type::Text, "notStartsWith") => (Test::StartsWith, true),
        (Type::Text, "endsWith") => (Test::EndsWith, false),
        (Type::Text, "notEndsWith") => (Test::EndsWith, true),
        (Type::Text, "regex") => (Test::Matches, false),
        (Type::Text, "notRegex") => (Test::Matches, true),
        (Type::Number, "gt") | (Type::Date, "after") => (Test::Compare(Than::Greater), false),
        (Type::Number, "lt") | (Type::Date, "before") => (Test::Compare(Than::Less), false),
        (Type::Number, "gte") | (Type::Date, "afterOrEquals") => (Test::Compare(Than::GreaterOrEqual), false),
        (Type::Number, "lte") | (Type::Date, "beforeOrEquals") => (Test::Compare(Than::LessOrEqual), false),
        (Type::Bool, "true") => (Test::IsTrue, false),
        (Type::Bool, "false") => (Test::IsTrue, true),
        (Type::List, "lengthEquals") => (Test::LengthEquals, false),
        (Type::List, "lengthNotEquals") => (Test::LengthEquals, true),
        (Type::List, "lengthGt") => (Test::Length(Than::Greater), false),
        (Type::List, "lengthLt") => (Test::Length(Than::Less), false),
        (Type::List, "lengthGte") => (Test::Length(Than::GreaterOrEqual), false),
        (Type::List, "lengthLte") => (Test::Length(Than::LessOrEqual), false),
        _ => (Test::Never, false),
    }
}

/// A value, converted to the type of its operator.
#[derive(Clone, Debug)]
enum Operand {
    Undefined,
    Null,
    Text(String),
    Number(f64),
    /// Milliseconds since the epoch.
    Date(i64),
    Bool(bool),
    /// Lists, objects, and values of any type.
    Json(Value),
}

impl Operand {
    fn exists(&self) -> bool {
        match self {
            Operand::Undefined | Operand::Null => false,
            Operand::Number(n) => !n.is_nan(),
            _ => true,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Operand::Text(text) => text.is_empty(),
            Operand::Json(Value::Array(list)) => list.is_empty(),
            Operand::Json(Value::Object(object)) => object.is_empty(),
            other => !other.exists(),
        }
    }

    fn as_text(&self) -> &str {
        match self {
            Operand::Text(text) => text,
            _ => "",
        }
    }

    /// As JavaScript compares it: null is 0, undefined nothing.
    fn as_number(&self) -> f64 {
        match self {
            Operand::Number(n) => *n,
            Operand::Null => 0.0,
            _ => f64::NAN,
        }
    }

    fn list(&self) -> &[Value] {
        match self {
            Operand::Json(Value::Array(list)) => list,
            _ => &[],
        }
    }

    fn folded(self) -> Operand {
        match self {
            Operand::Text(text) => Operand::Text(text.to_lowercase()),
            Operand::Json(Value::String(text)) => Operand::Json(Value::String(text.to_lowercase())),
            other => other,
        }
    }
}

/// One side of a condition: known, or resolved for each item.
#[derive(Debug)]
enum Side<'a> {
    Ready(Operand),
    PerItem(Part<'a>),
    /// It is the same for all items, and cannot be compared.
    Wrong(NodeError),
}

#[derive(Debug)]
struct Rule<'a> {
    of: Type,
    right_type: Type,
    test: Test,
    negated: bool,
    left: Side<'a>,
    right: Side<'a>,
    /// The right side's regular expression, where it is the same for all items.
    regex: Option<js::Pattern>,
}

/// Conditions, ready to be asked.
#[derive(Debug)]
pub struct Check<'a> {
    rules: Vec<Rule<'a>>,
    any: bool,
    options: CompareOptions,
    zone: TimeZone,
}

impl<'a> Check<'a> {
    /// Whether a condition that cannot be asked of one item fails the node as a whole: so it was in
    /// the first versions.
    pub fn fails_as_a_whole(&self) -> bool {
        self.options.type_validation == Validation::Legacy
    }

    /// Reads the conditions that stand under a parameter; without any, they hold.
    ///
    /// What says how to compare is the same for all items; an expression there is resolved for
    /// item 0.
    pub fn read(part: Option<Part<'a>>, input: &RunInput, zone: &str) -> Result<Check<'a>, NodeError> {
        if let Some(part) = part {
            written_out(part, "")?;
        }
        let field = |key: &str| part.and_then(|p| p.get(key));
        let options = match field("options") {
            Some(options) => {
                read_params(&whole(options, input)?).map_err(|e: NodeError| e.inside("options"))?
            }
            None => CompareOptions::default(),
        };
        let any = match field("combinator") {
            Some(combinator) => whole(combinator, input)? == Value::String("or".to_owned()),
            None => false,
        };
        let mut check = Check { rules: Vec::new(), any, options, zone: dates::zone(zone) };
        for (i, condition) in field("conditions").map(Part::list).unwrap_or_default().into_iter().enumerate()
        {
            let rule = check.rule(condition, input).map_err(|e| e.inside(&format!("conditions[{i}]")))?;
            check.rules.push(rule);
        }
        Ok(check)
    }

    fn rule(&self, part: Part<'a>, input: &RunInput) -> Result<Rule<'a>, NodeError> {
        let operator: Operator = match part.get("operator") {
            Some(operator) => {
                read_params(&whole(operator, input)?).map_err(|e: NodeError| e.inside("operator"))?
            }
            None => Operator::default(),
        };
        let of = Type::parse(&operator.of);
        let right_type = operator.right_type.as_deref().map_or(of, Type::parse);
        let (test, negated) = test_of(of, &operator.operation);
        let left = self.side(part.get("leftValue"), of);
        let mut right = match compares(test) {
            true => self.side(part.get("rightValue"), right_type),
            false => Side::Ready(Operand::Undefined),
        };
        let mut regex = None;
        if let (Side::Ready(pattern), Test::Matches) = (&right, test)
            && self.options.type_validation != Validation::Legacy
        {
            match js::Pattern::read(pattern.as_text()) {
                Ok(found) => regex = Some(found),
                Err(error) => right = Side::Wrong(error),
            }
        }
        Ok(Rule { of, right_type, test, negated, left, right, regex })
    }

    fn side(&self, part: Option<Part<'a>>, of: Type) -> Side<'a> {
        let Some(part) = part else { return Side::Ready(Operand::Undefined) };
        match part.constant() {
            None => Side::PerItem(part),
            Some(value) => match self.convert(Resolved::Json(value.clone()), of) {
                Ok(operand) => Side::Ready(operand),
                Err(error) => Side::Wrong(error),
            },
        }
    }

    /// Whether the conditions hold for item `item`.
    pub fn holds(&self, input: &RunInput, item: usize) -> Result<bool, NodeError> {
        for (i, rule) in self.rules.iter().enumerate() {
            let holds = self
                .rule_holds(rule, input, item)
                .map_err(|e| e.inside(&format!("conditions[{i}]")).at_item(item))?;
            if holds == self.any {
                return Ok(holds);
            }
        }
        Ok(!self.any)
    }

    fn rule_holds(&self, rule: &Rule<'a>, input: &RunInput, item: usize) -> Result<bool, NodeError> {
        let mut left_value = None;
        let left = match &rule.left {
            Side::Ready(operand) => operand,
            Side::Wrong(error) => return Err(error.clone().inside("leftValue")),
            Side::PerItem(part) => left_value
                .insert(self.resolve(*part, rule.of, input, item).map_err(|e| e.inside("leftValue"))?),
        };
        let mut right_value = None;
        let right = match &rule.right {
            Side::Ready(operand) => operand,
            Side::Wrong(error) => return Err(error.clone().inside("rightValue")),
            Side::PerItem(part) => right_value.insert(
                self.resolve(*part, rule.right_type, input, item).map_err(|e| e.inside("rightValue"))?,
            ),
        };
        if self.options.type_validation == Validation::Legacy {
            return Ok(legacy::holds(rule.of, rule.test, left, right, &self.zone)? != rule.negated);
        }
        rule.holds(left, right, self.options.case_sensitive)
    }

    fn resolve(&self, part: Part<'a>, of: Type, input: &RunInput, item: usize) -> Result<Operand, NodeError> {
        self.convert(evaluate(part, input, item)?, of)
    }

    fn convert(&self, value: Resolved, of: Type) -> Result<Operand, NodeError> {
        let strict = self.options.type_validation == Validation::Strict;
        match value {
            Resolved::Undefined => Ok(Operand::Undefined),
            Resolved::Json(Value::Null) => Ok(Operand::Null),
            Resolved::NotFinite(f) if of == Type::Number => Ok(Operand::Number(f)),
            Resolved::NotFinite(f) if strict && of != Type::Any => {
                Err(wrong_type(&Value::String(js::float_text(f)), of, strict))
            }
            Resolved::NotFinite(f) if of == Type::Bool => Ok(Operand::Bool(!f.is_nan())),
            Resolved::NotFinite(f) => self.convert(Resolved::Json(Value::String(js::float_text(f))), of),
            Resolved::Date(iso) => self.convert(Resolved::Json(iso.map_or(Value::Null, Value::String)), of),
            Resolved::JsDate(iso) => {
                let json = iso.map_or(Value::Null, Value::String);
                self.convert_date(&json, of).ok_or_else(|| wrong_type(&json, of, strict))
            }
            Resolved::Opaque(value) => self.convert(Resolved::Json(value), of),
            Resolved::Json(value) => {
                let found = match self.options.type_validation {
                    Validation::Strict => exact(&value, of, &self.zone),
                    Validation::Loose => loose(&value, of, self.options.version, &self.zone),
                    Validation::Legacy => return Ok(Operand::Json(value)),
                };
                found.ok_or_else(|| wrong_type(&value, of, strict))
            }
        }
    }
}

impl Check<'_> {
    /// A date of the language. It counts as an object, and only loosely as text or number.
    fn convert_date(&self, json: &Value, of: Type) -> Option<Operand> {
        let ms = json.as_str().and_then(|iso| dates::parse_ms(iso, &TimeZone::UTC));
        let is_strict = self.options.type_validation == Validation::Strict;
        match of {
            _ if self.options.type_validation == Validation::Legacy => Some(Operand::Json(json.clone())),
            Type::Date => ms.map(Operand::Date),
            Type::Object | Type::Any => Some(Operand::Json(json.clone())),
            Type::Text | Type::Number | Type::Bool if is_strict => None,
            Type::Text => Some(Operand::Text(json.to_string())),
            Type::Number => ms.map(|ms| Operand::Number(ms as f64)),
            Type::Bool => ms.map(|ms| Operand::Bool(ms != 0)),
            Type::List => None,
        }
    }
}

/// A value that does not depend on the item, or is taken for the first one.
fn whole(part: Part<'_>, input: &RunInput) -> Result<Value, NodeError> {
    match part.constant() {
        Some(value) => Ok(value.clone()),
        None => evaluate(part, input, 0).map(Resolved::into_json),
    }
}

/// Refuses a list or object that is one expression as a whole: what is in it would have to be
/// read anew for each item.
pub fn written_out(part: Part<'_>, param: &str) -> Result<(), NodeError> {
    if matches!(part, Part::Compiled(Compiled::Expr(_))) {
        let problem = "must be written out, with expressions only for the values within";
        return Err(NodeError::param(param, problem));
    }
    Ok(())
}

/// The value of a part of the parameters for one item.
pub fn evaluate(part: Part<'_>, input: &RunInput, item: usize) -> Result<Resolved, NodeError> {
    part.evaluate(&input.scope(item)).map_err(|e| NodeError::Param {
        param: e.param,
        problem: e.error.to_string(),
        item: Some(item as u32),
    })
}

fn compares(test: Test) -> bool {
    !matches!(test, Test::Exists | Test::Empty | Test::IsTrue | Test::Never)
}

fn wrong_type(value: &Value, of: Type, strict: bool) -> NodeError {
    let advice = if strict { "; change the operator, or convert types where required" } else { "" };
    NodeError::param("", format!("must be {}, got {}{advice}", of.title(), show(value)))
}

/// The value as it is, when it has the type.
fn exact(value: &Value, of: Type, zone: &TimeZone) -> Option<Operand> {
    match (of, value) {
        (Type::Text, Value::String(text)) => Some(Operand::Text(text.clone())),
        (Type::Number, Value::Number(_)) => Some(Operand::Number(js::number(value))),
        (Type::Bool, Value::Bool(b)) => Some(Operand::Bool(*b)),
        (Type::Date, Value::String(text)) => dates::parse_ms_or_number(text, zone).map(Operand::Date),
        (Type::Date, Value::Number(_) | Value::Array(_)) => {
            dates::parse_ms_or_number(&js::text(value), zone).map(Operand::Date)
        }
        (Type::List, Value::Array(_)) | (Type::Object, Value::Object(_)) | (Type::Any, _) => {
            Some(Operand::Json(value.clone()))
        }
        _ => None,
    }
}

fn loose(value: &Value, of: Type, version: i64, zone: &TimeZone) -> Option<Operand> {
    if let Some(found) = exact(value, of, zone) {
        return Some(found);
    }
    match of {
        Type::Text => Some(Operand::Text(match value {
            Value::Array(_) | Value::Object(_) => value.to_string(),
            other => js::text(other),
        })),
        Type::Number if version >= 3 && is_blank(value) => Some(Operand::Null),
        Type::Number => Some(js::number(value)).filter(|n| !n.is_nan()).map(Operand::Number),
        Type::Bool => Some(Operand::Bool(loose_bool(value, version))),
        Type::List | Type::Object => {
            let text = value.as_str()?;
            let parsed: Value = serde_json::from_str(text).ok()?;
            // To JavaScript null is an object, though nothing that exists.
            if of == Type::Object && parsed.is_null() {
                Some(Operand::Null)
            } else {
                exact(&parsed, of, zone)
            }
        }
        Type::Date | Type::Any => None,
    }
}

fn is_blank(value: &Value) -> bool {
    matches!(value, Value::String(s) if s.is_empty()) || matches!(value, Value::Array(a) if a.is_empty())
}

fn loose_bool(value: &Value, version: i64) -> bool {
    if version >= 2 {
        match value {
            Value::String(text) if text.trim().eq_ignore_ascii_case("false") => return false,
            Value::String(_) | Value::Array(_) if js::number(value) == 0.0 => return false,
            _ => {}
        }
    }
    js::truthy(value)
}

impl Rule<'_> {
    fn holds(&self, left: &Operand, right: &Operand, case_sensitive: bool) -> Result<bool, NodeError> {
        if self.of == Type::Date && compares(self.test) {
            return Ok(self.dates(left, right));
        }
        let holds = if case_sensitive || !compares(self.test) {
            self.compare(left, right, false)?
        } else if self.test == Test::Matches {
            // As in n8n: the text is lowered, the pattern stays as it is written.
            self.compare(&left.clone().folded(), right, true)?
        } else {
            self.compare(&left.clone().folded(), &right.clone().folded(), true)?
        };
        Ok(holds != self.negated)
    }

    /// A date that is missing is neither equal to another nor different from it.
    fn dates(&self, left: &Operand, right: &Operand) -> bool {
        let (Operand::Date(left), Operand::Date(right)) = (left, right) else { return false };
        match self.test {
            Test::Compare(than) => than.holds(*left as f64, *right as f64),
            _ => (left == right) != self.negated,
        }
    }

    fn compare(&self, left: &Operand, right: &Operand, folds: bool) -> Result<bool, NodeError> {
        Ok(match self.test {
            Test::Exists => left.exists(),
            Test::Empty => left.is_empty(),
            Test::IsTrue => matches!(left, Operand::Bool(true)),
            Test::Equals => self.equals(left, right),
            Test::Contains if self.of == Type::List => contains(left.list(), right, folds),
            Test::Contains => left.as_text().contains(right.as_text()),
            Test::StartsWith => left.as_text().starts_with(right.as_text()),
            Test::EndsWith => left.as_text().ends_with(right.as_text()),
            Test::Matches => match &self.regex {
                Some(regex) => regex.is_match(left.as_text())?,
                None => js::Pattern::read(right.as_text())
                    .and_then(|regex| regex.is_match(left.as_text()))
                    .map_err(|e| e.inside("rightValue"))?,
            },
            Test::Compare(than) => than.holds(left.as_number(), right.as_number()),
            Test::LengthEquals => left.list().len() as f64 == right.as_length(),
            Test::Length(than) => than.holds(left.list().len() as f64, right.as_number()),
            Test::Never => self.negated,
        })
    }

    fn equals(&self, left: &Operand, right: &Operand) -> bool {
        match (left, right) {
            (Operand::Undefined, Operand::Undefined) | (Operand::Null, Operand::Null) => true,
            _ if self.of == Type::Text => left.as_text() == right.as_text(),
            (Operand::Number(left), Operand::Number(right)) => left == right,
            (Operand::Bool(left), Operand::Bool(right)) => left == right,
            _ => false,
        }
    }
}

impl Operand {
    /// A length with which another is equal: only a number is.
    fn as_length(&self) -> f64 {
        match self {
            Operand::Number(n) => *n,
            _ => f64::NAN,
        }
    }
}

/// Whether a list contains a value; lists and objects are never the same as others.
fn contains(list: &[Value], wanted: &Operand, folds: bool) -> bool {
    let same = |value: &Value| match (value, wanted) {
        (Value::Null, Operand::Null) => true,
        (Value::String(a), Operand::Json(Value::String(b))) => {
            if folds {
                a.to_lowercase() == *b
            } else {
                a == b
            }
        }
        (Value::Number(a), Operand::Json(Value::Number(b))) => a.as_f64() == b.as_f64(),
        (Value::Bool(a), Operand::Json(Value::Bool(b))) => a == b,
        _ => false,
    };
    list.iter().any(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkflow_node::testing;
    use serde_json::json;

    /// The answer for constants on both sides: `yes`, `no`, or the error.
    fn ask(options: Value, of: &str, operation: &str, left: Value, right: Value) -> String {
        ask_in("UTC", options, of, operation, left, right)
    }

    fn ask_in(zone: &str, options: Value, of: &str, operation: &str, left: Value, right: Value) -> String {
        let right_type = match (of, operation) {
            ("array", op) if op.starts_with("length") => json!("number"),
            ("array", _) => json!("any"),
            _ => Value::Null,
        };
        let params = json!({"c": {"options": options, "conditions": [{
            "leftValue": left, "rightValue": right,
            "operator": {"type": of, "operation": operation, "rightType": right_type}
        }]}});
        let input = testing::input(&params, vec![vec![linkflow_model::Item::default()]]);
        let answer =
            Check::read(input.compiled.get("c"), &input, zone).and_then(|check| check.holds(&input, 0));
        match answer {
            Ok(true) => "yes".to_owned(),
            Ok(false) => "no".to_owned(),
            Err(e) => e.to_string(),
        }
    }

    /// The answers to every operation with every pair of values, strict and loose: in the first line the
    /// values, then the operation and a hexadecimal digit for four pairs, in which a bit says that the
    /// condition holds. What cannot be asked does not hold.
    const ANSWERS: &str = include_str!("conditions/answers.txt");

    #[test]
    fn every_operation_answers_for_every_pair_of_values_as_people_know_it() {
        let (values, lines) = ANSWERS.split_once('\n').unwrap();
        let values: Value = serde_json::from_str(values).unwrap();
        let list = |key: &str| values[key].as_array().unwrap().clone();
        let pairs: Vec<(Value, Value)> =
            list("left").iter().flat_map(|l| list("right").into_iter().map(|r| (l.clone(), r))).collect();
        let mut wrong = Vec::new();
        for line in lines.lines() {
            let [of, operation, types, letters, answers] =
                line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let options = json!({"typeValidation": types, "caseSensitive": letters == "cs", "version": 2});
            for (i, (left, right)) in pairs.iter().enumerate() {
                let digit = answers.as_bytes()[i / 4] as char;
                let expected = digit.to_digit(16).unwrap() >> (3 - i % 4) & 1 == 1;
                let found =
                    ask_in("Europe/Berlin", options.clone(), of, operation, left.clone(), right.clone());
                if (found == "yes") != expected {
                    wrong.push(format!("{left} {of} {operation} {right} ({types}, {letters}): {found}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn strict_conditions_refuse_values_of_another_type_and_say_what_to_do() {
        assert_eq!(
            ask(json!({}), "number", "gt", json!("5"), json!(1)),
            "`conditions[0].leftValue`: must be a number, got \"5\"; change the operator, or convert types where required"
        );
    }

    #[test]
    fn loose_conditions_convert() {
        let loose = || json!({"typeValidation": "loose", "version": 2});
        assert_eq!(ask(loose(), "number", "gt", json!("5"), json!("1")), "yes");
        assert_eq!(ask(loose(), "boolean", "true", json!("no"), json!("")), "yes");
        assert_eq!(ask(loose(), "boolean", "true", json!("false"), json!("")), "no");
        assert_eq!(ask(loose(), "string", "equals", json!({"a": 1}), json!("{\"a\":1}")), "yes");
        assert_eq!(ask(loose(), "array", "lengthGt", json!("[1,2]"), json!("1")), "yes");
        assert_eq!(
            ask(loose(), "number", "gt", json!("x"), json!(1)),
            "`conditions[0].leftValue`: must be a number, got \"x\""
        );
    }

    #[test]
    fn case_counts_unless_it_is_switched_off() {
        assert_eq!(ask(json!({}), "string", "contains", json!("ABC"), json!("b")), "no");
        assert_eq!(
            ask(json!({"caseSensitive": false}), "string", "contains", json!("ABC"), json!("b")),
            "yes"
        );
        assert_eq!(
            ask(json!({"caseSensitive": false}), "array", "contains", json!(["A"]), json!("a")),
            "yes"
        );
    }

    #[test]
    fn a_missing_date_is_neither_equal_nor_different() {
        assert_eq!(ask(json!({}), "dateTime", "equals", json!(null), json!("2024-01-01")), "no");
        assert_eq!(ask(json!({}), "dateTime", "notEquals", json!(null), json!("2024-01-01")), "no");
        assert_eq!(ask(json!({}), "dateTime", "after", json!("2024-01-02"), json!("Jan 1, 2024")), "yes");
    }

    #[test]
    fn an_unknown_operation_never_holds() {
        assert_eq!(ask(json!({}), "string", "resembles", json!("a"), json!("a")), "no");
    }
}
