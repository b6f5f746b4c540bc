//! Variables: named values that expressions read as `$vars.name`.

use linkflow_model::*;

use crate::db::{Row, Tx, params};
use crate::{Store, StoreError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    pub id: VariableId,
    pub name: String,
    pub value: String,
    pub created_at: Millis,
    pub updated_at: Millis,
}

impl Store {
    /// All variables of a workspace, by name.
    pub async fn variables(&self, workspace: WorkspaceId) -> Result<Vec<Variable>, StoreError> {
        self.db
            .read(move |tx| {
                tx.query(&format!("{SELECT} WHERE workspace = $1 ORDER BY name"), params![workspace], read)
            })
            .await
    }

    pub async fn create_variable(
        &self,
        workspace: WorkspaceId,
        id: VariableId,
        name: String,
        value: String,
        at: Millis,
    ) -> Result<Variable, StoreError> {
        self.db
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO variables (id, workspace, name, value, created_at, updated_at)
                     VALUES ($1, $2, $3, $4, $5, $5)",
                    params![id, workspace, &name, &value, at],
                )?;
                expect(tx, workspace, id)
            })
            .await
    }

    pub async fn set_variable(
        &self,
        workspace: WorkspaceId,
        id: VariableId,
        name: String,
        value: String,
        at: Millis,
    ) -> Result<Variable, StoreError> {
        self.db
            .write(move |tx| {
                tx.execute(
                    "UPDATE variables SET name = $3, value = $4, updated_at = $5
                     WHERE workspace = $1 AND id = $2",
                    params![workspace, id, &name, &value, at],
                )?;
                expect(tx, workspace, id)
            })
            .await
    }

    pub async fn delete_variable(&self, workspace: WorkspaceId, id: VariableId) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                let sql = "DELETE FROM variables WHERE workspace = $1 AND id = $2";
                match tx.execute(sql, params![workspace, id])? {
                    0 => Err(StoreError::not_found("variable", id)),
                    _ => Ok(()),
                }
            })
            .await
    }
}

const SELECT: &str = "SELECT id, name, value, created_at, updated_at FROM variables";

fn read(row: &Row<'_>) -> Result<Variable, StoreError> {
    Ok(Variable {
        id: row.get(0)?,
        name: row.get(1)?,
        value: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
    })
}

fn expect(tx: &mut Tx<'_>, workspace: WorkspaceId, id: VariableId) -> Result<Variable, StoreError> {
    tx.query_opt(&format!("{SELECT} WHERE workspace = $1 AND id = $2"), params![workspace, id], read)?
        .ok_or_else(|| StoreError::not_found("variable", id))
}
