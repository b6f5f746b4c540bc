//! Journals as earlier versions wrote them. A file here is never changed: what it holds lies in
//! somebody's database.

use linkflow_engine::{Event, Outcome, Wait, Wake};
use linkflow_model::*;
use linkflow_store::*;
use serde_json::json;

use crate::help::*;

/// Every kind of event, and every kind of data.
fn everything() -> Vec<Entry> {
    let item = Item::from_value(json!({"name": "Ä", "n": 1.5})).with_paired(Paired::to_input(2, 1));
    let full = EntryData {
        outputs: Some(vec![std::sync::Arc::new(vec![item]), Items::default()]),
        error: Some(RunError {
            message: "the service said no".to_owned(),
            description: None,
            param: Some("url".to_owned()),
            item: Some(0),
            http_code: Some(403),
        }),
        state: Some(json!(null)),
        logs: vec!["hello".to_owned()],
        resume: Some(json!({"by": "call"})),
        children: vec![ExecutionId(uuid::Uuid::from_u128(7))],
        custom_data: Some(Object::from_iter([("k".to_owned(), json!("v"))])),
        // Came later, and is left out where there is none.
        answer: None,
        kept: None,
        began_at: None,
        until: None,
    };
    let events = [
        Event::Started { at: Millis(1), node: 0, outputs: vec![1] },
        Event::Began { at: Millis(2), step: 1, attempt: 1 },
        Event::Failed { at: Millis(3), step: 1, attempt: 1, retry_at: Some(Millis(9)) },
        Event::Failed { at: Millis(3), step: 1, attempt: 2, retry_at: None },
        Event::Parked { at: Millis(4), step: 2, wait: Wait::Until(Millis(8)) },
        Event::Parked { at: Millis(4), step: 3, wait: Wait::Call { until: None } },
        Event::Parked { at: Millis(4), step: 4, wait: Wait::Children { n: 2 } },
        Event::Woken { at: Millis(5), step: 2, by: Wake::Time },
        Event::Woken { at: Millis(5), step: 3, by: Wake::Call },
        Event::Woken { at: Millis(5), step: 4, by: Wake::Children },
        Event::Done { at: Millis(6), step: 2, attempt: 1, outputs: vec![1, 0], failed: true },
        Event::Canceled { at: Millis(7) },
        Event::TimedOut { at: Millis(7) },
        Event::Finished { at: Millis(8), outcome: Outcome::TimedOut },
    ];
    let mut entries: Vec<Entry> = events.into_iter().map(Entry::of).collect();
    entries[10].data = full;
    entries
}

fn journal_of(dir: &std::path::Path) -> Vec<u8> {
    let raw = rusqlite::Connection::open(dir.join("linkflow.db")).unwrap();
    raw.query_row("SELECT data FROM journal", [], |row| row.get(0)).unwrap()
}

/// Puts `data` in the place of the only journal of a store, and reads it.
async fn check(data: &[u8]) {
    let w = world();
    let id = w.accepted(0).await;
    let raw = rusqlite::Connection::open(w.data().join("linkflow.db")).unwrap();
    raw.execute("UPDATE journal SET data = ?1", [data]).unwrap();
    assert_eq!(w.load(workspace(), id).await.unwrap().unwrap().entries, everything());
}

#[tokio::test]
async fn journals_of_version_1_are_read() {
    check(&[&[1], include_str!("../golden/journal-1.json").trim_end().as_bytes()].concat()).await;
    check(&hex::decode(include_str!("../golden/journal-1.zstd.hex").trim_end()).unwrap()).await;
}

#[tokio::test]
async fn what_is_written_today_is_what_the_newest_golden_file_holds() {
    let w = world();
    w.accept(NewExecution { entries: everything(), ..new(id(0), 0) }).await.unwrap();
    let data = journal_of(&w.data());
    assert_eq!(data[0], 2);
    let json = zstd::bulk::decompress(&data[5..], 1 << 20).unwrap();
    let golden = include_str!("../golden/journal-1.json").trim_end();
    assert_eq!(String::from_utf8(json).unwrap(), golden);
}
