//! What the nodes that make files and those that read them have in common: how tables and text
//! are written down.

use linkflow_node::{NodeError, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text_encoding::TextEncoding;

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
    /// as `latin1`, `windows1252` or `cp850`.
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

    pub fn encoding(&self) -> Result<TextEncoding, NodeError> {
        let name = if self.encoding.is_empty() { "utf8" } else { &self.encoding };
        TextEncoding::named(name).ok_or_else(|| {
            let problem = format!("must be an encoding such as utf8, got \"{}\"", self.encoding);
            NodeError::param("options.encoding", problem)
        })
    }

    /// The bytes of a text. A byte order mark only goes with an encoding that was chosen.
    pub fn encode(&self, text: &str, add_bom: bool) -> Result<Vec<u8>, NodeError> {
        let encoding = self.encoding()?;
        let has_mark = add_bom && encoding.is_unicode() && !self.encoding.is_empty();
        Ok(if has_mark { encoding.encode(&format!("\u{feff}{text}")) } else { encoding.encode(text) })
    }
}
