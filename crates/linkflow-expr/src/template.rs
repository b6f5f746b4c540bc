//! A parameter text with `{{ }}` in it, parsed once and evaluated per item.
//!
//! This file knows text and chunks, and how a value turns into text; what a chunk means is decided
//! in [`crate::chunk`].

use std::sync::Arc;

use serde_json::Value;

use crate::chunk::{Chunk, Text};
use crate::{ExprError, Resolved, Scope};

/// A parsed parameter text.
#[derive(Clone, Debug)]
pub struct Template {
    pieces: Arc<[Piece]>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Chunk(Chunk),
}

impl Template {
    /// Parses the text behind the leading `=`. Errors of syntax are found at the first
    /// evaluation at the latest.
    pub fn parse(text: &str) -> Result<Template, ExprError> {
        let mut pieces = Vec::new();
        for piece in split(text) {
            pieces.push(match piece {
                RawPiece::Text(text) => Piece::Text(text.to_owned()),
                RawPiece::Chunk(source) => Piece::Chunk(Chunk::parse(source)?),
            });
        }
        Ok(Template { pieces: pieces.into() })
    }

    /// Whether every chunk can be read, without evaluating any: for checks before a workflow runs.
    pub fn check(&self) -> Result<(), ExprError> {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(_) => Ok(()),
            Piece::Chunk(chunk) => chunk.check(),
        })
    }

    /// How many of its chunks Rust alone can evaluate for one item, and how many it has.
    pub fn natively(&self, scope: &Scope<'_>) -> (usize, usize) {
        let chunks = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Chunk(chunk) => Some(chunk.evaluate_natively(scope).is_some()),
        });
        chunks.fold((0, 0), |(native, all), is_native| (native + usize::from(is_native), all + 1))
    }

    /// The value for one item.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Resolved, ExprError> {
        match &*self.pieces {
            [] => Ok(Resolved::Json(Value::String(String::new()))),
            [Piece::Text(text)] => Ok(Resolved::Json(Value::String(text.clone()))),
            [Piece::Chunk(chunk)] => chunk.evaluate(scope),
            pieces => concatenate(pieces, scope),
        }
    }
}

fn concatenate(pieces: &[Piece], scope: &Scope<'_>) -> Result<Resolved, ExprError> {
    let mut whole = String::new();
    let mut has_no_text = false;
    for piece in pieces {
        match piece {
            Piece::Text(text) => whole.push_str(text),
            Piece::Chunk(chunk) => match chunk.append_text(scope, &mut whole)? {
                Text::Appended => {}
                Text::Impossible => has_no_text = true,
            },
        }
    }
    // A symbol, or an object that cannot turn into text, spoils the whole.
    Ok(if has_no_text { Resolved::Json(Value::Null) } else { Resolved::Json(Value::String(whole)) })
}

#[derive(Debug, PartialEq)]
enum RawPiece<'t> {
    Text(&'t str),
    Chunk(&'t str),
}

/// Text and chunks in turn. The first `}}` closes, even inside a string; one that is missing is
/// taken as written at the end; `\{{` is text and keeps its backslash.
fn split(text: &str) -> Vec<RawPiece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = opening(rest) {
        // Of backslashes in front of a chunk, one pair stands for one.
        let before = rest[..open].strip_suffix("\\\\").map_or(open, |b| b.len() + 1);
        if before > 0 {
            pieces.push(RawPiece::Text(&rest[..before]));
        }
        let inside = &rest[open + 2..];
        let close = inside.find("}}").unwrap_or(inside.len());
        pieces.push(RawPiece::Chunk(&inside[..close]));
        rest = inside.get(close + 2..).unwrap_or("");
    }
    if !rest.is_empty() {
        pieces.push(RawPiece::Text(rest));
    }
    pieces
}

/// Where the next `{{` that is not escaped stands. An escaped one takes its `}}` along as text.
fn opening(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = text[from..].find("{{") {
        let at = from + found;
        let n_backslashes = text[..at].bytes().rev().take_while(|b| *b == b'\\').count();
        if n_backslashes % 2 == 0 {
            return Some(at);
        }
        from = at + 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::RawPiece::{Chunk, Text};
    use super::*;

    #[test]
    fn the_first_two_braces_close_a_chunk_wherever_they_stand() {
        assert_eq!(split("{{ 'a}}b' }}"), [Chunk(" 'a"), Text("b' }}")]);
        assert_eq!(split("a {{ 1 }}{{ 2 }} b"), [Text("a "), Chunk(" 1 "), Chunk(" 2 "), Text(" b")]);
    }

    #[test]
    fn an_escaped_opening_is_text_and_an_unclosed_one_is_a_chunk() {
        assert_eq!(split("a\\{{ 1 }} {{ 2 }}"), [Text("a\\{{ 1 }} "), Chunk(" 2 ")]);
        assert_eq!(split("a\\\\{{ 1 }}"), [Text("a\\"), Chunk(" 1 ")]);
        assert_eq!(split("{{ 1 "), [Chunk(" 1 ")]);
        assert_eq!(split("{{"), [Chunk("")]);
    }
}
