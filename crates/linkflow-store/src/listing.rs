//! Lists by page: where the next page begins, and how conditions are put together.

use uuid::Uuid;

use crate::StoreError;
use crate::db::Param;

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of `rows`, of which one more than `limit` was asked for.
    pub(crate) fn cut(mut rows: Vec<T>, limit: usize, place: impl Fn(&T) -> Place) -> Page<T> {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| place(last).to_cursor());
        Page { items: rows, next }
    }

    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

/// The place of a row in a list: what it is sorted by, and its id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub key: Key,
    pub id: Uuid,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Key {
    Number(i64),
    Text(String),
}

impl Place {
    pub fn number(key: i64, id: Uuid) -> Place {
        Place { key: Key::Number(key), id }
    }

    pub fn text(key: impl Into<String>, id: Uuid) -> Place {
        Place { key: Key::Text(key.into()), id }
    }

    /// Opaque to callers: the id, and the sort key in hex or as a number.
    fn to_cursor(&self) -> String {
        match &self.key {
            Key::Number(n) => format!("{}n{n}", self.id.simple()),
            Key::Text(text) => format!("{}t{}", self.id.simple(), hex::encode(text)),
        }
    }

    pub fn of_cursor(cursor: &str) -> Result<Place, StoreError> {
        Place::read(cursor).ok_or_else(|| {
            StoreError::invalid("cursor", "is not one that a list gave; leave it out to begin anew")
        })
    }

    fn read(cursor: &str) -> Option<Place> {
        let id = Uuid::try_parse(cursor.get(..32)?).ok()?;
        let key = match (cursor.get(32..33)?, cursor.get(33..)?) {
            ("n", number) => Key::Number(number.parse().ok()?),
            ("t", text) => Key::Text(String::from_utf8(hex::decode(text).ok()?).ok()?),
            _ => return None,
        };
        Some(Place { key, id })
    }
}

/// Conditions that are joined by AND, with their parameters numbered on the way.
#[derive(Default)]
pub(crate) struct Conditions {
    sql: Vec<String>,
    pub params: Vec<Param<'static>>,
}

impl Conditions {
    /// The number of a new parameter, such as `$3`.
    pub fn param(&mut self, value: impl Into<Param<'static>>) -> String {
        self.params.push(value.into());
        format!("${}", self.params.len())
    }

    pub fn add(&mut self, condition: impl Into<String>) {
        self.sql.push(condition.into());
    }

    /// Rows behind `place` in a list sorted by (`column`, `id`).
    pub fn behind(&mut self, place: Place, column: &str, id: &str, descending: bool) {
        let sign = if descending { "<" } else { ">" };
        let key = match place.key {
            Key::Number(n) => self.param(n),
            Key::Text(text) => self.param(text),
        };
        let place = self.param(place.id);
        self.add(format!("({column} {sign} {key} OR ({column} = {key} AND {id} {sign} {place}))"));
    }

    pub fn sql(&self) -> String {
        if self.sql.is_empty() { "TRUE".to_owned() } else { self.sql.join(" AND ") }
    }
}

/// A pattern for `LIKE ... ESCAPE '\'` that finds `text` anywhere.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.extend(c.to_lowercase());
    }
    pattern + "%"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_and_a_made_up_one_is_refused() {
        for place in [Place::number(-5, Uuid::from_u128(7)), Place::text("Größe\n", Uuid::from_u128(8))] {
            assert_eq!(Place::of_cursor(&place.to_cursor()).unwrap(), place);
        }
        for wrong in
            ["", "abc", "zz", "00000000000000000000000000000007", "00000000000000000000000000000007tzz", "ä"]
        {
            assert!(Place::of_cursor(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn signs_of_patterns_are_taken_as_they_are() {
        assert_eq!(containing("50%_\\A"), "%50\\%\\_\\\\a%");
    }
}
