//! Parameters that the kinds for SQL databases share: which rows are meant, and in which order.
//!
//! No text of a value becomes part of a statement here; where it stands is said by the kind.

use linkflow_node::{NodeError, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Where values come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mapping {
    /// They are written below.
    #[default]
    DefineBelow,
    /// The item has them, under the names of columns.
    AutoMapInputData,
}

/// What is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DeleteCommand {
    /// All rows.
    #[default]
    Truncate,
    /// The rows that fit the conditions.
    Delete,
    /// The table itself.
    Drop,
}

/// Which rows are meant.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Conditions {
    /// The conditions.
    pub values: Vec<Condition>,
}

/// One condition.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Condition {
    /// The column.
    #[serde(default, deserialize_with = "locator")]
    pub column: String,
    /// What has to be so.
    #[serde(default)]
    pub condition: Test,
    /// What it is compared with.
    #[serde(default)]
    pub value: Value,
}

/// What has to be so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub enum Test {
    /// It is the same.
    #[default]
    #[serde(rename = "equal")]
    Equal,
    /// It is not the same.
    #[serde(rename = "!=")]
    NotEqual,
    /// It fits a pattern: `%` for any text, `_` for any sign.
    #[serde(rename = "LIKE")]
    Like,
    /// It is more.
    #[serde(rename = ">")]
    More,
    /// It is less.
    #[serde(rename = "<")]
    Less,
    /// It is as much or more.
    #[serde(rename = ">=")]
    AtLeast,
    /// It is as much or less.
    #[serde(rename = "<=")]
    AtMost,
    /// There is nothing.
    #[serde(rename = "IS NULL")]
    IsNull,
    /// There is something.
    #[serde(rename = "IS NOT NULL")]
    IsNotNull,
}

/// How conditions are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Combine {
    /// All have to be so.
    #[default]
    And,
    /// One is enough.
    Or,
}

/// By what rows are sorted.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Sort {
    /// The columns, the most important first.
    pub values: Vec<SortBy>,
}

/// One column by which rows are sorted.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct SortBy {
    /// The column.
    #[serde(default, deserialize_with = "locator")]
    pub column: String,
    /// Which end comes first.
    #[serde(default)]
    pub direction: Direction,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Direction {
    /// The smallest.
    #[default]
    Asc,
    /// The largest.
    Desc,
}

/// Whether queries belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Batching {
    /// All of them, or none.
    #[default]
    Single,
    /// Each for itself.
    Independently,
    /// All of them, or none.
    Transaction,
}

/// How large numbers are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LargeNumbers {
    /// As texts.
    #[default]
    Text,
    /// As numbers, of which the last digits may be lost.
    Numbers,
}

/// A text, or n8n's choice from a list: an object with `value`.
pub fn locator<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    let value = Value::deserialize(d)?;
    Ok(lenient::as_text(value.get("value").unwrap_or(&value)))
}

impl Conditions {
    /// ` WHERE ..`, or nothing without conditions. `name` quotes a column, `place` keeps a value and
    /// says what stands for it.
    pub fn text(
        &self,
        combine: Combine,
        name: fn(&str) -> String,
        mut place: impl FnMut(&Value) -> String,
    ) -> Result<String, NodeError> {
        if let Some(at) = self.values.iter().position(|condition| condition.column.is_empty()) {
            return Err(NodeError::param(format!("where.values[{at}].column"), "must not be empty"));
        }
        let part = |condition: &Condition| {
            let column = name(&condition.column);
            match condition.condition.sign() {
                Ok(sign) => format!("{column} {sign} {}", place(&condition.value)),
                Err(alone) => format!("{column} {alone}"),
            }
        };
        let parts: Vec<String> = self.values.iter().map(part).collect();
        let join = if combine == Combine::And { " AND " } else { " OR " };
        Ok(if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(join)) })
    }
}

impl Test {
    /// What stands between a column and a value, or else behind the column alone.
    fn sign(self) -> Result<&'static str, &'static str> {
        Ok(match self {
            Test::IsNull => return Err("IS NULL"),
            Test::IsNotNull => return Err("IS NOT NULL"),
            Test::Equal => "=",
            Test::NotEqual => "!=",
            Test::Like => "LIKE",
            Test::More => ">",
            Test::Less => "<",
            Test::AtLeast => ">=",
            Test::AtMost => "<=",
        })
    }
}

impl Sort {
    /// ` ORDER BY ..`, or nothing.
    pub fn text(&self, name: fn(&str) -> String) -> String {
        let by = self.values.iter().map(|by| {
            let direction = if by.direction == Direction::Desc { "DESC" } else { "ASC" };
            format!("{} {direction}", name(&by.column))
        });
        let by: Vec<String> = by.collect();
        if by.is_empty() { String::new() } else { format!(" ORDER BY {}", by.join(", ")) }
    }
}
