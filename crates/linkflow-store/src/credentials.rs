//! Credentials: secrets with a name and a type. Their fields are sealed before they reach a table
//! and are opened for executions and the form only.

use std::collections::BTreeMap;

use linkflow_model::*;

use crate::db::{Row, Tx, params};
use crate::keyring::{Keyring, Sealed};
use crate::{Store, StoreError};

/// What is shown of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRow {
    pub id: CredentialId,
    pub workspace: WorkspaceId,
    pub name: String,
    /// Name of the slot for which it is made, such as `http_basic`.
    pub kind: String,
    pub version: u32,
    pub created_at: Millis,
    pub updated_at: Millis,
}

/// The fields of a credential. Cannot be printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(pub BTreeMap<String, String>);

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fields(..)")
    }
}

impl Store {
    pub async fn create_credential(
        &self,
        keyring: &Keyring,
        workspace: WorkspaceId,
        id: CredentialId,
        (name, kind): (String, String),
        fields: Fields,
        at: Millis,
    ) -> Result<CredentialRow, StoreError> {
        let sealed = seal(keyring, workspace, id, 1, &fields)?;
        self.db
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO credentials (id, workspace, name, type, version, key_id, wrapped_key, sealed,
                                              created_at, updated_at)
                     VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $8)",
                    params![
                        id,
                        workspace,
                        &name,
                        &kind,
                        &sealed.key_id,
                        &sealed.wrapped_key,
                        &sealed.sealed,
                        at
                    ],
                )?;
                expect(tx, workspace, id)
            })
            .await
    }

    /// Replaces name and fields. With `expected`, only when that is its version still.
    pub async fn set_credential(
        &self,
        keyring: &Keyring,
        workspace: WorkspaceId,
        id: CredentialId,
        expected: Option<u32>,
        (name, fields): (String, Fields),
        at: Millis,
    ) -> Result<CredentialRow, StoreError> {
        let keyring = keyring.clone();
        self.db
            .write(move |tx| {
                tx.lock_row("credentials", id)?;
                let current = expect(tx, workspace, id)?;
                if expected.is_some_and(|expected| expected != current.version) {
                    return Err(StoreError::Changed { what: "credential", id: id.to_string() });
                }
                let version = current.version + 1;
                let sealed = seal(&keyring, workspace, id, version, &fields)?;
                tx.execute(
                    "UPDATE credentials SET name = $3, version = $4, key_id = $5, wrapped_key = $6, sealed = $7,
                                            updated_at = $8 WHERE workspace = $1 AND id = $2",
                    params![
                        workspace,
                        id,
                        &name,
                        version,
                        &sealed.key_id,
                        &sealed.wrapped_key,
                        &sealed.sealed,
                        at
                    ],
                )?;
                expect(tx, workspace, id)
            })
            .await
    }

    /// All credentials of a workspace, by name, without their fields.
    pub async fn credentials(&self, workspace: WorkspaceId) -> Result<Vec<CredentialRow>, StoreError> {
        self.db
            .read(move |tx| {
                let sql = format!("SELECT {COLUMNS} FROM credentials WHERE workspace = $1 ORDER BY name, id");
                tx.query(&sql, params![workspace], read)
            })
            .await
    }

    pub async fn credential(
        &self,
        workspace: WorkspaceId,
        id: CredentialId,
    ) -> Result<Option<CredentialRow>, StoreError> {
        self.db.read(move |tx| find(tx, workspace, id)).await
    }

    /// A credential with its fields; `None` when the workspace has none of this id.
    pub async fn open_credential(
        &self,
        keyring: &Keyring,
        workspace: WorkspaceId,
        id: CredentialId,
    ) -> Result<Option<(CredentialRow, Fields)>, StoreError> {
        let found = self
            .db
            .read(move |tx| {
                let sql = format!("SELECT {COLUMNS} FROM credentials WHERE workspace = $1 AND id = $2");
                tx.query_opt(&sql, params![workspace, id], |row| {
                    Ok::<_, StoreError>((read(row)?, read_sealed(row)?))
                })
            })
            .await?;
        let Some((row, sealed)) = found else { return Ok(None) };
        let plain = keyring.open(&sealed, &bound_to(workspace, id, row.version))?;
        // The cause would show what was sealed.
        let fields = serde_json::from_slice(&plain)
            .map_err(|_| StoreError::Unreadable(format!("the fields of credential {id}")))?;
        Ok(Some((row, Fields(fields))))
    }

    /// The only credential of this type and name; `None` when there is none or more than one.
    pub async fn credential_named(
        &self,
        workspace: WorkspaceId,
        kind: String,
        name: String,
    ) -> Result<Option<CredentialRow>, StoreError> {
        self.db
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM credentials WHERE workspace = $1 AND type = $2 AND name = $3 LIMIT 2"
                );
                let mut found = tx.query(&sql, params![workspace, &kind, &name], read)?;
                Ok(found.pop().filter(|_| found.is_empty()))
            })
            .await
    }

    pub async fn delete_credential(
        &self,
        workspace: WorkspaceId,
        id: CredentialId,
    ) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                let sql = "DELETE FROM credentials WHERE workspace = $1 AND id = $2";
                match tx.execute(sql, params![workspace, id])? {
                    0 => Err(StoreError::not_found("credential", id)),
                    _ => Ok(()),
                }
            })
            .await
    }

    /// Wraps every credential's key with the ring's current key; says how many there were to do.
    pub async fn rewrap_credentials(&self, keyring: &Keyring) -> Result<usize, StoreError> {
        let keyring = keyring.clone();
        self.db
            .write(move |tx| {
                let sql = format!("SELECT {COLUMNS} FROM credentials WHERE key_id <> $1");
                let old = tx.query(&sql, params![keyring.current_id()], |row| {
                    Ok::<_, StoreError>((read(row)?, read_sealed(row)?))
                })?;
                for (row, sealed) in &old {
                    let place = bound_to(row.workspace, row.id, row.version);
                    if let Some(new) = keyring.rewrap(sealed, &place)? {
                        tx.execute(
                            "UPDATE credentials SET key_id = $3, wrapped_key = $4
                             WHERE workspace = $1 AND id = $2",
                            params![row.workspace, row.id, &new.key_id, &new.wrapped_key],
                        )?;
                    }
                }
                Ok(old.len())
            })
            .await
    }
}

const COLUMNS: &str =
    "id, workspace, name, type, version, created_at, updated_at, key_id, wrapped_key, sealed";

fn read(row: &Row<'_>) -> Result<CredentialRow, StoreError> {
    Ok(CredentialRow {
        id: row.get(0)?,
        workspace: row.get(1)?,
        name: row.get(2)?,
        kind: row.get(3)?,
        version: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}

fn read_sealed(row: &Row<'_>) -> Result<Sealed, StoreError> {
    Ok(Sealed { key_id: row.get(7)?, wrapped_key: row.get(8)?, sealed: row.get(9)? })
}

/// To what the sealed fields belong.
fn bound_to(workspace: WorkspaceId, id: CredentialId, version: u32) -> Vec<u8> {
    format!("{workspace}/{id}/{version}").into_bytes()
}

fn seal(
    keyring: &Keyring,
    workspace: WorkspaceId,
    id: CredentialId,
    version: u32,
    fields: &Fields,
) -> Result<Sealed, StoreError> {
    let plain = serde_json::to_vec(&fields.0).map_err(|e| StoreError::invalid("data", e.to_string()))?;
    keyring.seal(&plain, &bound_to(workspace, id, version))
}

fn find(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: CredentialId,
) -> Result<Option<CredentialRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM credentials WHERE workspace = $1 AND id = $2");
    tx.query_opt(&sql, params![workspace, id], read)
}

fn expect(tx: &mut Tx<'_>, workspace: WorkspaceId, id: CredentialId) -> Result<CredentialRow, StoreError> {
    find(tx, workspace, id)?.ok_or_else(|| StoreError::not_found("credential", id))
}
