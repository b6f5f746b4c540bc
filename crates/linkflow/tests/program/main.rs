//! Stories about the program as people run it.

mod command_line;
mod crash;
mod examples;
mod fixtures;
mod fuzz;
mod reference;
mod server;
mod stand_in;
mod webhook;
