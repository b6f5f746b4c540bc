//! Running people's code. The runner keeps it in a process of its own.

use std::sync::Arc;

use linkflow_model::{Item, Object};
use serde_json::Value;

use crate::{BoxFuture, NodeError, RunInput};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    JavaScript,
    Python,
}

/// What the code sees and what it must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeMode {
    /// Runs once; sees `$input.all()` and `items`; gives a list of items.
    AllItems,
    /// Runs for each item; sees `$json` and `item`; gives one item or nothing.
    EachItem,
    /// As `EachItem`; an item on which the code throws gives `{"error": message}` and the next
    /// one has its turn: for nodes that go on in spite of errors.
    EachItemGoingOn,
    /// The older Function node: as `AllItems`, with `items` as plain copies.
    Function,
    /// The older Function Item node: as `EachItem`, with `item` being the json itself.
    FunctionItem,
    /// As `FunctionItem`, going on behind items on which the code throws.
    FunctionItemGoingOn,
}

pub struct CodeCall {
    pub language: Language,
    pub mode: CodeMode,
    pub source: String,
    pub input: Arc<RunInput>,
    /// `$getWorkflowStaticData('global')` and `('node')`.
    pub static_global: Object,
    pub static_node: Object,
    pub time_ms: u64,
    pub memory_bytes: usize,
}

#[derive(Clone, Debug, Default)]
pub struct CodeResult {
    /// For each item-mode: one list. Pairing has been set where the code or the rules say so.
    pub items: Vec<Item>,
    /// Lines of `console.log`.
    pub logs: Vec<String>,
    /// Set where the code changed them.
    pub static_global: Option<Object>,
    pub static_node: Option<Object>,
    pub custom_data: Option<Object>,
    /// The value as given, when it was no list of items (for tools that ask for it).
    pub raw: Option<Value>,
}

pub trait CodeRunner: Send + Sync {
    /// Errors: [`NodeError::Data`] for what the code threw (with ` [line N]`), `TimedOut`,
    /// `Limit`, `Unavailable` when the process ended for another reason.
    fn run<'a>(&'a self, call: CodeCall) -> BoxFuture<'a, Result<CodeResult, NodeError>>;
}
