//! Move Binary Data: moves data between an item's fields and its files. An older kind; Extract from File
//! and Convert to File do the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use linkflow_model::{Item, Object};
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::file_params::Format;
use crate::{heavy, paths};

pub struct MoveBinaryData;

/// Moves data between an item's fields and its files.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// Which way.
    mode: Mode,
    /// Whether all fields are replaced by the JSON of the file.
    #[serde(deserialize_with = "lenient::flag")]
    set_all_data: bool,
    /// Whether all fields go into the file.
    #[serde(deserialize_with = "lenient::flag")]
    convert_all_data: bool,
    /// Name of the file, or of the field, that is moved.
    #[serde(deserialize_with = "lenient::text")]
    source_key: String,
    /// Name of the field, or of the file, that it becomes.
    #[serde(deserialize_with = "lenient::text")]
    destination_key: String,
    /// Details.
    options: Options,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            mode: Mode::BinaryToJson,
            set_all_data: true,
            convert_all_data: true,
            source_key: "data".to_owned(),
            destination_key: "data".to_owned(),
            options: Options::default(),
        }
    }
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// From a file into fields.
    BinaryToJson,
    /// From fields into a file.
    JsonToBinary,
}

/// Details.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// The encoding of text: `utf8` when nothing is given.
    #[serde(deserialize_with = "lenient::text")]
    encoding: String,
    /// Whether a byte order mark in front of text is left out.
    #[serde(rename = "stripBOM", deserialize_with = "lenient::flag")]
    strip_bom: bool,
    /// Whether files begin with a byte order mark, where `encoding` is a Unicode that was chosen.
    #[serde(rename = "addBOM", deserialize_with = "lenient::flag")]
    add_bom: bool,
    /// Whether the text of the file is read as JSON.
    #[serde(deserialize_with = "lenient::flag")]
    json_parse: bool,
    /// Whether the field gets the file as Base64.
    #[serde(deserialize_with = "lenient::flag")]
    keep_as_base64: bool,
    /// Whether what was moved stays where it was too.
    #[serde(deserialize_with = "lenient::flag")]
    keep_source: bool,
    /// Whether the field holds Base64.
    #[serde(deserialize_with = "lenient::flag")]
    data_is_base64: bool,
    /// Whether text goes into the file as it is, and not as JSON.
    #[serde(deserialize_with = "lenient::flag")]
    use_raw_data: bool,
    /// Name of the file.
    #[serde(deserialize_with = "lenient::text")]
    file_name: String,
    /// The type of the file; empty to tell it by its name.
    #[serde(deserialize_with = "lenient::text")]
    mime_type: String,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            encoding: String::new(),
            strip_bom: true,
            add_bom: false,
            json_parse: false,
            keep_as_base64: false,
            keep_source: false,
            data_is_base64: false,
            use_raw_data: false,
            file_name: String::new(),
            mime_type: "application/json".to_owned(),
        }
    }
}

impl Node for MoveBinaryData {
    const KIND: &'static str = "move_binary_data";
    const SPEC: Spec = Spec {
        title: "Move Binary Data",
        summary: "Moves data between an item's fields and its files.",
        category: Category::Files,
        aliases: &["binary", "json", "convert", "file"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[Example {
        title: "A field becomes a file",
        params: r#"{"mode": "jsonToBinary", "convertAllData": false, "sourceKey": "text", "options": {"useRawData": true, "mimeType": "text/plain"}}"#,
        input: r#"[{"id": 1, "text": "hi"}]"#,
        output: r#"[[{"id": 1}]]"#,
    }];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut out = Vec::with_capacity(input.items().len());
        for (i, item) in input.items().iter().enumerate() {
            let params = input.params(i)?;
            let moved = match params.mode {
                Mode::BinaryToJson => from_file(&params, ctx, item).await?,
                Mode::JsonToBinary => into_file(&params, ctx, item).await?,
            };
            out.extend(moved.map(|item| item.paired_with(i)));
        }
        Ok(Outcome::items(out))
    }
}

/// The item with the content of its file; nothing where it has no such file.
async fn from_file(params: &Params, ctx: &Ctx, item: &Item) -> Result<Option<Item>, NodeError> {
    let (name, options) = (&params.source_key, &params.options);
    if item.binary.as_ref().is_none_or(|files| !files.contains_key(name)) {
        return Ok(None);
    }
    let bytes = heavy::file_of(ctx, item, name, "sourceKey").await?;
    let format = Format { encoding: options.encoding.clone(), ..Format::default() };
    let decoded = || {
        Ok::<_, NodeError>(match options.strip_bom {
            true => format.encoding()?.decode(&bytes),
            false => format.encoding()?.decode_whole(&bytes),
        })
    };
    let parsed = |text: String| {
        serde_json::from_str::<Value>(&text)
            .map_err(|e| NodeError::data(format!("the file \"{name}\" is not valid JSON: {e}")))
    };
    let mut made = if params.set_all_data {
        Item::of_json(parsed(decoded()?)?)
    } else {
        let value = match (options.keep_as_base64, options.json_parse) {
            (true, _) => Value::String(base64::engine::general_purpose::STANDARD.encode(&bytes)),
            (false, true) => parsed(decoded()?)?,
            (false, false) => Value::String(decoded()?),
        };
        let mut json = Object::clone(&item.json);
        paths::set(&mut json, &paths::parse(&params.destination_key), value);
        Item::new(json)
    };
    let mut files = item.binary.as_deref().cloned().unwrap_or_default();
    if !options.keep_source {
        files.remove(name);
    }
    made.binary = Some(files).filter(|files| !files.is_empty()).map(Arc::new);
    Ok(Some(made))
}

/// The item with a file of its fields; nothing where it has no such field.
async fn into_file(params: &Params, ctx: &Ctx, item: &Item) -> Result<Option<Item>, NodeError> {
    let options = &params.options;
    let mut json = Object::clone(&item.json);
    let value = match params.convert_all_data {
        true => Value::Object(json.clone()),
        false => match paths::lookup(&json, &params.source_key, true) {
            Some(value) => value.clone(),
            None => return Ok(None),
        },
    };
    let bytes = match (&value, options.data_is_base64 && !params.convert_all_data) {
        (Value::String(text), true) => decoded_base64(text, &params.source_key)?,
        (value, _) => {
            let text = match value {
                Value::String(text) if options.use_raw_data => text.clone(),
                other => other.to_string(),
            };
            let format = Format { encoding: options.encoding.clone(), ..Format::default() };
            format.encode(&text, options.add_bom)?
        }
    };
    if !options.keep_source {
        match params.convert_all_data {
            true => json.clear(),
            false => drop(paths::remove(&mut json, &paths::parse(&params.source_key))),
        }
    }
    let name = Some(options.file_name.clone()).filter(|name| !name.is_empty());
    let plain = if value.is_string() { "text/plain" } else { "application/json" };
    let guessed = || mime_guess::from_path(&options.file_name).first_raw().unwrap_or(plain);
    let mime = if options.mime_type.is_empty() { guessed() } else { options.mime_type.as_str() };
    let file = ctx.blobs.store(&bytes, mime, name).await?;
    let mut files: BTreeMap<_, _> = item.binary.as_deref().cloned().unwrap_or_default();
    files.insert(params.destination_key.clone(), file);
    Ok(Some(Item { binary: Some(Arc::new(files)), ..Item::new(json) }))
}

fn decoded_base64(text: &str, name: &str) -> Result<Vec<u8>, NodeError> {
    let letters: String = text.chars().filter(|c| !c.is_ascii_whitespace() && *c != '=').collect();
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    engine.decode(letters.replace('-', "+").replace('_', "/")).map_err(|e| {
        NodeError::param("sourceKey", format!("the value in \"{name}\" is not valid Base64: {e}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx, input, items};
    use serde_json::json;

    #[tokio::test]
    async fn what_is_moved_into_a_file_can_be_moved_back() {
        let dir = tempfile::tempdir().unwrap();
        let ctx = ctx(dir.path(), TestHost::default().into());
        let kind = NodeKind::of::<MoveBinaryData>();
        let run =
            async |params: Value, items: Vec<Item>| match kind.run(input(&params, vec![items]), &ctx).await {
                Ok(Outcome::Items(outputs)) => Ok(outputs.ports[0].to_vec()),
                Ok(other) => panic!("{other:?}"),
                Err(e) => Err(e.to_string()),
            };
        let given = items(&json!([{"a": 1}, {"a": "x"}]));
        let files = run(json!({"mode": "jsonToBinary"}), given).await.unwrap();
        assert!(files.iter().all(|item| item.json.is_empty()));
        let back = run(json!({}), files.clone()).await.unwrap();
        assert_eq!(back.iter().map(Item::value).collect::<Value>(), json!([{"a": 1}, {"a": "x"}]));
        assert!(back.iter().all(|item| item.binary.is_none()));
        let text = run(json!({"setAllData": false, "destinationKey": "t.u"}), files).await.unwrap();
        assert_eq!(text[0].value(), json!({"t": {"u": "{\"a\":1}"}}));
        let raw = json!({"mode": "jsonToBinary", "convertAllData": false, "sourceKey": "a", "options": {"useRawData": true}});
        let files = run(raw, items(&json!([{"a": "{"}, {}]))).await.unwrap();
        assert_eq!(files.len(), 1);
        assert!(run(json!({}), files).await.unwrap_err().contains("is not valid JSON"));
    }
}
