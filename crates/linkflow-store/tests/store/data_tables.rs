//! Data tables, as every database keeps them.

use linkflow_model::*;
use linkflow_store::*;
use serde_json::{Value, json};

use super::*;

async fn a_table(w: &World) -> (WorkspaceId, DataTableId) {
    let space = w.ensure_workspace(workspace(), "Default".to_owned(), t(0)).await.unwrap().id;
    let columns = vec![("n".to_owned(), ColumnType::Number), ("who".to_owned(), ColumnType::String)];
    let id = DataTableId::new(t(0), 5);
    w.create_data_table(space, id, "orders".to_owned(), columns, t(1)).await.unwrap();
    (space, id)
}

fn row(n: i64, who: &str) -> Object {
    Object::from_iter([("n".to_owned(), json!(n)), ("who".to_owned(), json!(who))])
}

fn filter(column: &str, test: Test, value: Value) -> RowFilter {
    RowFilter { any: false, conditions: vec![Condition { column: column.to_owned(), test, value }] }
}

fn numbers(rows: &[Object]) -> Vec<i64> {
    rows.iter().map(|row| row["n"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn rows_are_kept_in_order_and_found_by_what_they_hold() {
    let w = world();
    let (space, id) = a_table(&w).await;
    let rows = (1..=4_500).map(|n| row(n, if n % 2 == 0 { "Ann" } else { "Bob" })).collect();
    let made = w.insert_data_rows(space, id, rows, t(2)).await.unwrap();
    assert_eq!((made.len(), made[4_499]["id"].clone()), (4_500, json!(4_500)));
    let wanted = RowFilter {
        conditions: vec![
            Condition { column: "who".to_owned(), test: Test::Eq, value: json!("Ann") },
            Condition { column: "n".to_owned(), test: Test::Gt, value: json!(4_000) },
        ],
        any: false,
    };
    let found = w.data_rows(space, id, wanted.clone(), None, 0, 3).await.unwrap();
    assert_eq!(numbers(&found), [4_002, 4_004, 4_006]);
    let order = Some(RowOrder { column: "n".to_owned(), descending: true });
    let found = w.data_rows(space, id, wanted, order, 0, 2).await.unwrap();
    assert_eq!(numbers(&found), [4_500, 4_498]);
    let one = w.data_rows(space, id, filter("id", Test::Eq, json!(7)), None, 0, 9).await.unwrap();
    assert_eq!(numbers(&one), [7]);
}

#[tokio::test]
async fn an_upsert_changes_what_fits_and_adds_what_does_not() {
    let w = world();
    let (space, id) = a_table(&w).await;
    let upsert = |n: i64, who: &str| {
        let (by, values) = (filter("n", Test::Eq, json!(n)), row(n, who));
        let w = &w;
        async move { w.change_data_rows(space, id, by, RowChange::Upsert(values), false, t(3)).await.unwrap() }
    };
    assert_eq!(upsert(1, "Ann").await[0]["id"], json!(1));
    assert_eq!(upsert(1, "Bob").await[0]["who"], json!("Bob"));
    assert_eq!(upsert(2, "Cleo").await[0]["id"], json!(2));
    let gone =
        w.change_data_rows(space, id, filter("n", Test::Lte, json!(1)), RowChange::Delete, false, t(4)).await;
    assert_eq!(numbers(&gone.unwrap()), [1]);
    // The number of a row that is gone does not come again.
    assert_eq!(upsert(3, "Dan").await[0]["id"], json!(3));
    let table = w.data_table(space, "orders".to_owned()).await.unwrap().unwrap();
    assert_eq!(table.n_rows, 2);
    let everything =
        w.change_data_rows(space, id, RowFilter::default(), RowChange::Delete, false, t(5)).await;
    assert_eq!(everything.unwrap().len(), 2);
    assert_eq!(w.data_table(space, id.to_string()).await.unwrap().unwrap().n_bytes, 0);
}

#[tokio::test]
async fn two_upserts_at_once_make_one_row() {
    let w = world();
    let (space, id) = a_table(&w).await;
    let upsert = || {
        let by = filter("n", Test::Eq, json!(1));
        w.change_data_rows(space, id, by, RowChange::Upsert(row(1, "Ann")), false, t(3))
    };
    let (a, b, c) = tokio::join!(upsert(), upsert(), upsert());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(w.data_table(space, "orders".to_owned()).await.unwrap().unwrap().n_rows, 1);
}

#[tokio::test]
async fn a_wrong_row_takes_the_others_of_its_call_with_it() {
    let w = world();
    let (space, id) = a_table(&w).await;
    let wrong = Object::from_iter([("n".to_owned(), json!("x"))]);
    let refused = w.insert_data_rows(space, id, vec![row(1, "Ann"), wrong], t(2)).await.unwrap_err();
    assert!(refused.to_string().contains("must be a number"), "{refused}");
    assert_eq!(w.data_rows(space, id, RowFilter::default(), None, 0, 9).await.unwrap().len(), 0);
}

#[tokio::test]
async fn another_workspace_sees_nothing_of_it() {
    let w = world();
    let (_, id) = a_table(&w).await;
    let other = WorkspaceId::new(t(0), 77);
    w.ensure_workspace(other, "Other".to_owned(), t(0)).await.unwrap();
    assert!(w.data_tables(other).await.unwrap().is_empty());
    assert!(w.data_rows(other, id, RowFilter::default(), None, 0, 9).await.is_err());
    assert!(w.insert_data_rows(other, id, vec![row(1, "x")], t(2)).await.is_err());
    assert!(w.delete_data_table(other, id).await.is_err());
}
