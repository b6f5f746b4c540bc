//! The guarded client, the files and the schedule rules, from outside.

#[path = "suite/files.rs"]
mod files;
#[path = "suite/http.rs"]
mod http;
#[path = "suite/lenient.rs"]
mod lenient;
#[path = "suite/schedule.rs"]
mod schedule;
