//! Items: what flows along the edges of a workflow.
//!
//! The wire form is n8n's, because stored data, pinned data and Code nodes use it:
//! `{"json": {...}, "binary": {...}?, "error": ...?, "pairedItem": n | {...} | [...]}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A JSON object; keys keep their order.
pub type Object = serde_json::Map<String, Value>;

/// A list of items, shared between the nodes that read it.
pub type Items = Arc<Vec<Item>>;

/// One item. Cheap to clone: the data is shared.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "Wire")]
pub struct Item {
    pub json: Arc<Object>,
    /// Set where the data is no object, as a service's answer can be a list: `json` is empty then,
    /// and this is what is written in its place.
    pub bare: Option<Arc<Value>>,
    /// Files that travel with the item, by property name. The bytes are in the blob store.
    pub binary: Option<Arc<BTreeMap<String, Binary>>>,
    /// Why this one item failed, when its node goes on in spite of errors.
    pub error: Option<Arc<Value>>,
    /// From which item of the node's input this one was made.
    pub paired: Paired,
}

/// What an item is read from.
#[derive(Deserialize)]
struct Wire {
    #[serde(default = "nothing")]
    json: Value,
    #[serde(default)]
    binary: Option<Arc<BTreeMap<String, Binary>>>,
    #[serde(default)]
    error: Option<Arc<Value>>,
    #[serde(default, rename = "pairedItem")]
    paired: Paired,
}

fn nothing() -> Value {
    Value::Object(Object::new())
}

impl From<Wire> for Item {
    fn from(wire: Wire) -> Item {
        let Wire { json, binary, error, paired } = wire;
        Item { binary, error, paired, ..Item::of_json(json) }
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.bare {
            Some(bare) => map.serialize_entry("json", bare)?,
            None => map.serialize_entry("json", &self.json)?,
        }
        if let Some(binary) = &self.binary {
            map.serialize_entry("binary", binary)?;
        }
        if let Some(error) = &self.error {
            map.serialize_entry("error", error)?;
        }
        if !self.paired.is_unknown() {
            map.serialize_entry("pairedItem", &self.paired)?;
        }
        map.end()
    }
}

impl Item {
    pub fn new(json: Object) -> Item {
        Item { json: Arc::new(json), ..Item::default() }
    }

    /// An item of this JSON value; what is no object is wrapped as `{"data": value}`.
    pub fn from_value(value: Value) -> Item {
        match value {
            Value::Object(json) => Item::new(json),
            other => Item::new(Object::from_iter([("data".to_owned(), other)])),
        }
    }

    /// An item of this JSON value as it is, whether it is an object or not.
    pub fn of_json(value: Value) -> Item {
        match value {
            Value::Object(json) => Item::new(json),
            other => Item { bare: Some(Arc::new(other)), ..Item::default() },
        }
    }

    /// The data, whether it is an object or not.
    pub fn value(&self) -> Value {
        match &self.bare {
            Some(bare) => (**bare).clone(),
            None => Value::Object((*self.json).clone()),
        }
    }

    /// This item, paired with item `index` of input 0.
    pub fn paired_with(mut self, index: usize) -> Item {
        self.paired = Paired::to(index);
        self
    }

    pub fn with_paired(mut self, paired: Paired) -> Item {
        self.paired = paired;
        self
    }
}

/// A file that travels with an item. The bytes are found in the blob store by `id`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Binary {
    /// SHA-256 of the content in hex: the name of the bytes in the blob store.
    pub id: String,
    pub mime_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_extension: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Size of the content in bytes.
    #[serde(default)]
    pub bytes: u64,
}

/// From where an item came: indexes into the inputs of the run that made it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Paired {
    /// Nobody said; a later rule may fill it in, or it stays open.
    #[default]
    Unknown,
    One(Pair),
    Many(Vec<Pair>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Index of the item in that input.
    pub item: u32,
    /// Index of the input.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub input: u32,
    /// Set where a loop hands items round again: the index then refers to this output, not to
    /// the run's own source.
    #[serde(default, rename = "sourceOverwrite", skip_serializing_if = "Option::is_none")]
    pub source: Option<Arc<SourceOverwrite>>,
}

/// The output to which a pair refers instead of the run's own source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceOverwrite {
    pub previous_node: String,
    #[serde(default)]
    pub previous_node_output: u32,
    #[serde(default)]
    pub previous_node_run: u32,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Paired {
    /// Paired with item `index` of input 0.
    pub fn to(index: usize) -> Paired {
        Paired::One(Pair { item: index as u32, input: 0, source: None })
    }

    /// Paired with item `index` of input `input`.
    pub fn to_input(index: usize, input: usize) -> Paired {
        Paired::One(Pair { item: index as u32, input: input as u32, source: None })
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self, Paired::Unknown)
    }

    pub fn pairs(&self) -> &[Pair] {
        match self {
            Paired::Unknown => &[],
            Paired::One(pair) => std::slice::from_ref(pair),
            Paired::Many(pairs) => pairs,
        }
    }
}

impl Serialize for Paired {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Paired::Unknown => serializer.serialize_none(),
            Paired::One(pair) => pair.serialize(serializer),
            Paired::Many(pairs) => pairs.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Paired {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum One {
            Index(u32),
            Pair(Pair),
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            None(()),
            // Before the pair: a list of numbers could be read as one.
            Many(Vec<One>),
            One(One),
        }
        fn pair(one: One) -> Pair {
            match one {
                One::Index(item) => Pair { item, ..Pair::default() },
                One::Pair(pair) => pair,
            }
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::None(()) => Paired::Unknown,
            Form::One(one) => Paired::One(pair(one)),
            Form::Many(many) => Paired::Many(many.into_iter().map(pair).collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_three_wire_forms_of_pairing_are_read() {
        let read = |v| serde_json::from_value::<Paired>(v).unwrap();
        assert_eq!(read(json!(3)), Paired::to(3));
        assert_eq!(read(json!({"item": 3, "input": 1})), Paired::to_input(3, 1));
        assert_eq!(
            read(json!([{"item": 0}, 2])),
            Paired::Many(vec![Pair::default(), Pair { item: 2, ..Pair::default() }])
        );
        assert_eq!(
            read(json!([0, 1])),
            Paired::Many(vec![Pair::default(), Pair { item: 1, ..Pair::default() }])
        );
        assert_eq!(read(Value::Null), Paired::Unknown);
    }

    #[test]
    fn data_that_is_no_object_stays_as_it_is() {
        for text in [r#"{"json":[1,{"a":2}]}"#, r#"{"json":null}"#, r#"{"json":"x","pairedItem":{"item":1}}"#]
        {
            let item: Item = serde_json::from_str(text).unwrap();
            assert!(item.json.is_empty() && item.bare.is_some());
            assert_eq!(serde_json::to_string(&item).unwrap(), text);
        }
        let empty: Item = serde_json::from_str("{}").unwrap();
        assert_eq!(empty, Item::default());
        assert_eq!(Item::of_json(json!([1])).value(), json!([1]));
        assert_eq!(Item::of_json(json!({"a": 1})), Item::from_value(json!({"a": 1})));
    }

    #[test]
    fn an_item_writes_only_what_it_has() {
        let item = Item::from_value(json!({"b": 1, "a": 2})).paired_with(0);
        assert_eq!(
            serde_json::to_string(&item).unwrap(),
            r#"{"json":{"b":1,"a":2},"pairedItem":{"item":0}}"#
        );
    }
}
