//! Tables in formats that know text only: CSV, RTF and pages. Their cells become numbers, flags and
//! dates where they look like them, by the rules of the SheetJS library, which workflows count on.

use linkflow_node::NodeError;

use crate::dom::{Content, Tree};
use crate::js;
use crate::sheets::{Cell, Grid};

pub use crate::sheet_number::shown;

/// Days from 1899-12-30, from which sheets count, to 1970-01-01.
const EPOCH_DAYS: f64 = 25_569.0;

/// Whether the bytes begin a page.
pub fn is_html(bytes: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(1_024)])
        .trim_start_matches('\u{feff}')
        .to_lowercase();
    let start = start.trim_start();
    start.starts_with('<')
        && ["<html", "<table", "<!doctype html", "<head", "<body", "<meta", "<tr", "<p", "<div"]
            .iter()
            .any(|tag| start.contains(tag))
}

/// The text of a table's cell: line breaks are kept, other space is not.
pub fn cell_text(tree: &Tree, id: usize) -> String {
    let mut text = String::new();
    for id in tree.below(id) {
        match &tree.node(id).content {
            Content::Text(part) => text.push_str(part),
            Content::Element(element) if element.name == "br" => text.push('\n'),
            _ => {}
        }
    }
    text.trim_matches(|c: char| c.is_ascii_whitespace()).to_owned()
}

/// A cell that stays text; missing where there is none.
pub fn plain(text: &str) -> Cell {
    if text.is_empty() { Cell::Missing } else { Cell::Text(text.to_owned()) }
}

/// A cell of a page: dates stay moments.
pub fn typed(text: &str) -> Cell {
    match number_or_flag(text) {
        Some(cell) => cell,
        None => match iso_of(text) {
            Some(moment) => Cell::Moment(moment),
            None => plain(text),
        },
    }
}

/// A cell of other text: dates become numbers of days.
pub fn typed_days(text: &str) -> Cell {
    number_or_flag(text).or_else(|| serial(text).map(Cell::Number)).unwrap_or_else(|| plain(text))
}

fn number_or_flag(text: &str) -> Option<Cell> {
    match text {
        "" => return Some(Cell::Missing),
        "TRUE" => return Some(Cell::Flag(true)),
        "FALSE" => return Some(Cell::Flag(false)),
        _ => {}
    }
    let number = |text: &str| Some(js::number_of_text(text)).filter(|f| f.is_finite());
    if let Some(f) = number(text) {
        return (!text.trim().is_empty()).then_some(Cell::Number(f));
    }
    if !text.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let percents = text.matches('%').count() as i32;
    let mut bare = String::with_capacity(text.len());
    let chars: Vec<char> = text.chars().collect();
    for (i, c) in chars.iter().enumerate() {
        let digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
        let is_thousands = *c == ',' && digit(i.checked_sub(1)) && digit(Some(i + 1));
        if !is_thousands && !matches!(c, '$' | '%') {
            bare.push(*c);
        }
    }
    let scale = 100_f64.powi(percents);
    if let Some(f) = number(&bare) {
        return Some(Cell::Number(f / scale));
    }
    let inner = bare.trim().strip_prefix('(')?.strip_suffix(')')?;
    number(inner).map(|f| Cell::Number(-f / scale))
}

/// A date as the number of days that sheets use.
pub fn serial(text: &str) -> Option<f64> {
    let moment = moment(text)?;
    let seconds =
        moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond() as f64 / 1_000.0;
    Some(seconds / 86_400.0 + EPOCH_DAYS)
}

fn iso_of(text: &str) -> Option<String> {
    Some(format!("{}.000Z", moment(text)?.strftime("%Y-%m-%dT%H:%M:%S")))
}

/// `2024-01-05`, also with a time, and `1/5/2024`, month first.
fn moment(text: &str) -> Option<jiff::civil::DateTime> {
    let text = text.trim();
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.len() > 40 {
        return None;
    }
    let plain = text.trim_end_matches('Z');
    if plain.len() >= 10 && plain.as_bytes()[4] == b'-' {
        return plain
            .replacen(' ', "T", 1)
            .parse()
            .ok()
            .or_else(|| plain.parse::<jiff::civil::Date>().ok().map(|date| date.at(0, 0, 0, 0)));
    }
    let mut parts = plain.split('/').map(|part| part.parse::<i16>().ok());
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    let year = if year < 50 {
        year + 2000
    } else if year < 100 {
        year + 1900
    } else {
        year
    };
    jiff::civil::Date::new(year, month.try_into().ok()?, day.try_into().ok()?)
        .ok()
        .map(|date| date.at(0, 0, 0, 0))
}

/// Rows of a CSV file, with cells that are numbers, flags and dates where they look like them.
pub fn csv(bytes: &[u8], as_text: bool) -> Result<Grid, NodeError> {
    let (text, _, _) = encoding_rs::UTF_8.decode(bytes);
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(guessed(&text) as u8)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| NodeError::data(format!("the table cannot be read: {e}")))?;
        rows.push(record.iter().map(|cell| if as_text { plain(cell) } else { typed_days(cell) }).collect());
    }
    Ok(even(rows))
}

/// The delimiter that is found most often at the start of a table, outside of quotes.
pub fn guessed(text: &str) -> char {
    let mut counts = [('|', 0), (';', 0), ('\t', 0), (',', 0)];
    let mut is_quoted = false;
    for c in text.chars().take(1_024) {
        is_quoted ^= c == '"';
        if let Some((_, n)) = counts.iter_mut().find(|(known, _)| *known == c && !is_quoted) {
            *n += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, n)| *n).map_or(',', |(c, _)| c)
}

/// Rows of the same length.
fn even(mut rows: Vec<Vec<Cell>>) -> Grid {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    rows.iter_mut().for_each(|row| row.resize(width, Cell::Missing));
    Grid { start: (0, 0), rows }
}

/// The rows of the tables in an RTF file. Bytes above 127 stand for the character of that number.
pub fn rtf(bytes: &[u8], as_text: bool) -> Result<Grid, NodeError> {
    let (mut rows, mut row, mut cell) = (Vec::new(), None::<Vec<Cell>>, String::new());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'\\' => {
                let (word, after) = control_word(bytes, at);
                at = after;
                match word {
                    Word::Letters("trowd") => {
                        row = Some(Vec::new());
                        cell.clear();
                    }
                    Word::Letters("intbl") => cell.clear(),
                    Word::Letters("cell") => {
                        let text = std::mem::take(&mut cell);
                        if let Some(row) = &mut row {
                            row.push(if as_text { plain(&text) } else { typed_in_rtf(&text) });
                        }
                    }
                    Word::Letters("row") => rows.extend(row.take()),
                    Word::Letters("par" | "line") => cell.push('\n'),
                    Word::Letters("tab") => cell.push('\t'),
                    Word::Char(c) => cell.push(c),
                    Word::Letters(_) => {}
                }
            }
            b'{' | b'}' | b'\r' | b'\n' => {}
            byte => cell.push(char::from(*byte)),
        }
        if rows.len() > 1_000_000 {
            return Err(NodeError::Limit {
                what: "the rows of a table".to_owned(),
                limit: "1000000".to_owned(),
            });
        }
    }
    Ok(even(rows))
}

/// Dates of RTF files stay text.
fn typed_in_rtf(text: &str) -> Cell {
    number_or_flag(text).unwrap_or_else(|| plain(text))
}

enum Word<'b> {
    Letters(&'b str),
    Char(char),
}

/// What follows a backslash, and where the text goes on.
fn control_word(bytes: &[u8], at: usize) -> (Word<'_>, usize) {
    let letters = bytes[at..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    if letters == 0 {
        let hex = |range: std::ops::Range<usize>| {
            bytes.get(range).and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok())
        };
        return match bytes.get(at) {
            Some(b'\'') => match hex(at + 1..at + 3) {
                Some(byte) => (Word::Char(char::from(byte)), at + 3),
                None => (Word::Letters(""), at + 1),
            },
            Some(c @ (b'\\' | b'{' | b'}')) => (Word::Char(char::from(*c)), at + 1),
            _ => (Word::Letters(""), at + 1),
        };
    }
    let word = std::str::from_utf8(&bytes[at..at + letters]).unwrap_or_default();
    let mut end = at + letters;
    let digits = bytes[end..].iter().take_while(|b| b.is_ascii_digit() || **b == b'-').count();
    let number = std::str::from_utf8(&bytes[end..end + digits]).ok().and_then(|n| n.parse::<i32>().ok());
    end += digits;
    end += usize::from(bytes.get(end) == Some(&b' '));
    match (word, number) {
        ("u", Some(n)) => {
            let code = if n < 0 { n + 65_536 } else { n };
            let c = u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
            // The character for readers that do not know this one follows.
            (Word::Char(c), end + usize::from(bytes.get(end) == Some(&b'?')))
        }
        (word, _) => (Word::Letters(word), end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_what_it_looks_like() {
        let check = |text: &str, expected: Cell| assert_eq!(typed_days(text), expected, "{text}");
        check("001", Cell::Number(1.0));
        check("1,234.5", Cell::Number(1234.5));
        check("50%", Cell::Number(0.5));
        check("($5)", Cell::Number(-5.0));
        check("TRUE", Cell::Flag(true));
        check("2024-01-05", Cell::Number(45_296.0));
        check("1/5/2024", Cell::Number(45_296.0));
        check("x1", Cell::Text("x1".to_owned()));
        check("", Cell::Missing);
        assert_eq!(typed("2024-01-05"), Cell::Moment("2024-01-05T00:00:00.000Z".to_owned()));
    }

    #[test]
    fn rtf_gives_its_rows() {
        let text =
            br"{\rtf1\ansi\trowd\cellx1\pard\intbl a\cell 5%\cell x\par \'e9\u8364?\cell\pard\intbl\row}";
        let row =
            [Cell::Text("a".to_owned()), Cell::Number(0.05), Cell::Text("x\n\u{e9}\u{20ac}".to_owned())];
        assert_eq!(rtf(text, false).unwrap().rows, [row]);
    }
}
