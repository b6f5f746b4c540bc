//! What JavaScript makes of JSON values: texts, numbers, truth, and regular expressions. The
//! semantics of many parameters come from there.

use std::cmp::Ordering;

use linkflow_node::NodeError;
use regex::{Regex, RegexBuilder};
use serde_json::{Number, Value};

/// `String(value)`.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => number_text(n),
        Value::String(s) => s.clone(),
        Value::Array(list) => {
            let part = |v: &Value| if v.is_null() { String::new() } else { text(v) };
            list.iter().map(part).collect::<Vec<_>>().join(",")
        }
        Value::Object(_) => "[object Object]".to_owned(),
    }
}

/// `String(number)`: whole numbers without a point, large and small ones with an exponent.
pub fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(f) if !number.is_i64() && !number.is_u64() => float_text(f),
        _ => number.to_string(),
    }
}

/// `String(f)`.
pub fn float_text(f: f64) -> String {
    if f.is_nan() {
        return "NaN".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = f.abs();
    if f == 0.0 {
        "0".to_owned()
    } else if (1e-6..1e21).contains(&size) {
        format!("{f}")
    } else {
        let text = format!("{f:e}");
        if text.contains("e-") { text } else { text.replace('e', "e+") }
    }
}

/// A number as JSON has it: whole where it is whole, null for what is not finite.
pub fn number_value(f: f64) -> Value {
    if f.fract() == 0.0 && f.abs() <= 9_007_199_254_740_991.0 {
        Value::from(f as i64)
    } else {
        Number::from_f64(f).map_or(Value::Null, Value::Number)
    }
}

/// `Number(value)`; NaN where it is none.
pub fn number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::Number(n) => n.as_f64().unwrap_or(f64::NAN),
        Value::String(s) => number_of_text(s),
        Value::Array(_) => number_of_text(&text(value)),
        Value::Object(_) => f64::NAN,
    }
}

/// `Number(text)`.
pub fn number_of_text(text: &str) -> f64 {
    let text = text.trim();
    let radix = |digits: &str, radix: u32| {
        let signed = digits.starts_with(['+', '-']);
        u64::from_str_radix(digits, radix).ok().filter(|_| !signed).map_or(f64::NAN, |n| n as f64)
    };
    match text {
        "" => 0.0,
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ if text.starts_with("0x") || text.starts_with("0X") => radix(&text[2..], 16),
        _ if text.starts_with("0b") || text.starts_with("0B") => radix(&text[2..], 2),
        _ if text.starts_with("0o") || text.starts_with("0O") => radix(&text[2..], 8),
        // Rust also reads `inf` and `nan`, which JavaScript does not.
        _ if text.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b)) => {
            text.parse().unwrap_or(f64::NAN)
        }
        _ => f64::NAN,
    }
}

/// `Boolean(value)`.
pub fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64().is_some_and(|f| f != 0.0),
        Value::String(s) => !s.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// `left < right`: two texts by their letters, everything else as numbers.
pub fn less(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => text_order(left, right).is_lt(),
        (Value::Array(_) | Value::Object(_), _) => less(&Value::String(text(left)), right),
        (_, Value::Array(_) | Value::Object(_)) => less(left, &Value::String(text(right))),
        _ => number(left) < number(right),
    }
}

/// The order of two texts in JavaScript: by their UTF-16 code units.
pub fn text_order(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        left.cmp(right)
    } else {
        left.encode_utf16().cmp(right.encode_utf16())
    }
}

/// A regular expression in JavaScript's syntax.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Runs in time that grows with the text only.
    Plain(Regex),
    /// Looks around, or refers to its own groups: steps are counted, and it gives up after many.
    Looking(Box<fancy_regex::Regex>),
}

/// Most steps back that a pattern may take on one text.
const STEPS_BACK_MAX: usize = 1_000_000;

impl Pattern {
    /// Reads `/pattern/flags`, or the pattern alone.
    pub fn read(source: &str) -> Result<Pattern, NodeError> {
        let (pattern, flags) = split_literal(source);
        let translated = translated(pattern);
        let plain = RegexBuilder::new(&translated)
            .case_insensitive(flags.contains('i'))
            .multi_line(flags.contains('m'))
            .dot_matches_new_line(flags.contains('s'))
            .size_limit(4 << 20)
            .build();
        let Err(problem) = plain else { return plain.map(Pattern::Plain).map_err(|e| unusable(source, &e)) };
        let letters: String = flags.chars().filter(|c| "ims".contains(*c)).collect();
        let whole = if letters.is_empty() { translated } else { format!("(?{letters}){translated}") };
        fancy_regex::RegexBuilder::new(&whole)
            .backtrack_limit(STEPS_BACK_MAX)
            .delegate_size_limit(4 << 20)
            .build()
            .map(|regex| Pattern::Looking(Box::new(regex)))
            .map_err(|_| unusable(source, &problem))
    }

    /// How many groups it has, the whole match not counted.
    pub fn n_groups(&self) -> usize {
        match self {
            Pattern::Plain(regex) => regex.captures_len() - 1,
            Pattern::Looking(regex) => regex.captures_len() - 1,
        }
    }

    pub fn is_match(&self, text: &str) -> Result<bool, NodeError> {
        match self {
            Pattern::Plain(regex) => Ok(regex.is_match(text)),
            Pattern::Looking(regex) => regex.is_match(text).map_err(|e| took_too_long(&e)),
        }
    }

    /// The text with the first match replaced; `with` in the words of the regex crate.
    pub fn replace(&self, text: &str, with: &str) -> Result<String, NodeError> {
        match self {
            Pattern::Plain(regex) => Ok(regex.replace(text, with).into_owned()),
            Pattern::Looking(regex) => {
                regex.try_replacen(text, 1, with).map(|t| t.into_owned()).map_err(|e| took_too_long(&e))
            }
        }
    }
}

fn unusable(source: &str, problem: &regex::Error) -> NodeError {
    let why = problem.to_string();
    let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
    NodeError::param("", format!("\"{source}\" is no regular expression that can be used here: {last}"))
}

fn took_too_long(problem: &fancy_regex::Error) -> NodeError {
    NodeError::param("", format!("the regular expression cannot be decided on this text: {problem}"))
}

fn split_literal(source: &str) -> (&str, &str) {
    let literal = source.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'));
    match literal {
        Some((pattern, flags)) if flags.bytes().all(|b| b"dgimsuvy".contains(&b)) => (pattern, flags),
        _ => (source, ""),
    }
}

/// JavaScript's syntax in the words of the regex crate: ASCII classes, and no sets in classes.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => escape(chars.next(), in_class, &mut out),
            '[' if in_class => out.push_str("\\["),
            '[' => in_class = open_class(&mut chars, &mut out),
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => out.extend(['\\', c]),
            '{' if !in_class && !chars.peek().is_some_and(char::is_ascii_digit) => out.push_str("\\{"),
            _ => out.push(c),
        }
    }
    out
}

fn escape(next: Option<char>, in_class: bool, out: &mut String) {
    match next {
        Some('d') => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
        Some('w') => out.push_str(if in_class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
        Some('D') => out.push_str("[^0-9]"),
        Some('W') => out.push_str("[^0-9A-Za-z_]"),
        Some('b') if !in_class => out.push_str("(?-u:\\b)"),
        Some('/') => out.push('/'),
        Some(c) if c.is_alphanumeric() || c.is_ascii_punctuation() && !"<>".contains(c) => {
            out.extend(['\\', c])
        }
        Some(c) => out.push(c),
        None => out.push('\\'),
    }
}

/// The start of a class behind its bracket; whether it is still open.
fn open_class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> bool {
    if chars.next_if_eq(&'^').is_none() {
        out.push('[');
        return true;
    }
    if chars.next_if_eq(&']').is_some() {
        // What is in no empty class is any character at all.
        out.push_str("(?s:.)");
        return false;
    }
    out.push_str("[^");
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_become_texts_and_numbers_in_javascripts_way() {
        for (value, as_text, as_number) in [
            (json!(null), "null", 0.0),
            (json!(1.5), "1.5", 1.5),
            (json!(1.0), "1", 1.0),
            (json!(1e21), "1e+21", 1e21),
            (json!(" 0x10 "), " 0x10 ", 16.0),
            (json!(""), "", 0.0),
            (json!([]), "", 0.0),
            (json!([7]), "7", 7.0),
            (json!(true), "true", 1.0),
        ] {
            assert_eq!(text(&value), as_text, "{value}");
            assert_eq!(number(&value), as_number, "{value}");
        }
        for none in [json!("inf"), json!("1,5"), json!({}), json!([1, 2]), json!("0x")] {
            assert!(number(&none).is_nan(), "{none}");
        }
    }

    #[test]
    fn regular_expressions_are_read_as_javascript_writes_them() {
        let check = |source: &str, text: &str, expected: bool| {
            assert_eq!(
                Pattern::read(source).unwrap().is_match(text).unwrap(),
                expected,
                "{source} on {text}"
            );
        };
        check("/ABC/i", "xabc", true);
        check(r"^\d{2}\/\w+$", "12/ab", true);
        check(r"\d", "٣", false);
        check(r"[[\]&&]", "[", true);
        check(r"[^]", "\n", true);
        check(r"a\-b", "a-b", true);
        check("a(?=b)", "ab", true);
        check("a(?=b)", "ac", false);
        check("/(?<!X)(y)\\1/i", "aYY", true);
        assert!(Pattern::read("(").is_err());
    }

    #[test]
    fn a_pattern_that_could_go_back_without_end_comes_to_an_end() {
        let pattern = Pattern::read(r"^(?:(a+)\1?)+(?=c)$").unwrap();
        assert!(!matches!(pattern.is_match(&format!("{}b", "a".repeat(60))), Ok(true)));
    }
}
