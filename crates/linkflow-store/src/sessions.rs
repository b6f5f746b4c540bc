//! Sessions of people who signed in. Only the SHA-256 of a session's token comes here.

use linkflow_model::*;

use crate::db::{Tx, params};
use crate::users::{self, UserRow};
use crate::{Store, StoreError};

/// How exactly it is known when somebody was seen last: one write in this many milliseconds.
const SEEN_EVERY_MS: u64 = 60_000;

/// A session to be opened.
#[derive(Clone)]
pub struct NewSession {
    pub token_hash: Vec<u8>,
    pub workspace: WorkspaceId,
    pub user: UserId,
    pub at: Millis,
    pub expires_at: Millis,
}

impl Store {
    /// Opens a session, and forgets those that have ended.
    pub async fn open_session(&self, session: NewSession) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                tx.execute("DELETE FROM sessions WHERE expires_at <= $1", params![session.at])?;
                tx.execute(
                    "INSERT INTO sessions (token_hash, workspace, user_id, created_at, seen_at, expires_at)
                     VALUES ($1, $2, $3, $4, $4, $5)",
                    params![
                        &session.token_hash,
                        session.workspace,
                        session.user,
                        session.at,
                        session.expires_at
                    ],
                )?;
                saw(tx, session.user, session.at)
            })
            .await
    }

    /// Whose session this is; `None` when there is none, or none any more.
    pub async fn session(&self, token_hash: Vec<u8>, now: Millis) -> Result<Option<UserRow>, StoreError> {
        let hash = token_hash.clone();
        let found = self
            .db
            .read(move |tx| {
                let found = tx.query_opt(
                    "SELECT workspace, user_id, seen_at FROM sessions
                     WHERE token_hash = $1 AND expires_at > $2",
                    params![&hash, now],
                    |row| {
                        Ok::<_, StoreError>((
                            row.get::<WorkspaceId>(0)?,
                            row.get::<UserId>(1)?,
                            row.get::<Millis>(2)?,
                        ))
                    },
                )?;
                let Some((workspace, user, seen_at)) = found else { return Ok(None) };
                Ok::<_, StoreError>(users::find(tx, workspace, user)?.map(|user| (user, seen_at)))
            })
            .await?;
        let Some((user, seen_at)) = found else { return Ok(None) };
        if now.since(seen_at) > SEEN_EVERY_MS {
            let id = user.id;
            let seen = self.db.write(move |tx| {
                let sql = "UPDATE sessions SET seen_at = $2 WHERE token_hash = $1";
                tx.execute(sql, params![&token_hash, now])?;
                saw(tx, id, now)
            });
            // Knowing when somebody was seen is worth no failed request.
            if let Err(error) = seen.await {
                tracing::debug!(%error, "when a user was seen last could not be written down");
            }
        }
        Ok(Some(user))
    }

    pub async fn close_session(&self, token_hash: Vec<u8>) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                tx.execute("DELETE FROM sessions WHERE token_hash = $1", params![&token_hash])?;
                Ok(())
            })
            .await
    }
}

fn saw(tx: &mut Tx<'_>, user: UserId, at: Millis) -> Result<(), StoreError> {
    tx.execute("UPDATE users SET last_seen_at = $2 WHERE id = $1", params![user, at])?;
    Ok(())
}
