//! What is removed, what is kept, and the space that comes back.

use linkflow_engine::Wait;
use linkflow_model::*;
use linkflow_store::*;
use serde_json::json;

use super::*;

const DAY: i64 = 86_400_000;

async fn ended(w: &World, key: &WorkerKey, ms: i64) -> ExecutionId {
    let id = w.accepted(ms).await;
    let claimed = w.claimed(key, id, ms).await;
    w.append(key, append(&claimed, vec![finished(ms)], success())).await.unwrap();
    id
}

async fn exists(w: &World, id: ExecutionId) -> bool {
    w.status_of(workspace(), id).await.unwrap().is_some()
}

#[tokio::test]
async fn old_executions_go_and_those_that_have_not_ended_stay() {
    let w = world();
    let key = w.worker(0).await;
    let old = ended(&w, &key, 0).await;
    let fresh = ended(&w, &key, 9 * DAY).await;
    let open = w.accepted(0).await;
    let report = w.retain(t(10 * DAY), Some(7), None).await.unwrap();
    assert_eq!((report.executions, report.more), (1, false));
    assert_eq!((exists(&w, old).await, exists(&w, fresh).await, exists(&w, open).await), (false, true, true));
}

#[tokio::test]
async fn a_journal_that_is_an_answer_stays_for_a_minute_after_the_end_that_was_meant() {
    let w = world();
    let key = w.worker(0).await;
    let has_data = async |id| !w.load(workspace(), id).await.unwrap().unwrap().entries.is_empty();
    let (as_said, otherwise) = (w.accepted(0).await, w.accepted(0).await);
    w.remove_later(as_said, Status::Success, t(0)).await.unwrap();
    w.remove_later(otherwise, Status::Error, t(0)).await.unwrap();
    for id in [as_said, otherwise] {
        let claimed = w.claimed(&key, id, 0).await;
        w.append(&key, append(&claimed, vec![finished(0)], success())).await.unwrap();
    }
    assert!(!w.remove_outlived(t(59_000)).await.unwrap());
    assert!(has_data(as_said).await && has_data(otherwise).await);
    w.remove_outlived(t(60_000)).await.unwrap();
    assert_eq!((has_data(as_said).await, has_data(otherwise).await), (false, true));
    assert!(exists(&w, as_said).await, "the execution itself stays");
}

#[tokio::test]
async fn a_workflow_can_have_a_time_of_its_own() {
    let w = world();
    let key = w.worker(0).await;
    let id = ended(&w, &key, 0).await;
    w.set_retention(workflow(), Some(30)).await.unwrap();
    w.retain(t(10 * DAY), Some(7), None).await.unwrap();
    assert!(exists(&w, id).await);
    w.set_retention(workflow(), Some(1)).await.unwrap();
    w.retain(t(10 * DAY), None, None).await.unwrap();
    assert!(!exists(&w, id).await);
}

#[tokio::test]
async fn above_the_highest_count_the_oldest_go() {
    let w = world();
    let key = w.worker(0).await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(ended(&w, &key, n * 1_000).await);
    }
    let report = w.retain(t(20_000), None, Some(4)).await.unwrap();
    assert_eq!(report.executions, 6);
    assert!(!exists(&w, ids[5]).await && exists(&w, ids[6]).await);
}

#[tokio::test]
async fn files_go_with_the_last_execution_that_names_them() {
    let w = world_with(Options { blob_grace_ms: 0, ..Options::default() });
    let key = w.worker(0).await;
    let name = "ab".repeat(32);
    let file = w.blob_dir().join("ab").join(&name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "hello").unwrap();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap() - t(0).0 + DAY;

    let mut both = Vec::new();
    for ms in [now - 30 * DAY, now - 10 * DAY] {
        let id = w.accepted(ms).await;
        let claimed = w.claimed(&key, id, ms).await;
        let entry =
            done(ms, 1, json!({"binary": {"data": {"id": name, "mimeType": "text/plain", "bytes": 5}}}));
        w.append(&key, append(&claimed, vec![entry, finished(ms)], success())).await.unwrap();
        both.push(id);
    }
    assert_eq!(w.retain(t(now), Some(20), None).await.unwrap().executions, 1);
    assert!(file.exists(), "the second execution still names it");
    let report = w.retain(t(now), Some(5), None).await.unwrap();
    assert_eq!((report.executions, report.blobs), (1, 1));
    assert!(!file.exists());
}

#[tokio::test]
async fn files_that_nobody_ever_named_are_found_in_time() {
    let w = world_with(Options { blob_grace_ms: 3_600_000, ..Options::default() });
    let file = |name: &str| w.blob_dir().join(&name[..2]).join(name);
    let (orphan, young) = (file(&"01".repeat(32)), file(&"02".repeat(32)));
    for path in [&orphan, &young] {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    std::fs::File::options().append(true).open(&orphan).unwrap().set_modified(hour_ago).unwrap();
    let now = Millis(i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
    let mut n = 0;
    for _ in 0..256 {
        n += w.retain(now, None, None).await.unwrap().blobs;
    }
    assert_eq!((n, orphan.exists(), young.exists()), (1, false, true));
}

#[tokio::test]
async fn only_what_has_ended_can_be_deleted() {
    let w = world();
    let key = w.worker(0).await;
    let done = ended(&w, &key, 0).await;
    let open = w.accepted(0).await;
    assert_eq!(w.delete(workspace(), vec![done, open]).await.unwrap(), 1);
    assert!(!exists(&w, done).await && exists(&w, open).await);
}

#[tokio::test]
async fn every_execution_is_counted_in_one_state() {
    let w = world();
    let key = w.worker(0).await;
    ended(&w, &key, 0).await;
    w.accepted(0).await;
    for status in [Status::Error, Status::Canceled] {
        let id = w.accepted(0).await;
        let claimed = w.claimed(&key, id, 0).await;
        w.append(&key, append(&claimed, vec![], end(status, true))).await.unwrap();
    }
    let id = w.accepted(0).await;
    let claimed = w.claimed(&key, id, 0).await;
    w.append(&key, append(&claimed, vec![parked(0, 1, Wait::Until(t(9)))], rest(Some(9)))).await.unwrap();
    let counts = w.status_counts().await.unwrap();
    let line: Vec<String> = counts.iter().map(|(status, n)| format!("{status} {n}")).collect();
    assert_eq!(line.join(", "), "canceled 1, dead 0, error 1, ready 1, running 0, success 1, waiting 1");
}
