//! XML bodies as JSON: an element is its text, or an object of its children.
//!
//! The shape is the one that imported workflows read: names of elements in lower case, attributes
//! under `$`, text beside them under `_`, elements that come more than once as a list. Nothing is
//! fetched and no entity is expanded but the five of the language and numbers.

use linkflow_model::Object;
use serde_json::Value;

/// Elements within elements; deeper bodies are refused.
const DEPTH_MAX: usize = 100;

/// The document, under the name of its root; or what is wrong with it.
pub fn parse(text: &str) -> Result<Value, String> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader { text, at: 0 };
    let mut open: Vec<Element> = Vec::new();
    loop {
        let before = reader.until("<").ok_or_else(|| reader.ends_early(&open))?;
        match open.last_mut() {
            Some(element) => element.text.push_str(&plain(before)),
            None if before.trim().is_empty() => {}
            None => return Err(format!("\"{}\" stands outside of any element", short(before.trim()))),
        }
        let closed = match reader.tag(&open)? {
            Tag::Open(element) if open.len() >= DEPTH_MAX => {
                return Err(format!("<{}> is more than {DEPTH_MAX} elements deep", element.name));
            }
            Tag::Open(element) => {
                open.push(element);
                None
            }
            Tag::Empty(element) => Some(element),
            Tag::Close(name) => Some(close(&mut open, name)?),
            Tag::Literal(literal) => {
                let element = open.last_mut().ok_or("a CDATA section stands outside of any element")?;
                element.text.push_str(literal);
                element.is_literal = true;
                None
            }
            Tag::Nothing => None,
        };
        if let Some(element) = closed {
            let name = element.name.to_lowercase();
            match open.last_mut() {
                Some(parent) => super::request::add(&mut parent.children, name, element.value()),
                None => return Ok(Value::Object(Object::from_iter([(name, element.value())]))),
            }
        }
    }
}

fn close(open: &mut Vec<Element>, name: &str) -> Result<Element, String> {
    let element = open.pop().ok_or_else(|| format!("</{name}> closes nothing"))?;
    if element.name == name { Ok(element) } else { Err(format!("</{name}> closes <{}>", element.name)) }
}

/// An element that is being read.
#[derive(Default)]
struct Element {
    name: String,
    attributes: Object,
    children: Object,
    text: String,
    /// Some of the text is a CDATA section, so that it counts even when it is blank.
    is_literal: bool,
}

impl Element {
    fn value(self) -> Value {
        let is_text = self.is_literal || !self.text.trim().is_empty();
        if self.attributes.is_empty() && self.children.is_empty() {
            return Value::String(if is_text { normal(&self.text) } else { self.text });
        }
        let mut object = Object::new();
        if is_text {
            object.insert("_".to_owned(), Value::String(normal(&self.text)));
        }
        if !self.attributes.is_empty() {
            object.insert("$".to_owned(), Value::Object(self.attributes));
        }
        object.extend(self.children);
        Value::Object(object)
    }
}

/// Without blanks around it, and with one blank where there were several.
fn normal(text: &str) -> String {
    let mut found = String::with_capacity(text.len());
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() && chars.peek().is_some_and(|next| next.is_whitespace()) {
            while chars.next_if(|next| next.is_whitespace()).is_some() {}
            found.push(' ');
        } else {
            found.push(c);
        }
    }
    found
}

enum Tag<'a> {
    Open(Element),
    Empty(Element),
    Close(&'a str),
    /// A CDATA section.
    Literal(&'a str),
    /// A comment, an instruction or a document type.
    Nothing,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self, start: &str) -> bool {
        let has = self.rest().starts_with(start);
        self.at += if has { start.len() } else { 0 };
        has
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// What stands before `end`; goes on behind it.
    fn until(&mut self, end: &str) -> Option<&'a str> {
        let rest = self.rest();
        let length = rest.find(end)?;
        self.at += length + end.len();
        Some(&rest[..length])
    }

    fn ends_early(&self, open: &[Element]) -> String {
        match open.last() {
            Some(element) => format!("<{}> is not closed", element.name),
            None => format!("\"{}\" is no element", short(self.text.trim())),
        }
    }

    /// The tag behind a `<`.
    fn tag(&mut self, open: &[Element]) -> Result<Tag<'a>, String> {
        let early = self.ends_early(open);
        if self.skip("!--") {
            return self.until("-->").map(|_| Tag::Nothing).ok_or(early);
        }
        if self.skip("![CDATA[") {
            return self.until("]]>").map(Tag::Literal).ok_or(early);
        }
        if self.skip("?") {
            return self.until("?>").map(|_| Tag::Nothing).ok_or(early);
        }
        if self.skip("!") {
            let head = self.until(">").ok_or(early)?;
            // Declarations within brackets are passed over.
            let is_whole = !head.contains('[') || head.contains(']') || self.until("]>").is_some();
            return if is_whole {
                Ok(Tag::Nothing)
            } else {
                Err("the document type is not closed".to_owned())
            };
        }
        if self.skip("/") {
            return self.until(">").map(|name| Tag::Close(name.trim_end())).ok_or(early);
        }
        self.element()
    }

    fn element(&mut self) -> Result<Tag<'a>, String> {
        let mut element = Element { name: self.name()?.to_owned(), ..Element::default() };
        loop {
            self.skip_blanks();
            if self.skip("/>") {
                return Ok(Tag::Empty(element));
            }
            if self.skip(">") {
                return Ok(Tag::Open(element));
            }
            let attribute = self.name().map_err(|_| format!("the tag <{}> is broken", element.name))?;
            let value = self.quoted().ok_or_else(|| {
                format!("the attribute \"{attribute}\" of <{}> has no value in quotes", element.name)
            })?;
            element.attributes.entry(attribute).or_insert(Value::String(plain(value)));
        }
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || "/>=<\"'&".contains(c);
        let length = rest.find(ends).unwrap_or(rest.len());
        let starts_well = rest.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == ':' || c == '$');
        if length == 0 || !starts_well {
            return Err(format!("\"<{}\" is no tag", short(rest)));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn quoted(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        if !self.skip("=") {
            return None;
        }
        self.skip_blanks();
        if self.skip("\"") {
            return self.until("\"");
        }
        if self.skip("'") { self.until("'") } else { None }
    }
}

/// Text with its entities resolved; one that is not known stays as it is.
fn plain(text: &str) -> String {
    let mut found = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        found.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest.find(';').and_then(|end| Some((character(&rest[1..end])?, end)));
        let length = match entity {
            Some((c, end)) => {
                found.push(c);
                end + 1
            }
            None => {
                found.push('&');
                1
            }
        };
        rest = &rest[length..];
    }
    found.push_str(rest);
    found
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = match parse(text) {
            Ok(value) => value.to_string(),
            Err(problem) => problem,
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn an_element_is_its_text_or_an_object() {
        check("<a>1</a>", r#"{"a":"1"}"#);
        check("\u{feff}<?xml version=\"1.0\"?><!-- c --><Root><Item/></Root>", r#"{"root":{"item":""}}"#);
        check(
            r#"<r><item>1</item><item x="Y">two</item><c><![CDATA[ <x> ]]></c></r>"#,
            r#"{"r":{"item":["1",{"_":"two","$":{"x":"Y"}}],"c":"<x>"}}"#,
        );
        check(
            r#"<r B="2"><m> a  b <b>c</b> d </m></r>"#,
            r#"{"r":{"$":{"B":"2"},"m":{"_":"a b d","b":"c"}}}"#,
        );
        check(
            "<s:Env xmlns:s='u'><s:Body>x</s:Body></s:Env>",
            r#"{"s:env":{"$":{"xmlns:s":"u"},"s:body":"x"}}"#,
        );
        check("<a><item/><item/></a>", r#"{"a":{"item":["",""]}}"#);
    }

    #[test]
    fn blanks_count_where_there_is_nothing_else() {
        check("<a>  </a>", r#"{"a":"  "}"#);
        check("<a>x\ny  z</a>", r#"{"a":"x\ny z"}"#);
        check("<a><![CDATA[ ]]></a>", r#"{"a":""}"#);
        check("<a q=\"1\"> </a>", r#"{"a":{"$":{"q":"1"}}}"#);
        check("<a b=\" x  y \" b='2'/>", r#"{"a":{"$":{"b":" x  y "}}}"#);
    }

    #[test]
    fn only_the_languages_own_entities_are_resolved() {
        check("<a>&amp;&lt;&#65;&#x42; &unknown; & &</a>", r#"{"a":"&<AB &unknown; & &"}"#);
        check("<!DOCTYPE a [<!ENTITY e \"v\">]><a>&e;</a>", r#"{"a":"&e;"}"#);
    }

    #[test]
    fn what_is_broken_is_told() {
        check("<a>", "<a> is not closed");
        check("<a></b>", "</b> closes <a>");
        check("</b>", "</b> closes nothing");
        check("plain", "\"plain\" is no element");
        check("plain<a/>", "\"plain\" stands outside of any element");
        check("<a b=1/>", "the attribute \"b\" of <a> has no value in quotes");
        check("<a <b/>", "the tag <a> is broken");
        check("<1/>", "\"<1/>\" is no tag");
        check("<!DOCTYPE a [", "\"<!DOCTYPE a [\" is no element");
        check("<![CDATA[x]]>", "a CDATA section stands outside of any element");
        let deep = "<a>".repeat(101);
        check(&deep, "<a> is more than 100 elements deep");
    }

    #[test]
    fn no_text_makes_it_panic() {
        let pieces = [
            "<", ">", "/", "a", "é", "&", ";", "#", "x", "!", "--", "[", "]]>", "\"", "=", "?", " ",
            "![CDATA[",
        ];
        let mut seed = 7_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[(seed >> 33) as usize % pieces.len()]);
            }
            let _ = parse(&text);
        }
    }
}
