//! The bytes of binary data, by the hash of their content.

use std::path::PathBuf;

use bytes::Bytes;
use linkflow_model::Binary;

use crate::NodeError;

/// Where the bytes are. Content that is there already is not written again.
#[derive(Clone, Debug)]
pub struct Blobs {
    dir: PathBuf,
}

impl Blobs {
    /// Blobs below `dir`, which is made when the first one is stored.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Blobs {
        Blobs { dir: dir.into() }
    }

    /// Stores `bytes` durably and gives their name: SHA-256 in hex.
    pub async fn put(&self, bytes: &[u8]) -> Result<String, NodeError> {
        use sha2::{Digest, Sha256};
        let id = hex::encode(Sha256::digest(bytes));
        let path = self.path(&id);
        if tokio::fs::try_exists(&path).await.unwrap_or(false) {
            return Ok(id);
        }
        let bytes = bytes.to_vec();
        tokio::task::spawn_blocking(move || write_new(&path, &bytes))
            .await
            .map_err(|e| failed(&e.to_string()))?
            .map_err(|e| failed(&e.to_string()))?;
        Ok(id)
    }

    pub async fn get(&self, id: &str) -> Result<Bytes, NodeError> {
        if id.len() != 64 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NodeError::data(format!("\"{id}\" is no name of stored data")));
        }
        match tokio::fs::read(self.path(id)).await {
            Ok(bytes) => Ok(Bytes::from(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Err(NodeError::data(format!("the data {id} is not stored any more")))
            }
            Err(e) => Err(failed(&e.to_string())),
        }
    }

    /// Stores `bytes` and describes them; the extension is taken from the file name.
    pub async fn store(
        &self,
        bytes: &[u8],
        mime_type: impl Into<String>,
        file_name: Option<String>,
    ) -> Result<Binary, NodeError> {
        let file_extension = file_name
            .as_deref()
            .and_then(|n| n.rsplit_once('.'))
            .map(|(_, ext)| ext.to_owned())
            .filter(|ext| !ext.is_empty());
        Ok(Binary {
            id: self.put(bytes).await?,
            mime_type: mime_type.into(),
            file_name,
            file_extension,
            directory: None,
            bytes: bytes.len() as u64,
        })
    }

    /// The bytes of `binary`.
    pub async fn read(&self, binary: &Binary) -> Result<Bytes, NodeError> {
        self.get(&binary.id).await
    }

    /// The file with the bytes of `binary`, for those who pass them on piece by piece.
    pub async fn open(&self, binary: &Binary) -> Result<tokio::fs::File, NodeError> {
        let id = &binary.id;
        if id.len() != 64 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NodeError::data(format!("\"{id}\" is no name of stored data")));
        }
        match tokio::fs::File::open(self.path(id)).await {
            Ok(file) => Ok(file),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Err(NodeError::data(format!("the data {id} is not stored any more")))
            }
            Err(e) => Err(failed(&e.to_string())),
        }
    }

    fn path(&self, id: &str) -> PathBuf {
        self.dir.join(&id[..2]).join(id)
    }
}

/// Writes to a neighbour and renames, so that a name always stands for whole content.
fn write_new(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let dir = path.parent().expect("a blob's path has a folder");
    std::fs::create_dir_all(dir)?;
    let temporary = dir.join(format!(".{}.{}", std::process::id(), uuid::Uuid::new_v4()));
    let mut file = std::fs::File::create_new(&temporary)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn failed(cause: &str) -> NodeError {
    NodeError::Unavailable {
        service: "the blob store".to_owned(),
        cause: cause.to_owned(),
        retry_after_ms: None,
        item: None,
    }
}
