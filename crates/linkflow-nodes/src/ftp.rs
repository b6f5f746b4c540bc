//! FTP: reads and writes files of FTP servers.
//!
//! One connection serves all items of a run. The protocol is in `ftp_client`, what is done with whole
//! folders in `remote`.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_model::{Binary, Item, Object};
use linkflow_node::{
    Category, CredentialSlot, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::remote::Remote;

/// Where an FTP server is, and as whom it is spoken to.
const FTP: CredentialSlot = CredentialSlot {
    name: "ftp",
    title: "FTP",
    fields: &["host", "port", "username", "password", "secure", "allow_unauthorized_certs", "ca"],
    secret: &["password"],
};

pub struct FtpNode;

/// Reads and writes files of FTP servers.
///
/// FTP is plain unless the credential's field `secure` is `explicit` (TLS after a plain greeting) or
/// `implicit` (TLS from the first byte).
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// How the server is spoken to.
    protocol: Protocol,
    /// What is done.
    operation: Operation,
    /// The file; for `list` the folder.
    #[serde(deserialize_with = "lenient::text")]
    path: String,
    /// What is renamed.
    #[serde(deserialize_with = "lenient::text")]
    old_path: String,
    /// How it is called from then on.
    #[serde(deserialize_with = "lenient::text")]
    new_path: String,
    /// The property of the file, for `download` and `upload`.
    #[serde(deserialize_with = "lenient::text")]
    binary_property_name: String,
    /// Whether a file of the item is uploaded; else it is a text.
    #[serde(deserialize_with = "lenient::flag")]
    binary_data: bool,
    /// The text that is uploaded.
    #[serde(deserialize_with = "lenient::text")]
    file_content: String,
    /// List what is in the folders too.
    #[serde(deserialize_with = "lenient::flag")]
    recursive: bool,
    /// What is needed less often.
    options: Options,
}

/// How the server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// By FTP, plain or under TLS.
    #[default]
    Ftp,
}

/// What is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Remove a file or a folder.
    Delete,
    /// Read a file.
    #[default]
    Download,
    /// Tell what is in a folder.
    List,
    /// Rename or move a file or a folder.
    Rename,
    /// Write a file.
    Upload,
}

/// What is needed less often.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Remove a folder, not a file.
    #[serde(deserialize_with = "lenient::flag")]
    folder: bool,
    /// Remove all that is in the folder too.
    #[serde(deserialize_with = "lenient::flag")]
    recursive: bool,
    /// Make the folders of the new path.
    #[serde(deserialize_with = "lenient::flag")]
    create_directories: bool,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            protocol: Protocol::default(),
            operation: Operation::default(),
            path: String::new(),
            old_path: String::new(),
            new_path: String::new(),
            binary_property_name: "data".to_owned(),
            binary_data: true,
            file_content: String::new(),
            recursive: false,
            options: Options::default(),
        }
    }
}

impl Node for FtpNode {
    const KIND: &'static str = "ftp";
    const SPEC: Spec = Spec {
        title: "FTP",
        summary: "Reads and writes files of FTP servers, also under TLS.",
        category: Category::Service,
        aliases: &["ftps", "file", "folder", "upload", "download", "transfer"],
        effects: Effects::Outside,
        credentials: &[FTP],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Fetch a file",
            params: r#"{"operation": "download", "path": "=/reports/{{ $json.day }}.csv"}"#,
            input: r#"[{"day": "2026-03-04"}]"#,
            output: "null",
        },
        Example {
            title: "List the files of a folder",
            params: r#"{"operation": "list", "path": "/incoming", "recursive": true}"#,
            input: "[{}]",
            output: "null",
        },
        Example {
            title: "Write a text",
            params: r#"{"operation": "upload", "path": "/notes/hello.txt", "binaryData": false,
                "fileContent": "Hello!"}"#,
            input: "[{}]",
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut remote = None;
        let mut out = Vec::with_capacity(input.items().len());
        for (index, item) in input.items().iter().enumerate() {
            match one(&input, ctx, &mut remote, index, item).await {
                Ok(items) => out.extend(items.into_iter().map(|item| item.paired_with(index))),
                Err(error) => {
                    // After a broken exchange nobody knows what the next answer belongs to.
                    remote = None;
                    out.push(ctx.failed_item(error, index)?);
                }
            }
        }
        if let Some(remote) = remote {
            remote.close().await;
        }
        Ok(Outcome::items(out))
    }
}

async fn one<'a>(
    input: &Input<Params>,
    ctx: &'a Ctx,
    open: &mut Option<Remote<'a>>,
    index: usize,
    item: &Item,
) -> Result<Vec<Item>, NodeError> {
    let params = input.params(index)?;
    params.check()?;
    let remote = match open {
        Some(remote) => remote,
        none => {
            let secret = ctx.host.credential(FTP.name).await?;
            none.insert(Remote::connect(ctx, &secret).await?)
        }
    };
    match params.operation {
        Operation::List => return remote.list(ctx, &params.path, params.recursive).await,
        Operation::Download => {
            let bytes = remote.read(&params.path).await?;
            let name = file_name(&params.path);
            return Ok(vec![with_file(ctx, item, &params.binary_property_name, &bytes, name).await?]);
        }
        Operation::Upload => {
            let bytes = params.content(ctx, item).await?;
            remote.write(&params.path, &bytes).await?;
            return Ok(vec![item.clone()]);
        }
        Operation::Delete if params.options.folder => {
            remote.remove_folder(&params.path, params.options.recursive).await?;
        }
        Operation::Delete => remote.remove_file(&params.path).await?,
        Operation::Rename => {
            if params.options.create_directories {
                remote.make_folders_above(&params.new_path).await?;
            }
            remote.rename(&params.old_path, &params.new_path).await?;
        }
    }
    Ok(vec![Item::new(Object::from_iter([("success".to_owned(), json!(true))]))])
}

impl Params {
    fn check(&self) -> Result<(), NodeError> {
        let needed = match self.operation {
            Operation::Rename => vec![("oldPath", &self.old_path), ("newPath", &self.new_path)],
            _ => vec![("path", &self.path)],
        };
        for (param, path) in needed {
            check_path(param, path)?;
        }
        // Nobody means all that there is.
        let is_all = self.path.chars().all(|c| matches!(c, '/' | '.' | ' '));
        if self.operation == Operation::Delete && is_all {
            return Err(NodeError::param(
                "path",
                format!("must name a file or a folder, got \"{}\"", self.path),
            ));
        }
        Ok(())
    }

    async fn content(&self, ctx: &Ctx, item: &Item) -> Result<Vec<u8>, NodeError> {
        match self.binary_data {
            true => Ok(ctx.blobs.read(file_of(item, &self.binary_property_name)?).await?.to_vec()),
            false => Ok(self.file_content.clone().into_bytes()),
        }
    }
}

/// Bytes that a path of another machine has at most.
const PATH_BYTES_MAX: usize = 4_096;

fn check_path(param: &str, path: &str) -> Result<(), NodeError> {
    let problem = match path {
        "" => "must not be empty".to_owned(),
        path if path.len() > PATH_BYTES_MAX => {
            format!("may have {PATH_BYTES_MAX} bytes, got {}", path.len())
        }
        path if path.contains(['\0', '\r', '\n']) => {
            format!("must not have an end of line in it, got {path:?}")
        }
        _ => return Ok(()),
    };
    Err(NodeError::param(param, problem))
}

/// The file of an item under a property.
fn file_of<'i>(item: &'i Item, property: &str) -> Result<&'i Binary, NodeError> {
    let file = item.binary.as_ref().and_then(|files| files.get(property));
    file.ok_or_else(|| NodeError::param("binaryPropertyName", format!("the item has no file \"{property}\"")))
}

fn file_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// The item with a file more.
async fn with_file(
    ctx: &Ctx,
    item: &Item,
    property: &str,
    bytes: &[u8],
    name: &str,
) -> Result<Item, NodeError> {
    let mime = mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream");
    let file = ctx.blobs.store(bytes, mime, Some(name.to_owned())).await?;
    let mut files: BTreeMap<String, Binary> = item.binary.as_deref().cloned().unwrap_or_default();
    files.insert(property.to_owned(), file);
    let json: Object = (*item.json).clone();
    Ok(Item { binary: Some(Arc::new(files)), ..Item::new(json) })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn nobody_removes_everything_by_an_empty_expression() {
        let check = |params: Value| {
            let params: Params = serde_json::from_value(params).unwrap();
            params.check().err().map(|error| error.to_string())
        };
        let removal = |path: &str| json!({"operation": "delete", "path": path, "options": {"folder": true}});
        assert_eq!(check(removal("")).unwrap(), "`path`: must not be empty");
        assert_eq!(check(removal("/.")).unwrap(), "`path`: must name a file or a folder, got \"/.\"");
        assert_eq!(check(removal("/a")), None);
        assert_eq!(check(json!({"operation": "list", "path": "/"})), None);
        let two_lines = check(json!({"path": "a\r\nDELE b"})).unwrap();
        assert!(two_lines.contains("must not have an end of line"), "{two_lines}");
    }
}
