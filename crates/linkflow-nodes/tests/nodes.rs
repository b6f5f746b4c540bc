//! What every node kind has to keep to.

#[path = "suite/compliance.rs"]
mod compliance;
#[path = "suite/ears.rs"]
mod ears;
#[path = "suite/files.rs"]
mod files;
#[path = "suite/git.rs"]
mod git;
#[path = "suite/http_request.rs"]
mod http_request;
#[path = "suite/mail.rs"]
mod mail;
#[path = "suite/mysql.rs"]
mod mysql;
#[path = "suite/postgres.rs"]
mod postgres;
#[path = "suite/redis.rs"]
mod redis;
#[path = "suite/remote_files.rs"]
mod remote_files;
#[path = "suite/respond_to_webhook.rs"]
mod respond_to_webhook;
#[path = "suite/served.rs"]
mod served;
