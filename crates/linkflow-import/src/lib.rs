//! Reads workflow files, ours and n8n's, and says node by node what became of them.
//!
//! Pure: no IO. It never fails as a whole for a file that is JSON: what it does not know is kept
//! in `origin`, reported, and comes out again on export.

mod detect;
pub mod n8n;
mod report;

pub use detect::{Imported, as_utf8, read, several};
pub use report::{ImportError, NodeReport, Verdict};
