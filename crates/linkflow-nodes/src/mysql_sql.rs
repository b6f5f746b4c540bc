//! The text of queries for MySQL: its statements, and the places of values in them.
//!
//! Values never become a part of the text; only names do, quoted, where a query asks for that.

use linkflow_node::NodeError;
use serde_json::Value;

/// One statement, with the values for its `?`. Without values it may be several, with `;` between.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub text: String,
    pub values: Vec<Value>,
}

/// A name, quoted.
pub fn name(text: &str) -> String {
    format!("`{}`", text.replace('`', "``"))
}

/// How many values a query asks for: the highest `n` of its places `$n`, or else the number of its `?`.
pub fn n_places(query: &str) -> usize {
    let highest = pieces(query).filter_map(|piece| piece.place).max();
    highest.unwrap_or_else(|| pieces(query).filter(|piece| piece.text == "?").count())
}

/// The statements of a query, each with those of `values` that it names; a list as a value stands for
/// its entries, as in `IN ($1)`. `$1:name` becomes a name. Without places the query is one statement, for
/// the server to take apart.
pub fn statements(query: &str, values: &[Value]) -> Result<Vec<Statement>, NodeError> {
    let is_numbered = pieces(query).any(|piece| piece.place.is_some());
    if !is_numbered && (values.is_empty() || n_places(query) == 0) {
        let whole = Statement { text: query.trim().to_owned(), values: Vec::new() };
        return Ok(if is_nothing(query) { Vec::new() } else { vec![whole] });
    }
    let mut drafts = vec![Statement { text: String::new(), values: Vec::new() }];
    let mut next = 0;
    for piece in pieces(query) {
        if piece.text == ";" {
            drafts.push(Statement { text: String::new(), values: Vec::new() });
            continue;
        }
        let Some(draft) = drafts.last_mut() else { break };
        let place = match piece.place {
            None if piece.text == "?" && !is_numbered => {
                next += 1;
                Some(next)
            }
            place => place,
        };
        match place {
            None => draft.text.push_str(piece.text),
            Some(n) => {
                let value = n.checked_sub(1).and_then(|at| values.get(at)).ok_or_else(|| {
                    let problem = format!("has {}, and there are {} values", piece.text, values.len());
                    NodeError::param("query", problem)
                })?;
                draft.put(value, piece.text.ends_with(":name") || piece.text.ends_with('~'));
            }
        }
    }
    drafts.iter_mut().for_each(|draft| draft.text = draft.text.trim().to_owned());
    Ok(drafts.into_iter().filter(|draft| !is_nothing(&draft.text)).collect())
}

impl Statement {
    fn put(&mut self, value: &Value, is_name: bool) {
        match value {
            _ if is_name => self.text.push_str(&named(value)),
            Value::Array(list) if !list.is_empty() => {
                self.text.push_str(&vec!["?"; list.len()].join(", "));
                self.values.extend(list.iter().cloned());
            }
            // `IN ()` is no SQL; nothing is in it.
            Value::Array(_) => self.text.push_str("NULL"),
            one => {
                self.text.push('?');
                self.values.push(one.clone());
            }
        }
    }
}

/// Whether there are only comments, and those not for the server.
fn is_nothing(text: &str) -> bool {
    pieces(text).all(|piece| piece.text.trim().is_empty() || piece.text == ";" || piece.is_comment)
}

fn named(value: &Value) -> String {
    match value {
        Value::Array(list) => list.iter().map(named).collect::<Vec<_>>().join(", "),
        Value::String(text) if text == "*" => "*".to_owned(),
        Value::String(text) => name(text),
        other => name(&other.to_string()),
    }
}

/// A part of a query: a word, a quoted text, a comment, a place, or one sign.
struct Piece<'q> {
    text: &'q str,
    place: Option<usize>,
    is_comment: bool,
}

fn pieces(query: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = query;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let mut piece = Piece { text: "", place: None, is_comment: false };
        let length = match first {
            '\'' | '"' | '`' => quoted(rest, first),
            '-' if is_dashed(rest) => {
                piece.is_comment = true;
                rest.find('\n').unwrap_or(rest.len())
            }
            '#' => {
                piece.is_comment = true;
                rest.find('\n').unwrap_or(rest.len())
            }
            '/' if rest.starts_with("/*") => {
                // What is in `/*! .. */` is for the server.
                piece.is_comment = !rest.starts_with("/*!") && !rest.starts_with("/*M!");
                rest.find("*/").map_or(rest.len(), |at| at + 2)
            }
            '$' => dollar(rest, &mut piece),
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len())
            }
            c if c.is_whitespace() => rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        (piece.text, rest) = rest.split_at(length);
        Some(piece)
    })
}

/// Two dashes are a comment only with a space behind them: `5--1` is 6.
fn is_dashed(text: &str) -> bool {
    text.strip_prefix("--").is_some_and(|rest| rest.chars().next().is_none_or(char::is_whitespace))
}

/// The length of a quoted text; a doubled quote belongs to it, and a sign behind a backslash.
fn quoted(text: &str, quote: char) -> usize {
    let mut signs = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = signs.next() {
        if quote != '`' && c == '\\' {
            signs.next();
        } else if c == quote && signs.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

/// The length of what begins with a dollar: a place, or the sign alone.
fn dollar(text: &str, piece: &mut Piece<'_>) -> usize {
    let digits = text[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - 1);
    if digits == 0 {
        return 1;
    }
    piece.place = Some(text[1..1 + digits].parse().unwrap_or(usize::MAX));
    let behind = &text[1 + digits..];
    let is_name = behind.starts_with(":name") && !behind[5..].starts_with(|c: char| c.is_alphanumeric());
    1 + digits + if is_name { 5 } else { usize::from(behind.starts_with('~')) }
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
    fn statements_are_told_apart_where_values_go_along() {
        check(
            "select $2; select $1, $1 ;",
            json!([1, 2]),
            &[("select ?", json!([2])), ("select ?, ?", json!([1, 1]))],
        );
        check("select 1; select 2", json!([]), &[("select 1; select 2", json!([]))]);
        check("-- nothing\n; /* a ; */ # b", json!([]), &[]);
        check(
            "select a from t where b in ($1)",
            json!([[1, "x"]]),
            &[("select a from t where b in (?, ?)", json!([1, "x"]))],
        );
        check("select ?, '?', ?", json!([1, 2]), &[("select ?, '?', ?", json!([1, 2]))]);
        check("select ?", json!([]), &[("select ?", json!([]))]);
    }

    #[test]
    fn quotes_and_comments_are_left_alone() {
        for query in [
            "select '$1;'",
            r"select '\'$1;'",
            "select 'it''s $1;'",
            "select \"a;$1\"",
            "select `a;$1`",
            "select 1 -- $1 ;\n+ 2",
            "select 1 # $1 ;\n+ 2",
            "select 1 /* $1; */ + 2",
            "select a$1 from b",
            "select '",
        ] {
            check(query, json!([7]), &[(query, json!([]))]);
        }
        check("select 5--$1", json!([1]), &[("select 5--?", json!([1]))]);
    }

    #[test]
    fn names_are_quoted_into_the_text() {
        check(
            "select $1:name from $2~ where a = $3",
            json!([["a", "b`c"], "t", 5]),
            &[("select `a`, `b``c` from `t` where a = ?", json!([5]))],
        );
        let missing = statements("select $3", &[json!(1)]).unwrap_err().to_string();
        assert_eq!(missing, "`query`: has $3, and there are 1 values");
        assert!(statements("select $0", &[json!(1)]).is_err());
    }
}
