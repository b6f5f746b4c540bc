//! One file per n8n type, each with `translate`: its parameters, of any version, into ours.

mod aggregate;
mod binary_file;
mod chat_trigger;
#[cfg(test)]
mod check;
mod code;
mod compare_datasets;
mod compression;
mod conditions;
mod convert_to_file;
mod cron;
mod crypto;
mod data_table;
mod date_time;
mod debug_helper;
mod email_read_imap;
mod email_send;
mod error_trigger;
mod execute_command;
mod execute_workflow;
mod execute_workflow_trigger;
mod execution_data;
mod extract_from_file;
mod form;
mod form_trigger;
mod ftp;
mod function;
mod function_item;
mod git;
mod graphql;
mod html;
mod http_request;
mod http_services;
mod i_calendar;
mod if_;
mod interval;
mod item_lists;
mod jwt;
mod limit;
mod local_file_trigger;
mod manual_trigger;
mod markdown;
mod merge;
mod move_binary_data;
mod my_sql;
mod no_op;
mod postgres;
mod postgres_trigger;
mod read_write_file;
mod redis;
mod redis_trigger;
mod remove_duplicates;
mod rename_keys;
mod respond_to_chat;
mod respond_to_webhook;
mod rss_feed_read;
mod rss_feed_read_trigger;
mod schedule_trigger;
mod set;
mod sort;
mod split_in_batches;
mod split_out;
mod spreadsheet_file;
mod sticky_note;
mod stop_and_error;
mod summarize;
mod switch;
mod totp;
mod wait;
mod webhook;
mod xml;

use linkflow_model::Object;
use serde_json::Value;

/// A node of an n8n file, as far as a translation needs it.
#[derive(Clone, Copy, Debug)]
pub struct N8nNode<'a> {
    /// `n8n-nodes-base.limit`.
    pub node_type: &'a str,
    pub version: f64,
    pub name: &'a str,
    pub params: &'a Object,
    /// The node as it stands in the file.
    pub whole: &'a Object,
}

/// The same step in our terms.
#[derive(Clone, Debug, Default)]
pub struct Translation {
    /// Our kind.
    pub kind: &'static str,
    pub params: Object,
    /// What differs from n8n; `None` where nothing does.
    pub differs: Option<String>,
    /// Our credential slots, by n8n's names: (n8n's, ours).
    pub credentials: Vec<(&'static str, &'static str)>,
}

/// Why the parameters could not be understood.
#[derive(Clone, Debug)]
pub struct Unreadable(pub String);

pub type Translate = fn(&N8nNode<'_>) -> Result<Translation, Unreadable>;

/// All known types, with what translates them.
const TYPES: &[(&str, Translate)] = &[
    ("@n8n/n8n-nodes-langchain.chat", respond_to_chat::translate),
    ("@n8n/n8n-nodes-langchain.chatTrigger", chat_trigger::translate),
    ("n8n-nodes-base.aggregate", aggregate::translate),
    ("n8n-nodes-base.code", code::translate),
    ("n8n-nodes-base.compareDatasets", compare_datasets::translate),
    ("n8n-nodes-base.compression", compression::translate),
    ("n8n-nodes-base.convertToFile", convert_to_file::translate),
    ("n8n-nodes-base.cron", cron::translate),
    ("n8n-nodes-base.crypto", crypto::translate),
    ("n8n-nodes-base.dataTable", data_table::translate),
    ("n8n-nodes-base.dateTime", date_time::translate),
    ("n8n-nodes-base.debugHelper", debug_helper::translate),
    ("n8n-nodes-base.emailReadImap", email_read_imap::translate),
    ("n8n-nodes-base.emailSend", email_send::translate),
    ("n8n-nodes-base.errorTrigger", error_trigger::translate),
    ("n8n-nodes-base.executeCommand", execute_command::translate),
    ("n8n-nodes-base.executeWorkflow", execute_workflow::translate),
    ("n8n-nodes-base.executeWorkflowTrigger", execute_workflow_trigger::translate),
    ("n8n-nodes-base.executionData", execution_data::translate),
    ("n8n-nodes-base.extractFromFile", extract_from_file::translate),
    ("n8n-nodes-base.filter", if_::translate_filter),
    ("n8n-nodes-base.form", form::translate),
    ("n8n-nodes-base.formTrigger", form_trigger::translate),
    ("n8n-nodes-base.ftp", ftp::translate),
    ("n8n-nodes-base.function", function::translate),
    ("n8n-nodes-base.functionItem", function_item::translate),
    ("n8n-nodes-base.git", git::translate),
    ("n8n-nodes-base.html", html::translate),
    ("n8n-nodes-base.htmlExtract", html::translate_extract),
    ("n8n-nodes-base.graphql", graphql::translate),
    ("n8n-nodes-base.httpRequest", http_request::translate),
    ("n8n-nodes-base.iCal", i_calendar::translate),
    ("n8n-nodes-base.if", if_::translate_if),
    ("n8n-nodes-base.interval", interval::translate),
    ("n8n-nodes-base.itemLists", item_lists::translate),
    ("n8n-nodes-base.jwt", jwt::translate),
    ("n8n-nodes-base.limit", limit::translate),
    ("n8n-nodes-base.localFileTrigger", local_file_trigger::translate),
    ("n8n-nodes-base.manualTrigger", manual_trigger::translate),
    ("n8n-nodes-base.markdown", markdown::translate),
    ("n8n-nodes-base.merge", merge::translate),
    ("n8n-nodes-base.moveBinaryData", move_binary_data::translate),
    ("n8n-nodes-base.mySql", my_sql::translate),
    ("n8n-nodes-base.noOp", no_op::translate),
    ("n8n-nodes-base.postgres", postgres::translate),
    ("n8n-nodes-base.postgresTrigger", postgres_trigger::translate),
    ("n8n-nodes-base.readBinaryFile", binary_file::translate_read_one),
    ("n8n-nodes-base.readBinaryFiles", binary_file::translate_read_many),
    ("n8n-nodes-base.readWriteFile", read_write_file::translate),
    ("n8n-nodes-base.redis", redis::translate),
    ("n8n-nodes-base.redisTrigger", redis_trigger::translate),
    ("n8n-nodes-base.removeDuplicates", remove_duplicates::translate),
    ("n8n-nodes-base.renameKeys", rename_keys::translate),
    ("n8n-nodes-base.respondToWebhook", respond_to_webhook::translate),
    ("n8n-nodes-base.rssFeedRead", rss_feed_read::translate),
    ("n8n-nodes-base.rssFeedReadTrigger", rss_feed_read_trigger::translate),
    ("n8n-nodes-base.scheduleTrigger", schedule_trigger::translate),
    ("n8n-nodes-base.set", set::translate),
    ("n8n-nodes-base.sort", sort::translate),
    ("n8n-nodes-base.splitInBatches", split_in_batches::translate),
    ("n8n-nodes-base.splitOut", split_out::translate),
    ("n8n-nodes-base.spreadsheetFile", spreadsheet_file::translate),
    ("n8n-nodes-base.start", manual_trigger::translate),
    ("n8n-nodes-base.stickyNote", sticky_note::translate),
    ("n8n-nodes-base.stopAndError", stop_and_error::translate),
    ("n8n-nodes-base.summarize", summarize::translate),
    ("n8n-nodes-base.switch", switch::translate),
    ("n8n-nodes-base.totp", totp::translate),
    ("n8n-nodes-base.wait", wait::translate),
    ("n8n-nodes-base.webhook", webhook::translate),
    ("n8n-nodes-base.writeBinaryFile", binary_file::translate_write),
    ("n8n-nodes-base.xml", xml::translate),
];

/// What translates `node_type`.
pub fn find(node_type: &str) -> Option<Translate> {
    TYPES.iter().find(|(name, _)| *name == node_type).map(|(_, translate)| *translate)
}

/// The names of all known types.
pub fn types() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(name, _)| *name)
}

/// Kinds whose parameters are those of n8n's newest version as they are: the type and version
/// under which the export writes them when they were changed or made here.
const NEWEST: &[(&str, &str, f64)] = &[
    ("aggregate", "n8n-nodes-base.aggregate", 1.0),
    ("chat_trigger", "@n8n/n8n-nodes-langchain.chatTrigger", 1.1),
    ("code", "n8n-nodes-base.code", 2.0),
    ("compare_datasets", "n8n-nodes-base.compareDatasets", 2.3),
    ("compression", "n8n-nodes-base.compression", 1.1),
    ("convert_to_file", "n8n-nodes-base.convertToFile", 1.1),
    ("crypto", "n8n-nodes-base.crypto", 2.0),
    ("data_table", "n8n-nodes-base.dataTable", 1.0),
    ("date_time", "n8n-nodes-base.dateTime", 2.0),
    ("debug_helper", "n8n-nodes-base.debugHelper", 1.0),
    ("email_send", "n8n-nodes-base.emailSend", 2.1),
    ("email_trigger_imap", "n8n-nodes-base.emailReadImap", 2.1),
    ("error_trigger", "n8n-nodes-base.errorTrigger", 1.0),
    ("execute_command", "n8n-nodes-base.executeCommand", 1.0),
    ("execute_workflow", "n8n-nodes-base.executeWorkflow", 1.2),
    ("execute_workflow_trigger", "n8n-nodes-base.executeWorkflowTrigger", 1.1),
    ("execution_data", "n8n-nodes-base.executionData", 1.1),
    ("extract_from_file", "n8n-nodes-base.extractFromFile", 1.0),
    ("filter", "n8n-nodes-base.filter", 2.2),
    ("form", "n8n-nodes-base.form", 1.0),
    ("form_trigger", "n8n-nodes-base.formTrigger", 2.2),
    ("ftp", "n8n-nodes-base.ftp", 1.0),
    ("function", "n8n-nodes-base.function", 1.0),
    ("function_item", "n8n-nodes-base.functionItem", 1.0),
    ("git", "n8n-nodes-base.git", 1.0),
    ("graphql", "n8n-nodes-base.graphql", 1.1),
    ("html", "n8n-nodes-base.html", 1.2),
    ("http_request", "n8n-nodes-base.httpRequest", 4.2),
    ("if", "n8n-nodes-base.if", 2.2),
    ("jwt", "n8n-nodes-base.jwt", 1.0),
    ("limit", "n8n-nodes-base.limit", 1.0),
    ("local_file_trigger", "n8n-nodes-base.localFileTrigger", 1.0),
    ("loop_over_items", "n8n-nodes-base.splitInBatches", 3.0),
    ("manual_trigger", "n8n-nodes-base.manualTrigger", 1.0),
    ("markdown", "n8n-nodes-base.markdown", 1.0),
    ("merge", "n8n-nodes-base.merge", 3.2),
    ("move_binary_data", "n8n-nodes-base.moveBinaryData", 1.1),
    ("mysql", "n8n-nodes-base.mySql", 2.5),
    ("no_op", "n8n-nodes-base.noOp", 1.0),
    ("postgres", "n8n-nodes-base.postgres", 2.6),
    ("postgres_trigger", "n8n-nodes-base.postgresTrigger", 1.0),
    ("read_write_file", "n8n-nodes-base.readWriteFile", 1.1),
    ("redis", "n8n-nodes-base.redis", 1.0),
    ("redis_trigger", "n8n-nodes-base.redisTrigger", 1.0),
    ("remove_duplicates", "n8n-nodes-base.removeDuplicates", 2.0),
    ("rename_keys", "n8n-nodes-base.renameKeys", 1.0),
    ("respond_to_chat", "@n8n/n8n-nodes-langchain.chat", 1.1),
    ("respond_to_webhook", "n8n-nodes-base.respondToWebhook", 1.4),
    ("rss_read", "n8n-nodes-base.rssFeedRead", 1.2),
    ("schedule_trigger", "n8n-nodes-base.scheduleTrigger", 1.2),
    ("set", "n8n-nodes-base.set", 3.4),
    ("sort", "n8n-nodes-base.sort", 1.0),
    ("split_out", "n8n-nodes-base.splitOut", 1.0),
    ("sticky_note", "n8n-nodes-base.stickyNote", 1.0),
    ("stop_and_error", "n8n-nodes-base.stopAndError", 1.0),
    ("summarize", "n8n-nodes-base.summarize", 1.1),
    ("switch", "n8n-nodes-base.switch", 3.2),
    ("totp", "n8n-nodes-base.totp", 1.0),
    ("wait", "n8n-nodes-base.wait", 1.1),
    ("webhook", "n8n-nodes-base.webhook", 1.1),
    ("xml", "n8n-nodes-base.xml", 1.0),
];

/// n8n's type and version for parameters of our `kind`.
pub fn newest(kind: &str) -> Option<(&'static str, f64)> {
    NEWEST.iter().find(|(ours, ..)| *ours == kind).map(|(_, node_type, version)| (*node_type, *version))
}

impl Translation {
    /// Our `kind` with the parameters as they are.
    pub fn same(kind: &'static str, params: &Object) -> Translation {
        Translation { kind, params: params.clone(), ..Translation::default() }
    }
}

impl<'a> N8nNode<'a> {
    /// The parameter at a path of keys.
    pub fn param(&self, path: &[&str]) -> Option<&'a Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.params.get(*first)?, |value, key| value.get(key))
    }

    /// The parameter as text, or `default` where it is not given.
    pub fn text(&self, path: &[&str], default: &'a str) -> &'a str {
        self.param(path).and_then(Value::as_str).unwrap_or(default)
    }

    pub fn flag(&self, path: &[&str], default: bool) -> bool {
        self.param(path).and_then(Value::as_bool).unwrap_or(default)
    }
}
