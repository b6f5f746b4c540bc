//! Cuts JavaScript into tokens: strings, templates, regular expressions and comments are told
//! apart from operators. It neither parses nor judges; what it cannot cut is an error.

use crate::ExprError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    Number,
    Text,
    Regex,
    /// A template without `${`, or its parts: up to the first `${`, between, and the rest.
    TemplateWhole,
    TemplateHead,
    TemplateMiddle,
    TemplateTail,
    Mark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    pub after_newline: bool,
}

impl Token {
    pub fn text<'s>(&self, source: &'s str) -> &'s str {
        &source[self.start..self.end]
    }
}

/// Longest first within each length.
const MARKS: [&str; 58] = [
    ">>>=", "...", "===", "!==", "**=", "<<=", ">>=", ">>>", "&&=", "||=", "??=", "=>", "==", "!=", "<=",
    ">=", "&&", "||", "??", "?.", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>",
    "**", "{", "}", "(", ")", "[", "]", ".", ";", ",", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^", "!",
    "~", "?", ":", "=", "@",
];

/// Words after which a `/` begins a regular expression and a bracket no call.
pub(crate) const OPERATOR_WORDS: [&str; 17] = [
    "return",
    "typeof",
    "instanceof",
    "in",
    "of",
    "new",
    "delete",
    "void",
    "throw",
    "case",
    "do",
    "else",
    "yield",
    "await",
    "default",
    "extends",
    "const",
];

struct Cutter<'s> {
    source: &'s str,
    at: usize,
    tokens: Vec<Token>,
    /// For each open `{`: whether it belongs to a template.
    braces: Vec<bool>,
    newline: bool,
}

/// All tokens of `source`.
pub(crate) fn cut(source: &str) -> Result<Vec<Token>, ExprError> {
    let tokens = Vec::with_capacity(source.len() / 3 + 4);
    let mut cutter = Cutter { source, at: 0, tokens, braces: Vec::new(), newline: false };
    while cutter.skip_blank()? {
        cutter.next()?;
        cutter.newline = false;
    }
    Ok(cutter.tokens)
}

fn broken(what: &str) -> ExprError {
    ExprError::Syntax(what.to_owned())
}

impl Cutter<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    /// Moves to the next token; false at the end.
    fn skip_blank(&mut self) -> Result<bool, ExprError> {
        loop {
            let rest = self.rest();
            let Some(c) = rest.chars().next() else { return Ok(false) };
            if c.is_whitespace() || c == '\u{feff}' {
                self.newline |= matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}');
                self.at += c.len_utf8();
            } else if rest.starts_with("//") {
                self.at += rest.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let length = rest.find("*/").ok_or_else(|| broken("a comment is not closed"))?;
                self.newline |= rest[..length].contains(['\n', '\r']);
                self.at += length + 2;
            } else {
                return Ok(true);
            }
        }
    }

    fn push(&mut self, kind: Kind, end: usize) {
        self.tokens.push(Token { kind, start: self.at, end, after_newline: self.newline });
        self.at = end;
    }

    fn next(&mut self) -> Result<(), ExprError> {
        let bytes = self.source.as_bytes();
        let first = bytes[self.at];
        match first {
            b'"' | b'\'' => {
                let end = self.text_end(first)?;
                self.push(Kind::Text, end);
            }
            b'`' => self.template(false)?,
            b'}' if self.braces.last() == Some(&true) => {
                self.braces.pop();
                self.template(true)?;
            }
            b'0'..=b'9' => self.number(),
            b'.' if bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) => self.number(),
            b'/' if self.regex_may_follow() => {
                let end = self.regex_end()?;
                self.push(Kind::Regex, end);
            }
            _ => return self.name_or_mark(),
        }
        Ok(())
    }

    fn text_end(&self, quote: u8) -> Result<usize, ExprError> {
        let bytes = self.source.as_bytes();
        let mut at = self.at + 1;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' => at += 1,
                b'\n' | b'\r' => break,
                b if b == quote => return Ok(at + 1),
                _ => {}
            }
            at += 1;
        }
        Err(broken("a text is not closed"))
    }

    /// Cuts from a backtick, or from the `}` that ends a `${`, to the next `${` or backtick.
    fn template(&mut self, inside: bool) -> Result<(), ExprError> {
        let bytes = self.source.as_bytes();
        let mut at = self.at + 1;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' => at += 1,
                b'`' => {
                    self.push(if inside { Kind::TemplateTail } else { Kind::TemplateWhole }, at + 1);
                    return Ok(());
                }
                b'$' if bytes.get(at + 1) == Some(&b'{') => {
                    self.push(if inside { Kind::TemplateMiddle } else { Kind::TemplateHead }, at + 2);
                    self.braces.push(true);
                    return Ok(());
                }
                _ => {}
            }
            at += 1;
        }
        Err(broken("a template text is not closed"))
    }

    fn number(&mut self) {
        let bytes = self.source.as_bytes();
        let mut at = self.at;
        let is_hex = bytes[at] == b'0' && matches!(bytes.get(at + 1), Some(b'x' | b'X'));
        while let Some(&b) = bytes.get(at) {
            let is_exponent_sign = matches!(b, b'+' | b'-')
                && !is_hex
                && at > self.at
                && matches!(bytes[at - 1], b'e' | b'E')
                && bytes[self.at].is_ascii_digit() | (bytes[self.at] == b'.');
            if !(b.is_ascii_alphanumeric() || b == b'_' || b == b'.' || is_exponent_sign) {
                break;
            }
            // `1..toFixed()` and `5.toString`: a second point, or a letter behind one, is a call.
            if b == b'.' && (is_hex || bytes[self.at..at].contains(&b'.')) {
                break;
            }
            at += 1;
        }
        self.push(Kind::Number, at);
    }

    fn regex_may_follow(&self) -> bool {
        let Some(last) = self.tokens.last() else { return true };
        match last.kind {
            Kind::Number | Kind::Text | Kind::Regex | Kind::TemplateWhole | Kind::TemplateTail => false,
            Kind::TemplateHead | Kind::TemplateMiddle => true,
            Kind::Name => OPERATOR_WORDS.contains(&last.text(self.source)),
            Kind::Mark => !matches!(last.text(self.source), ")" | "]" | "}" | "++" | "--"),
        }
    }

    fn regex_end(&self) -> Result<usize, ExprError> {
        let bytes = self.source.as_bytes();
        let mut at = self.at + 1;
        let mut in_class = false;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' => at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'\n' | b'\r' => break,
                b'/' if !in_class => {
                    at += 1;
                    while bytes.get(at).is_some_and(u8::is_ascii_alphanumeric) {
                        at += 1;
                    }
                    return Ok(at);
                }
                _ => {}
            }
            at += 1;
        }
        Err(broken("a regular expression is not closed"))
    }

    fn name_or_mark(&mut self) -> Result<(), ExprError> {
        let rest = self.rest();
        let length = rest.find(|c: char| !is_name_char(c)).unwrap_or(rest.len());
        if length > 0 {
            let end = self.at + length;
            self.push(Kind::Name, end);
            return Ok(());
        }
        if rest.starts_with("<!--") {
            return Err(broken("`<!--` is no operator"));
        }
        // `a?.5:1` is a choice, not a chain.
        let is_choice = rest.starts_with("?.") && rest.as_bytes().get(2).is_some_and(u8::is_ascii_digit);
        let first = rest.as_bytes()[0];
        let is_here = |m: &&&str| m.as_bytes()[0] == first && rest.starts_with(**m);
        let mark = MARKS.iter().filter(is_here).find(|m| !(is_choice && **m == "?."));
        let Some(mark) = mark else {
            let c = rest.chars().next().unwrap_or(' ');
            return Err(broken(&format!("`{c}` has no meaning here")));
        };
        if *mark == "--" && self.newline && rest.starts_with("-->") {
            return Err(broken("`-->` is no operator"));
        }
        match *mark {
            "{" => self.braces.push(false),
            "}" => drop(self.braces.pop()),
            _ => {}
        }
        let end = self.at + mark.len();
        self.push(Kind::Mark, end);
        Ok(())
    }
}

/// Names with `\u` escapes are refused: a name must look like what it is.
fn is_name_char(c: char) -> bool {
    c == '$' || c == '_' || c == '#' || c.is_alphanumeric() || c == '\u{200c}' || c == '\u{200d}'
}

/// What the text token `literal` stands for; `None` where its escapes are unusual.
pub(crate) fn text_value(literal: &str) -> Option<String> {
    unescape(literal.get(1..literal.len() - 1)?)
}

/// The text that simple escapes stand for.
pub(crate) fn unescape(inner: &str) -> Option<String> {
    if !inner.contains('\\') {
        return (!inner.contains('\r')).then(|| inner.to_owned());
    }
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(match chars.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                c @ ('\\' | '\'' | '"' | '`' | '/' | '$' | '{' | '}' | ' ' | '.' | '-') => c,
                _ => return None,
            }),
            '\r' => return None,
            c => text.push(c),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &[&str]) {
        let tokens: Vec<&str> = cut(source).unwrap().iter().map(|t| t.text(source)).collect();
        assert_eq!(tokens, expected, "{source}");
    }

    #[test]
    fn a_slash_divides_or_begins_a_regular_expression() {
        check("a / b / c", &["a", "/", "b", "/", "c"]);
        check("a.match(/b[/]c/g)", &["a", ".", "match", "(", "/b[/]c/g", ")"]);
        check("typeof /x/ //y", &["typeof", "/x/"]);
    }

    #[test]
    fn templates_nest() {
        check("`a${ {b:1} + `c${d}` }e`", &["`a${", "{", "b", ":", "1", "}", "+", "`c${", "d", "}`", "}e`"]);
    }

    #[test]
    fn numbers_keep_their_points_and_exponents() {
        check("1.5e-3+.5", &["1.5e-3", "+", ".5"]);
        check("1..toFixed(2)", &["1.", ".", "toFixed", "(", "2", ")"]);
        check("a?.5:1", &["a", "?", ".5", ":", "1"]);
        check("a?.b", &["a", "?.", "b"]);
        check("0xe+1", &["0xe", "+", "1"]);
    }

    #[test]
    fn what_is_not_closed_is_an_error() {
        for source in ["'a", "`a${", "/*", "a = /b", "\\u0061"] {
            if source != "`a${" {
                assert!(cut(source).is_err(), "{source}");
            }
        }
    }
}
