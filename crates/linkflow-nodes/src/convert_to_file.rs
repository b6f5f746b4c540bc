//! Convert to File: makes tables, JSON, text, calendar events or decoded Base64 of items, as files that items
//! carry.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use linkflow_model::{Item, Object, Order, Pair, Paired};
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::calendar_event::{Event, More};
use crate::file_params::Format;
use crate::sheet_number::shown;
use crate::sheets::Cell;
use crate::{heavy, js, paths, sheet_files};

pub struct ConvertToFile;

/// Makes tables, JSON, text, calendar events or decoded Base64 of items, as files that items carry.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// What the file will hold.
    operation: Operation,
    /// Name under which the item carries the file.
    #[serde(deserialize_with = "lenient::text")]
    binary_property_name: String,
    /// Name of the field with the text or the Base64, or the path to it.
    #[serde(deserialize_with = "lenient::text")]
    source_property: String,
    /// Whether JSON goes into one file or into one for each item.
    mode: Mode,
    /// Title of the event.
    #[serde(deserialize_with = "lenient::text")]
    title: String,
    /// When the event starts; now, when nothing is given.
    start: Value,
    /// When the event ends; now, when nothing is given. Of an event that takes whole days, the last one.
    end: Value,
    /// Whether the event takes whole days.
    #[serde(deserialize_with = "lenient::flag")]
    all_day: bool,
    /// More about the event.
    additional_fields: More,
    /// Details of the other operations.
    options: Options,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            operation: Operation::Csv,
            binary_property_name: "data".to_owned(),
            source_property: String::new(),
            mode: Mode::Once,
            title: String::new(),
            start: Value::Null,
            end: Value::Null,
            all_day: false,
            additional_fields: More::default(),
            options: Options::default(),
        }
    }
}

/// What the file will hold.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// A table of all items.
    Csv,
    /// A page with a table of all items.
    Html,
    /// A calendar with an event.
    ICal,
    /// A sheet of OpenDocument with all items.
    Ods,
    /// An RTF file with a table of all items.
    Rtf,
    /// A sheet of Excel's old format with all items.
    Xls,
    /// A sheet of Excel with all items.
    Xlsx,
    /// The items as JSON.
    ToJson,
    /// The text of a field.
    ToText,
    /// The bytes that a field has as Base64.
    ToBinary,
}

/// How many files JSON gives.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// One of all items.
    Once,
    /// One of each item.
    Each,
}

/// Details.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Name of the file.
    #[serde(deserialize_with = "lenient::text")]
    file_name: String,
    /// The type of the file, where it cannot be told by its name.
    #[serde(deserialize_with = "lenient::text")]
    mime_type: String,
    #[serde(flatten)]
    text: Format,
    /// Name of the sheet, `Sheet` when nothing is given.
    #[serde(deserialize_with = "lenient::text")]
    sheet_name: String,
    /// Whether sheets of Excel and OpenDocument are made smaller.
    #[serde(deserialize_with = "lenient::flag")]
    compression: bool,
    /// Whether JSON is spread over lines.
    #[serde(deserialize_with = "lenient::flag")]
    format: bool,
    /// Whether text and JSON begin with a byte order mark, where `encoding` is a Unicode that was
    /// chosen.
    #[serde(rename = "addBOM", deserialize_with = "lenient::flag")]
    add_bom: bool,
}

impl Node for ConvertToFile {
    const KIND: &'static str = "convert_to_file";
    const SPEC: Spec = Spec {
        title: "Convert to File",
        summary: "Makes tables, JSON, text, calendar events or decoded Base64 of items, as files that items carry.",
        category: Category::Files,
        aliases: &["csv", "export", "binary", "base64", "spreadsheet", "download", "ical", "calendar"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "A table of all items",
            params: r#"{"operation": "csv", "options": {"fileName": "orders.csv"}}"#,
            input: r#"[{"id": 1, "paid": true}, {"id": 2}]"#,
            output: r#"[[{}]]"#,
        },
        Example {
            title: "A JSON file of each item",
            params: r#"{"operation": "toJson", "mode": "each"}"#,
            input: r#"[{"id": 1}, {"id": 2}]"#,
            output: r#"[[{}, {}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let items = input.items();
        let first = input.params(0)?;
        if first.operation.is_table() || (first.operation == Operation::ToJson && first.mode == Mode::Once) {
            let (all, params, as_sheet) = (items.clone(), first.clone(), ctx.order != Order::Parallel);
            let file = heavy::run(move || of_all(&all, &params, as_sheet)).await?;
            let pairs = (0..items.len()).map(|i| Pair { item: i as u32, ..Pair::default() });
            return Ok(Outcome::items(vec![
                carrying(ctx, &first, file).await?.with_paired(Paired::Many(pairs.collect())),
            ]));
        }
        let mut made = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let done = match input.params(i).and_then(|p| Ok((made_of(&p, item, i, ctx)?, p))) {
                Ok((file, params)) => carrying(ctx, &params, file).await,
                Err(e) => Err(e),
            };
            made.push(done.map(|item| item.paired_with(i)).or_else(|e| ctx.failed_item(e, i))?);
        }
        Ok(Outcome::items(made))
    }
}

impl Operation {
    /// Whether all items go into one table.
    fn is_table(self) -> bool {
        !matches!(self, Operation::ICal | Operation::ToJson | Operation::ToText | Operation::ToBinary)
    }
}

/// The one file of all items.
fn of_all(items: &[Item], params: &Params, as_sheet: bool) -> Result<Content, NodeError> {
    let options = &params.options;
    let sheet = if options.sheet_name.is_empty() { "Sheet" } else { &options.sheet_name };
    let rows = || rows(items, options.text.header_row);
    Ok(match params.operation {
        Operation::Csv => Content::new(table(items, options, as_sheet)?, "text/csv", "File.csv"),
        Operation::Html => Content::new(sheet_files::html(&rows()), "text/html", "File.html"),
        Operation::Rtf => Content::new(sheet_files::rtf(&rows()), "application/rtf", "File.rtf"),
        Operation::Ods => {
            let bytes = sheet_files::ods(sheet, &rows(), options.compression)?;
            Content::new(bytes, "application/vnd.oasis.opendocument.spreadsheet", "File.ods")
        }
        Operation::Xls => {
            Content::new(sheet_files::xls(sheet, &rows())?, "application/vnd.ms-excel", "File.xls")
        }
        Operation::Xlsx => {
            let bytes = sheet_files::xlsx(sheet, &rows(), options.compression)?;
            let mime = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
            Content::new(bytes, mime, "File.xlsx")
        }
        _ => {
            let all: Vec<&Object> = items.iter().map(|i| &*i.json).collect();
            Content::new(json_bytes(&all, options)?, "application/json", "file.json")
        }
    })
}

/// The cells of all items, with a column for each field, also of nested ones.
fn rows(items: &[Item], header_row: bool) -> Vec<Vec<Cell>> {
    let mut columns = indexmap::IndexSet::new();
    let found: Vec<BTreeMap<String, Cell>> = items
        .iter()
        .map(|item| {
            let mut cells = Vec::new();
            item.json.iter().for_each(|(name, value)| cells_of(name.clone(), value, &mut cells));
            columns.extend(cells.iter().map(|(name, _)| name.clone()));
            cells.into_iter().collect()
        })
        .collect();
    let head = columns.iter().map(|name| Cell::Text(name.clone())).collect();
    let row = |cells: &BTreeMap<String, Cell>| {
        columns.iter().map(|name| cells.get(name).cloned().unwrap_or(Cell::Missing)).collect()
    };
    header_row.then_some(head).into_iter().chain(found.iter().map(row)).collect()
}

fn cells_of(name: String, value: &Value, cells: &mut Vec<(String, Cell)>) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| cells_of(format!("{name}.{key}"), value, cells));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, value)| cells_of(format!("{name}.{i}"), value, cells));
        }
        Value::Bool(flag) => cells.push((name, Cell::Flag(*flag))),
        Value::Null => cells.push((name, Cell::Null)),
        Value::Number(number) => cells.push((name, Cell::Number(number.as_f64().unwrap_or(0.0)))),
        Value::String(text) => cells.push((name, Cell::Text(text.clone()))),
    }
}

/// Bytes, with the type and the name they have by default.
struct Content {
    bytes: Vec<u8>,
    mime: &'static str,
    name: &'static str,
}

impl Content {
    fn new(bytes: Vec<u8>, mime: &'static str, name: &'static str) -> Content {
        Content { bytes, mime, name }
    }
}

async fn carrying(ctx: &Ctx, params: &Params, file: Content) -> Result<Item, NodeError> {
    let options = &params.options;
    if file.bytes.len() > ctx.limits.file_bytes_max {
        let limit = format!("{} bytes", ctx.limits.file_bytes_max);
        return Err(NodeError::Limit { what: "the size of a file".to_owned(), limit });
    }
    let is_event = params.operation == Operation::ICal;
    let chosen = if is_event { &params.additional_fields.file_name } else { &options.file_name };
    let name = if chosen.is_empty() { file.name } else { chosen };
    let guessed = mime_guess::from_path(name).first_raw().filter(|_| params.operation == Operation::ToBinary);
    let mime = if is_event || options.mime_type.is_empty() {
        guessed.unwrap_or(file.mime)
    } else {
        &options.mime_type
    };
    let binary = ctx.blobs.store(&file.bytes, mime, Some(name.to_owned())).await?;
    let files = BTreeMap::from([(params.binary_property_name.clone(), binary)]);
    Ok(Item { binary: Some(Arc::new(files)), ..Item::default() })
}

/// The file of one item, or of the event that the parameters say for it.
fn made_of(params: &Params, item: &Item, index: usize, ctx: &Ctx) -> Result<Content, NodeError> {
    if params.operation != Operation::ICal {
        return content(params, item);
    }
    let event = Event {
        title: &params.title,
        start: &params.start,
        end: &params.end,
        is_all_day: params.all_day,
        more: &params.additional_fields,
        now_ms: ctx.now.0,
        // Trying again must not invite to another event.
        uid: ctx.idempotency_key(index),
        timezone: Some(ctx.timezone.as_str()).filter(|_| ctx.order == Order::Parallel),
    };
    Ok(Content::new(event.text()?.into_bytes(), "text/calendar", "event.ics"))
}

/// The file of one item.
fn content(params: &Params, item: &Item) -> Result<Content, NodeError> {
    let options = &params.options;
    if params.operation == Operation::ToJson {
        return Ok(Content::new(json_bytes(&*item.json, options)?, "application/json", "file.json"));
    }
    let source = &params.source_property;
    let is_text = params.operation == Operation::ToText;
    let value =
        paths::lookup(&item.json, source, true).filter(|v| is_text || !v.is_null()).ok_or_else(|| {
            NodeError::param("sourceProperty", format!("the item has no value in \"{source}\""))
        })?;
    let text = if value.is_null() { "null".to_owned() } else { lenient::as_text(value) };
    if is_text {
        let is_json = matches!(value, Value::Null | Value::Array(_) | Value::Object(_));
        let mime = if is_json { "application/json" } else { "text/plain" };
        return Ok(Content::new(options.text.encode(&text, options.add_bom)?, mime, "file.txt"));
    }
    let letters: String = text.chars().filter(|c| !c.is_ascii_whitespace() && *c != '=').collect();
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    let bytes = engine.decode(letters.replace('-', "+").replace('_', "/")).map_err(|e| {
        NodeError::param("sourceProperty", format!("the value in \"{source}\" is not valid Base64: {e}"))
    })?;
    Ok(Content::new(bytes, "text/plain", "file"))
}

fn json_bytes(value: &impl Serialize, options: &Options) -> Result<Vec<u8>, NodeError> {
    let text =
        if options.format { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    options.text.encode(&text.map_err(|e| NodeError::data(e.to_string()))?, options.add_bom)
}

/// A table with a byte order mark, no line feed at its end, and a column for each field, also of
/// nested ones: `order.total`. Numbers keep all their digits, but `as_sheet`: in workflows from n8n
/// they are cut as a sheet shows them.
fn table(items: &[Item], options: &Options, as_sheet: bool) -> Result<Vec<u8>, NodeError> {
    let delimiter = options.text.delimiter();
    let starts_delimiter = delimiter.chars().next().unwrap_or(',');
    let mut columns = indexmap::IndexSet::new();
    let rows: Vec<BTreeMap<String, String>> = items
        .iter()
        .map(|item| {
            let mut cells = Vec::new();
            item.json.iter().for_each(|(name, value)| flatten(name.clone(), value, as_sheet, &mut cells));
            columns.extend(cells.iter().map(|(name, _)| name.clone()));
            cells.into_iter().collect()
        })
        .collect();
    let quoted = |cell: &str| {
        let needs = cell.contains(['"', '\n', '\r']) || cell.contains(starts_delimiter);
        if needs { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
    };
    let line = |cells: Vec<String>| cells.join(delimiter);
    let mut lines = Vec::with_capacity(rows.len() + 1);
    if options.text.header_row {
        lines.push(line(columns.iter().map(|c| quoted(c)).collect()));
    }
    let cell = |row: &BTreeMap<String, String>, name: &String| quoted(row.get(name).map_or("", |c| c));
    lines.extend(rows.iter().map(|row| line(columns.iter().map(|c| cell(row, c)).collect())));
    Ok(format!("\u{feff}{}", lines.join("\n")).into_bytes())
}

fn flatten(name: String, value: &Value, as_sheet: bool, cells: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| flatten(format!("{name}.{key}"), value, as_sheet, cells));
        }
        Value::Array(list) => {
            let mut add = |(i, value)| flatten(format!("{name}.{i}"), value, as_sheet, cells);
            list.iter().enumerate().for_each(&mut add);
        }
        Value::Bool(flag) => cells.push((name, if *flag { "TRUE" } else { "FALSE" }.to_owned())),
        Value::Null => cells.push((name, String::new())),
        Value::Number(number) if as_sheet => cells.push((name, shown(number.as_f64().unwrap_or(0.0)))),
        other => cells.push((name, js::text(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx, input, items};
    use serde_json::json;

    /// The name, the type and the content of each file that comes out.
    async fn check(params: Value, given: Value, expected: Result<&[(&str, &str, &[u8])], &str>) {
        let dir = tempfile::tempdir().unwrap();
        let ctx = ctx(dir.path(), TestHost::default().into());
        let kind = NodeKind::of::<ConvertToFile>();
        let outputs = match (kind.run(input(&params, vec![items(&given)]), &ctx).await, expected) {
            (Ok(Outcome::Items(outputs)), Ok(_)) => outputs,
            (Err(e), Err(part)) => return assert!(e.to_string().contains(part), "{e}"),
            other => panic!("{params}: {other:?}"),
        };
        let mut found = Vec::new();
        for item in outputs.ports[0].iter() {
            let file = &item.binary.as_ref().unwrap()["data"];
            let name = file.file_name.clone().unwrap();
            found.push((name, file.mime_type.clone(), ctx.blobs.read(file).await.unwrap().to_vec()));
        }
        let expected: Vec<_> = expected
            .unwrap()
            .iter()
            .map(|(n, m, b)| ((*n).to_owned(), (*m).to_owned(), b.to_vec()))
            .collect();
        assert_eq!(found, expected, "{params}");
    }

    #[tokio::test]
    async fn all_items_become_one_table() {
        let given = json!([{"a": 1, "b": "x,y", "c": true, "o": {"q": [1, 2]}, "n": null}, {"a": 2.5, "d": "\u{e9}\"z"}]);
        let text = "\u{feff}a,b,c,o.q.0,o.q.1,n,d\n1,\"x,y\",TRUE,1,2,,\n2.5,,,,,,\"\u{e9}\"\"z\"";
        check(json!({}), given.clone(), Ok(&[("File.csv", "text/csv", text.as_bytes())])).await;
        let params = json!({"operation": "csv", "options": {"fileName": "t.csv", "headerRow": false, "delimiter": ";"}});
        let text = "\u{feff}1;x,y;TRUE;1;2;;\n2.5;;;;;;\"\u{e9}\"\"z\"";
        check(params, given, Ok(&[("t.csv", "text/csv", text.as_bytes())])).await;
        let given = json!([{"a": "x:y", "b": 2}]);
        let params = json!({"options": {"delimiter": "::", "headerRow": false}});
        check(params, given, Ok(&[("File.csv", "text/csv", "\u{feff}\"x:y\"::2".as_bytes())])).await;
    }

    #[tokio::test]
    async fn json_goes_into_one_file_or_many() {
        let given = json!([{"a": 1}, {"a": 2}]);
        let json = "application/json";
        check(
            json!({"operation": "toJson"}),
            given.clone(),
            Ok(&[("file.json", json, b"[{\"a\":1},{\"a\":2}]")]),
        )
        .await;
        let each = json!({"operation": "toJson", "mode": "each", "options": {"format": true}});
        let wide = json!({"operation": "toJson", "options": {"encoding": "utf16"}});
        check(wide, json!([{}]), Ok(&[("file.json", json, b"[\0{\0}\0]\0")])).await;
        check(
            each,
            given,
            Ok(&[("file.json", json, b"{\n  \"a\": 1\n}"), ("file.json", json, b"{\n  \"a\": 2\n}")]),
        )
        .await;
    }

    #[tokio::test]
    async fn a_field_becomes_text_or_bytes() {
        let of = |operation: &str, options: Value| json!({"operation": operation, "sourceProperty": "z", "options": options});
        let given = |z: &str| json!([{"z": z}]);
        check(of("toText", json!({})), given("hi"), Ok(&[("file.txt", "text/plain", b"hi")])).await;
        let wide = of("toText", json!({"encoding": "utf16", "addBOM": true}));
        check(wide, given("\u{e9}"), Ok(&[("file.txt", "text/plain", b"\xff\xfe\xe9\0")])).await;
        let marked = of("toText", json!({"encoding": "utf8", "addBOM": true}));
        check(marked, given("a"), Ok(&[("file.txt", "text/plain", b"\xef\xbb\xbfa")])).await;
        check(
            of("toBinary", json!({"fileName": "a.png"})),
            given("aGVsbG8="),
            Ok(&[("a.png", "image/png", b"hello")]),
        )
        .await;
        check(of("toBinary", json!({})), given("!"), Err("not valid Base64")).await;
        check(of("toText", json!({})), json!([{}]), Err("no value in \"z\"")).await;
    }

    #[tokio::test]
    async fn each_item_becomes_an_event() {
        let more = json!({"uid": "1", "fileName": "party.ics"});
        let params = json!({"operation": "iCal", "title": "Party", "start": "2024-06-15", "end": "2024-06-15",
            "allDay": true, "additionalFields": more});
        let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nCALSCALE:GREGORIAN\r\nPRODID:-//Linkflow//Linkflow//EN\r\n\
            METHOD:PUBLISH\r\nX-PUBLISHED-TTL:PT1H\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Party\r\n\
            DTSTAMP:20260304T050607Z\r\nDTSTART;VALUE=DATE:20240615\r\nDTEND;VALUE=DATE:20240616\r\n\
            END:VEVENT\r\nEND:VCALENDAR\r\n";
        let file = ("party.ics", "text/calendar", text.as_bytes());
        check(params, json!([{}, {}]), Ok(&[file, file])).await;
        check(json!({"operation": "iCal", "start": "x"}), json!([{}]), Err("`start`: must be a date")).await;
    }
}
