//! The records of a table whose cells are separated by a text, as n8n reads them: which quotes are an
//! error, and what they are where that is allowed. What becomes of the records is not known here.

use linkflow_node::NodeError;

/// The records of a text, one after the other. Lines without anything are none. After an error nothing
/// more comes.
pub struct Records<'t> {
    rest: &'t str,
    /// The line at which the rest begins, counted from 1.
    line: usize,
    delimiter: &'t str,
    /// Whether quotes that neither open nor close a cell are part of it.
    is_relaxed: bool,
}

/// What stands behind a cell.
enum Behind {
    Cell,
    Record,
}

impl<'t> Records<'t> {
    /// An empty delimiter is none: each line has one cell.
    pub fn of(text: &'t str, delimiter: &'t str, is_relaxed: bool) -> Records<'t> {
        Records { rest: text, line: 1, delimiter, is_relaxed }
    }

    /// Takes `n` bytes off the rest.
    fn take(&mut self, n: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(n);
        let is_cut = taken.ends_with('\r') && rest.starts_with('\n');
        self.line += taken.matches('\n').count() + usize::from(taken.ends_with('\r') && !is_cut);
        self.rest = rest;
        taken
    }

    /// Takes the end of a line, if the rest begins with one.
    fn take_line_end(&mut self) -> bool {
        let n = match self.rest.as_bytes() {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => return false,
        };
        self.take(n);
        true
    }

    fn take_delimiter(&mut self) -> bool {
        let is_there = !self.delimiter.is_empty() && self.rest.starts_with(self.delimiter);
        if is_there {
            self.take(self.delimiter.len());
        }
        is_there
    }

    /// What stands behind a cell, where it ends here.
    fn end_of_cell(&mut self) -> Option<Behind> {
        if self.take_delimiter() {
            Some(Behind::Cell)
        } else {
            (self.rest.is_empty() || self.take_line_end()).then_some(Behind::Record)
        }
    }

    fn cell(&mut self) -> Result<(String, Behind), NodeError> {
        let mut cell = String::new();
        if self.rest.starts_with('"') {
            self.quoted(&mut cell)?;
            if let Some(behind) = self.end_of_cell() {
                return Ok((cell, behind));
            }
            if !self.is_relaxed {
                return Err(self.wrong("a quote closes a cell before its end"));
            }
            cell = format!("\"{cell}\"");
        }
        loop {
            let end = self.rest.find(['\r', '\n']).unwrap_or(self.rest.len());
            let end = match self.delimiter {
                "" => end,
                delimiter => self.rest[..end].find(delimiter).unwrap_or(end),
            };
            if !self.is_relaxed && self.rest[..end].contains('"') {
                return Err(self.wrong("a quote stands within a cell that does not begin with one"));
            }
            cell.push_str(self.take(end));
            if let Some(behind) = self.end_of_cell() {
                return Ok((cell, behind));
            }
        }
    }

    /// Takes what stands between quotes; two in a row are one.
    fn quoted(&mut self, cell: &mut String) -> Result<(), NodeError> {
        let opened_at = self.line;
        self.take(1);
        loop {
            let Some(quote) = self.rest.find('"') else {
                return Err(NodeError::data(format!(
                    "the quote in line {opened_at} of the table is not closed"
                )));
            };
            cell.push_str(self.take(quote));
            self.take(1);
            if !self.rest.starts_with('"') {
                return Ok(());
            }
            cell.push_str(self.take(1));
        }
    }

    fn wrong(&self, problem: &str) -> NodeError {
        let line = self.line;
        NodeError::data(format!(
            "the table cannot be read: {problem}, in line {line}; `relaxQuotes` takes it as it is"
        ))
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Vec<String>, NodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.take_line_end() {}
        if self.rest.is_empty() {
            return None;
        }
        let mut cells = Vec::new();
        loop {
            match self.cell() {
                Ok((cell, behind)) => {
                    cells.push(cell);
                    if matches!(behind, Behind::Record) {
                        return Some(Ok(cells));
                    }
                }
                Err(error) => {
                    self.rest = "";
                    return Some(Err(error));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, delimiter: &str, is_relaxed: bool, expected: &str) {
        let shown = |record: Result<Vec<String>, NodeError>| match record {
            Ok(cells) => cells.join("|"),
            Err(error) => format!("error: {error}"),
        };
        let found: Vec<String> = Records::of(text, delimiter, is_relaxed).map(shown).collect();
        let found = found.join(" / ");
        let is_found =
            if expected.contains("error: ") { found.contains(expected) } else { found == expected };
        assert!(is_found, "{text:?}: {found}, expected {expected}");
    }

    #[test]
    fn cells_end_at_delimiters_and_lines_of_any_kind() {
        check("a,b\r\n1,2\n3,\r,4", ",", false, "a|b / 1|2 / 3| / |4");
        check("\n\na\n\nb\n", ",", false, "a / b");
        check("a::b::\n::c", "::", false, "a|b| / |c");
        check("a;b", "", false, "a;b");
        check("", ",", false, "");
    }

    #[test]
    fn quotes_hold_delimiters_lines_and_quotes() {
        check("\"a,\"\"b\"\"\n\",c\n\"\",d", ",", false, "a,\"b\"\n|c / |d");
        check("\"x::y\"::\"\"", "::", false, "x::y|");
    }

    #[test]
    fn quotes_in_the_wrong_place_are_an_error_or_part_of_the_cell() {
        check("a,b\n1,5\" x", ",", false, "error: the table cannot be read: a quote stands within a cell");
        check("1,5\" x,\"\"", ",", true, "1|5\" x|");
        check(
            "\"a\" b,c",
            ",",
            false,
            "error: the table cannot be read: a quote closes a cell before its end, in line 1",
        );
        check("\"a\" b,c", ",", true, "\"a\" b|c");
        check("x\ny,\"a\nb", ",", true, "error: the quote in line 2 of the table is not closed");
    }

    #[test]
    fn no_text_makes_the_reader_panic_or_stay() {
        let mut seed = 7_u64;
        for _ in 0..2_000 {
            let mut next = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (seed >> 33) as usize
            };
            let n = next() % 20;
            let text: String = (0..n).map(|_| ["\"", ",", "\n", "\r", "\u{e9}", "a"][next() % 6]).collect();
            for is_relaxed in [true, false] {
                assert!(Records::of(&text, ",", is_relaxed).count() <= text.len() + 1, "{text:?}");
            }
        }
    }
}
