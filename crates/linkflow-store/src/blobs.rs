//! Bytes by the hash of their content, in files beside the database: `ab/abcdef...`.
//!
//! Nodes put binary data into the same directory. Which bytes are still needed is decided in
//! `retention.rs`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::StoreError;

/// SHA-256 of the content.
pub(crate) type BlobId = [u8; 32];

#[derive(Clone, Debug)]
pub(crate) struct BlobDir {
    dir: Arc<Path>,
}

impl BlobDir {
    pub fn new(dir: PathBuf) -> BlobDir {
        BlobDir { dir: dir.into() }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn path(&self, id: &BlobId) -> PathBuf {
        let name = hex::encode(id);
        self.dir.join(&name[..2]).join(name)
    }

    /// Stores `bytes` durably. Bytes that are there already are only marked as fresh, so that
    /// they are not cleared away before somebody refers to them. Blocks.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobId, StoreError> {
        let id: BlobId = Sha256::digest(bytes).into();
        let path = self.path(&id);
        if let Ok(file) = std::fs::File::options().append(true).open(&path) {
            let fresh = file.set_modified(std::time::SystemTime::now());
            return fresh.map(|()| id).map_err(|e| StoreError::io(path, &e));
        }
        write_new(&path, bytes).map_err(|e| StoreError::io(path, &e))?;
        Ok(id)
    }

    /// The bytes of `id`. Blocks.
    pub fn get(&self, id: &BlobId) -> Result<Vec<u8>, StoreError> {
        let path = self.path(id);
        std::fs::read(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => StoreError::not_found("stored data", hex::encode(id)),
            _ => StoreError::io(path, &e),
        })
    }
}

/// The id in the name of a blob, as it stands in a [`linkflow_model::Binary`]; `None` when the
/// name is none.
pub(crate) fn parse(name: &str) -> Option<BlobId> {
    let mut id = [0; 32];
    hex::decode_to_slice(name, &mut id).ok().map(|()| id)
}

/// Writes to a neighbour and renames, so that a name always stands for whole content; the folder
/// is synced, because the journal will refer to the name.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().expect("a blob's path has a folder");
    std::fs::create_dir_all(dir)?;
    let temporary = dir.join(format!(".{}.{}", std::process::id(), uuid::Uuid::new_v4()));
    let mut file = std::fs::File::create_new(&temporary)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, path))
        .and_then(|()| std::fs::File::open(dir)?.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}
