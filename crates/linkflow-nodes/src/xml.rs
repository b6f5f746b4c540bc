//! XML: makes objects of XML and XML of objects, in the shape of the xml2js library. Entities of a
//! document's own are refused, and nothing outside of it is read.

use linkflow_model::{Item, Object, Order};
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::xml_text::{self, Piece, Pieces};
use crate::{heavy, js};

pub struct Xml;

const TEXT_BYTES_MAX: usize = 64 << 20;

/// Makes objects of XML and XML of objects.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// Which way.
    mode: Mode,
    /// Name of the field with the XML, or for it. Dots are part of the name.
    #[serde(deserialize_with = "lenient::text")]
    data_property_name: String,
    /// Details.
    options: Options,
}

impl Default for Params {
    fn default() -> Params {
        Params { mode: Mode::XmlToJson, data_property_name: "data".to_owned(), options: Options::default() }
    }
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub enum Mode {
    /// XML becomes the item's fields.
    #[serde(rename = "xmlToJson")]
    XmlToJson,
    /// The item's fields become XML.
    #[serde(rename = "jsonToxml", alias = "jsonToXml")]
    JsonToXml,
}

/// Details.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Name under which an element has its attributes.
    #[serde(deserialize_with = "lenient::text")]
    attrkey: String,
    /// Name under which an element with attributes has its text.
    #[serde(deserialize_with = "lenient::text")]
    charkey: String,
    /// Whether each element is a list, also where there is one only.
    #[serde(deserialize_with = "lenient::flag")]
    explicit_array: bool,
    /// Whether the outermost element is a field.
    #[serde(deserialize_with = "lenient::flag")]
    explicit_root: bool,
    /// Whether attributes are left out.
    #[serde(deserialize_with = "lenient::flag")]
    ignore_attrs: bool,
    /// Whether attributes stand beside the elements within, and not under a name of their own.
    #[serde(deserialize_with = "lenient::flag")]
    merge_attrs: bool,
    /// Whether white space within text becomes one space, and that around it none.
    #[serde(deserialize_with = "lenient::flag")]
    normalize: bool,
    /// Whether names of elements are written in small letters.
    #[serde(deserialize_with = "lenient::flag")]
    normalize_tags: bool,
    /// Whether white space around text is left out.
    #[serde(deserialize_with = "lenient::flag")]
    trim: bool,
    /// Whether text with `<` or `&` is written as CDATA.
    #[serde(deserialize_with = "lenient::flag")]
    cdata: bool,
    /// Whether the line that says "XML" is left out.
    #[serde(deserialize_with = "lenient::flag")]
    headless: bool,
    /// Name of the outermost element, where the fields are not one.
    #[serde(deserialize_with = "lenient::text")]
    root_name: String,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            attrkey: "$".to_owned(),
            charkey: "_".to_owned(),
            explicit_array: false,
            explicit_root: true,
            ignore_attrs: false,
            merge_attrs: true,
            normalize: false,
            normalize_tags: false,
            trim: false,
            cdata: false,
            headless: false,
            root_name: "root".to_owned(),
        }
    }
}

impl Node for Xml {
    const KIND: &'static str = "xml";
    const SPEC: Spec = Spec {
        title: "XML",
        summary: "Makes objects of XML and XML of objects.",
        category: Category::Data,
        aliases: &["parse", "convert", "soap", "rss"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "The fields of a document",
            params: r#"{"dataPropertyName": "xml"}"#,
            input: r#"[{"xml": "<order id='7'><line>a</line><line>b</line></order>"}]"#,
            output: r#"[[{"order": {"id": "7", "line": ["a", "b"]}}]]"#,
        },
        Example {
            title: "A document of the fields",
            params: r#"{"mode": "jsonToxml", "options": {"headless": true}}"#,
            input: r#"[{"order": {"$": {"id": 7}, "line": ["a", "b"]}}]"#,
            output: "[[{\"data\": \"<order id=\\\"7\\\">\\n  <line>a</line>\\n  <line>b</line>\\n</order>\"}]]",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        // n8n leaves out what it cannot read, and pairs nothing itself.
        let as_n8n = ctx.order != Order::Parallel;
        let mut out = Vec::with_capacity(input.items().len());
        for (i, item) in input.items().iter().enumerate() {
            match changed(&input, item, i).await {
                Ok(item) if as_n8n => out.push(item),
                Ok(item) => out.push(item.paired_with(i)),
                Err(e) => {
                    let failed = ctx.failed_item(e, i)?;
                    out.extend((!as_n8n || writes(&input, i)).then_some(failed));
                }
            }
        }
        Ok(Outcome::items(out))
    }
}

fn writes(input: &Input<Params>, index: usize) -> bool {
    input.params(index).is_ok_and(|params| params.mode == Mode::JsonToXml)
}

async fn changed(input: &Input<Params>, item: &Item, index: usize) -> Result<Item, NodeError> {
    let params = input.params(index)?;
    let name = params.data_property_name.clone();
    if params.mode == Mode::JsonToXml {
        let json = item.json.clone();
        let text = heavy::run(move || written(&json, &params.options)).await?;
        return Ok(Item::new(Object::from_iter([(name, Value::String(text))])));
    }
    let value = item
        .json
        .get(&name)
        .ok_or_else(|| NodeError::param("dataPropertyName", format!("the item has no field \"{name}\"")))?;
    let text = lenient::as_text(value);
    let made = heavy::run(move || {
        if text.len() > TEXT_BYTES_MAX {
            let limit = format!("{TEXT_BYTES_MAX} bytes");
            return Err(NodeError::Limit { what: "the size of an XML document".to_owned(), limit });
        }
        read(&text, &params.options)
            .map_err(|e| NodeError::data(format!("the field \"{name}\" is no sound XML: {e}")))
    })
    .await?;
    Ok(Item::of_json(made))
}

/// An element that is being read.
struct Open {
    name: String,
    fields: Object,
    text: String,
    has_cdata: bool,
}

/// The document as a value.
pub fn read(text: &str, options: &Options) -> Result<Value, String> {
    let mut pieces = Pieces::of(text);
    let mut open: Vec<Open> = Vec::new();
    while let Some(piece) = pieces.next_piece()? {
        match piece {
            Piece::Start { name, attributes } => {
                let name = if options.normalize_tags { name.to_lowercase() } else { name.to_owned() };
                let mut element = Open { name, fields: Object::new(), text: String::new(), has_cdata: false };
                // The text stands first, if there is any.
                element.fields.insert(options.charkey.clone(), Value::Null);
                add_attributes(&mut element.fields, attributes, options);
                open.push(element);
            }
            Piece::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Piece::Cdata(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(text);
                    element.has_cdata = true;
                }
            }
            Piece::End { .. } => {
                let Some(element) = open.pop() else { continue };
                let (name, value) = closed(element, options);
                match open.last_mut() {
                    Some(outer) => add(&mut outer.fields, name, value, options.explicit_array),
                    // What follows the outermost element is not looked at.
                    None if options.explicit_root => {
                        return Ok(Value::Object(Object::from_iter([(name, value)])));
                    }
                    None => return Ok(value),
                }
            }
        }
    }
    Err("there is no element".to_owned())
}

fn add_attributes(
    fields: &mut Object,
    attributes: Vec<(&str, std::borrow::Cow<'_, str>)>,
    options: &Options,
) {
    if options.ignore_attrs || attributes.is_empty() {
        return;
    }
    if options.merge_attrs {
        for (name, value) in attributes {
            add(fields, name.to_owned(), Value::String(value.into_owned()), options.explicit_array);
        }
        return;
    }
    let own =
        attributes.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value.into_owned())));
    fields.insert(options.attrkey.clone(), Value::Object(own.collect()));
}

/// Adds a field; those of the same name become a list.
fn add(fields: &mut Object, name: String, value: Value, always_lists: bool) {
    match fields.get_mut(&name) {
        Some(Value::Array(list)) => list.push(value),
        Some(Value::Null) | None if always_lists => drop(fields.insert(name, Value::Array(vec![value]))),
        Some(Value::Null) | None => drop(fields.insert(name, value)),
        Some(first) => {
            let first = first.take();
            fields.insert(name, Value::Array(vec![first, value]));
        }
    }
}

fn closed(element: Open, options: &Options) -> (String, Value) {
    let Open { name, mut fields, text, has_cdata } = element;
    let is_blank = text.trim().is_empty() && !has_cdata;
    if is_blank {
        if fields.get(&options.charkey).is_some_and(Value::is_null) {
            fields.shift_remove(&options.charkey);
        }
        let value = if fields.is_empty() { Value::String(text) } else { Value::Object(fields) };
        return (name, value);
    }
    let mut content = if options.trim || options.normalize { text.trim().to_owned() } else { text };
    if options.normalize {
        content = several_spaces_as_one(&content);
    }
    fields.insert(options.charkey.clone(), Value::String(content.clone()));
    (name, if fields.len() == 1 { Value::String(content) } else { Value::Object(fields) })
}

fn several_spaces_as_one(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut white = Vec::new();
    for c in text.chars().chain(['x']) {
        if c.is_whitespace() {
            white.push(c);
            continue;
        }
        match white.as_slice() {
            [one] => out.push(*one),
            [] => {}
            _ => out.push(' '),
        }
        white.clear();
        out.push(c);
    }
    out.pop();
    out
}

/// A node of a document that is being written.
enum Part {
    Text(String),
    Cdata(String),
    Element(Element),
}

#[derive(Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    parts: Vec<Part>,
}

fn written(json: &Object, options: &Options) -> Result<String, NodeError> {
    let alone = json.iter().next().filter(|_| json.len() == 1 && options.root_name == "root");
    let mut root = match alone {
        Some((name, _)) => Element::named(name)?,
        None => Element::named(&options.root_name)?,
    };
    match alone {
        Some((_, value)) => root.fill(value, options, 0)?,
        None => root.fill_fields(json, options, 0)?,
    }
    let mut out = String::new();
    if !options.headless {
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n");
    }
    root.write(0, &mut out);
    Ok(out)
}

impl Element {
    fn named(name: &str) -> Result<Element, NodeError> {
        let is_start = |c: char| c.is_alphabetic() || c == '_' || c == ':';
        let is_inner = |c: char| c.is_alphanumeric() || "_:-.\u{b7}".contains(c);
        if !name.starts_with(is_start) || !name.chars().all(is_inner) {
            return Err(NodeError::data(format!("\"{name}\" cannot be the name of an XML element")));
        }
        Ok(Element { name: name.to_owned(), ..Element::default() })
    }

    fn text(&mut self, text: String, options: &Options) {
        let is_cdata = options.cdata && text.contains(['&', '<', '>']);
        self.parts.push(if is_cdata { Part::Cdata(text) } else { Part::Text(text) });
    }

    fn fill(&mut self, value: &Value, options: &Options, depth: usize) -> Result<(), NodeError> {
        if depth > xml_text::DEPTH_MAX {
            let what = "how deep the data is".to_owned();
            return Err(NodeError::Limit { what, limit: xml_text::DEPTH_MAX.to_string() });
        }
        match value {
            Value::Object(fields) => self.fill_fields(fields, options, depth),
            // Lists have no names of their own; what they hold is taken for fields.
            Value::Array(list) => {
                for fields in list.iter().filter_map(Value::as_object) {
                    for (name, value) in fields {
                        let mut child = Element::named(name)?;
                        child.fill(value, options, depth + 1)?;
                        self.parts.push(Part::Element(child));
                    }
                }
                Ok(())
            }
            Value::Null => Ok(()),
            other => {
                self.text(js::text(other), options);
                Ok(())
            }
        }
    }

    fn fill_fields(&mut self, fields: &Object, options: &Options, depth: usize) -> Result<(), NodeError> {
        for (name, value) in fields {
            if *name == options.attrkey {
                for (name, value) in value.as_object().into_iter().flatten() {
                    let name = Element::named(name)?.name;
                    self.attributes
                        .push((name, if value.is_null() { String::new() } else { js::text(value) }));
                }
            } else if *name == options.charkey {
                let text = if value.is_null() { String::new() } else { js::text(value) };
                self.text(text, options);
            } else {
                let entries = match value {
                    Value::Array(list) => list.as_slice(),
                    one => std::slice::from_ref(one),
                };
                for entry in entries {
                    let mut child = Element::named(name)?;
                    child.fill(entry, options, depth + 1)?;
                    self.parts.push(Part::Element(child));
                }
            }
        }
        Ok(())
    }

    fn write(&self, depth: usize, out: &mut String) {
        let indent = "  ".repeat(depth);
        out.push_str(&format!("{indent}<{}", self.name));
        for (name, value) in &self.attributes {
            let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
            let value = value.replace('\t', "&#x9;").replace('\n', "&#xA;").replace('\r', "&#xD;");
            out.push_str(&format!(" {name}=\"{value}\""));
        }
        let is_empty = |part: &Part| matches!(part, Part::Text(text) if text.is_empty());
        if self.parts.iter().all(is_empty) {
            out.push_str("/>");
            return;
        }
        out.push('>');
        let is_inline = matches!(self.parts.as_slice(), [Part::Text(_) | Part::Cdata(_)]);
        for part in &self.parts {
            if !is_inline {
                out.push('\n');
            }
            match part {
                Part::Element(element) => element.write(depth + 1, out),
                Part::Text(text) => {
                    let text = xml_text::escaped(text).replace('\r', "&#xD;");
                    let indent = if is_inline { String::new() } else { "  ".repeat(depth + 1) };
                    out.push_str(&format!("{indent}{text}"));
                }
                Part::Cdata(text) => {
                    let text = text.replace("]]>", "]]]]><![CDATA[>");
                    let indent = if is_inline { String::new() } else { "  ".repeat(depth + 1) };
                    out.push_str(&format!("{indent}<![CDATA[{text}]]>"));
                }
            }
        }
        if !is_inline {
            out.push_str(&format!("\n{indent}"));
        }
        out.push_str(&format!("</{}>", self.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(xml: &str, options: Value, expected: Value) {
        let options: Options = serde_json::from_value(options).unwrap();
        let found = read(xml, &options).unwrap_or_else(|e| Value::String(e));
        assert_eq!(found.to_string(), expected.to_string(), "{xml}");
    }

    #[test]
    fn documents_become_objects() {
        let none = json!({});
        check("<a x='1'>t<b/></a>", none.clone(), json!({"a": {"_": "t", "x": "1", "b": ""}}));
        check("<a><b>1</b><b>2</b></a>", none.clone(), json!({"a": {"b": ["1", "2"]}}));
        check("<a><![CDATA[ ]]></a>", none.clone(), json!({"a": " "}));
        let own = json!({"mergeAttrs": false, "explicitArray": true, "explicitRoot": false, "trim": true});
        check("<a x='1'><b> t </b></a>", own, json!({"$": {"x": "1"}, "b": ["t"]}));
        check("<a>x  y </a>", json!({"normalize": true}), json!({"a": "x y"}));
    }

    #[test]
    fn bombs_and_broken_documents_are_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY a 'x'><!ENTITY b '&a;&a;'>]><a>&b;</a>";
        check(bomb, json!({}), json!("line 1: the entity &b; is not known"));
        check("<a>", json!({}), json!("<a> is not closed"));
        assert!(read(&"<a>".repeat(100_000), &Options::default()).is_err());
    }

    #[test]
    fn objects_become_documents() {
        let check = |json: Value, options: Value, expected: &str| {
            let options: Options = serde_json::from_value(options).unwrap();
            let found = written(json.as_object().unwrap(), &options).unwrap_or_else(|e| e.to_string());
            assert_eq!(found, expected, "{json}");
        };
        let bare = json!({"headless": true});
        check(json!({"a": {"$": {"x": "\""}, "_": "<"}}), bare.clone(), "<a x=\"&quot;\">&lt;</a>");
        check(
            json!({"a": 1, "b": [null, {"c": true}]}),
            bare,
            "<root>\n  <a>1</a>\n  <b/>\n  <b>\n    <c>true</c>\n  </b>\n</root>",
        );
        check(json!({"a": "<"}), json!({"headless": true, "cdata": true}), "<a><![CDATA[<]]></a>");
        check(json!({"a b": 1}), json!({}), "\"a b\" cannot be the name of an XML element");
    }
}
