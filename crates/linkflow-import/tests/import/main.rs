//! What holds for files as a whole.

mod examples;
mod n8n_file;
mod n8n_nodes;
mod own_file;
