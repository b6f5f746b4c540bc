//! People, their workspace and their role in it. Passwords come as hashes; nothing here checks one.

use linkflow_model::*;

use crate::db::{Row, Tx, params};
use crate::{Store, StoreError};

/// A person as a member of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserRow {
    pub id: UserId,
    pub workspace: WorkspaceId,
    pub email: String,
    pub name: String,
    /// `owner`, `admin`, `editor`, `operator` or `viewer`.
    pub role: String,
    pub created_at: Millis,
    pub last_seen_at: Option<Millis>,
}

/// A person to be added.
#[derive(Clone)]
pub struct NewUser {
    pub id: UserId,
    /// In lower case.
    pub email: String,
    pub name: String,
    pub password_hash: String,
    pub role: String,
    pub at: Millis,
}

/// What is changed about a person; `None` leaves it.
#[derive(Clone, Default)]
pub struct UserChange {
    pub email: Option<String>,
    pub name: Option<String>,
    pub role: Option<String>,
    /// Ends all of their sessions.
    pub password_hash: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub name: String,
}

/// Who wants to sign in. Cannot be printed.
#[derive(Clone)]
pub struct SignInRow {
    pub user: UserRow,
    pub password_hash: String,
}

impl Store {
    /// Whether there is nobody yet, so that the first person may make themselves the owner.
    pub async fn needs_owner(&self) -> Result<bool, StoreError> {
        self.db.read(has_no_user).await
    }

    /// Makes the first workspace, unless there is one, and gives the first one.
    pub async fn ensure_workspace(
        &self,
        id: WorkspaceId,
        name: String,
        at: Millis,
    ) -> Result<Workspace, StoreError> {
        self.db.write(move |tx| ensure_workspace(tx, id, &name, at)).await
    }

    /// The ids of all workspaces.
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceId>, StoreError> {
        self.db
            .read(|tx| tx.query("SELECT id FROM workspaces ORDER BY id", params![], |row| row.get(0)))
            .await
    }

    pub async fn workspace(&self, id: WorkspaceId) -> Result<Option<Workspace>, StoreError> {
        self.db
            .read(move |tx| {
                tx.query_opt("SELECT id, name FROM workspaces WHERE id = $1", params![id], |row| {
                    Ok(Workspace { id: row.get(0)?, name: row.get(1)? })
                })
            })
            .await
    }

    /// Adds the first person; `None` when somebody was faster.
    pub async fn create_owner(
        &self,
        workspace: WorkspaceId,
        owner: NewUser,
    ) -> Result<Option<UserRow>, StoreError> {
        self.db
            .write(move |tx| {
                tx.lock_name("first person")?;
                if !has_no_user(tx)? {
                    return Ok(None);
                }
                ensure_workspace(tx, workspace, "Default", owner.at)?;
                let workspace: WorkspaceId =
                    tx.query_value("SELECT id FROM workspaces ORDER BY created_at, id LIMIT 1", params![])?;
                insert(tx, workspace, &owner).map(Some)
            })
            .await
    }

    /// Adds a person; an email that is taken is [`StoreError::Duplicate`].
    pub async fn create_user(&self, workspace: WorkspaceId, user: NewUser) -> Result<UserRow, StoreError> {
        self.db.write(move |tx| insert(tx, workspace, &user)).await
    }

    /// All people of a workspace, by email.
    pub async fn users(&self, workspace: WorkspaceId) -> Result<Vec<UserRow>, StoreError> {
        self.db
            .read(move |tx| {
                tx.query(
                    &format!("{SELECT} WHERE m.workspace = $1 ORDER BY u.email"),
                    params![workspace],
                    read,
                )
            })
            .await
    }

    pub async fn user(&self, workspace: WorkspaceId, id: UserId) -> Result<Option<UserRow>, StoreError> {
        self.db.read(move |tx| find(tx, workspace, id)).await
    }

    /// Changes a person. The last owner stays one ([`StoreError::Invalid`] of `role`).
    pub async fn change_user(
        &self,
        workspace: WorkspaceId,
        id: UserId,
        change: UserChange,
    ) -> Result<UserRow, StoreError> {
        self.db.write(move |tx| update(tx, workspace, id, &change)).await
    }

    /// Removes a person with their sessions and API keys. The last owner cannot be removed.
    pub async fn delete_user(&self, workspace: WorkspaceId, id: UserId) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                let user = find(tx, workspace, id)?.ok_or_else(|| StoreError::not_found("user", id))?;
                keep_an_owner(tx, &user)?;
                tx.execute("DELETE FROM api_keys WHERE created_by = $1", params![id])?;
                tx.execute("DELETE FROM users WHERE id = $1", params![id])?;
                Ok(())
            })
            .await
    }

    /// The person with this email (in lower case) and what their password is checked against.
    pub async fn sign_in_row(&self, email: String) -> Result<Option<SignInRow>, StoreError> {
        self.db
            .read(move |tx| {
                let sql = format!("{SELECT} WHERE u.email = $1 ORDER BY m.workspace LIMIT 1");
                tx.query_opt(&sql, params![&email], |row| {
                    Ok(SignInRow { user: read(row)?, password_hash: row.get(7)? })
                })
            })
            .await
    }
}

const SELECT: &str = "SELECT u.id, m.workspace, u.email, u.name, m.role, u.created_at, u.last_seen_at,
    u.password_hash FROM users u JOIN members m ON m.user_id = u.id";

fn read(row: &Row<'_>) -> Result<UserRow, StoreError> {
    Ok(UserRow {
        id: row.get(0)?,
        workspace: row.get(1)?,
        email: row.get(2)?,
        name: row.get(3)?,
        role: row.get(4)?,
        created_at: row.get(5)?,
        last_seen_at: row.get(6)?,
    })
}

fn has_no_user(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    tx.query_value::<i64>("SELECT COUNT(*) FROM (SELECT 1 FROM users LIMIT 1) AS few", params![])
        .map(|n| n == 0)
}

fn ensure_workspace(
    tx: &mut Tx<'_>,
    id: WorkspaceId,
    name: &str,
    at: Millis,
) -> Result<Workspace, StoreError> {
    let first = |tx: &mut Tx<'_>| {
        tx.query_opt("SELECT id, name FROM workspaces ORDER BY created_at, id LIMIT 1", params![], |row| {
            Ok::<_, StoreError>(Workspace { id: row.get(0)?, name: row.get(1)? })
        })
    };
    tx.lock_name("first workspace")?;
    if let Some(found) = first(tx)? {
        return Ok(found);
    }
    tx.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $2, $3)", params![id, name, at])?;
    Ok(Workspace { id, name: name.to_owned() })
}

pub(crate) fn find(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: UserId,
) -> Result<Option<UserRow>, StoreError> {
    tx.query_opt(&format!("{SELECT} WHERE m.workspace = $1 AND u.id = $2"), params![workspace, id], read)
}

fn insert(tx: &mut Tx<'_>, workspace: WorkspaceId, user: &NewUser) -> Result<UserRow, StoreError> {
    tx.execute(
        "INSERT INTO users (id, email, name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)",
        params![user.id, &user.email, &user.name, &user.password_hash, user.at],
    )?;
    tx.execute(
        "INSERT INTO members (workspace, user_id, role) VALUES ($1, $2, $3)",
        params![workspace, user.id, &user.role],
    )?;
    find(tx, workspace, user.id)?.ok_or_else(|| StoreError::not_found("user", user.id))
}

fn update(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    id: UserId,
    change: &UserChange,
) -> Result<UserRow, StoreError> {
    let user = find(tx, workspace, id)?.ok_or_else(|| StoreError::not_found("user", id))?;
    if change.role.as_deref().is_some_and(|role| role != "owner") {
        keep_an_owner(tx, &user)?;
    }
    tx.execute(
        "UPDATE users SET email = COALESCE($2, email), name = COALESCE($3, name),
                          password_hash = COALESCE($4, password_hash) WHERE id = $1",
        params![id, &change.email, &change.name, &change.password_hash],
    )?;
    tx.execute(
        "UPDATE members SET role = COALESCE($3, role) WHERE workspace = $1 AND user_id = $2",
        params![workspace, id, &change.role],
    )?;
    if change.password_hash.is_some() {
        tx.execute("DELETE FROM sessions WHERE user_id = $1", params![id])?;
    }
    find(tx, workspace, id)?.ok_or_else(|| StoreError::not_found("user", id))
}

fn keep_an_owner(tx: &mut Tx<'_>, user: &UserRow) -> Result<(), StoreError> {
    tx.lock_row("workspaces", user.workspace)?;
    let sql = "SELECT COUNT(*) FROM members WHERE workspace = $1 AND role = 'owner' AND user_id <> $2";
    let others: i64 = tx.query_value(sql, params![user.workspace, user.id])?;
    if user.role == "owner" && others == 0 {
        return Err(StoreError::invalid(
            "role",
            "of the last owner must stay; make somebody else an owner first",
        ));
    }
    Ok(())
}
