//! Files that are made of items give the items back, and no bytes throw the readers off.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_model::Item;
use linkflow_node::testing::{TestHost, ctx, input};
use linkflow_node::{Ctx, NodeError, Outcome};
use proptest::prelude::*;
use serde_json::{Value, json};

async fn run(kind: &str, params: &Value, items: Vec<Item>, ctx: &Ctx) -> Result<Vec<Item>, NodeError> {
    let kind = linkflow_nodes::find(kind).expect("a kind");
    match kind.run(input(params, vec![items]), ctx).await? {
        Outcome::Items(outputs) => Ok(outputs.ports.into_iter().next().unwrap_or_default()),
        other => panic!("{other:?}"),
    }
}

fn blocking<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// What is left of rows that went into a file and came out of it.
fn there_and_back(rows: &[Value], write: &Value, read: &Value) -> Result<Vec<Value>, NodeError> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let ctx = ctx(dir.path(), Arc::new(TestHost::default()));
    let items = rows.iter().cloned().map(Item::from_value).collect();
    let found = blocking(async {
        let files = run("convert_to_file", write, items, &ctx).await?;
        run("extract_from_file", read, files, &ctx).await
    });
    Ok(found?.iter().map(|item| Value::Object((*item.json).clone())).collect())
}

/// Rows of the same three fields; texts hold everything that a table has to put in quotes.
fn rows() -> impl Strategy<Value = Vec<Value>> {
    let cell = || "[a-c,;\"\n\t é😀=]{0,8}";
    let row = (cell(), cell(), cell()).prop_map(|(a, b, c)| json!({"id": "x", "a": a, "b,\"": b, "c d": c}));
    prop::collection::vec(row, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_table_gives_its_rows_back(
        rows in rows(), delimiter in prop::sample::select(&[",", ";", "\\t"][..])
    ) {
        // Tables begin with a byte order mark, which belongs to the first name unless told otherwise.
        let options =
            json!({"delimiter": delimiter, "includeEmptyCells": true, "enableBOM": true});
        let params = json!({"operation": "csv", "options": options});
        prop_assert_eq!(there_and_back(&rows, &params, &params).expect("a table"), rows);
    }

    #[test]
    fn json_gives_its_items_back(rows in rows()) {
        let found = there_and_back(
            &rows, &json!({"operation": "toJson"}), &json!({"operation": "fromJson", "destinationKey": "all"}),
        );
        prop_assert_eq!(found.expect("JSON"), [json!({"all": rows})]);
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        operation in prop::sample::select(&["csv", "fromJson", "text", "binaryToPropery"][..]),
        encoding in prop::sample::select(&["utf8", "latin1", "utf16le", "shift_jis", "no such", ""][..]),
        delimiter in "\\PC{0,2}", from in any::<i64>(), most in any::<i64>(), flags in any::<(bool, bool, bool)>(),
    ) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let ctx = ctx(dir.path(), Arc::new(TestHost::default()));
        let params = json!({"operation": operation, "options": {
            "encoding": encoding, "delimiter": delimiter, "fromLine": from % 50, "maxRowCount": most % 50,
            "headerRow": flags.0, "enableBOM": flags.1, "includeEmptyCells": flags.2}});
        let found = blocking(async {
            let file = ctx.blobs.store(&bytes[..], "text/csv", None).await.expect("a stored file");
            let files = BTreeMap::from([("data".to_owned(), file)]);
            let item = Item { binary: Some(Arc::new(files)), ..Item::default() };
            run("extract_from_file", &params, vec![item], &ctx).await
        });
        match found {
            Ok(items) => prop_assert!(operation == "csv" || items.len() == 1, "{} items", items.len()),
            Err(error) => prop_assert!(error.to_string().len() < 1_000, "{error}"),
        }
    }
}
