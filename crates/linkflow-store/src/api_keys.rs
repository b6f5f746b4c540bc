//! API keys of programs. Only the SHA-256 of a key comes here.

use linkflow_model::*;

use crate::db::{Row, params};
use crate::{Store, StoreError};

/// How exactly it is known when a key was used last: one write in this many milliseconds.
const USED_EVERY_MS: u64 = 60_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    pub id: ApiKeyId,
    pub workspace: WorkspaceId,
    pub created_by: Option<UserId>,
    pub name: String,
    pub prefix: String,
    pub scopes: Vec<String>,
    pub created_at: Millis,
    pub expires_at: Option<Millis>,
    pub last_used_at: Option<Millis>,
}

/// A key to be stored.
#[derive(Clone)]
pub struct NewApiKey {
    pub id: ApiKeyId,
    pub workspace: WorkspaceId,
    pub created_by: Option<UserId>,
    pub name: String,
    pub prefix: String,
    pub key_hash: Vec<u8>,
    pub scopes: Vec<String>,
    pub at: Millis,
    pub expires_at: Option<Millis>,
}

impl Store {
    pub async fn create_api_key(&self, key: NewApiKey) -> Result<ApiKeyRow, StoreError> {
        self.db
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO api_keys (id, workspace, created_by, name, prefix, key_hash, scopes,
                                           created_at, expires_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                    params![
                        key.id,
                        key.workspace,
                        key.created_by,
                        &key.name,
                        &key.prefix,
                        &key.key_hash,
                        key.scopes.join(" "),
                        key.at,
                        key.expires_at
                    ],
                )?;
                tx.query_opt(&format!("{SELECT} WHERE id = $1"), params![key.id], read)?
                    .ok_or_else(|| StoreError::not_found("api key", key.id))
            })
            .await
    }

    pub async fn api_keys(&self, workspace: WorkspaceId) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.db
            .read(move |tx| {
                tx.query(&format!("{SELECT} WHERE workspace = $1 ORDER BY id"), params![workspace], read)
            })
            .await
    }

    pub async fn delete_api_key(&self, workspace: WorkspaceId, id: ApiKeyId) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                let sql = "DELETE FROM api_keys WHERE workspace = $1 AND id = $2";
                match tx.execute(sql, params![workspace, id])? {
                    0 => Err(StoreError::not_found("api key", id)),
                    _ => Ok(()),
                }
            })
            .await
    }

    /// The key with this hash; `None` when there is none, or its time is over.
    pub async fn api_key(&self, key_hash: Vec<u8>, now: Millis) -> Result<Option<ApiKeyRow>, StoreError> {
        let found = self
            .db
            .read(move |tx| {
                let sql = format!("{SELECT} WHERE key_hash = $1 AND (expires_at IS NULL OR expires_at > $2)");
                tx.query_opt(&sql, params![&key_hash, now], read)
            })
            .await?;
        if let Some(key) = &found
            && key.last_used_at.is_none_or(|used| now.since(used) > USED_EVERY_MS)
        {
            let id = key.id;
            let used = self.db.write(move |tx| {
                tx.execute("UPDATE api_keys SET last_used_at = $2 WHERE id = $1", params![id, now])
            });
            // Knowing when a key was used is worth no failed request.
            if let Err(error) = used.await {
                tracing::debug!(%error, "when an api key was used last could not be written down");
            }
        }
        Ok(found)
    }
}

const SELECT: &str = "SELECT id, workspace, created_by, name, prefix, scopes, created_at, expires_at,
    last_used_at FROM api_keys";

fn read(row: &Row<'_>) -> Result<ApiKeyRow, StoreError> {
    let scopes: String = row.get(5)?;
    Ok(ApiKeyRow {
        id: row.get(0)?,
        workspace: row.get(1)?,
        created_by: row.get::<Option<uuid::Uuid>>(2)?.map(UserId),
        name: row.get(3)?,
        prefix: row.get(4)?,
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        created_at: row.get(6)?,
        expires_at: row.get(7)?,
        last_used_at: row.get(8)?,
    })
}
