//! Items, cut to what a screen can show: long texts, lists and objects end early, and what was cut is
//! named. Pure.

use std::sync::Arc;

use linkflow_model::Item;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// The most places of one page that are named as cut.
const CUTS_MAX: usize = 500;

/// Something that was left out of a page.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct CutView {
    /// Index of the item among all of the output.
    item: usize,
    /// Where in its JSON, as a JSON pointer (RFC 6901).
    pointer: String,
    /// How much there is: bytes of a text, or entries of a list or an object.
    whole: usize,
}

/// Items of a page, each with at most `bytes` of JSON, about.
pub struct Preview {
    bytes: usize,
    pub items: Vec<Value>,
    pub cuts: Vec<CutView>,
    /// Bytes of all items.
    pub taken: usize,
}

impl Preview {
    pub fn new(bytes: usize) -> Preview {
        Preview { bytes, items: Vec::new(), cuts: Vec::new(), taken: 0 }
    }

    pub fn add(&mut self, index: usize, item: &Item) {
        if self.bytes == usize::MAX {
            return self.items.push(json!(item));
        }
        let mut cutting =
            Cutting { left: self.bytes, item: index, pointer: String::new(), cuts: &mut self.cuts };
        let json = match &item.bare {
            Some(bare) => cutting.value(bare),
            None => cutting.object(&item.json),
        };
        let error = item.error.as_deref().map(|error| Arc::new(cutting.value(error)));
        let left = cutting.left;
        let mut shown = json!(Item { json: Arc::default(), bare: None, error, ..item.clone() });
        shown["json"] = json;
        self.taken += self.bytes - left;
        self.items.push(shown);
    }
}

struct Cutting<'a> {
    left: usize,
    item: usize,
    pointer: String,
    cuts: &'a mut Vec<CutView>,
}

impl Cutting<'_> {
    fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(list) => self.list(list),
            Value::Object(fields) => self.object(fields),
            other => {
                self.spend(8);
                other.clone()
            }
        }
    }

    fn text(&mut self, text: &str) -> Value {
        if text.len() <= self.left {
            self.spend(text.len() + 2);
            return Value::String(text.to_owned());
        }
        self.cut(text.len());
        let end = (0..=self.left).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        self.left = 0;
        Value::String(text[..end].to_owned())
    }

    fn list(&mut self, list: &[Value]) -> Value {
        let mut shown = Vec::new();
        for (i, value) in list.iter().enumerate() {
            if self.left == 0 {
                self.cut(list.len());
                break;
            }
            shown.push(self.below(&i.to_string(), |cutting| cutting.value(value)));
        }
        Value::Array(shown)
    }

    fn object(&mut self, fields: &Map<String, Value>) -> Value {
        let mut shown = Map::new();
        for (name, value) in fields {
            if self.left == 0 {
                self.cut(fields.len());
                break;
            }
            self.spend(name.len() + 4);
            let step = name.replace('~', "~0").replace('/', "~1");
            shown.insert(name.clone(), self.below(&step, |cutting| cutting.value(value)));
        }
        Value::Object(shown)
    }

    fn below(&mut self, step: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(step);
        let made = make(self);
        self.pointer.truncate(length);
        made
    }

    fn cut(&mut self, whole: usize) {
        if self.cuts.len() < CUTS_MAX {
            self.cuts.push(CutView { item: self.item, pointer: self.pointer.clone(), whole });
        }
    }

    fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes.max(1));
    }
}

/// Whether an item says `text`, which is in lower case, in a field's name or value.
pub fn says(item: &Item, text: &str) -> bool {
    let in_fields = |fields: &Map<String, Value>| {
        fields.iter().any(|(name, value)| name.to_lowercase().contains(text) || value_says(value, text))
    };
    in_fields(&item.json)
        || item.bare.as_deref().is_some_and(|bare| value_says(bare, text))
        || item.error.as_deref().is_some_and(|error| value_says(error, text))
}

fn value_says(value: &Value, text: &str) -> bool {
    match value {
        Value::String(said) => said.to_lowercase().contains(text),
        Value::Array(list) => list.iter().any(|value| value_says(value, text)),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.to_lowercase().contains(text) || value_says(value, text))
        }
        Value::Null => "null".contains(text),
        other => other.to_string().contains(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: usize, item: Value, shown: Value, cuts: Value) {
        let mut preview = Preview::new(bytes);
        preview.add(7, &Item::from_value(item));
        assert_eq!(preview.items[0]["json"], shown);
        assert_eq!(json!(preview.cuts), cuts);
    }

    #[test]
    fn what_is_short_stays_whole() {
        let item = json!({"a": [1, {"b": null}], "c": "text"});
        check(1_000, item.clone(), item, json!([]));
    }

    #[test]
    fn a_long_text_ends_early_and_never_within_a_letter() {
        let cut = json!([{"item": 7, "pointer": "/a~1b", "whole": 20}]);
        check(16, json!({"a/b": "ü".repeat(10)}), json!({"a/b": "üüüü"}), cut);
    }

    #[test]
    fn lists_and_objects_end_where_there_is_no_room_left() {
        let cuts =
            json!([{"item": 7, "pointer": "/l", "whole": 100}, {"item": 7, "pointer": "", "whole": 2}]);
        check(20, json!({"l": (0..100).collect::<Vec<_>>(), "z": 1}), json!({"l": [0, 1]}), cuts);
    }

    #[test]
    fn items_are_found_by_names_and_values_in_any_case() {
        let item = Item::from_value(json!({"Name": {"first": ["ADA"]}, "n": 1815}));
        for text in ["ada", "name", "first", "181"] {
            assert!(says(&item, text), "{text}");
        }
        assert!(!says(&item, "eva"));
    }
}
