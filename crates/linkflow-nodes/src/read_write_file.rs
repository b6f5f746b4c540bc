//! Read/Write Files: reads files of the server's folder for files into items, and writes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_model::{Item, Object};
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
        for (i, item) in input.items().iter().enumerate() {
            let done = match input.params(i) {
                Ok(params) => match params.operation {
                    Operation::Read => read(&params, ctx).await,
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

async fn read(params: &Params, ctx: &Ctx) -> Result<Vec<Item>, NodeError> {
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
        let guessed = mime_guess::from_path(own_name).first_raw().unwrap_or("application/octet-stream");
        let mut file = ctx.blobs.store(&bytes, chosen(&options.mime_type, guessed), Some(name)).await?;
        if !options.file_extension.is_empty() {
            file.file_extension = Some(options.file_extension.clone());
        }
        file.directory = path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let text = |value: &Option<String>| value.clone().map_or(Value::Null, Value::String);
        let told = [
            ("mimeType", Value::String(file.mime_type.clone())),
            ("fileName", text(&file.file_name)),
            ("directory", text(&file.directory)),
            ("fileExtension", text(&file.file_extension)),
            ("bytes", Value::from(file.bytes)),
        ];
        let told = told.into_iter().filter(|(_, value)| !value.is_null());
        let json: Object = told.map(|(name, value)| (name.to_owned(), value)).collect();
        let files = BTreeMap::from([(options.data_property_name.clone(), file)]);
        items.push(Item { binary: Some(Arc::new(files)), ..Item::new(json) });
    }
    Ok(items)
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
        let told = json!({"mimeType": "text/plain", "fileName": "x.txt", "directory": "a",
            "fileExtension": "txt", "bytes": 4});
        assert_eq!(Value::Object((*found[0].json).clone()), told);
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
