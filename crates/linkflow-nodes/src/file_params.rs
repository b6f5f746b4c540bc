//! What the nodes that make files and those that read them have in common: how tables and text
//! are written down.

use encoding_rs::Encoding;
use linkflow_node::{NodeError, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How tables and text are written down.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Format {
    /// What stands between the cells of a table: mostly one character, `\t` for a tab.
    #[serde(deserialize_with = "lenient::text")]
    pub delimiter: String,
    /// Whether the first row of a table has the names of the fields.
    #[serde(deserialize_with = "lenient::flag")]
    pub header_row: bool,
    /// The encoding of text: `utf8` when nothing is given, `utf16le`, or one for older files such
    /// as `latin1`.
    #[serde(deserialize_with = "lenient::text")]
    pub encoding: String,
}

impl Default for Format {
    fn default() -> Format {
        Format { delimiter: ",".to_owned(), header_row: true, encoding: String::new() }
    }
}

impl Format {
    /// What stands between cells.
    pub fn delimiter(&self) -> &str {
        match self.delimiter.as_str() {
            "\\t" => "\t",
            "" => ",",
            other => other,
        }
    }

    pub fn encoding(&self) -> Result<&'static Encoding, NodeError> {
        let label = match self.encoding.to_ascii_lowercase().as_str() {
            "" | "utf8" => "utf-8".to_owned(),
            "utf16" | "utf16le" | "ucs2" => "utf-16le".to_owned(),
            "utf16be" => "utf-16be".to_owned(),
            other => other.to_owned(),
        };
        Encoding::for_label(label.as_bytes()).ok_or_else(|| {
            let problem = format!("must be an encoding such as utf8, got \"{}\"", self.encoding);
            NodeError::param("options.encoding", problem)
        })
    }

    /// The bytes of a text. A byte order mark only goes with an encoding that was chosen.
    pub fn encode(&self, text: &str, add_bom: bool) -> Result<Vec<u8>, NodeError> {
        let encoding = self.encoding()?;
        let is_unicode = encoding == encoding_rs::UTF_8 || encoding.name().starts_with("UTF-16");
        let mark = if add_bom && is_unicode && !self.encoding.is_empty() { "\u{feff}" } else { "" };
        let units = mark.encode_utf16().chain(text.encode_utf16());
        Ok(match encoding.name() {
            "UTF-16LE" => units.flat_map(u16::to_le_bytes).collect(),
            "UTF-16BE" => units.flat_map(u16::to_be_bytes).collect(),
            "UTF-8" => [mark, text].concat().into_bytes(),
            _ => encoding.encode(text).0.into_owned(),
        })
    }
}
