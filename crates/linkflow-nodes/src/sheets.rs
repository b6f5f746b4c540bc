//! Tables in files: cells of the sheets of XLSX, XLS and ODS, of HTML, RTF and CSV, and the items that
//! rows become. Formulas are not calculated; what a file remembers of their results counts.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};

use calamine::{Data, DataRef, Reader as _};
use linkflow_model::{Item, Object};
use linkflow_node::NodeError;
use serde_json::Value;

use crate::xml_text::{Piece, Pieces};
use crate::{dom, js, sheet_text};

/// What an archive may hold when it is unpacked.
const UNPACKED_BYTES_MAX: u64 = 256 << 20;
const ENTRIES_MAX: usize = 10_000;
const CELLS_MAX: usize = 5_000_000;
const COLUMNS_MAX: usize = 16_384;

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Missing,
    /// A cell that is there, without a value.
    Null,
    Text(String),
    Number(f64),
    Flag(bool),
    /// A moment, as ISO text.
    Moment(String),
}

/// The cells of a sheet, from the first row that has any. All rows have the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// Place of the first cell: row and column, from 0.
    pub start: (usize, usize),
    pub rows: Vec<Vec<Cell>>,
}

/// How a table is read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The sheet; empty for the first one.
    pub sheet: String,
    /// Cells like `A1:C5`, or a number of rows to leave out.
    pub range: String,
    pub header_row: bool,
    pub include_empty_cells: bool,
    /// Whether cells of formats that know text only stay text.
    pub as_text: bool,
}

/// The items of a table in a file of any format; the format is told by the content.
pub fn read(bytes: &[u8], reading: &Reading) -> Result<Vec<Item>, NodeError> {
    let sheet = reading.sheet.as_str();
    let grid = if bytes.starts_with(b"PK") {
        let entries = unpacked(bytes)?;
        if entries.contains_key("content.xml") { ods(&entries, sheet)? } else { xlsx(bytes, sheet)? }
    } else if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        xls(bytes, sheet)?
    } else if bytes.starts_with(b"{\\rtf") {
        sheet_text::rtf(bytes, reading.as_text)?
    } else if sheet_text::is_html(bytes) {
        html(&String::from_utf8_lossy(bytes), reading.as_text)?
    } else {
        sheet_text::csv(bytes, reading.as_text)?
    };
    items(&ranged(grid, &reading.range)?, reading)
}

fn unreadable(what: &str, cause: impl std::fmt::Display) -> NodeError {
    NodeError::data(format!("the table is no sound {what} file: {cause}"))
}

fn no_sheet(sheet: &str, known: &[String]) -> NodeError {
    NodeError::param("options.sheetName", format!("there is no sheet \"{sheet}\", but {}", known.join(", ")))
}

fn too_many_cells() -> NodeError {
    NodeError::Limit { what: "the cells of a table".to_owned(), limit: CELLS_MAX.to_string() }
}

/// The XML parts of an archive, after a look at how large all of it is.
fn unpacked(bytes: &[u8]) -> Result<HashMap<String, String>, NodeError> {
    let broken = |e: &dyn std::fmt::Display| unreadable("archive", e);
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| broken(&e))?;
    if archive.len() > ENTRIES_MAX {
        return Err(NodeError::Limit {
            what: "the parts of a file".to_owned(),
            limit: ENTRIES_MAX.to_string(),
        });
    }
    let mut left = UNPACKED_BYTES_MAX;
    let mut parts = HashMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|e| broken(&e))?;
        let name = entry.name().map_err(|e| broken(&e))?.into_owned();
        let mut entry = entry.take(left + 1);
        let size = if name == "content.xml" {
            let mut content = Vec::new();
            let size = entry.read_to_end(&mut content).map_err(|e| broken(&e))? as u64;
            parts.insert(name, String::from_utf8_lossy(&content).into_owned());
            size
        } else {
            std::io::copy(&mut entry, &mut std::io::sink()).map_err(|e| broken(&e))?
        };
        left = left.checked_sub(size).ok_or_else(|| NodeError::Limit {
            what: "the size of the unpacked file".to_owned(),
            limit: format!("{UNPACKED_BYTES_MAX} bytes"),
        })?;
    }
    Ok(parts)
}

fn xlsx(bytes: &[u8], sheet: &str) -> Result<Grid, NodeError> {
    let mut book = calamine::Xlsx::new(Cursor::new(bytes)).map_err(|e| unreadable("XLSX", e))?;
    let names = book.sheet_names();
    let Some(name) = chosen(&names, sheet)? else { return Ok(Grid::default()) };
    let mut cells = Cells::default();
    let mut reader = book.worksheet_cells_reader(&name).map_err(|e| unreadable("XLSX", e))?;
    while let Some(cell) = reader.next_cell().map_err(|e| unreadable("XLSX", e))? {
        let (row, column) = cell.get_position();
        let value = match cell.get_value() {
            DataRef::Int(n) => Cell::Number(*n as f64),
            DataRef::Float(f) => Cell::Number(*f),
            DataRef::String(text) => Cell::Text(text.clone()),
            DataRef::SharedString(text) => Cell::Text((*text).to_owned()),
            DataRef::Bool(flag) => Cell::Flag(*flag),
            DataRef::DateTime(moment) => Cell::Number(moment.as_f64()),
            DataRef::DateTimeIso(text) => {
                sheet_text::serial(text).map_or(Cell::Text(text.clone()), Cell::Number)
            }
            DataRef::DurationIso(text) => Cell::Text(text.clone()),
            DataRef::Error(calamine::CellErrorType::Null) => Cell::Null,
            DataRef::Error(_) | DataRef::Empty => Cell::Missing,
        };
        cells.add(row as usize, column as usize, value)?;
    }
    cells.grid()
}

fn xls(bytes: &[u8], sheet: &str) -> Result<Grid, NodeError> {
    let mut book = calamine::Xls::new(Cursor::new(bytes)).map_err(|e| unreadable("XLS", e))?;
    let names = book.sheet_names();
    let Some(name) = chosen(&names, sheet)? else { return Ok(Grid::default()) };
    let range = book.worksheet_range(&name).map_err(|e| unreadable("XLS", e))?;
    let (top, left) = range.start().unwrap_or_default();
    let mut cells = Cells::default();
    for (row, column, value) in range.used_cells() {
        let value = match value {
            Data::Int(n) => Cell::Number(*n as f64),
            Data::Float(f) => Cell::Number(*f),
            Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
                Cell::Text(text.clone())
            }
            Data::Bool(flag) => Cell::Flag(*flag),
            Data::DateTime(moment) => Cell::Number(moment.as_f64()),
            _ => continue,
        };
        cells.add(row + top as usize, column + left as usize, value)?;
    }
    cells.grid()
}

/// The sheet that was asked for, else the first.
fn chosen(names: &[String], sheet: &str) -> Result<Option<String>, NodeError> {
    match sheet {
        "" => Ok(names.first().cloned()),
        sheet if names.iter().any(|name| name == sheet) => Ok(Some(sheet.to_owned())),
        sheet => Err(no_sheet(sheet, names)),
    }
}

/// Cells by their place, until it is known how large the table is.
#[derive(Default)]
struct Cells {
    found: Vec<(usize, usize, Cell)>,
    /// First row, first column, last row, last column.
    bounds: Option<(usize, usize, usize, usize)>,
}

impl Cells {
    fn add(&mut self, row: usize, column: usize, cell: Cell) -> Result<(), NodeError> {
        if cell == Cell::Missing {
            return Ok(());
        }
        let (top, left, bottom, right) = self.bounds.unwrap_or((row, column, row, column));
        self.bounds = Some((top.min(row), left.min(column), bottom.max(row), right.max(column)));
        self.found.push((row, column, cell));
        if self.found.len() > CELLS_MAX { Err(too_many_cells()) } else { Ok(()) }
    }

    fn grid(self) -> Result<Grid, NodeError> {
        let Some((top, left, bottom, right)) = self.bounds else { return Ok(Grid::default()) };
        // A cell far away from the others must not make a table of a billion.
        let (height, width) = (bottom - top + 1, right - left + 1);
        if width > COLUMNS_MAX || height.saturating_mul(width) > CELLS_MAX * 4 {
            return Err(too_many_cells());
        }
        let mut rows = vec![vec![Cell::Missing; width]; height];
        for (row, column, cell) in self.found {
            rows[row - top][column - left] = cell;
        }
        Ok(Grid { start: (top, left), rows })
    }
}

fn ods(parts: &HashMap<String, String>, sheet: &str) -> Result<Grid, NodeError> {
    let content = parts.get("content.xml").map_or("", String::as_str);
    let mut pieces = Pieces::of(content);
    let mut names = Vec::new();
    let mut reader = OdsSheet::default();
    while let Some(piece) = pieces.next_piece().map_err(|e| unreadable("ODS", e))? {
        match piece {
            Piece::Start { name: "table:table", attributes } => {
                let value = attributes.into_iter().find(|(name, _)| *name == "table:name");
                names.push(value.map_or(String::new(), |(_, value)| value.into_owned()));
                reader.is_wanted = if sheet.is_empty() {
                    names.len() == 1
                } else {
                    names.last().is_some_and(|n| n == sheet)
                };
            }
            Piece::End { name: "table:table" } if reader.is_wanted => return reader.cells.grid(),
            piece if reader.is_wanted => reader.take(piece)?,
            _ => {}
        }
    }
    if sheet.is_empty() { Ok(Grid::default()) } else { Err(no_sheet(sheet, &names)) }
}

/// A sheet of an ODS file while it is read.
#[derive(Default)]
struct OdsSheet {
    is_wanted: bool,
    cells: Cells,
    row: usize,
    column: usize,
    row_repeats: usize,
    row_cells: Vec<(usize, Cell)>,
    cell_repeats: usize,
    value: Option<Cell>,
    text: Option<String>,
    in_text: bool,
    notes: usize,
}

impl OdsSheet {
    fn take(&mut self, piece: Piece<'_>) -> Result<(), NodeError> {
        match piece {
            Piece::Start { name, attributes } => {
                let attribute =
                    |wanted: &str| attributes.iter().find(|(n, _)| *n == wanted).map(|(_, v)| v.as_ref());
                self.start(name, &attribute);
            }
            Piece::End { name } => return self.end(name),
            Piece::Text(text) if self.in_text && self.notes == 0 => self.push(&text),
            Piece::Cdata(text) if self.in_text && self.notes == 0 => self.push(text),
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        self.text.get_or_insert_default().push_str(text);
    }

    fn start<'v>(&mut self, name: &str, attribute: &dyn Fn(&str) -> Option<&'v str>) {
        let count = |wanted: &str| attribute(wanted).and_then(|n| n.parse().ok()).unwrap_or(1_usize);
        match name {
            "table:table-row" => {
                self.row_repeats = count("table:number-rows-repeated");
                self.column = 0;
            }
            "table:table-cell" | "table:covered-table-cell" => {
                self.cell_repeats = count("table:number-columns-repeated");
                let number = |wanted: &str| attribute(wanted).and_then(|n| n.parse().ok()).map(Cell::Number);
                let text = |wanted: &str| attribute(wanted).map(|t| Cell::Text(t.to_owned()));
                self.value = match attribute("office:value-type").or_else(|| attribute("calcext:value-type"))
                {
                    Some("float" | "currency" | "percentage") => number("office:value"),
                    Some("boolean") => attribute("office:boolean-value").map(|b| Cell::Flag(b == "true")),
                    Some("date") => attribute("office:date-value")
                        .map(|t| sheet_text::serial(t).map_or(Cell::Text(t.to_owned()), Cell::Number)),
                    Some("time") => text("office:time-value"),
                    Some("string") => Some(text("office:string-value").unwrap_or(Cell::Text(String::new()))),
                    _ => None,
                };
                self.text = None;
            }
            "office:annotation" => self.notes += 1,
            "text:p" => {
                if self.notes == 0 && self.text.is_some() {
                    self.push("\n");
                }
                self.text.get_or_insert_default();
                self.in_text = true;
            }
            "text:s" => self.push(&" ".repeat(count("text:c").min(10_000))),
            "text:tab" => self.push("\t"),
            "text:line-break" => self.push("\n"),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) -> Result<(), NodeError> {
        match name {
            "text:p" => self.in_text = false,
            "office:annotation" => self.notes = self.notes.saturating_sub(1),
            "table:table-cell" | "table:covered-table-cell" => {
                let text = self.text.take();
                let cell = match (self.value.take(), text) {
                    (Some(Cell::Text(own)), Some(text)) if own.is_empty() => Some(Cell::Text(text)),
                    (value, _) => value,
                };
                if let Some(cell) = cell {
                    if self.cell_repeats > COLUMNS_MAX {
                        return Err(too_many_cells());
                    }
                    let columns = self.column..self.column + self.cell_repeats;
                    self.row_cells.extend(columns.map(|column| (column, cell.clone())));
                }
                self.column = self.column.saturating_add(self.cell_repeats);
            }
            "table:table-row" => {
                let cells = std::mem::take(&mut self.row_cells);
                for row in 0..if cells.is_empty() { 0 } else { self.row_repeats } {
                    for (column, cell) in &cells {
                        self.cells.add(self.row + row, *column, cell.clone())?;
                    }
                }
                self.row = self.row.saturating_add(self.row_repeats);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The first table of a page.
fn html(page: &str, as_text: bool) -> Result<Grid, NodeError> {
    let tree = dom::parse(page)?;
    let below = tree.below(0);
    let table = below.iter().find(|id| tree.name(**id) == "table");
    let table = table.ok_or_else(|| NodeError::data("the page has no table"))?;
    let mut cells = Cells::default();
    // Cells that reach down from a row above, by their place.
    let mut covered = std::collections::HashSet::new();
    let rows = tree.below(*table).into_iter().filter(|id| tree.name(*id) == "tr");
    for (row, tr) in rows.enumerate() {
        let mut column = 0;
        for id in tree.child_elements(tr).filter(|id| matches!(tree.name(*id), "td" | "th")) {
            while covered.contains(&(row, column)) {
                column += 1;
            }
            let attribute = |name: &str| tree.element(id).and_then(|element| element.attribute(name));
            let span =
                |name: &str| attribute(name).and_then(|n| n.parse().ok()).unwrap_or(1_usize).clamp(1, 1_000);
            let text = sheet_text::cell_text(&tree, id);
            let is_text = as_text || attribute("data-t") == Some("s");
            cells.add(
                row,
                column,
                if is_text { sheet_text::plain(&text) } else { sheet_text::typed(&text) },
            )?;
            let (width, height) = (span("colspan"), span("rowspan"));
            covered.extend((1..height).flat_map(|r| (0..width).map(move |c| (row + r, column + c))));
            column += width;
        }
    }
    let mut grid = cells.grid()?;
    // Tables of pages begin at the top, whatever is in it.
    let (top, left) = std::mem::take(&mut grid.start);
    let width = grid.rows.first().map_or(0, Vec::len) + left;
    grid.rows.iter_mut().for_each(|row| drop(row.splice(0..0, vec![Cell::Missing; left])));
    grid.rows.splice(0..0, vec![vec![Cell::Missing; width]; top]);
    Ok(grid)
}

/// The part of a table that a range names.
fn ranged(grid: Grid, range: &str) -> Result<Grid, NodeError> {
    let range = range.trim();
    if range.is_empty() {
        return Ok(grid);
    }
    let (top, left) = grid.start;
    let (height, width) = (grid.rows.len(), grid.rows.first().map_or(0, Vec::len));
    let (from, to) = match range.parse::<usize>() {
        Ok(row) => ((row, left), (top + height, left + width)),
        Err(_) => corners(range).ok_or_else(|| {
            NodeError::param(
                "options.range",
                format!("must be cells like A1:C5 or a number of rows, got \"{range}\""),
            )
        })?,
    };
    let at = |row: usize, column: usize| {
        let cells = grid.rows.get(row.checked_sub(top)?)?;
        cells.get(column.checked_sub(left)?).cloned()
    };
    // What lies outside of the table is empty anyway.
    let (end_row, end_column) = (to.0.min(top + height), to.1.min((left + width).max(from.1 + 1)));
    let row = |row| (from.1..end_column).map(|column| at(row, column).unwrap_or(Cell::Missing)).collect();
    Ok(Grid { start: from, rows: (from.0..end_row).map(row).collect() })
}

/// `B2:C5` as the first cell and the one behind the last.
fn corners(range: &str) -> Option<((usize, usize), (usize, usize))> {
    let range = range.rsplit('!').next()?.replace('$', "");
    let (first, last) = range.split_once(':').unwrap_or((&range, &range));
    let cell = |text: &str| {
        let letters = text.trim_end_matches(|c: char| c.is_ascii_digit());
        let row: usize = text[letters.len()..].parse().ok()?;
        let is_name =
            !letters.is_empty() && letters.len() <= 3 && letters.bytes().all(|b| b.is_ascii_alphabetic());
        let column = letters.bytes().fold(0, |n, b| n * 26 + usize::from(b.to_ascii_uppercase() - b'A') + 1);
        is_name.then(|| Some((row.checked_sub(1)?, column - 1))).flatten()
    };
    // Whole columns hold no rows in the library whose ways these are.
    let is_columns = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic());
    if range.contains(':') && is_columns(first) && is_columns(last) {
        return Some(((0, 0), (0, 0)));
    }
    let (from, to) = (cell(first)?, cell(last)?);
    Some((from, (to.0 + 1, to.1 + 1)))
}

fn items(grid: &Grid, reading: &Reading) -> Result<Vec<Item>, NodeError> {
    if !reading.header_row {
        return Ok(grid.rows.iter().map(|row| listed(row, reading.include_empty_cells)).collect());
    }
    let Some((head, rows)) = grid.rows.split_first() else { return Ok(Vec::new()) };
    let names = names(head);
    Ok(rows.iter().filter_map(|row| named(&names, row, reading.include_empty_cells)).collect())
}

fn value(cell: &Cell) -> Option<Value> {
    match cell {
        Cell::Missing | Cell::Null => None,
        Cell::Text(text) | Cell::Moment(text) => Some(Value::String(text.clone())),
        Cell::Number(f) => Some(js::number_value(*f)),
        Cell::Flag(flag) => Some(Value::Bool(*flag)),
    }
}

/// A row as a list, as long as its last cell reaches.
fn listed(row: &[Cell], include_empty: bool) -> Item {
    let mut values: Vec<Value> = row
        .iter()
        .map(|cell| {
            value(cell).unwrap_or(if include_empty { Value::String(String::new()) } else { Value::Null })
        })
        .collect();
    while values.last().is_some_and(Value::is_null) {
        values.pop();
    }
    Item::new(Object::from_iter([("row".to_owned(), Value::Array(values))]))
}

/// A row by the names of its columns; nothing for an empty row.
fn named(names: &[String], row: &[Cell], include_empty: bool) -> Option<Item> {
    if !row.iter().any(|cell| value(cell).is_some()) {
        return None;
    }
    let mut json = Object::new();
    for (name, cell) in names.iter().zip(row) {
        match value(cell) {
            Some(value) => drop(json.insert(name.clone(), value)),
            None if include_empty => drop(json.insert(name.clone(), Value::String(String::new()))),
            None if *cell == Cell::Null => drop(json.insert(name.clone(), Value::Null)),
            None => {}
        }
    }
    Some(Item::new(in_order(json)))
}

/// As JavaScript orders the keys of an object: whole numbers first.
fn in_order(json: Object) -> Object {
    let index = |key: &String| key.parse::<u32>().ok().filter(|n| n.to_string() == *key);
    if !json.keys().any(|key| index(key).is_some()) {
        return json;
    }
    let mut entries: Vec<(String, Value)> = json.into_iter().collect();
    entries.sort_by_key(|(key, _)| index(key).unwrap_or(u32::MAX));
    entries.into_iter().collect()
}

/// The names of the columns, each once.
fn names(head: &[Cell]) -> Vec<String> {
    let mut used: HashMap<String, usize> = HashMap::new();
    let mut names = Vec::with_capacity(head.len());
    for cell in head {
        let wanted = match cell {
            Cell::Missing | Cell::Null => "__EMPTY".to_owned(),
            Cell::Text(text) | Cell::Moment(text) => text.clone(),
            Cell::Number(f) => sheet_text::shown(*f),
            Cell::Flag(flag) => if *flag { "TRUE" } else { "FALSE" }.to_owned(),
        };
        let mut name = wanted.clone();
        let mut counter = used.get(&wanted).copied().unwrap_or(0);
        if counter == 0 {
            used.insert(wanted, 1);
        } else {
            loop {
                name = format!("{wanted}_{counter}");
                counter += 1;
                if !used.contains_key(&name) {
                    break;
                }
            }
            used.insert(wanted, counter);
            used.insert(name.clone(), 1);
        }
        names.push(name);
    }
    names
}
