//! Extract from File: reads tables, JSON, XML, calendars, PDFs, text or Base64 out of the files that items carry.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use linkflow_model::{Item, Object, Order};
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::csv_records::Records;
use crate::file_params::Format;
use crate::sheets::Reading;
use crate::{calendar, heavy, paths, pdf, sheets};

pub struct ExtractFromFile;

/// Reads tables, JSON, XML, calendars, PDFs, text or Base64 out of the files that items carry.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// What the file holds and what becomes of it.
    operation: Operation,
    /// Name of the item's file.
    #[serde(deserialize_with = "lenient::text")]
    binary_property_name: String,
    /// Name of the field for the result, or the path to it. Not used for CSV.
    #[serde(deserialize_with = "lenient::text")]
    destination_key: String,
    /// Details.
    options: Options,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            operation: Operation::Csv,
            binary_property_name: "data".to_owned(),
            destination_key: "data".to_owned(),
            options: Options::default(),
        }
    }
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// A table of any format, told by the content. What is of the type `text/csv` is read as CSV.
    Autodetect,
    /// A table; each row becomes an item.
    Csv,
    /// The first table of a page.
    Html,
    /// A calendar: its events, with their times in UTC and in their zone.
    FromIcs,
    /// JSON.
    FromJson,
    /// A sheet of OpenDocument.
    Ods,
    /// The text of a PDF, and what the file says of itself.
    Pdf,
    /// The tables of an RTF file.
    Rtf,
    /// Text.
    Text,
    /// A sheet of Excel's old format.
    Xls,
    /// A sheet of Excel. Files of the other formats of tables are read too, by their content.
    Xlsx,
    /// The text of an XML file.
    Xml,
    /// Any file, as Base64.
    #[serde(rename = "binaryToPropery", alias = "binaryToProperty")]
    BinaryToProperty,
}

/// Details.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    #[serde(flatten)]
    text: Format,
    /// The sheet; without it, the first one.
    #[serde(deserialize_with = "lenient::text")]
    sheet_name: String,
    /// Cells of a sheet, such as `A1:C5`, or how many rows to leave out.
    #[serde(deserialize_with = "lenient::text")]
    range: String,
    /// Whether cells of pages, RTF and CSV stay text that could be numbers, flags or dates.
    #[serde(deserialize_with = "lenient::flag")]
    raw_data: bool,
    /// Whether quotes within a cell of CSV that is not quoted are part of it.
    #[serde(deserialize_with = "lenient::flag")]
    relax_quotes: bool,
    /// Whether rows of a table that are too short or too long are left out.
    skip_records_with_errors: Skipping,
    /// Whether a byte order mark in front of a table is left out.
    #[serde(rename = "enableBOM", deserialize_with = "lenient::flag")]
    enable_bom: bool,
    /// The row of a table with which to begin, counted from 1.
    #[serde(deserialize_with = "lenient::integer")]
    from_line: i64,
    /// How many rows of a table to read at most; -1 for all.
    #[serde(deserialize_with = "lenient::integer")]
    max_row_count: i64,
    /// Whether empty cells become empty texts instead of no field.
    #[serde(deserialize_with = "lenient::flag")]
    include_empty_cells: bool,
    /// Whether the pages of a PDF become one text, or a list of texts.
    #[serde(deserialize_with = "lenient::flag")]
    join_pages: bool,
    /// How many pages of a PDF to read at most; 0 for all.
    #[serde(deserialize_with = "lenient::integer")]
    #[schemars(range(min = 0))]
    max_pages: i64,
    /// The password of a PDF that has one.
    #[serde(deserialize_with = "lenient::text")]
    password: String,
    /// What is kept of the input item. Not used for CSV.
    keep_source: Keep,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            text: Format::default(),
            sheet_name: String::new(),
            range: String::new(),
            raw_data: false,
            relax_quotes: false,
            skip_records_with_errors: Skipping::default(),
            enable_bom: false,
            from_line: 1,
            max_row_count: -1,
            include_empty_cells: false,
            join_pages: true,
            max_pages: 0,
            password: String::new(),
            keep_source: Keep::None,
        }
    }
}

/// Whether rows that are too short or too long are left out.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Skipping {
    /// The answer.
    value: Skip,
}

/// Whether and how often a row is left out.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Skip {
    /// Whether such rows are left out.
    #[serde(deserialize_with = "lenient::flag")]
    enabled: bool,
    /// How many of them at most; -1 for any number.
    #[serde(deserialize_with = "lenient::integer")]
    max_skipped_records: i64,
}

impl Default for Skip {
    fn default() -> Skip {
        Skip { enabled: false, max_skipped_records: -1 }
    }
}

/// What is kept of the input item.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Keep {
    /// Its other files only.
    None,
    /// Its fields.
    Json,
    /// All its files.
    Binary,
    /// Its fields and all its files.
    Both,
}

impl Node for ExtractFromFile {
    const KIND: &'static str = "extract_from_file";
    const SPEC: Spec = Spec {
        title: "Extract from File",
        summary: "Reads tables, JSON, XML, calendars, PDFs, text or Base64 out of the files that items carry.",
        category: Category::Files,
        aliases: &["csv", "parse", "binary", "base64", "spreadsheet", "read", "ical", "calendar", "pdf"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "The rows of a table with semicolons",
            params: r#"{"operation": "csv", "options": {"delimiter": ";"}}"#,
            input: "[]",
            output: "null",
        },
        Example {
            title: "The JSON of a file, in a field of that name",
            params: r#"{"operation": "fromJson", "destinationKey": "order"}"#,
            input: "[]",
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut items = Vec::new();
        for (i, item) in input.items().iter().enumerate() {
            match extracted(&input, ctx, item, i).await {
                Ok(found) => items.extend(found.into_iter().map(|item| item.paired_with(i))),
                Err(e) => items.push(ctx.failed_item(e, i)?),
            }
            if items.len() > ctx.limits.items_max {
                let limit = ctx.limits.items_max.to_string();
                return Err(NodeError::Limit { what: "items".to_owned(), limit });
            }
        }
        Ok(Outcome::items(items))
    }
}

async fn extracted(
    input: &Input<Params>,
    ctx: &Ctx,
    item: &Item,
    index: usize,
) -> Result<Vec<Item>, NodeError> {
    let params = input.params(index)?;
    let name = &params.binary_property_name;
    let file =
        item.binary.as_ref().and_then(|files| files.get(name)).ok_or_else(|| {
            NodeError::param("binaryPropertyName", format!("the item has no file \"{name}\""))
        })?;
    heavy::within(ctx, &format!("the size of the file \"{name}\""), file.bytes)?;
    let bytes = ctx.blobs.read(file).await?;
    let options = &params.options;
    let operation = match params.operation {
        Operation::Autodetect if file.mime_type == "text/csv" => Operation::Csv,
        Operation::Autodetect => Operation::Xlsx,
        chosen => chosen,
    };
    let value = match operation {
        Operation::Csv => {
            let (params, rows_max) = (params.clone(), ctx.limits.items_max);
            let read = move || rows(&table_text(&bytes, &params.options)?, &params.options, rows_max);
            return heavy::run(read).await;
        }
        Operation::Autodetect
        | Operation::Html
        | Operation::Ods
        | Operation::Rtf
        | Operation::Xls
        | Operation::Xlsx => {
            let reading = reading(options);
            return heavy::run(move || sheets::read(&bytes, &reading)).await;
        }
        Operation::Text | Operation::Xml => Value::String(decoded(&bytes, options)?),
        Operation::Pdf => {
            let asked = asked_of_pdf(name, options, ctx);
            let json = heavy::run(move || pdf::read(&bytes, &asked)).await?;
            return Ok(vec![with_fields(item, &params, json)]);
        }
        Operation::BinaryToProperty => {
            Value::String(base64::engine::general_purpose::STANDARD.encode(&bytes))
        }
        Operation::FromIcs => {
            let (text, is_raw) = (decoded(&bytes, options)?, ctx.order != Order::Parallel);
            Value::Object(heavy::run(move || calendar::read(&text, is_raw)).await?)
        }
        Operation::FromJson => {
            let text = decoded(&bytes, options)?;
            if text.trim().is_empty() { Value::Object(Object::new()) } else { read_json(name, &text)? }
        }
    };
    Ok(vec![with_value(item, &params, value)])
}

fn reading(options: &Options) -> Reading {
    Reading {
        sheet: options.sheet_name.clone(),
        range: options.range.clone(),
        header_row: options.text.header_row,
        include_empty_cells: options.include_empty_cells,
        as_text: options.raw_data,
    }
}

fn asked_of_pdf(name: &str, options: &Options, ctx: &Ctx) -> pdf::Asked {
    pdf::Asked {
        name: name.to_owned(),
        password: options.password.clone(),
        pages_max: usize::try_from(options.max_pages).unwrap_or(0),
        is_joined: options.join_pages,
        text_bytes_max: ctx.limits.file_bytes_max,
    }
}

fn read_json(name: &str, text: &str) -> Result<Value, NodeError> {
    serde_json::from_str(text)
        .map_err(|e| NodeError::data(format!("the file \"{name}\" is not valid JSON: {e}")))
}

fn with_value(item: &Item, params: &Params, value: Value) -> Item {
    let mut json = kept_fields(item, params);
    paths::set(&mut json, &paths::parse(&params.destination_key), value);
    with_files(item, params, json)
}

/// The item with these fields beside those that are kept.
fn with_fields(item: &Item, params: &Params, fields: Object) -> Item {
    let mut json = kept_fields(item, params);
    json.extend(fields);
    with_files(item, params, json)
}

fn kept_fields(item: &Item, params: &Params) -> Object {
    match params.options.keep_source {
        Keep::Json | Keep::Both => (*item.json).clone(),
        Keep::None | Keep::Binary => Object::new(),
    }
}

fn with_files(item: &Item, params: &Params, json: Object) -> Item {
    let keep = params.options.keep_source;
    let mut files: BTreeMap<_, _> = item.binary.as_deref().cloned().unwrap_or_default();
    if !matches!(keep, Keep::Binary | Keep::Both) {
        files.remove(&params.binary_property_name);
    }
    Item { binary: Some(files).filter(|f| !f.is_empty()).map(Arc::new), ..Item::new(json) }
}

/// The text without a byte order mark.
fn decoded(bytes: &[u8], options: &Options) -> Result<String, NodeError> {
    Ok(options.text.encoding()?.decode(bytes))
}

/// The text, with its byte order mark unless the options say otherwise.
fn table_text(bytes: &[u8], options: &Options) -> Result<String, NodeError> {
    if options.enable_bom {
        return decoded(bytes, options);
    }
    Ok(options.text.encoding()?.decode_whole(bytes))
}

fn rows(text: &str, options: &Options, rows_max: usize) -> Result<Vec<Item>, NodeError> {
    let skipped = usize::try_from(options.from_line - 1).unwrap_or(0);
    let records = Records::of(text, options.text.delimiter(), options.relax_quotes);
    let mut records = records.skip(skipped).enumerate();
    let most = usize::try_from(options.max_row_count).unwrap_or(rows_max + 1);
    let mut names: Option<Vec<String>> = None;
    let mut left_out = 0;
    let mut items = Vec::new();
    while items.len() < most {
        let Some((n, record)) = records.next() else { break };
        let cells = record?;
        let Some(names) = &names else {
            let numbers = (0..cells.len()).map(|i| i.to_string()).collect();
            names = Some(if options.text.header_row { cells.clone() } else { numbers });
            if !options.text.header_row {
                items.push(row(names.as_deref().unwrap_or_default(), cells, options));
            }
            continue;
        };
        if names.len() != cells.len() {
            let skip = &options.skip_records_with_errors.value;
            left_out += 1;
            if skip.enabled && (skip.max_skipped_records < 0 || left_out <= skip.max_skipped_records) {
                continue;
            }
            let (found, wanted, row) = (cells.len(), names.len(), n + skipped + 1);
            return Err(NodeError::data(format!(
                "row {row} of the table has {found} cells, but the first one has {wanted}"
            )));
        }
        items.push(row(names, cells, options));
    }
    Ok(items)
}

/// The item of a row: its fields, or `row` where the fields have no names.
fn row(names: &[String], cells: Vec<String>, options: &Options) -> Item {
    if !options.text.header_row && options.include_empty_cells {
        let cells = cells.into_iter().map(Value::String).collect();
        return Item::new(Object::from_iter([("row".to_owned(), cells)]));
    }
    let is_kept = |cell: &String| options.include_empty_cells || !cell.is_empty();
    // Of columns with the same name the last one counts, even where it is empty.
    let named: indexmap::IndexMap<String, String> = names.iter().cloned().zip(cells).collect();
    let kept = named.into_iter().filter(|(_, cell)| is_kept(cell));
    let json: Object = kept.map(|(name, cell)| (name, Value::String(cell))).collect();
    Item::new(match options.text.header_row {
        true => json,
        false => Object::from_iter([("row".to_owned(), Value::Object(json))]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkflow_node::testing::{TestHost, ctx, input};
    use serde_json::json;

    async fn run(bytes: &[u8], params: Value) -> Result<Vec<Item>, NodeError> {
        let dir = tempfile::tempdir().unwrap();
        let ctx = ctx(dir.path(), TestHost::default().into());
        let file = ctx.blobs.store(bytes, "text/csv", None).await.unwrap();
        let files = BTreeMap::from([("data".to_owned(), file)]);
        let item = Item { binary: Some(Arc::new(files)), ..Item::from_value(json!({"k": 5})) };
        let kind = linkflow_node::NodeKind::of::<ExtractFromFile>();
        match kind.run(input(&params, vec![vec![item]]), &ctx).await? {
            Outcome::Items(outputs) => Ok(outputs.ports[0].to_vec()),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_is_no_pdf_is_an_error_that_says_so() {
        check(b"no pdf", json!({"operation": "pdf"}), json!("the PDF \"data\"")).await;
    }

    async fn check(bytes: &[u8], params: Value, expected: Value) {
        match run(bytes, params.clone()).await {
            Ok(items) => {
                let found: Vec<Value> = items.iter().map(|i| Value::Object((*i.json).clone())).collect();
                assert_eq!(json!(found), expected, "{params}");
            }
            Err(e) => {
                assert!(e.to_string().contains(expected.as_str().unwrap_or("no error")), "{params}: {e}")
            }
        }
    }

    #[tokio::test]
    async fn each_row_of_a_table_becomes_an_item() {
        let table = b"a,b,c\n1,\"x,\"\"y\"\"\",\n2,,z\n";
        let csv = |options: Value| json!({"operation": "csv", "options": options});
        check(table, csv(json!({})), json!([{"a": "1", "b": "x,\"y\""}, {"a": "2", "c": "z"}])).await;
        check(
            table,
            csv(json!({"maxRowCount": 1, "includeEmptyCells": true})),
            json!([{"a": "1", "b": "x,\"y\"", "c": ""}]),
        )
        .await;
        check(
            b"1;2",
            csv(json!({"headerRow": false, "delimiter": ";"})),
            json!([{"row": {"0": "1", "1": "2"}}]),
        )
        .await;
        let listed = csv(json!({"headerRow": false, "includeEmptyCells": true}));
        check(b"1,\n", listed, json!([{"row": ["1", ""]}])).await;
        check(b"a,b\n1,2\n3,4\n", csv(json!({"fromLine": 2})), json!([{"1": "3", "2": "4"}])).await;
        check("\u{feff}a\n1\n".as_bytes(), csv(json!({})), json!([{"\u{feff}a": "1"}])).await;
        check("\u{feff}a\n1\n".as_bytes(), csv(json!({"enableBOM": true})), json!([{"a": "1"}])).await;
        check(b"a\n\xe9\n", csv(json!({"encoding": "latin1"})), json!([{"a": "\u{e9}"}])).await;
        check(b"a,b\n1\n", csv(json!({})), json!("row 2 of the table has 1 cells")).await;
        check(b"a::b\n\"x::y\"::2\n", csv(json!({"delimiter": "::"})), json!([{"a": "x::y", "b": "2"}]))
            .await;
        check(b"", csv(json!({})), json!([])).await;
    }

    #[tokio::test]
    async fn rows_that_do_not_fit_are_left_out_when_that_is_asked_for() {
        let skip = |max: i64| {
            let value = json!({"enabled": true, "maxSkippedRecords": max});
            json!({"operation": "csv", "options": {"skipRecordsWithErrors": {"value": value}}})
        };
        let table = b"a,b\n1\n3,4\n5,6,7\n";
        check(table, skip(-1), json!([{"a": "3", "b": "4"}])).await;
        check(table, skip(1), json!("row 4 of the table has 3 cells")).await;
    }

    #[tokio::test]
    async fn tables_of_other_formats_are_told_by_their_content() {
        let sheet = |more: Value| json!({"operation": "xlsx", "options": more});
        let text = b"a;b\n001;1e3\n-.5;TRUE\nx\n";
        let typed = json!([{"a": 1, "b": 1000}, {"a": -0.5, "b": true}, {"a": "x"}]);
        check(text, sheet(json!({})), typed).await;
        check(text, sheet(json!({"range": "A1:B2", "rawData": true})), json!([{"a": "001", "b": "1e3"}]))
            .await;
        let page = b"<table><tr><td>a<td>b</tr><tr><td rowspan=2>1<td>x</tr><tr><td>50%</table>";
        let rows = json!([{"row": ["a", "b"]}, {"row": [1, "x"]}, {"row": [null, 0.5]}]);
        check(page, json!({"operation": "html", "options": {"headerRow": false}}), rows).await;
        check(b"PK\x03\x04nonsense", sheet(json!({})), json!("no sound archive")).await;
        check(text, sheet(json!({"range": "zz"})), json!("must be cells like A1:C5")).await;
    }

    #[tokio::test]
    async fn json_text_and_bytes_go_into_the_chosen_field() {
        let of = |operation: &str| json!({"operation": operation, "destinationKey": "p.q"});
        check(b"{\"n\": 1}", of("fromJson"), json!([{"p": {"q": {"n": 1}}}])).await;
        check(b"{n", of("fromJson"), json!("is not valid JSON")).await;
        check("\u{feff}hi".as_bytes(), of("text"), json!([{"p": {"q": "hi"}}])).await;
        let calendar = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n";
        check(calendar, of("fromIcs"), json!([{"p": {"q": {"version": "2.0"}}}])).await;
        check(b"hello", of("fromIcs"), json!("a line without a value")).await;
        check(b"hello", of("binaryToPropery"), json!([{"p": {"q": "aGVsbG8="}}])).await;
        check(b"", json!({"operation": "text", "binaryPropertyName": "no"}), json!("has no file \"no\""))
            .await;
    }

    #[tokio::test]
    async fn the_source_is_kept_where_it_is_asked_for() {
        let of = |keep: &str| json!({"operation": "text", "options": {"keepSource": keep}});
        check(b"hi", of("json"), json!([{"k": 5, "data": "hi"}])).await;
        assert!(run(b"hi", of("json")).await.unwrap()[0].binary.is_none());
        assert!(run(b"hi", of("both")).await.unwrap()[0].binary.is_some());
    }
}
