//! Reads JSON that people wrote by hand: names and words without quotes, single quotes, commas too
//! many or missing, comments, line breaks and quotes inside of texts.

use linkflow_model::Object;
use serde_json::Value;

use crate::js;

/// Deeper nesting is refused.
const DEPTH_MAX: usize = 100;

/// The value of the text: as JSON where it is JSON, else with its mistakes repaired. `None` where
/// that is not possible.
pub fn parse(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let mut reader = Reader { chars: text.chars().collect(), at: 0 };
    reader.blank();
    if !matches!(reader.peek(), Some('{' | '[')) {
        return None;
    }
    let value = reader.value(0)?;
    reader.blank();
    (reader.at == reader.chars.len()).then_some(value)
}

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    /// Skips blanks and comments.
    fn blank(&mut self) {
        loop {
            while self.peek().is_some_and(|c| c.is_whitespace() || c == '\u{feff}') {
                self.at += 1;
            }
            if self.starts_with("//") {
                self.skip_until(|r| r.peek() == Some('\n'), 0);
            } else if self.starts_with("/*") {
                self.skip_until(|r| r.starts_with("*/"), 2);
            } else {
                return;
            }
        }
    }

    fn skip_until(&mut self, end: impl Fn(&Reader) -> bool, and: usize) {
        while self.at < self.chars.len() && !end(self) {
            self.at += 1;
        }
        self.at = (self.at + and).min(self.chars.len());
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.peek()? {
            '{' => self.object(depth),
            '[' => self.list(depth),
            '"' | '\'' | '`' | '“' | '”' | '‘' | '’' => self.text().map(Value::String),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        let mut object = Object::new();
        self.at += 1;
        loop {
            self.separator();
            if self.peek()? == '}' {
                self.at += 1;
                return Some(Value::Object(object));
            }
            let key = self.key()?;
            self.blank();
            if self.peek()? != ':' {
                return None;
            }
            self.at += 1;
            self.blank();
            let value = match self.peek()? {
                ',' | '}' => Value::Null,
                _ => self.value(depth + 1)?,
            };
            object.insert(key, value);
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let mut list = Vec::new();
        self.at += 1;
        loop {
            self.separator();
            if self.peek()? == ']' {
                self.at += 1;
                return Some(Value::Array(list));
            }
            list.push(self.value(depth + 1)?);
        }
    }

    /// Blanks and any number of commas.
    fn separator(&mut self) {
        self.blank();
        while self.peek() == Some(',') {
            self.at += 1;
            self.blank();
        }
    }

    fn key(&mut self) -> Option<String> {
        if matches!(self.peek()?, '"' | '\'' | '`' | '“' | '”' | '‘' | '’') {
            return self.text();
        }
        let start = self.at;
        while self.peek().is_some_and(|c| !c.is_whitespace() && !":,{}[]\"'".contains(c)) {
            self.at += 1;
        }
        (self.at > start).then(|| self.chars[start..self.at].iter().collect())
    }

    /// A quoted text. A quote only ends it where something follows that can follow a text.
    fn text(&mut self) -> Option<String> {
        let quote = self.peek()?;
        let closes = |c: char| match quote {
            '“' | '”' => matches!(c, '“' | '”'),
            '‘' | '’' => matches!(c, '‘' | '’'),
            _ => c == quote,
        };
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '\\' => self.escape(&mut text),
                c if closes(c) && self.text_may_end() => return Some(text),
                c => text.push(c),
            }
        }
        None
    }

    fn text_may_end(&self) -> bool {
        let next = self.chars[self.at..].iter().find(|c| !c.is_whitespace());
        next.is_none_or(|c| ",:}]/".contains(*c))
    }

    fn escape(&mut self, text: &mut String) {
        let Some(c) = self.peek() else { return };
        self.at += 1;
        match c {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'u' => {
                let first = self.hex4();
                let code = match first {
                    Some(high @ 0xd800..0xdc00) if self.starts_with("\\u") => {
                        self.at += 2;
                        let low = self.hex4().unwrap_or(0);
                        0x10000 + ((high - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff)
                    }
                    Some(code) => code,
                    None => u32::from('u'),
                };
                text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            '\n' => {}
            other => text.push(other),
        }
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits: String = self.chars.get(self.at..self.at + 4)?.iter().collect();
        let code = u32::from_str_radix(&digits, 16).ok()?;
        self.at += 4;
        Some(code)
    }

    /// Something without quotes: a number, a constant, else a text.
    fn word(&mut self) -> Option<Value> {
        let start = self.at;
        while self.peek().is_some_and(|c| !",:{}[]\n\"".contains(c)) {
            self.at += 1;
        }
        let word: String = self.chars[start..self.at].iter().collect();
        let word = word.trim();
        Some(match word {
            "" => return None,
            "true" | "True" => Value::Bool(true),
            "false" | "False" => Value::Bool(false),
            "null" | "None" | "undefined" => Value::Null,
            _ => match js::number_of_text(word) {
                n if n.is_finite() => js::number_value(n),
                _ => Value::String(word.to_owned()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_people_write_is_understood() {
        for (text, expected) in [
            (r#"{"id": k }"#, json!({"id": "k"})),
            ("{'a':1, b:2,}", json!({"a": 1, "b": 2})),
            ("{a: [1 2, 3,], // note\n b: 'it''s'}", json!({"a": ["1 2", 3], "b": "it''s"})),
            ("{\"n\":\"x\ny\"}", json!({"n": "x\ny"})),
            (r#"{"n":"x"y"}"#, json!({"n": "x\"y"})),
            (r#"{"n": None, "t": True, "u": "\u00e9"}"#, json!({"n": null, "t": true, "u": "é"})),
            (r#"{"a": 1 /* one */ "b": {"c": }}"#, json!({"a": "1 /* one */", "b": {"c": null}})),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for text in ["hello", "", "{", "{\"a\":1", "{}x"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"[".repeat(10_000)), None);
    }
}
