//! Stories about the program as people run it.

mod administration;
mod cluster;
mod command_line;
mod configuration;
mod crash;
mod data_tables;
mod examples;
mod fixtures;
mod forms;
mod fuzz;
mod moving;
mod operations;
mod reference;
mod server;
mod stand_in;
mod trouble;
mod webhook;
