//! Stories about the store, told through its public face only, so that every database it runs on
//! is held to them: the same text runs on SQLite, on PostgreSQL and through PgBouncer. Stories about
//! the files of the one and the servers of the other are told apart.

// The same files for each database.
#![allow(clippy::duplicate_mod)]

mod help;
mod on_pooler;
mod on_postgres;
mod on_sqlite;
mod server;

// SQLite's own.
mod crashes;
mod golden;
mod opening;

// PostgreSQL's own.
mod addresses;
mod history;
mod outages;
mod proxy;
mod replicas;
