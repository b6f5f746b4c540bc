//! Read/Write Files: reads files of the server's folder for files into items, and writes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_model::{Binary, Item, Object, Order, Pair, Paired};
use linkflow_node::{Category, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub struct ReadWriteFile;

/// How many files one pattern may find.
const FILES_MAX: usize = 10_000;

/// Reads files of the server's folder for files into items, and writes them.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// Whether files are read or written.
    operation: Operation,
    /// Which files to read: a path, with `*`, `?`, `**` and `{a,b}` for many.
    #[serde(deserialize_with = "lenient::text")]
    file_selector: String,
    /// The path of the file to write.
    #[serde(deserialize_with = "lenient::text")]
    file_name: String,
    /// Name of the item's file to write.
    #[serde(deserialize_with = "lenient::text")]
    data_property_name: String,
    /// Details.
    options: Options,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            operation: Operation::Read,
            file_selector: String::new(),
            file_name: String::new(),
            data_property_name: "data".to_owned(),
            options: Options::default(),
        }
    }
}

/// Which way files go.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// From the folder into items, one for each file.
    Read,
    /// From items into the folder.
    Write,
}

/// Details.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether what is written goes behind what the file has already.
    #[serde(deserialize_with = "lenient::flag")]
    append: bool,
    /// Name under which the item carries a file that was read.
    #[serde(deserialize_with = "lenient::text")]
    data_property_name: String,
    /// Another name for a file that was read.
    #[serde(deserialize_with = "lenient::text")]
    file_name: String,
    /// Another extension for a file that was read.
    #[serde(deserialize_with = "lenient::text")]
    file_extension: String,
    /// Another type for a file that was read.
    #[serde(deserialize_with = "lenient::text")]
    mime_type: String,
    /// Whether the fields and the other files of the item are kept, and nothing is told of the file.
    #[serde(deserialize_with = "lenient::flag")]
    keep_item: bool,
    /// Whether files are read once for all items, and nothing is told of them.
    #[serde(deserialize_with = "lenient::flag")]
    bare: bool,
    /// Whether it is an error when a pattern finds no file.
    #[serde(deserialize_with = "lenient::flag")]
    fail_if_nothing_found: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            append: false,
            data_property_name: "data".to_owned(),
            file_name: String::new(),
            file_extension: String::new(),
            mime_type: String::new(),
            keep_item: false,
            bare: false,
            fail_if_nothing_found: true,
        }
    }
}

impl Node for ReadWriteFile {
    const KIND: &'static str = "read_write_file";
    const SPEC: Spec = Spec {
        title: "Read/Write Files",
        summary: "Reads files of the server's folder for files into items, and writes them.",
        category: Category::Files,
        aliases: &["disk", "folder", "save", "load", "binary"],
        effects: Effects::Outside,
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "All tables of a folder",
            params: r#"{"operation": "read", "fileSelector": "orders/*.csv"}"#,
            input: "[{}]",
            output: "null",
        },
        Example {
            title: "Add to a log",
            params: r#"{"operation": "write", "fileName": "log.txt", "options": {"append": true}}"#,
            input: "[{}]",
            output: "null",
        },
    ];
    type Params = Params;

    fn effects(params: &Object) -> Effects {
        let writes = params.get("operation").is_some_and(|o| o.as_str() != Some("read"));
        if writes { Effects::Outside } else { Effects::None }
    }

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut items = Vec::new();
        let is_bare = !input.items().is_empty() && input.params(0)?.options.bare;
        if is_bare {
            let pairs = (0..input.items().len()).map(|i| Pair { item: i as u32, ..Pair::default() });
            let paired = Paired::Many(pairs.collect());
            let found = read(input.params(0)?.as_ref(), ctx, &Item::default()).await?;
            return Ok(Outcome::items(
                found.into_iter().map(|item| item.with_paired(paired.clone())).collect(),
            ));
        }
        for (i, item) in input.items().iter().enumerate() {
            let done = match input.params(i) {
                Ok(params) => match params.operation {
                    Operation::Read => read(&params, ctx, item).await,
                    Operation::Write => write(&params, ctx, item).await.map(|item| vec![item]),
                },
                Err(e) => Err(e),
            };
            match done {
                Ok(made) => items.extend(made.into_iter().map(|item| item.paired_with(i))),
                Err(e) => items.push(ctx.failed_item(e, i)?),
            }
        }
        Ok(Outcome::items(items))
    }
}

async fn read(params: &Params, ctx: &Ctx, item: &Item) -> Result<Vec<Item>, NodeError> {
    let options = &params.options;
    if params.file_selector.trim().is_empty() {
        return Err(NodeError::param("fileSelector", "must be a path or a pattern"));
    }
    let paths = ctx.files.list(&params.file_selector, FILES_MAX).await?;
    if paths.is_empty() && options.fail_if_nothing_found {
        let problem = format!("there is no file \"{}\"", params.file_selector);
        return Err(NodeError::param("fileSelector", problem));
    }
    let mut items = Vec::with_capacity(paths.len());
    for path in paths {
        let bytes = ctx.files.read(&path, ctx.limits.file_bytes_max).await?;
        let own_name = path.rsplit('/').next().unwrap_or(&path);
        let chosen =
            |other: &str, own: &str| if other.is_empty() { own.to_owned() } else { other.to_owned() };
        let name = chosen(&options.file_name, own_name);
        let guessed = mime_guess::from_path(own_name).first_raw().unwrap_or("text/plain");
        let mut file = ctx.blobs.store(&bytes, chosen(&options.mime_type, guessed), Some(name)).await?;
        if !options.file_extension.is_empty() {
            file.file_extension = Some(options.file_extension.clone());
        }
        file.directory = path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let json = match (options.keep_item, options.bare) {
            (true, _) => Object::clone(&item.json),
            (_, true) => Object::new(),
            _ => told(&file, ctx.order),
        };
        let mut files = match options.keep_item {
            true => item.binary.as_deref().cloned().unwrap_or_default(),
            false => BTreeMap::new(),
        };
        files.insert(options.data_property_name.clone(), file);
        items.push(Item { binary: Some(Arc::new(files)), ..Item::new(json) });
    }
    Ok(items)
}

/// What is told of a file: in workflows from n8n, what n8n tells.
fn told(file: &Binary, order: Order) -> Object {
    let text = |value: &Option<String>| value.clone().map_or(Value::Null, Value::String);
    let common = [
        ("mimeType", Value::String(file.mime_type.clone())),
        ("fileType", file_type(&file.mime_type).map_or(Value::Null, Value::from)),
        ("fileName", text(&file.file_name)),
        ("fileExtension", text(&file.file_extension)),
    ];
    let rest = match order {
        Order::Parallel => vec![("directory", text(&file.directory)), ("bytes", Value::from(file.bytes))],
        _ => vec![("fileSize", Value::String(size(file.bytes)))],
    };
    let all = common.into_iter().chain(rest).filter(|(_, value)| !value.is_null());
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What kind of thing a file is, where that has a name.
fn file_type(mime: &str) -> Option<&'static str> {
    match mime {
        "application/json" => Some("json"),
        "text/html" => Some("html"),
        "application/pdf" => Some("pdf"),
        _ => {
            ["image", "audio", "video", "text"].into_iter().find(|kind| mime.starts_with(&format!("{kind}/")))
        }
    }
}

/// A size with three digits and its unit.
fn size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1_000.0 && unit + 1 < units.len() {
        value /= 1_000.0;
        unit += 1;
    }
    let digits = if unit == 0 || value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {}", units[unit])
}

/// The item, with the path of what was written.
async fn write(params: &Params, ctx: &Ctx, item: &Item) -> Result<Item, NodeError> {
    if params.file_name.trim().is_empty() {
        return Err(NodeError::param("fileName", "must be the path of the file to write"));
    }
    let name = &params.data_property_name;
    let file =
        item.binary.as_ref().and_then(|files| files.get(name)).ok_or_else(|| {
            NodeError::param("dataPropertyName", format!("the item has no file \"{name}\""))
        })?;
    let bytes = ctx.blobs.read(file).await?;
    ctx.files.write(&params.file_name, bytes, params.options.append).await?;
    let mut json = (*item.json).clone();
    json.insert("fileName".to_owned(), Value::String(params.file_name.clone()));
    Ok(Item { binary: item.binary.clone(), ..Item::new(json) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx, input};
    use serde_json::json;

    async fn run(ctx: &Ctx, params: Value) -> Result<Vec<Item>, NodeError> {
        let file = ctx.blobs.store(b"hi", "text/plain", None).await.unwrap();
        let files = BTreeMap::from([("data".to_owned(), file)]);
        let item = Item { binary: Some(Arc::new(files)), ..Item::from_value(json!({"k": 5})) };
        match NodeKind::of::<ReadWriteFile>().run(input(&params, vec![vec![item]]), ctx).await? {
            Outcome::Items(outputs) => Ok(outputs.ports[0].to_vec()),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_is_written_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let ctx = ctx(dir.path(), TestHost::default().into());
        let write = |append: bool| json!({"operation": "write", "fileName": "a/x.txt", "options": {"append": append}});
        let written = run(&ctx, write(false)).await.unwrap();
        assert_eq!(Value::Object((*written[0].json).clone()), json!({"k": 5, "fileName": "a/x.txt"}));
        run(&ctx, write(true)).await.unwrap();
        let found = run(&ctx, json!({"fileSelector": "a/*.txt"})).await.unwrap();
        let file = &found[0].binary.as_ref().unwrap()["data"];
        assert_eq!(ctx.blobs.read(file).await.unwrap(), "hihi");
        let told = json!({"mimeType": "text/plain", "fileType": "text", "fileName": "x.txt", "fileExtension": "txt",
            "directory": "a", "bytes": 4});
        assert_eq!(Value::Object((*found[0].json).clone()), told);
    }

    #[tokio::test]
    async fn the_item_is_kept_where_that_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let ctx = ctx(dir.path(), TestHost::default().into());
        run(&ctx, json!({"operation": "write", "fileName": "x.txt"})).await.unwrap();
        let found = run(
            &ctx,
            json!({"fileSelector": "x.txt", "options": {"keepItem": true, "dataPropertyName": "f"}}),
        );
        let found = found.await.unwrap();
        assert_eq!(found[0].value(), json!({"k": 5}));
        assert_eq!(found[0].binary.as_ref().unwrap().keys().collect::<Vec<_>>(), ["data", "f"]);
        let found = run(&ctx, json!({"fileSelector": "x.*", "options": {"bare": true}})).await.unwrap();
        assert_eq!((found.len(), found[0].value()), (1, json!({})));
    }

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, expected) in [(5, "5 B"), (1_500, "1.5 kB"), (12_345, "12.3 kB"), (2_000_000, "2 MB")] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_or_written_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let ctx = ctx(dir.path(), TestHost::default().into());
        std::fs::create_dir_all(dir.path().join("files")).unwrap();
        for (params, part) in [
            (json!({"fileSelector": "no*.txt"}), "there is no file \"no*.txt\""),
            (json!({}), "fileSelector"),
            (json!({"operation": "write"}), "fileName"),
            (json!({"operation": "write", "fileName": "../x"}), "is not below"),
            (json!({"operation": "write", "fileName": "x", "dataPropertyName": "no"}), "no file \"no\""),
        ] {
            let error = run(&ctx, params.clone()).await.unwrap_err().to_string();
            assert!(error.contains(part), "{params}: {error}");
        }
        let lenient = json!({"fileSelector": "no", "options": {"failIfNothingFound": false}});
        assert!(run(&ctx, lenient).await.unwrap().is_empty());
    }
}
