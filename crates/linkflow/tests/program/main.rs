//! Stories about the program as people run it.

mod command_line;
mod crash;
mod fixtures;
mod server;
mod webhook;
