//! Data tables, as nodes use them. Where they are kept is the shell's business.

use linkflow_model::Object;
use serde_json::Value;

/// A call to the data tables of the execution's workspace. It gives a list of objects: rows with
/// `id`, `createdAt`, `updatedAt` and their columns, or tables with `id`, `name` and `columns`.
#[derive(Clone, Debug, PartialEq)]
pub enum TableCall {
    Tables,
    Create {
        name: String,
        columns: Vec<(String, String)>,
    },
    Rename {
        table: String,
        name: String,
    },
    Drop {
        table: String,
    },
    Rows {
        table: String,
        filter: Filter,
        order: Option<(String, bool)>,
        limit: usize,
    },
    Insert {
        table: String,
        rows: Vec<Object>,
    },
    /// With `insert`, a row is added where none fits; with `dry`, nothing is written.
    Update {
        table: String,
        filter: Filter,
        values: Object,
        insert: bool,
        dry: bool,
    },
    Delete {
        table: String,
        filter: Filter,
        dry: bool,
    },
}

/// Which rows are meant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Whether one condition is enough.
    pub any: bool,
    /// A column, a test such as `eq`, and a value.
    pub conditions: Vec<(String, String, Value)>,
}
