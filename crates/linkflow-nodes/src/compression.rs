//! Compression: packs files into archives (zip, tar, tar.gz) or makes them smaller (gzip), and unpacks
//! them. What would become too large when unpacked is refused.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use linkflow_model::{Binary, Item, Order};
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::heavy;

pub struct Compression;

const FILES_MAX: usize = 10_000;
/// Tar is written in pieces of this size.
const BLOCK: usize = 512;

/// Packs and unpacks files.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// Which way.
    operation: Operation,
    /// Names of the item's files, with commas between them.
    #[serde(deserialize_with = "lenient::text")]
    binary_property_name: String,
    /// What is made.
    output_format: Format,
    /// Name of the archive.
    #[serde(deserialize_with = "lenient::text")]
    file_name: String,
    /// Name under which the item carries the archive.
    #[serde(deserialize_with = "lenient::text")]
    binary_property_output: String,
    /// How the names of the unpacked files begin; a number follows.
    #[serde(deserialize_with = "lenient::text")]
    output_prefix: String,
    /// Whether files made smaller with gzip are named by `outputPrefix` and a number.
    #[serde(deserialize_with = "lenient::flag")]
    numbered: bool,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            operation: Operation::Decompress,
            binary_property_name: "data".to_owned(),
            output_format: Format::Zip,
            file_name: String::new(),
            binary_property_output: "data".to_owned(),
            output_prefix: "file_".to_owned(),
            numbered: false,
        }
    }
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Files become an archive.
    Compress,
    /// Archives become files.
    Decompress,
}

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Each file made smaller by itself.
    Gzip,
    /// An archive as it is.
    Tar,
    /// An archive made smaller.
    TarGz,
    /// An archive whose files are made smaller.
    Zip,
}

impl Node for Compression {
    const KIND: &'static str = "compression";
    const SPEC: Spec = Spec {
        title: "Compression",
        summary: "Packs files into archives, and unpacks them.",
        category: Category::Files,
        aliases: &["zip", "gzip", "tar", "unzip", "archive", "pack"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Two files in one archive",
            params: r#"{"operation": "compress", "binaryPropertyName": "invoice,terms", "fileName": "order.zip"}"#,
            input: "[]",
            output: "null",
        },
        Example {
            title: "The files of an archive",
            params: r#"{"operation": "decompress", "outputPrefix": "page_"}"#,
            input: "[]",
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut out = Vec::with_capacity(input.items().len());
        for (i, item) in input.items().iter().enumerate() {
            let done = match input.params(i) {
                Ok(params) => match params.operation {
                    Operation::Compress => packed(&params, ctx, item).await,
                    Operation::Decompress => unpacked(&params, ctx, item).await,
                },
                Err(e) => Err(e),
            };
            out.push(match done {
                Ok(files) => {
                    Item { json: item.json.clone(), binary: Some(Arc::new(files)), ..Item::default() }
                        .paired_with(i)
                }
                Err(e) => ctx.failed_item(e, i)?,
            });
        }
        Ok(Outcome::items(out))
    }
}

type Files = BTreeMap<String, Binary>;

fn names(params: &Params) -> Vec<&str> {
    params.binary_property_name.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

fn description<'i>(item: &'i Item, name: &str) -> Result<&'i Binary, NodeError> {
    item.binary
        .as_ref()
        .and_then(|files| files.get(name))
        .ok_or_else(|| NodeError::param("binaryPropertyName", format!("the item has no file \"{name}\"")))
}

async fn packed(params: &Params, ctx: &Ctx, item: &Item) -> Result<Files, NodeError> {
    let mut files = Vec::new();
    for name in names(params) {
        let bytes = heavy::file_of(ctx, item, name, "binaryPropertyName").await?;
        let file = description(item, name)?;
        let own = file.file_name.clone().filter(|own| !own.is_empty());
        let extension = file.file_extension.clone().unwrap_or_default();
        files.push((own.unwrap_or_else(|| format!("{name}.{extension}")), extension, bytes));
    }
    let format = params.output_format;
    if format == Format::Gzip {
        return gzipped(params, ctx, files).await;
    }
    let (mime, extension) = match format {
        Format::Zip => ("application/zip", "zip"),
        Format::Tar => ("application/x-tar", "tar"),
        _ => ("application/gzip", "tar.gz"),
    };
    let name =
        if params.file_name.is_empty() { format!("archive.{extension}") } else { params.file_name.clone() };
    let bytes = heavy::run(move || match format {
        Format::Zip => zip_of(&files),
        Format::Tar => tar_of(&files),
        _ => gzip(&tar_of(&files)?),
    })
    .await?;
    heavy::within(ctx, "the size of the archive", bytes.len() as u64)?;
    let archive = ctx.blobs.store(&bytes, mime, Some(name)).await?;
    Ok(Files::from([(params.binary_property_output.clone(), archive)]))
}

async fn gzipped(
    params: &Params,
    ctx: &Ctx,
    files: Vec<(String, String, Bytes)>,
) -> Result<Files, NodeError> {
    let mut out = Files::new();
    for (i, (own, extension, bytes)) in files.into_iter().enumerate() {
        let small = heavy::run(move || gzip(&bytes)).await?;
        let stem = own.rsplit_once('.').map_or(own.as_str(), |(stem, _)| stem);
        let (property, name) = if params.numbered {
            (format!("{}{i}", params.output_prefix), format!("{stem}.gzip"))
        } else {
            let chosen = params.file_name.strip_suffix(".gz").unwrap_or(&params.file_name);
            let chosen = if chosen.is_empty() { stem } else { chosen };
            let number = if i == 0 { String::new() } else { i.to_string() };
            let suffix = format!(".{extension}");
            let chosen = chosen.strip_suffix(&suffix).unwrap_or(chosen);
            (format!("{}{number}", params.binary_property_output), format!("{chosen}{suffix}.gz"))
        };
        out.insert(property, ctx.blobs.store(&small, "application/gzip", Some(name)).await?);
    }
    Ok(out)
}

fn failed(what: &str, cause: impl std::fmt::Display) -> NodeError {
    NodeError::data(format!("{what}: {cause}"))
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, NodeError> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .map_err(|e| failed("the file cannot be packed", e))
}

fn zip_of(files: &[(String, String, Bytes)]) -> Result<Vec<u8>, NodeError> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, extension, bytes) in files {
        // What is small already is not made smaller.
        let is_packed =
            matches!(extension.as_str(), "zip" | "gz" | "jpg" | "jpeg" | "png" | "mp4" | "mp3" | "7z");
        let method =
            if is_packed { zip::CompressionMethod::Stored } else { zip::CompressionMethod::Deflated };
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        archive.start_file(name.as_str(), options).map_err(|e| failed("the file cannot be packed", e))?;
        archive.write_all(bytes).map_err(|e| failed("the file cannot be packed", e))?;
    }
    Ok(archive.finish().map_err(|e| failed("the archive cannot be made", e))?.into_inner())
}

fn tar_of(files: &[(String, String, Bytes)]) -> Result<Vec<u8>, NodeError> {
    let mut out = Vec::new();
    for (name, _, bytes) in files {
        if name.len() > 100 {
            return Err(NodeError::data(format!(
                "\"{name}\" has more than the 100 bytes that tar has for a name"
            )));
        }
        let mut head = vec![0_u8; BLOCK];
        let mut put = |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "000644 ");
        put(124, &format!("{:010o} ", bytes.len()));
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\x0000");
        let sum: u32 = head.iter().map(|b| u32::from(*b)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(head);
        out.extend(bytes.iter());
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    Ok(out)
}

async fn unpacked(params: &Params, ctx: &Ctx, item: &Item) -> Result<Files, NodeError> {
    let mut out = Files::new();
    for (i, name) in names(params).into_iter().enumerate() {
        let file = description(item, name)?;
        let bytes = heavy::file_of(ctx, item, name, "binaryPropertyName").await?;
        let (own, extension) = (file.file_name.clone().unwrap_or_default(), file.file_extension.clone());
        let extension = extension.unwrap_or_default().to_lowercase();
        if !matches!(extension.as_str(), "zip" | "gz" | "gzip" | "tar" | "tgz") {
            let problem =
                format!("the file \"{name}\" must be an archive such as .zip or .gz, got \".{extension}\"");
            return Err(NodeError::param("binaryPropertyName", problem));
        }
        let (limit, label) = (ctx.limits.file_bytes_max, name.to_owned());
        let is_single = extension == "gz" && !own.to_lowercase().ends_with(".tar.gz") || extension == "gzip";
        let found = heavy::run(move || contents(&extension, &own, &bytes, limit, &label)).await?;
        for (n, (path, bytes)) in found.into_iter().enumerate() {
            let (folder, file_name) =
                path.rsplit_once('/').map_or((None, path.as_str()), |(f, n)| (Some(f), n));
            let mime = mime_guess::from_path(file_name).first_raw().unwrap_or("text/plain");
            let mut file = ctx.blobs.store(&bytes, mime, Some(file_name.to_owned())).await?;
            file.directory = folder.map(str::to_owned);
            // In n8n the files of a second archive take the names of the first one's.
            let at = match (ctx.order == Order::Parallel, is_single) {
                (true, _) => out.len(),
                (false, true) => i,
                (false, false) => n,
            };
            out.insert(format!("{}{at}", params.output_prefix), file);
        }
    }
    Ok(out)
}

/// The files in an archive, with their paths.
fn contents(
    extension: &str,
    own: &str,
    bytes: &[u8],
    limit: usize,
    label: &str,
) -> Result<Vec<(String, Vec<u8>)>, NodeError> {
    let mut left = Left { bytes: limit, limit, label };
    let lower = own.to_lowercase();
    match extension {
        "zip" => unzipped(bytes, &mut left),
        "tar" => tar_files(bytes, &mut left),
        "tgz" => tar_files(
            &left.read(flate2::read::MultiGzDecoder::new(bytes))?,
            &mut Left { bytes: limit, ..left },
        ),
        _ if lower.ends_with(".tar.gz") => tar_files(
            &left.read(flate2::read::MultiGzDecoder::new(bytes))?,
            &mut Left { bytes: limit, ..left },
        ),
        _ => {
            let content = left.read(flate2::read::MultiGzDecoder::new(bytes))?;
            let stem = own.get(..own.len() - extension.len() - 1).unwrap_or(own);
            Ok(vec![(stem.to_owned(), content)])
        }
    }
}

/// How much may still be unpacked.
struct Left<'l> {
    bytes: usize,
    limit: usize,
    label: &'l str,
}

impl Left<'_> {
    fn read(&mut self, reader: impl Read) -> Result<Vec<u8>, NodeError> {
        let mut content = Vec::new();
        let mut reader = reader.take(self.bytes as u64 + 1);
        reader
            .read_to_end(&mut content)
            .map_err(|e| failed(&format!("the file \"{}\" cannot be unpacked", self.label), e))?;
        self.bytes = self.bytes.checked_sub(content.len()).ok_or_else(|| NodeError::Limit {
            what: format!("the size of what is in the file \"{}\"", self.label),
            limit: format!("{} bytes", self.limit),
        })?;
        Ok(content)
    }

    fn too_many(&self) -> NodeError {
        let what = format!("how many files are in the file \"{}\"", self.label);
        NodeError::Limit { what, limit: FILES_MAX.to_string() }
    }
}

/// Whether an entry is one that systems add for themselves.
fn is_noise(path: &str) -> bool {
    path.starts_with("__MACOSX/") || path.ends_with('/')
}

fn unzipped(bytes: &[u8], left: &mut Left<'_>) -> Result<Vec<(String, Vec<u8>)>, NodeError> {
    let broken = |e: &dyn std::fmt::Display| failed("the file is no sound zip archive", e);
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| broken(&e))?;
    if archive.len() > FILES_MAX {
        return Err(left.too_many());
    }
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|e| broken(&e))?;
        let path = entry.name().map_err(|e| broken(&e))?.into_owned();
        if !is_noise(&path) {
            files.push((path, left.read(entry)?));
        }
    }
    Ok(files)
}

fn tar_files(bytes: &[u8], left: &mut Left<'_>) -> Result<Vec<(String, Vec<u8>)>, NodeError> {
    let broken = || NodeError::data(format!("the file \"{}\" is no sound tar archive", left.label));
    let text = |field: &[u8]| {
        String::from_utf8_lossy(field.split(|b| *b == 0).next().unwrap_or_default()).into_owned()
    };
    let mut files = Vec::new();
    let mut at = 0;
    let mut long_name = None;
    while let Some(head) = bytes.get(at..at + BLOCK).filter(|head| head[0] != 0) {
        let size = usize::from_str_radix(text(&head[124..136]).trim(), 8).map_err(|_| broken())?;
        let start = at + BLOCK;
        let content = start.checked_add(size).and_then(|end| bytes.get(start..end)).ok_or_else(broken)?;
        let prefix = if head[257..262] == *b"ustar" { text(&head[345..500]) } else { String::new() };
        let own =
            if prefix.is_empty() { text(&head[..100]) } else { format!("{prefix}/{}", text(&head[..100])) };
        match head[156] {
            b'L' => long_name = Some(text(content)),
            b'0' | 0 | b'7' => {
                let path = long_name.take().unwrap_or(own);
                if !is_noise(&path) {
                    files.push((path, content.to_vec()));
                }
            }
            _ => {}
        }
        if files.len() > FILES_MAX {
            return Err(left.too_many());
        }
        at = start + size.next_multiple_of(BLOCK);
    }
    if files.is_empty() && at == 0 && !bytes.iter().all(|b| *b == 0) { Err(broken()) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(
        extension: &str,
        own: &str,
        bytes: &[u8],
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, String> {
        contents(extension, own, bytes, limit, "data").map_err(|e| e.to_string())
    }

    #[test]
    fn what_was_packed_can_be_unpacked() {
        let file = |name: &str, text: &'static str| (name.to_owned(), "txt".to_owned(), Bytes::from(text));
        let files = [file("a.txt", "A"), file("d/b.txt", "B\n")];
        let expected = [("a.txt".to_owned(), b"A".to_vec()), ("d/b.txt".to_owned(), b"B\n".to_vec())];
        assert_eq!(unpack("zip", "x.zip", &zip_of(&files).unwrap(), 100).unwrap(), expected);
        assert_eq!(unpack("tar", "x.tar", &tar_of(&files).unwrap(), 100).unwrap(), expected);
        let small = gzip(&tar_of(&files).unwrap()).unwrap();
        assert_eq!(unpack("gz", "x.tar.gz", &small, 10_000).unwrap(), expected);
        let one = unpack("gz", "x.txt.gz", &gzip(b"hi").unwrap(), 100).unwrap();
        assert_eq!(one, [("x.txt".to_owned(), b"hi".to_vec())]);
    }

    #[test]
    fn bombs_and_broken_archives_are_refused() {
        let zeros = gzip(&vec![0; 1 << 20]).unwrap();
        assert!(
            unpack("gz", "x.gz", &zeros, 1_000)
                .unwrap_err()
                .contains("the size of what is in the file \"data\"")
        );
        let bomb = zip_of(&[("a".to_owned(), String::new(), Bytes::from(vec![0; 1 << 20]))]).unwrap();
        assert!(unpack("zip", "x.zip", &bomb, 1_000).unwrap_err().contains("1000 bytes"));
        for (extension, own) in [("zip", "x.zip"), ("gz", "x.gz"), ("tar", "x.tar"), ("tgz", "x.tgz")] {
            assert!(
                unpack(extension, own, b"nonsense that is long enough to be looked at", 1_000).is_err(),
                "{own}"
            );
        }
    }
}
