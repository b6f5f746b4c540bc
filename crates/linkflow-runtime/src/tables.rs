//! Data tables for nodes: their calls in the words of the store.

use linkflow_model::{DataTableId, Millis, Object, WorkspaceId};
use linkflow_node::NodeError;
use linkflow_node::table::{Filter, TableCall};
use linkflow_store::{ColumnType, Condition, DataTable, RowChange, RowFilter, RowOrder, Store, StoreError};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::host::store_trouble;

/// The answer to a call in `workspace`.
pub async fn call(
    store: &Store,
    workspace: WorkspaceId,
    now: Millis,
    call: TableCall,
) -> Result<Vec<Object>, NodeError> {
    answer(store, workspace, now, call).await?.map_err(|error| match error {
        StoreError::Invalid { .. } | StoreError::NotFound { .. } => NodeError::data(error.to_string()),
        StoreError::Duplicate { .. } => NodeError::data("there is a data table of that name already"),
        error => store_trouble(&error),
    })
}

async fn answer(
    store: &Store,
    workspace: WorkspaceId,
    now: Millis,
    call: TableCall,
) -> Result<Result<Vec<Object>, StoreError>, NodeError> {
    let one = |table: Result<DataTable, StoreError>| table.map(|table| vec![shown(&table)]);
    Ok(match call {
        TableCall::Tables => store.data_tables(workspace).await.map(|all| all.iter().map(shown).collect()),
        TableCall::Create { name, columns } => {
            let columns = columns.into_iter().map(|(name, kind)| word(&kind).map(|kind| (name, kind)));
            let columns = columns.collect::<Result<Vec<(String, ColumnType)>, NodeError>>()?;
            let id = DataTableId::new(now, uuid::Uuid::new_v4().as_u128());
            one(store.create_data_table(workspace, id, name, columns, now).await)
        }
        TableCall::Rename { table, name } => {
            let id = find(store, workspace, table).await?;
            one(store.rename_data_table(workspace, id, name, now).await)
        }
        TableCall::Drop { table } => {
            let id = find(store, workspace, table).await?;
            let gone = json!({"success": true}).as_object().cloned().unwrap_or_default();
            store.delete_data_table(workspace, id).await.map(|()| vec![gone])
        }
        TableCall::Rows { table, filter, order, limit } => {
            let id = find(store, workspace, table).await?;
            let order = order.map(|(column, descending)| RowOrder { column, descending });
            store.data_rows(workspace, id, filter_of(filter)?, order, 0, limit).await
        }
        TableCall::Insert { table, rows } => {
            let id = find(store, workspace, table).await?;
            store.insert_data_rows(workspace, id, rows, now).await
        }
        TableCall::Update { table, filter, values, insert, dry } => {
            let id = find(store, workspace, table).await?;
            let change = if insert { RowChange::Upsert(values) } else { RowChange::Update(values) };
            store.change_data_rows(workspace, id, filter_of(filter)?, change, dry, now).await
        }
        TableCall::Delete { table, filter, dry } => {
            let id = find(store, workspace, table).await?;
            store.change_data_rows(workspace, id, filter_of(filter)?, RowChange::Delete, dry, now).await
        }
    })
}

async fn find(store: &Store, workspace: WorkspaceId, table: String) -> Result<DataTableId, NodeError> {
    let found = store.data_table(workspace, table.clone()).await.map_err(|e| store_trouble(&e))?;
    found.map(|table| table.id).ok_or_else(|| {
        NodeError::param("dataTableId", format!("names no data table of this workspace: \"{table}\""))
    })
}

fn filter_of(filter: Filter) -> Result<RowFilter, NodeError> {
    let conditions = filter
        .conditions
        .into_iter()
        .map(|(column, test, value)| Ok(Condition { column, test: word(&test)?, value }));
    Ok(RowFilter { any: filter.any, conditions: conditions.collect::<Result<_, NodeError>>()? })
}

/// One of the store's words.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, NodeError> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|e| NodeError::data(e.to_string()))
}

fn shown(table: &DataTable) -> Object {
    let columns: Vec<Value> =
        table.columns.iter().map(|c| json!({"id": c.id, "name": c.name, "type": c.kind})).collect();
    let shown = json!({
        "id": table.id.to_string(), "name": table.name, "columns": columns, "sizeBytes": table.n_bytes,
        "rowCount": table.n_rows,
    });
    shown.as_object().cloned().unwrap_or_default()
}
