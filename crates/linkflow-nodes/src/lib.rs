//! The node kinds, one file each. This list is the only place that names them all.

mod aggregate;
mod calendar;
mod calendar_event;
mod chat_trigger;
mod code;
mod compare_datasets;
mod compression;
mod conditions;
mod convert_to_file;
mod crypto;
mod csv_records;
mod data_table;
mod date_format;
mod date_time;
mod dates;
mod debug_helper;
mod dom;
mod email_send;
mod email_trigger_imap;
mod error_trigger;
mod execute_command;
mod execute_workflow;
mod execute_workflow_trigger;
mod execution_data;
mod extract_from_file;
mod feed;
mod file_params;
mod filter;
mod form;
mod form_trigger;
mod forms;
mod ftp;
mod ftp_client;
mod ftp_list;
mod function;
mod function_item;
mod git;
mod git_repository;
mod git_transport;
mod graphql;
mod group;
mod heavy;
mod html;
mod html_markdown;
mod http_request;
mod if_;
mod imap;
mod join;
mod js;
mod jwt;
mod limit;
mod listening;
mod local_file_trigger;
mod loop_over_items;
mod mail_message;
mod mail_read;
mod manual_trigger;
mod markdown;
mod markdown_html;
mod merge;
mod move_binary_data;
mod mysql;
mod mysql_auth;
mod mysql_client;
mod mysql_sql;
mod mysql_values;
mod no_op;
mod notes;
mod paths;
mod pdf;
mod pdf_text;
mod pg_client;
mod pg_sql;
mod pg_values;
mod plain_text;
mod postgres;
mod postgres_trigger;
mod read_write_file;
mod redis;
mod redis_trigger;
mod remote;
mod remove_duplicates;
mod rename_keys;
mod repair;
mod resp;
mod respond_to_chat;
mod respond_to_webhook;
mod rss_feed_trigger;
mod rss_read;
mod schedule_trigger;
mod selectors;
mod set;
mod sheet_files;
mod sheet_number;
mod sheet_text;
mod sheets;
mod smtp;
mod sort;
mod split_out;
mod sql_params;
mod sticky_note;
mod stop_and_error;
mod summarize;
mod switch;
mod text_encoding;
mod totp;
mod trigger_params;
mod wait;
mod webhook;
mod xml;
mod xml_text;

use linkflow_node::NodeKind;

/// All kinds, in the order of their names.
pub const ALL: &[NodeKind] = &[
    NodeKind::of::<aggregate::Aggregate>(),
    NodeKind::of::<chat_trigger::ChatTrigger>(),
    NodeKind::of::<code::Code>(),
    NodeKind::of::<compare_datasets::CompareDatasets>(),
    NodeKind::of::<compression::Compression>(),
    NodeKind::of::<convert_to_file::ConvertToFile>(),
    NodeKind::of::<crypto::Crypto>(),
    NodeKind::of::<data_table::DataTable>(),
    NodeKind::of::<date_time::DateTime>(),
    NodeKind::of::<debug_helper::DebugHelper>(),
    NodeKind::of::<email_send::EmailSend>(),
    NodeKind::of::<email_trigger_imap::EmailTriggerImap>(),
    NodeKind::of::<error_trigger::ErrorTrigger>(),
    NodeKind::of::<execute_command::ExecuteCommand>(),
    NodeKind::of::<execute_workflow::ExecuteWorkflow>(),
    NodeKind::of::<execute_workflow_trigger::ExecuteWorkflowTrigger>(),
    NodeKind::of::<execution_data::ExecutionData>(),
    NodeKind::of::<extract_from_file::ExtractFromFile>(),
    NodeKind::of::<filter::Filter>(),
    NodeKind::of::<form::Form>(),
    NodeKind::of::<form_trigger::FormTrigger>(),
    NodeKind::of::<ftp::FtpNode>(),
    NodeKind::of::<function::Function>(),
    NodeKind::of::<function_item::FunctionItem>(),
    NodeKind::of::<git::Git>(),
    NodeKind::of::<graphql::GraphQl>(),
    NodeKind::of::<html::Html>(),
    NodeKind::of::<http_request::HttpRequest>(),
    NodeKind::of::<if_::If>(),
    NodeKind::of::<jwt::Jwt>(),
    NodeKind::of::<limit::Limit>(),
    NodeKind::of::<local_file_trigger::LocalFileTrigger>(),
    NodeKind::of::<loop_over_items::LoopOverItems>(),
    NodeKind::of::<manual_trigger::ManualTrigger>(),
    NodeKind::of::<markdown::Markdown>(),
    NodeKind::of::<merge::Merge>(),
    NodeKind::of::<move_binary_data::MoveBinaryData>(),
    NodeKind::of::<mysql::MySql>(),
    NodeKind::of::<no_op::NoOp>(),
    NodeKind::of::<postgres::Postgres>(),
    NodeKind::of::<postgres_trigger::PostgresTrigger>(),
    NodeKind::of::<read_write_file::ReadWriteFile>(),
    NodeKind::of::<redis::Redis>(),
    NodeKind::of::<redis_trigger::RedisTrigger>(),
    NodeKind::of::<remove_duplicates::RemoveDuplicates>(),
    NodeKind::of::<rename_keys::RenameKeys>(),
    NodeKind::of::<respond_to_chat::RespondToChat>(),
    NodeKind::of::<respond_to_webhook::RespondToWebhook>(),
    NodeKind::of::<rss_feed_trigger::RssFeedTrigger>(),
    NodeKind::of::<rss_read::RssRead>(),
    NodeKind::of::<schedule_trigger::ScheduleTrigger>(),
    NodeKind::of::<set::Set>(),
    NodeKind::of::<sort::Sort>(),
    NodeKind::of::<split_out::SplitOut>(),
    NodeKind::of::<sticky_note::StickyNote>(),
    NodeKind::of::<stop_and_error::StopAndError>(),
    NodeKind::of::<summarize::Summarize>(),
    NodeKind::of::<switch::Switch>(),
    NodeKind::of::<totp::Totp>(),
    NodeKind::of::<wait::Wait>(),
    NodeKind::of::<webhook::Webhook>(),
    NodeKind::of::<xml::Xml>(),
];

/// The kind named `kind`.
pub fn find(kind: &str) -> Option<&'static NodeKind> {
    ALL.iter().find(|k| k.kind == kind)
}
