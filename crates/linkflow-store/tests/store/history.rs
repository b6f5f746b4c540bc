//! Parts of the tables for weeks: look-ups that touch one, and weeks that go as a whole.

use linkflow_model::*;
use linkflow_store::*;
use serde_json::json;

use crate::help::*;

const DAY: i64 = 86_400_000;

fn on_postgres() -> World {
    world_on(On::Postgres, Options { blob_grace_ms: 0, ..Options::default() })
}

fn run(w: &World, sql: &str) -> Vec<String> {
    w.database.as_ref().unwrap().run(sql)
}

/// Which parts of `executions` and `journal` a query reads.
fn parts(w: &World, sql: &str) -> Vec<String> {
    let plan = run(w, &format!("EXPLAIN {sql}"));
    let mut found: Vec<String> = plan
        .iter()
        .filter_map(|line| line.split(" on ").nth(1)?.split_whitespace().next().map(str::to_owned))
        .filter(|name| name.starts_with("executions_") || name.starts_with("journal_"))
        // An index of a part is no other part.
        .filter(|name| !name.ends_with("_pkey"))
        .collect();
    found.sort();
    found.dedup();
    found
}

async fn ended(w: &World, key: &WorkerKey, new: NewExecution) -> ExecutionId {
    let id = w.accept(new).await.unwrap().id;
    let claimed = w.claimed(key, id, 1).await;
    w.append(key, append(&claimed, vec![finished(2)], success())).await.unwrap();
    id
}

async fn exists(w: &World, id: ExecutionId) -> bool {
    w.status_of(workspace(), id).await.unwrap().is_some()
}

#[tokio::test]
async fn a_look_up_by_id_touches_one_part() {
    let w = on_postgres();
    let now = w.clock().await.unwrap();
    let weeks = run(&w, "SELECT week FROM weeks");
    assert_eq!(weeks.len(), 3, "this week and two more: {weeks:?}");
    let id = w.accept(NewExecution { created_at: now, ..new(ExecutionId::new(now, 1), 0) }).await.unwrap().id;
    let week = format!("executions_{}", now.0 / (7 * DAY));
    assert_eq!(parts(&w, &format!("SELECT * FROM executions WHERE id = '{id}'")), [week.clone()]);
    assert_eq!(parts(&w, &format!("SELECT * FROM executions WHERE id = ANY('{{{id}}}'::uuid[])")), [week]);
    let journal = format!("SELECT data FROM journal WHERE execution = '{id}' ORDER BY seq");
    assert_eq!(parts(&w, &journal).len(), 1);
    let ready = "SELECT id FROM executions WHERE status = 'ready' ORDER BY ready_at LIMIT 10";
    assert!(parts(&w, ready).len() > 1, "what is ready is looked for everywhere");
}

#[tokio::test]
async fn an_old_week_goes_as_a_whole_and_what_must_stay_moves_away() {
    let w = on_postgres();
    w.retain(t(0), None, None).await.unwrap();
    let key = w.worker(0).await;
    let table = format!("executions_{}", t(0).0 / (7 * DAY));
    let mut gone = Vec::new();
    for n in 0..5 {
        gone.push(ended(&w, &key, new(id(n), n)).await);
    }
    let keyed = Idempotency { key: "k".to_owned(), fingerprint: "f".to_owned() };
    gone.push(ended(&w, &key, NewExecution { idempotency: Some(keyed.clone()), ..new(id(0), 0) }).await);
    let open = w.accepted(3).await;
    let loved = WorkflowId(uuid::Uuid::from_u128(77));
    w.set_retention(loved, Some(365)).await.unwrap();
    let kept = ended(&w, &key, NewExecution { workflow: loved, ..new(id(4), 4) }).await;
    assert_eq!(run(&w, &format!("SELECT count(*) FROM {table}")), ["8"]);

    let early = w.retain(t(20 * DAY), Some(30), None).await.unwrap();
    assert_eq!(early.executions, 0, "the week is not old enough");
    let report = w.retain(t(45 * DAY), Some(30), None).await.unwrap();
    assert_eq!((report.executions, report.more), (6, false));
    assert_eq!(run(&w, &format!("SELECT to_regclass('{table}') IS NULL")), ["t"]);
    for id in gone {
        assert!(!exists(&w, id).await);
    }
    assert_eq!(w.events(kept).await.len(), 2, "with its journal");
    let claimed = w.claimed(&key, open, 9).await;
    assert_eq!(claimed.entries.len(), 1);
    w.append(&key, append(&claimed, vec![finished(10)], success())).await.unwrap();
    let again = w.accept(NewExecution { idempotency: Some(keyed), ..new(id(50), 50) }).await.unwrap();
    assert!(!again.existing, "the key went with its execution");

    // What moved away goes by itself when its own time has come.
    assert_eq!(w.retain(t(60 * DAY), Some(30), None).await.unwrap().executions, 1);
    assert!(!exists(&w, open).await && exists(&w, kept).await);
    w.retain(t(400 * DAY), Some(30), None).await.unwrap();
    assert!(!exists(&w, kept).await);
}

#[tokio::test]
async fn weeks_above_the_highest_count_go_the_oldest_first() {
    let w = on_postgres();
    w.retain(t(0), None, None).await.unwrap();
    let key = w.worker(0).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        for _ in 0..3 {
            ids.push(ended(&w, &key, new(id(n * 7 * DAY), n * 7 * DAY)).await);
        }
    }
    let report = w.retain(t(15 * DAY), None, Some(4)).await.unwrap();
    assert_eq!(report.executions, 3, "only the first week is not needed for four");
    assert!(!exists(&w, ids[2]).await && exists(&w, ids[3]).await);
}

#[tokio::test]
async fn files_that_only_an_old_week_named_go_with_it() {
    let w = on_postgres();
    w.retain(t(0), None, None).await.unwrap();
    let key = w.worker(0).await;
    let name = "cd".repeat(32);
    let file = w.blob_dir().join("cd").join(&name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "hello").unwrap();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap() - t(0).0 + DAY;
    let id = w.accepted(0).await;
    let claimed = w.claimed(&key, id, 1).await;
    let entry = done(2, 1, json!({"binary": {"data": {"id": name, "mimeType": "text/plain", "bytes": 5}}}));
    w.append(&key, append(&claimed, vec![entry, finished(3)], success())).await.unwrap();
    let report = w.retain(t(now), Some(30), None).await.unwrap();
    assert_eq!((report.executions, report.blobs, file.exists()), (1, 1, false));
}
