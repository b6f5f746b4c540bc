//! What holds for files as a whole.

mod n8n_file;
