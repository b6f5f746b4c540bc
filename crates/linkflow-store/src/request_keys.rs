//! Answers to requests that made something and came with an idempotency key, so that the same
//! request again makes nothing more.

use linkflow_model::*;
use serde_json::Value;

use crate::db::params;
use crate::{Store, StoreError};

/// How long a key is remembered.
const REMEMBERED_MS: i64 = 24 * 60 * 60 * 1_000;

/// The answer that was given.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestAnswer {
    pub status: u16,
    pub body: Value,
}

impl Store {
    /// The answer that was given under `key`; [`StoreError::KeyReused`] when it was to another
    /// request.
    pub async fn request_answer(
        &self,
        workspace: WorkspaceId,
        key: String,
        fingerprint: Vec<u8>,
    ) -> Result<Option<RequestAnswer>, StoreError> {
        self.db
            .read(move |tx| {
                let found = tx.query_opt(
                    "SELECT fingerprint, status, answer FROM request_keys WHERE workspace = $1 AND key = $2",
                    params![workspace, &key],
                    |row| {
                        let answer = RequestAnswer { status: row.get(1)?, body: row.get(2)? };
                        Ok::<_, StoreError>((row.get::<Vec<u8>>(0)?, answer))
                    },
                )?;
                match found {
                    Some((known, _)) if known != fingerprint => Err(StoreError::KeyReused { key }),
                    found => Ok(found.map(|(_, answer)| answer)),
                }
            })
            .await
    }

    /// Remembers an answer for a day. The first one under a key stays.
    pub async fn remember_answer(
        &self,
        workspace: WorkspaceId,
        key: String,
        fingerprint: Vec<u8>,
        answer: RequestAnswer,
        at: Millis,
    ) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                tx.execute(
                    "DELETE FROM request_keys WHERE created_at < $1",
                    params![Millis(at.0 - REMEMBERED_MS)],
                )?;
                tx.execute(
                    "INSERT INTO request_keys (workspace, key, fingerprint, status, answer, created_at)
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                    params![workspace, &key, &fingerprint, answer.status, &answer.body, at],
                )?;
                Ok(())
            })
            .await
    }
}
