//! Work that takes long, such as reading a large table or page: off the threads that everybody shares,
//! and the files it is done on.

use bytes::Bytes;
use linkflow_model::Item;
use linkflow_node::{Ctx, NodeError};

/// Runs `work` where it holds up nobody. A library that panics on broken data fails this node only.
pub async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(NodeError::data("the data is broken in a way that the reader does not understand")),
    }
}

/// The content of the item's file `name`, within the limit of size. `param` is where it was named.
pub async fn file_of(ctx: &Ctx, item: &Item, name: &str, param: &'static str) -> Result<Bytes, NodeError> {
    let file = item
        .binary
        .as_ref()
        .and_then(|files| files.get(name))
        .ok_or_else(|| NodeError::param(param, format!("the item has no file \"{name}\"")))?;
    within(ctx, &format!("the size of the file \"{name}\""), file.bytes)?;
    ctx.blobs.read(file).await
}

/// Refuses more bytes than a file may have.
pub fn within(ctx: &Ctx, what: &str, bytes: u64) -> Result<(), NodeError> {
    if bytes <= ctx.limits.file_bytes_max as u64 {
        return Ok(());
    }
    Err(NodeError::Limit { what: what.to_owned(), limit: format!("{} bytes", ctx.limits.file_bytes_max) })
}
