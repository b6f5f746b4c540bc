//! Tables as files: XLSX, ODS, XLS, HTML and RTF with one sheet of values, without styles.

use std::io::{Cursor, Write as _};

use linkflow_node::NodeError;

use crate::sheet_number::shown;
use crate::sheets::Cell;
use crate::{js, xml_text};

/// XLS files know no more.
const XLS_ROWS_MAX: usize = 65_536;
const XLS_COLUMNS_MAX: usize = 256;
/// The longest text of a cell, in UTF-16.
const TEXT_MAX: usize = 32_767;

type Rows = [Vec<Cell>];

fn archive(parts: &[(&str, String)], is_small: bool) -> Result<Vec<u8>, NodeError> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let method = if is_small { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    for (name, content) in parts {
        // Some programs tell the format by a first part that is not compressed.
        let method = if *name == "mimetype" { zip::CompressionMethod::Stored } else { method };
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        let written = zip.start_file(*name, options).map_err(|e| e.to_string());
        written
            .and_then(|()| zip.write_all(content.as_bytes()).map_err(|e| e.to_string()))
            .map_err(NodeError::data)?;
    }
    Ok(zip.finish().map_err(|e| NodeError::data(e.to_string()))?.into_inner())
}

/// `A` for 0, `AB` for 27.
fn column_name(column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

fn checked_text(text: &str) -> Result<(), NodeError> {
    if text.len() <= TEXT_MAX || text.encode_utf16().count() <= TEXT_MAX {
        return Ok(());
    }
    Err(NodeError::Limit { what: "the text of a cell".to_owned(), limit: format!("{TEXT_MAX} characters") })
}

/// Text without the characters that XML cannot hold.
fn xml(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')).collect();
    xml_text::escaped_value(&text)
}

pub fn xlsx(sheet: &str, rows: &Rows, is_small: bool) -> Result<Vec<u8>, NodeError> {
    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
    const TYPES: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";
    let types = format!(
        "{HEAD}<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"{TYPES}.sheet.main+xml\"/><Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"{TYPES}.worksheet+xml\"/></Types>"
    );
    let root = format!(
        "{HEAD}<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
    );
    let book = format!(
        "{HEAD}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"{}\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
        xml(sheet)
    );
    let relations = format!(
        "{HEAD}<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
    );
    let mut content = format!("{HEAD}<worksheet xmlns=\"{MAIN}\"><sheetData>");
    for (y, row) in rows.iter().enumerate() {
        content.push_str(&format!("<row r=\"{}\">", y + 1));
        for (x, cell) in row.iter().enumerate() {
            let place = || format!("{}{}", column_name(x), y + 1);
            match cell {
                Cell::Missing | Cell::Null => {}
                Cell::Number(f) => {
                    content.push_str(&format!("<c r=\"{}\"><v>{}</v></c>", place(), js::float_text(*f)))
                }
                Cell::Flag(flag) => {
                    content.push_str(&format!("<c r=\"{}\" t=\"b\"><v>{}</v></c>", place(), u8::from(*flag)));
                }
                Cell::Text(text) | Cell::Moment(text) => {
                    checked_text(text)?;
                    let text = xml(text).replace('\r', "&#13;");
                    content.push_str(&format!(
                        "<c r=\"{}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>",
                        place()
                    ));
                }
            }
        }
        content.push_str("</row>");
    }
    content.push_str("</sheetData></worksheet>");
    let parts = [
        ("[Content_Types].xml", types),
        ("_rels/.rels", root),
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", relations),
        ("xl/worksheets/sheet1.xml", content),
    ];
    archive(&parts, is_small)
}

pub fn ods(sheet: &str, rows: &Rows, is_small: bool) -> Result<Vec<u8>, NodeError> {
    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    const MIME: &str = "application/vnd.oasis.opendocument.spreadsheet";
    const NAMES: &str = "urn:oasis:names:tc:opendocument:xmlns";
    let manifest = format!(
        "{HEAD}<manifest:manifest xmlns:manifest=\"{NAMES}:manifest:1.0\" manifest:version=\"1.2\"><manifest:file-entry manifest:full-path=\"/\" manifest:version=\"1.2\" manifest:media-type=\"{MIME}\"/><manifest:file-entry manifest:full-path=\"content.xml\" manifest:media-type=\"text/xml\"/></manifest:manifest>"
    );
    let mut content = format!(
        "{HEAD}<office:document-content xmlns:office=\"{NAMES}:office:1.0\" xmlns:table=\"{NAMES}:table:1.0\" xmlns:text=\"{NAMES}:text:1.0\" office:version=\"1.2\"><office:body><office:spreadsheet><table:table table:name=\"{}\">",
        xml(sheet)
    );
    for row in rows {
        content.push_str("<table:table-row>");
        for cell in row {
            content.push_str(&ods_cell(cell));
        }
        content.push_str("</table:table-row>");
    }
    content.push_str("</table:table></office:spreadsheet></office:body></office:document-content>");
    let parts =
        [("mimetype", MIME.to_owned()), ("META-INF/manifest.xml", manifest), ("content.xml", content)];
    archive(&parts, is_small)
}

fn ods_cell(cell: &Cell) -> String {
    match cell {
        Cell::Missing | Cell::Null => "<table:table-cell/>".to_owned(),
        Cell::Number(f) => {
            let n = js::float_text(*f);
            format!(
                "<table:table-cell office:value-type=\"float\" office:value=\"{n}\"><text:p>{n}</text:p></table:table-cell>"
            )
        }
        Cell::Flag(flag) => {
            let text = if *flag { "TRUE" } else { "FALSE" };
            format!(
                "<table:table-cell office:value-type=\"boolean\" office:boolean-value=\"{flag}\"><text:p>{text}</text:p></table:table-cell>"
            )
        }
        Cell::Text(text) | Cell::Moment(text) => {
            let line = |line: &str| {
                let spaced = xml(line).replace('\t', "<text:tab/>");
                let spaced = spaced.replace("  ", " <text:s/>");
                let spaced =
                    spaced.strip_prefix(' ').map(|rest| format!("<text:s/>{rest}")).unwrap_or(spaced);
                let spaced =
                    spaced.strip_suffix(' ').map(|rest| format!("{rest}<text:s/>")).unwrap_or(spaced);
                format!("<text:p>{spaced}</text:p>")
            };
            let lines: String = text.split('\n').map(line).collect();
            format!("<table:table-cell office:value-type=\"string\">{lines}</table:table-cell>")
        }
    }
}

/// What a cell shows.
fn shown_text(cell: &Cell) -> String {
    match cell {
        Cell::Missing | Cell::Null => String::new(),
        Cell::Text(text) | Cell::Moment(text) => text.clone(),
        Cell::Number(f) => shown(*f),
        Cell::Flag(flag) => if *flag { "TRUE" } else { "FALSE" }.to_owned(),
    }
}

/// The page begins as that of SheetJS, which others look for.
pub fn html(rows: &Rows) -> Vec<u8> {
    const HEAD: &str =
        "<html><head><meta charset=\"utf-8\"/><title>SheetJS Table Export</title></head><body>";
    let mut page = format!("{HEAD}<table>");
    for (y, row) in rows.iter().enumerate() {
        page.push_str("<tr>");
        for (x, cell) in row.iter().enumerate() {
            let place = format!("{}{}", column_name(x), y + 1);
            let escaped = |text: &str| xml_text::escaped_value(text).replace('\'', "&apos;");
            let (kind, value) = match cell {
                Cell::Missing => (None, None),
                Cell::Null => (Some("z"), None),
                Cell::Text(text) | Cell::Moment(text) => {
                    (Some("s"), Some(escaped(text).replace('\n', "<br/>")))
                }
                Cell::Number(f) => (Some("n"), Some(js::float_text(*f))),
                Cell::Flag(flag) => (Some("b"), Some(flag.to_string())),
            };
            let kind = kind.map_or(String::new(), |kind| format!(" data-t=\"{kind}\""));
            let value = value.map_or(String::new(), |value| format!(" data-v=\"{value}\""));
            let text = shown_text(cell);
            let keep =
                if text.starts_with(' ') || text.ends_with(' ') { " xml:space=\"preserve\"" } else { "" };
            let text = escaped(&text).replace('\n', "<br/>");
            page.push_str(&format!("<td{kind}{value} id=\"sjs-{place}\"{keep}>{text}</td>"));
        }
        page.push_str("</tr>");
    }
    page.push_str("</table></body></html>");
    page.into_bytes()
}

pub fn rtf(rows: &Rows) -> Vec<u8> {
    let mut text = "{\\rtf1\\ansi".to_owned();
    for row in rows {
        text.push_str("\\trowd\\trautofit1");
        (1..=row.len()).for_each(|x| text.push_str(&format!("\\cellx{x}")));
        text.push_str("\\pard\\intbl");
        for cell in row {
            let cell = shown_text(cell).replace('\n', "\\par ");
            text.push_str(&format!(" {cell}\\cell"));
        }
        text.push_str("\\pard\\intbl\\row");
    }
    text.push('}');
    text.into_bytes()
}

/// A sheet in Excel's format of 1997.
pub fn xls(sheet: &str, rows: &Rows) -> Result<Vec<u8>, NodeError> {
    let width = rows.first().map_or(0, Vec::len);
    if rows.len() > XLS_ROWS_MAX || width > XLS_COLUMNS_MAX {
        let limit = format!("{XLS_ROWS_MAX} rows and {XLS_COLUMNS_MAX} columns");
        return Err(NodeError::Limit { what: "the size of an XLS table".to_owned(), limit });
    }
    let mut texts = indexmap::IndexSet::new();
    let mut cells = Vec::new();
    for (y, row) in rows.iter().enumerate() {
        for (x, cell) in row.iter().enumerate() {
            let place = [y as u16, x as u16, 0].map(u16::to_le_bytes).concat();
            match cell {
                Cell::Missing | Cell::Null => {}
                Cell::Number(f) => record(&mut cells, 0x0203, &[&place[..], &f.to_le_bytes()].concat()),
                Cell::Flag(flag) => record(&mut cells, 0x0205, &[&place[..], &[u8::from(*flag), 0]].concat()),
                Cell::Text(text) | Cell::Moment(text) => {
                    checked_text(text)?;
                    let index = texts.insert_full(text.as_str()).0 as u32;
                    record(&mut cells, 0x00fd, &[&place[..], &index.to_le_bytes()].concat());
                }
            }
        }
    }
    let begin = |kind: u16| [0x0600, kind, 0x0dbb, 0x07cc, 0, 0, 6, 0].map(u16::to_le_bytes).concat();
    let mut book = Vec::new();
    record(&mut book, 0x0809, &begin(5));
    record(&mut book, 0x0042, &1_200_u16.to_le_bytes());
    fonts_and_formats(&mut book);
    let name: Vec<u16> = sheet.encode_utf16().take(31).collect();
    let name_bytes: Vec<u8> = name.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let mut strings = Vec::new();
    shared_strings(&mut strings, &texts);
    // The record that says where the sheet begins, itself included: header 4, fields 8.
    let offset = book.len() + 4 + 8 + name_bytes.len() + strings.len() + 4;
    let head = [&(offset as u32).to_le_bytes()[..], &[0, 0, name.len() as u8, 1], &name_bytes].concat();
    record(&mut book, 0x0085, &head);
    book.extend(strings);
    record(&mut book, 0x000a, &[]);
    record(&mut book, 0x0809, &begin(0x10));
    let (height, width) = (rows.len() as u32, width as u16);
    let size = [
        &0_u32.to_le_bytes()[..],
        &height.to_le_bytes(),
        &0_u16.to_le_bytes(),
        &width.to_le_bytes(),
        &[0, 0],
    ];
    record(&mut book, 0x0200, &size.concat());
    book.extend(cells);
    record(&mut book, 0x000a, &[]);
    compound(book)
}

fn record(out: &mut Vec<u8>, kind: u16, content: &[u8]) {
    out.extend(kind.to_le_bytes());
    out.extend((content.len() as u16).to_le_bytes());
    out.extend(content);
}

/// One font and one format, without which Excel opens no book.
fn fonts_and_formats(book: &mut Vec<u8>) {
    let font = [&[0xc8, 0, 0, 0, 0xff, 0x7f, 0x90, 1, 0, 0, 0, 0, 0, 0][..], &[5, 0], b"Arial"].concat();
    for _ in 0..5 {
        record(book, 0x0031, &font);
    }
    let format = |flags: u16| {
        let mut format = vec![0; 20];
        format[4..6].copy_from_slice(&flags.to_le_bytes());
        format[6] = 0x20;
        format[18..20].copy_from_slice(&0x20c0_u16.to_le_bytes());
        format
    };
    (0..15).for_each(|_| record(book, 0x00e0, &format(0xfff5)));
    record(book, 0x00e0, &format(1));
    record(book, 0x0293, &[0, 0x80, 0, 0xff]);
}

/// All texts, cut into records of at most 8,224 bytes.
fn shared_strings(out: &mut Vec<u8>, texts: &indexmap::IndexSet<&str>) {
    const RECORD_MAX: usize = 8_224;
    let n = texts.len() as u32;
    let mut kind = 0x00fc;
    let mut content = [n.to_le_bytes(), n.to_le_bytes()].concat();
    for text in texts {
        let units: Vec<u16> = text.encode_utf16().collect();
        // The length and the first character stay together.
        if content.len() + 5 > RECORD_MAX {
            record(out, kind, &content);
            kind = 0x003c;
            content.clear();
        }
        content.extend((units.len() as u16).to_le_bytes());
        content.push(1);
        for unit in units {
            if content.len() + 2 > RECORD_MAX {
                record(out, kind, &content);
                kind = 0x003c;
                // Each part says anew that its characters have two bytes.
                content = vec![1];
            }
            content.extend(unit.to_le_bytes());
        }
    }
    record(out, kind, &content);
}

/// The bytes as the stream "Workbook" of a compound file.
fn compound(mut stream: Vec<u8>) -> Result<Vec<u8>, NodeError> {
    const SECTOR: usize = 512;
    const FREE: u32 = 0xffff_ffff;
    const END: u32 = 0xffff_fffe;
    const TABLE: u32 = 0xffff_fffd;
    // As many as the header names.
    const TABLES_MAX: usize = 109;
    // Smaller ones would have to go into a stream of small ones.
    let size = stream.len().max(4_096);
    stream.resize(size.next_multiple_of(SECTOR), 0);
    let n_stream = stream.len() / SECTOR;
    // Tables of 128 places for: the stream, one sector of folders, the tables themselves.
    let n_tables = (n_stream + 1).div_ceil(127);
    if n_tables > TABLES_MAX {
        let what = "the size of an XLS file; XLSX has room for more".to_owned();
        return Err(NodeError::Limit { what, limit: format!("{} bytes", TABLES_MAX * 127 * SECTOR) });
    }
    let mut places: Vec<u32> = (1..n_stream as u32).collect();
    places.push(END);
    places.push(END);
    places.extend(std::iter::repeat_n(TABLE, n_tables));
    places.resize(n_tables * 128, FREE);
    let first_table = (n_stream + 1) as u32;
    let mut out = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    out.resize(24, 0);
    out.extend([0x3e_u16, 3, 0xfffe, 9, 6, 0, 0, 0].map(u16::to_le_bytes).concat());
    let after = [0, n_tables as u32, n_stream as u32, 0, 4_096, END, 0, END, 0];
    out.extend(after.map(u32::to_le_bytes).concat());
    let tables = (0..TABLES_MAX).map(|i| if i < n_tables { first_table + i as u32 } else { FREE });
    out.extend(tables.flat_map(u32::to_le_bytes));
    out.extend(stream);
    let none = [FREE; 3];
    out.extend(folder("Root Entry", 5, [FREE, FREE, 1], END, 0));
    out.extend(folder("Workbook", 2, none, 0, size as u64));
    out.extend([folder("", 0, none, 0, 0), folder("", 0, none, 0, 0)].concat());
    out.extend(places.into_iter().flat_map(u32::to_le_bytes));
    Ok(out)
}

/// An entry of a compound file's folder; `links` are left, right and child.
fn folder(name: &str, kind: u8, links: [u32; 3], start: u32, size: u64) -> Vec<u8> {
    let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let length = if name.is_empty() { 0 } else { entry.len() as u16 + 2 };
    entry.resize(64, 0);
    entry.extend(length.to_le_bytes());
    entry.extend([kind, 1]);
    entry.extend(links.map(u32::to_le_bytes).concat());
    entry.resize(116, 0);
    entry.extend(start.to_le_bytes());
    entry.extend(size.to_le_bytes());
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheets::{Reading, read};
    use linkflow_model::Item;
    use serde_json::json;

    fn rows() -> Vec<Vec<Cell>> {
        let text = |text: &str| Cell::Text(text.to_owned());
        vec![
            vec![text("a"), text("b c"), text("d")],
            vec![Cell::Number(1.5), text(" <&\">\nx "), Cell::Flag(true)],
            vec![text("\u{e9}\u{1f600}"), Cell::Missing, Cell::Number(-1e20)],
        ]
    }

    #[track_caller]
    fn check(file: &[u8], sheet: &str) {
        let reading = Reading { header_row: true, sheet: sheet.to_owned(), ..Reading::default() };
        let found: Vec<_> = read(file, &reading).unwrap().iter().map(Item::value).collect();
        let expected =
            [json!({"a": 1.5, "b c": " <&\">\nx ", "d": true}), json!({"a": "\u{e9}\u{1f600}", "d": -1e20})];
        assert_eq!(json!(found).to_string(), json!(expected).to_string());
    }

    #[test]
    fn sheets_that_are_written_can_be_read() {
        check(&xlsx("My & sheet", &rows(), false).unwrap(), "My & sheet");
        check(&xlsx("S", &rows(), true).unwrap(), "");
        check(&ods("My & sheet", &rows(), false).unwrap(), "My & sheet");
        check(&xls("My & sheet", &rows()).unwrap(), "My & sheet");
    }

    #[test]
    fn long_texts_and_many_of_them_fit_into_xls() {
        let long = |n: usize| Cell::Text(format!("{n}").repeat(5_000));
        let mut rows = vec![vec![Cell::Text("k".to_owned())]];
        rows.extend((0..40).map(|n| vec![long(n)]));
        let file = xls("S", &rows).unwrap();
        let found = read(&file, &Reading { header_row: true, ..Reading::default() }).unwrap();
        assert_eq!(found.len(), 40);
        assert!(
            found.iter().enumerate().all(|(n, item)| item.json["k"] == json!(format!("{n}").repeat(5_000)))
        );
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let wide = vec![vec![Cell::Null; 300]];
        assert!(xls("S", &wide).unwrap_err().to_string().contains("256 columns"));
        let long = vec![vec![Cell::Text("x".repeat(40_000))]];
        assert!(xlsx("S", &long, false).unwrap_err().to_string().contains("32767 characters"));
        let mut bomb = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        for n in 0..3 {
            bomb.start_file(format!("{n}"), options).unwrap();
            let zeros = vec![0; 1 << 20];
            (0..100).for_each(|_| bomb.write_all(&zeros).unwrap());
        }
        let bomb = bomb.finish().unwrap().into_inner();
        assert!(bomb.len() < 2 << 20);
        let error = read(&bomb, &Reading::default()).unwrap_err().to_string();
        assert!(error.contains("the size of the unpacked file"), "{error}");
    }
}
