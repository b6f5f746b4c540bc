//! The text of queries for PostgreSQL: its statements, and the places of values in them.
//!
//! Values never become a part of the text; only names do, quoted, where a query asks for that.

use linkflow_node::NodeError;
use serde_json::Value;

/// One statement, with the values for its `$1`, `$2`, ...
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub text: String,
    pub values: Vec<Value>,
}

/// A name, quoted.
pub fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The highest `n` of the places `$n` of a query.
pub fn highest_place(query: &str) -> usize {
    pieces(query).filter_map(|piece| piece.place).max().unwrap_or(0)
}

/// The statements of a query, each with those of `values` that it names. `$1:name` becomes a name.
pub fn statements(query: &str, values: &[Value]) -> Result<Vec<Statement>, NodeError> {
    let mut all = Vec::new();
    let mut text = String::new();
    let mut used: Vec<usize> = Vec::new();
    for piece in pieces(query) {
        match piece.place {
            None if piece.text == ";" => all.extend(ended(&mut text, &mut used, values)),
            Some(n) if (1..=values.len()).contains(&n) => {
                if piece.text.ends_with(":name") || piece.text.ends_with('~') {
                    text.push_str(&named(&values[n - 1]));
                    continue;
                }
                let at = used.iter().position(|u| *u == n).unwrap_or_else(|| {
                    used.push(n);
                    used.len() - 1
                });
                text.push_str(&format!("${}", at + 1));
            }
            Some(n) => {
                let problem = format!("has ${n}, and there are {} values", values.len());
                return Err(NodeError::param("query", problem));
            }
            None => text.push_str(piece.text),
        }
    }
    all.extend(ended(&mut text, &mut used, values));
    Ok(all)
}

fn ended(text: &mut String, used: &mut Vec<usize>, values: &[Value]) -> Option<Statement> {
    let text = std::mem::take(text).trim().to_owned();
    let values = std::mem::take(used).iter().map(|n| values[n - 1].clone()).collect();
    (!is_nothing(&text)).then_some(Statement { text, values })
}

/// Whether there are only comments.
fn is_nothing(text: &str) -> bool {
    pieces(text).all(|piece| piece.text.trim().is_empty() || piece.is_comment)
}

fn named(value: &Value) -> String {
    match value {
        Value::Array(list) => list.iter().map(named).collect::<Vec<_>>().join(", "),
        Value::String(text) if text == "*" => "*".to_owned(),
        Value::String(text) => name(text),
        other => name(&other.to_string()),
    }
}

/// Whether the statement only reads, so that no rows are a result like any other.
pub fn only_reads(text: &str) -> bool {
    let first = pieces(text).find(|piece| !piece.text.trim().is_empty() && !piece.is_comment);
    first.is_some_and(|piece| {
        ["select", "with", "values", "show", "table"].iter().any(|word| piece.text.eq_ignore_ascii_case(word))
    })
}

/// A part of a query: a word, a quoted text, a comment, a place, or one sign.
struct Piece<'q> {
    text: &'q str,
    place: Option<usize>,
    is_comment: bool,
}

fn pieces(query: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = query;
    let mut after_e = false;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let mut piece = Piece { text: "", place: None, is_comment: false };
        let length = match first {
            '\'' => quoted(rest, '\'', after_e),
            '"' => quoted(rest, '"', false),
            '-' if rest.starts_with("--") => {
                piece.is_comment = true;
                rest.find('\n').unwrap_or(rest.len())
            }
            '/' if rest.starts_with("/*") => {
                piece.is_comment = true;
                comment(rest)
            }
            '$' => dollar(rest, &mut piece),
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len())
            }
            c if c.is_whitespace() => rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        (piece.text, rest) = rest.split_at(length);
        after_e = piece.text.eq_ignore_ascii_case("e");
        Some(piece)
    })
}

/// The length of a quoted text; a doubled quote belongs to it, and a sign behind a backslash.
fn quoted(text: &str, quote: char, has_escapes: bool) -> usize {
    let mut signs = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = signs.next() {
        if has_escapes && c == '\\' {
            signs.next();
        } else if c == quote && signs.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

/// The length of a comment, with those inside it.
fn comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(found) = text[at..].find(['/', '*']) {
        at += found;
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of what begins with a dollar: a place, a text between tags, or the sign alone.
fn dollar(text: &str, piece: &mut Piece<'_>) -> usize {
    let digits = text[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - 1);
    if digits > 0 {
        piece.place = Some(text[1..1 + digits].parse().unwrap_or(usize::MAX));
        let behind = &text[1 + digits..];
        let is_name = behind.starts_with(":name") && !behind[5..].starts_with(|c: char| c.is_alphanumeric());
        return 1 + digits + if is_name { 5 } else { usize::from(behind.starts_with('~')) };
    }
    let Some(end) = text[1..].find('$') else { return 1 };
    let tag = &text[..end + 2];
    if !tag[1..=end].chars().all(|c| c.is_alphanumeric() || c == '_') {
        return 1;
    }
    text[tag.len()..].find(tag).map_or(text.len(), |at| at + 2 * tag.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(query: &str, values: Value, expected: &[(&str, Value)]) {
        let found = statements(query, values.as_array().unwrap()).unwrap();
        let found: Vec<(String, Value)> = found.into_iter().map(|s| (s.text, s.values.into())).collect();
        let expected: Vec<_> = expected.iter().map(|(t, v)| ((*t).to_owned(), v.clone())).collect();
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn statements_are_told_apart_and_take_their_values_along() {
        check(
            "select $2; select $1, $2, $1 ;",
            json!([1, 2]),
            &[("select $1", json!([2])), ("select $1, $2, $1", json!([1, 2]))],
        );
        check("-- nothing\n; /* a /* b; */ ; */", json!([]), &[]);
    }

    #[test]
    fn quotes_tags_and_comments_are_left_alone() {
        for query in [
            "select '$1;'",
            "select 'it''s $1;'",
            r"select E'\'$1;'",
            "select \"a;$1\"",
            "select $$ ; $1 $$",
            "do $a$ x; $$ $1; $a$",
            "select 1 -- $1 ;\n+ 2",
            "select a$1 from b",
            "select '",
            "select $a$ ;",
        ] {
            check(query, json!([7]), &[(query, json!([]))]);
        }
    }

    #[test]
    fn names_are_quoted_into_the_text() {
        check(
            "select $1:name from $2~ where a = $3",
            json!([["a", "b\"c"], "t", 5]),
            &[("select \"a\", \"b\"\"c\" from \"t\" where a = $1", json!([5]))],
        );
        let missing = statements("select $3", &[json!(1)]).unwrap_err().to_string();
        assert_eq!(missing, "`query`: has $3, and there are 1 values");
        assert!(only_reads("/* a */ SELECT 1") && !only_reads("insert into t select 1"));
    }
}
