//! The text of an XML document, piece by piece: tags, text, comments. Entities of a document's own are
//! not resolved and nothing outside is read, so that no document can grow or fetch while it is read.

use std::borrow::Cow;

/// How deep elements may stand in each other.
pub const DEPTH_MAX: usize = 500;

/// A piece of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece<'t> {
    /// A start tag; an empty one is followed by its `End`.
    Start {
        name: &'t str,
        attributes: Vec<(&'t str, Cow<'t, str>)>,
    },
    End {
        name: &'t str,
    },
    /// Text with its entities resolved.
    Text(Cow<'t, str>),
    /// Text that was written without entities.
    Cdata(&'t str),
}

/// Reads a document. After an error nothing more comes.
pub struct Pieces<'t> {
    text: &'t str,
    at: usize,
    open: Vec<&'t str>,
    /// The end of an element that was written as empty.
    pending_end: Option<&'t str>,
    had_root: bool,
}

impl<'t> Pieces<'t> {
    pub fn of(text: &'t str) -> Pieces<'t> {
        let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Pieces { text, at, open: Vec::new(), pending_end: None, had_root: false }
    }

    /// The next piece; `None` at the end of a sound document.
    pub fn next_piece(&mut self) -> Result<Option<Piece<'t>>, String> {
        if let Some(name) = self.pending_end.take() {
            return Ok(Some(Piece::End { name }));
        }
        loop {
            let rest = &self.text[self.at..];
            if rest.is_empty() {
                return match self.open.last() {
                    Some(name) => Err(format!("<{name}> is not closed")),
                    None => Ok(None),
                };
            }
            if !rest.starts_with('<') {
                let end = rest.find('<').unwrap_or(rest.len());
                self.at += end;
                let text = &rest[..end];
                if self.open.is_empty() {
                    if text.trim().is_empty() {
                        continue;
                    }
                    return Err(self.wrong("there is text outside of the root element"));
                }
                return Ok(Some(Piece::Text(self.resolved(text)?)));
            }
            if let Some(piece) = self.tag(rest)? {
                return Ok(Some(piece));
            }
        }
    }

    fn wrong(&self, problem: &str) -> String {
        let line = self.text[..self.at.min(self.text.len())].matches('\n').count() + 1;
        format!("line {line}: {problem}")
    }

    /// What begins with `<`; nothing for comments and the like.
    fn tag(&mut self, rest: &'t str) -> Result<Option<Piece<'t>>, String> {
        let skipped = |end: Option<usize>, length: usize| end.map(|end| end + length);
        if let Some(inner) = rest.strip_prefix("<![CDATA[") {
            let end = inner.find("]]>").ok_or_else(|| self.wrong("a CDATA section is not closed"))?;
            self.at += "<![CDATA[".len() + end + "]]>".len();
            return Ok(Some(Piece::Cdata(&inner[..end])));
        }
        let end = if rest.starts_with("<!--") {
            skipped(rest[4..].find("-->"), 7)
        } else if rest.starts_with("<?") {
            skipped(rest.find("?>"), 2)
        } else if rest.starts_with("<!") {
            doctype_end(rest)
        } else {
            return self.element(rest).map(Some);
        };
        self.at += end.ok_or_else(|| self.wrong("a comment, an instruction or a DOCTYPE is not closed"))?;
        Ok(None)
    }

    fn element(&mut self, rest: &'t str) -> Result<Piece<'t>, String> {
        if let Some(inner) = rest.strip_prefix("</") {
            let end = inner.find('>').ok_or_else(|| self.wrong("a tag is not closed"))?;
            let name = inner[..end].trim();
            let expected = self.open.pop();
            if expected != Some(name) {
                let what = expected.map_or("nothing".to_owned(), |e| format!("<{e}>"));
                return Err(self.wrong(&format!("</{name}> closes {what}")));
            }
            self.at += 2 + end + 1;
            return Ok(Piece::End { name });
        }
        if self.open.is_empty() && self.had_root {
            return Err(self.wrong("there is more than one root element"));
        }
        let inner = &rest[1..];
        let name_end = inner.find(|c: char| c.is_whitespace() || c == '/' || c == '>').unwrap_or(inner.len());
        let name = &inner[..name_end];
        if name.is_empty() || !name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == ':') {
            return Err(self.wrong("a tag has no name"));
        }
        let (attributes, used, is_empty) = self.attributes(&inner[name_end..])?;
        self.at += 1 + name_end + used;
        self.had_root = true;
        if is_empty {
            self.pending_end = Some(name);
        } else {
            self.open.push(name);
            if self.open.len() > DEPTH_MAX {
                return Err(self.wrong(&format!("more than {DEPTH_MAX} elements stand in each other")));
            }
        }
        Ok(Piece::Start { name, attributes })
    }

    /// The attributes up to the end of the tag, the length of all that, and whether the tag is empty.
    #[allow(clippy::type_complexity)]
    fn attributes(&self, text: &'t str) -> Result<(Vec<(&'t str, Cow<'t, str>)>, usize, bool), String> {
        let mut attributes = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start();
            if let Some(behind) = rest.strip_prefix("/>") {
                return Ok((attributes, text.len() - behind.len(), true));
            }
            if let Some(behind) = rest.strip_prefix('>') {
                return Ok((attributes, text.len() - behind.len(), false));
            }
            let wrong = || self.wrong("an attribute is not written as name=\"value\"");
            let end = rest
                .find(|c: char| c == '=' || c == '>' || c == '/' || c.is_whitespace())
                .ok_or_else(wrong)?;
            let name = &rest[..end];
            let behind = rest[end..].trim_start().strip_prefix('=').ok_or_else(wrong)?.trim_start();
            let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(wrong)?;
            let (value, behind) = behind[1..].split_once(quote).ok_or_else(wrong)?;
            attributes.push((name, self.resolved(value)?));
            rest = behind;
        }
    }

    /// Text with its entities resolved: the five of XML and those of characters.
    fn resolved(&self, text: &'t str) -> Result<Cow<'t, str>, String> {
        if !text.contains('&') {
            return Ok(Cow::Borrowed(text));
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('&') {
            out.push_str(before);
            let (name, after) = behind
                .split_once(';')
                .filter(|(name, _)| name.len() < 12)
                .ok_or_else(|| self.wrong("an & is followed by no entity; write &amp;"))?;
            let known = entity(name).or_else(|| html_entity(name));
            out.push(known.ok_or_else(|| self.wrong(&format!("the entity &{name}; is not known")))?);
            rest = after;
        }
        out.push_str(rest);
        Ok(Cow::Owned(out))
    }
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| *c != '\0')?
        }
    })
}

/// A character by the name that pages have for it.
fn html_entity(name: &str) -> Option<char> {
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
    let tree = is_name.then(|| crate::dom::parse(&format!("&{name};")).ok())??;
    let text = tree.text(0);
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// The end of `<!DOCTYPE ..>`, which may have declarations in brackets.
fn doctype_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '<' | '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, '>') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Text as it stands between tags.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A value as it stands between quotes.
pub fn escaped_value(text: &str) -> String {
    escaped(text).replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut pieces = Pieces::of(text);
        let mut found = String::new();
        loop {
            match pieces.next_piece() {
                Ok(None) => break,
                Err(e) => {
                    found.push_str(&format!("error {e}"));
                    break;
                }
                Ok(Some(Piece::Start { name, attributes })) => {
                    let attributes: Vec<String> =
                        attributes.iter().map(|(n, v)| format!(" {n}:{v}")).collect();
                    found.push_str(&format!("({name}{}", attributes.concat()));
                }
                Ok(Some(Piece::End { .. })) => found.push(')'),
                Ok(Some(Piece::Text(text))) => found.push_str(&text),
                Ok(Some(Piece::Cdata(text))) => found.push_str(&format!("[{text}]")),
            }
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn a_document_comes_in_pieces() {
        check(
            "<?xml version='1.0'?><!-- c --><a x='1' y=\"&lt;\">t&#65;<b/><![CDATA[<]]></a>\n",
            "(a x:1 y:<tA(b)[<])",
        );
        check("<!DOCTYPE a [<!ENTITY x \"y]>\">]><a/>", "(a)");
    }

    #[test]
    fn a_broken_document_is_told_where() {
        check("<a>\n</b>", "(a\nerror line 2: </b> closes <a>");
        check("<a>&bomb;</a>", "(aerror line 1: the entity &bomb; is not known");
        check("<a", "error line 1: an attribute is not written as name=\"value\"");
        check("<a/>x", "(a)error line 1: there is text outside of the root element");
        check("<a/><b/>", "(a)error line 1: there is more than one root element");
        check("<a>", "(aerror <a> is not closed");
        let deep = "<a>".repeat(1_000);
        let mut pieces = Pieces::of(&deep);
        let error = std::iter::from_fn(|| Some(pieces.next_piece())).find_map(Result::err).unwrap();
        assert!(error.contains("500 elements"), "{error}");
    }
}
